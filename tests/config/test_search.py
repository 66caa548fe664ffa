"""Where the configuration is looked for, and what is said where there is none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.config import loading as configuration
from eggwatch.config.loading import find, from_folders
from eggwatch.errors import ConfigurationError, NoIndexError
from tests.config.configurations import FOLDERS


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a system file that is not there yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(configuration, "SYSTEM_FILE", tmp_path / "etc.toml")
    return tmp_path


def test_the_search_order(search: Path) -> None:
    """--config, then $EGGWATCH_CONFIG, then ./eggwatch.toml, then /etc/eggwatch/eggwatch.toml."""
    files = {}
    for name in ("option.toml", "environment.toml", "here/eggwatch.toml", "etc.toml"):
        files[name] = search / name
        files[name].write_text(f"[index.main]\n{FOLDERS}")
    environment = {"EGGWATCH_CONFIG": str(files["environment.toml"])}

    def found(explicit: Path | None, variables: dict[str, str]) -> str | None:
        source = find(explicit, environment=variables, needed=()).source
        return None if source is None else source.name

    assert found(files["option.toml"], environment) == "option.toml"
    assert found(None, environment) == "environment.toml"
    assert found(None, {"EGGWATCH_CONFIG": ""}) == "eggwatch.toml"
    files["here/eggwatch.toml"].unlink()
    assert found(None, {}) == "etc.toml"
    files["etc.toml"].unlink()
    assert found(None, {}) is None


def test_without_a_configuration_only_run_makes_one(search: Path) -> None:
    """`run` uses ./drop ./public ./state; the others only if they are there, and never make one."""
    needed = ("public", "state")
    with pytest.raises(NoIndexError, match="eggwatch init"):
        find(None, environment={}, needed=needed)
    index = find(None, environment={}, needed=()).indexes["default"]
    assert (index.drop, index.makes_folders) == (search / "here" / "drop", True)
    (search / "here" / "public").mkdir()
    with pytest.raises(NoIndexError):
        find(None, environment={}, needed=needed)
    (search / "here" / "state").mkdir()
    assert find(None, environment={}, needed=needed).indexes["default"] == replace(index, makes_folders=False)


@contextmanager
def as_nobody() -> Iterator[None]:
    """With the rights of an account that owns nothing."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.root
def test_where_the_current_folder_is_closed_to_this_account_the_search_goes_on(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `sudo -u eggwatch` in root's own folder."""
    (search / "here" / "eggwatch.toml").write_text("this is not for you")
    (search / "here").chmod(0o700)
    monkeypatch.setattr(configuration, "SYSTEM_FILE", Path("/no/such/eggwatch.toml"))
    with as_nobody(), pytest.raises(NoIndexError):
        find(None, environment={}, needed=("public", "state"))
    with tempfile.NamedTemporaryFile("w") as system_file:
        os.fchmod(system_file.fileno(), 0o644)
        system_file.write(f"[index.main]\n{FOLDERS}")
        system_file.flush()
        monkeypatch.setattr(configuration, "SYSTEM_FILE", Path(system_file.name))
        with as_nobody():
            assert find(None, environment={}, needed=("public", "state")).source == Path(system_file.name)


@pytest.mark.root
def test_a_system_file_that_can_not_be_looked_for_is_named_with_the_reason(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (search / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(configuration, "SYSTEM_FILE", search / "closed" / "eggwatch.toml")
    denied = r"closed/eggwatch\.toml can't be read: Permission denied\.\n  .*--config"
    with as_nobody(), pytest.raises(ConfigurationError, match=denied):
        find(None, environment={}, needed=())


def test_where_the_current_folder_was_deleted_the_search_goes_on(search: Path) -> None:
    (search / "here").rmdir()
    with pytest.raises(NoIndexError):
        find(None, environment={}, needed=("public", "state"))
    with pytest.raises(ConfigurationError, match="The current folder has been deleted"):
        find(None, environment={}, needed=())
    (search / "etc.toml").write_text(f"[index.main]\n{FOLDERS}")
    assert find(None, environment={}, needed=("public", "state")).source == search / "etc.toml"


@pytest.mark.parametrize("wrong", [None, "not TOML", "[index.main]\nlike = 1\n"])
def test_what_is_wrong_with_a_configuration_is_said_with_its_absolute_path(search: Path, wrong: str | None) -> None:
    if wrong is not None:
        (search / "here" / "mine.toml").write_text(wrong)
    with pytest.raises(ConfigurationError, match=f"^{search}/here/mine.toml "):
        find(Path("mine.toml"), environment={}, needed=())


@pytest.mark.parametrize("needed", [(), ("public", "state")])
def test_a_named_configuration_that_is_missing_is_an_error(search: Path, needed: tuple[str, ...]) -> None:
    """Neither --config nor $EGGWATCH_CONFIG falls back to something else."""
    (search / "here" / "eggwatch.toml").write_text(f"[index.main]\n{FOLDERS}")
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        find(Path("absent.toml"), environment={}, needed=needed)
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        find(None, environment={"EGGWATCH_CONFIG": "absent.toml"}, needed=needed)


def test_three_folders_make_a_configuration(tmp_path: Path) -> None:
    """Folders of the command line: made when missing, never nested."""
    index = from_folders(tmp_path / "d", tmp_path / "p", tmp_path / "s").indexes["default"]
    assert index.makes_folders
    with pytest.raises(ConfigurationError, match="contain one another"):
        from_folders(tmp_path / "p" / "d", tmp_path / "p", tmp_path / "s")


def test_folders_that_are_needed_and_not_there_are_named(tmp_path: Path) -> None:
    """A mistyped path is no index, and nothing is made of it."""
    (tmp_path / "p").mkdir()
    with pytest.raises(NoIndexError, match=r"No index here: there is no .*/s\."):
        from_folders(tmp_path / "d", tmp_path / "p", tmp_path / "s", needed=("public", "state"))
    assert [path.name for path in tmp_path.iterdir()] == ["p"]
