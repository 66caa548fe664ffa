"""Coming from another index: everything that it has recorded is kept, and pip resolves the same from both."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eggwatch.model.events import timestamp
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.cli.stocks import add
from tests.contrib.older_indexes import INSTALLS, YANKED, Make, install
from tests.http_serving import served
from tests.installers import pip
from tests.once import once_a_run

pytestmark = [pytest.mark.parts, pytest.mark.long]

QUICK = ("basketweaver", "compoze", "dumb_pypi", "pypiserver")
ARCHIVES = (wheel("demo", "1.0"), wheel("demo", "1.10"), sdist("demo", "1.9"), wheel("other", "2.0"))


def marks(make: Make) -> tuple[pytest.MarkDecorator, ...]:
    """What is quickly installed is tested always."""
    return () if make.__name__ in QUICK else (pytest.mark.long,)


@pytest.mark.parametrize("make", [pytest.param(make, id=make.__name__, marks=marks(make)) for make in INSTALLS])
def test_an_older_index_comes_in_and_pip_resolves_the_same_from_both(
    make: Make, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The real program serves pip; after `import`, so does eggwatch: the same versions, and the same bytes."""
    program = once_a_run(tmp_path_factory, make.__name__, lambda folder: install(INSTALLS[make], folder)) / "bin"
    for archive in ARCHIVES:
        add(tmp_path / "archives", archive)
    (tmp_path / "older").mkdir()
    site = Site(tmp_path / "site")
    with make(program, tmp_path / "archives", tmp_path / "older") as older:
        before = timestamp(time.time())
        assert site.call("import", *older.sources).code == 0
        with served(site.public) as url:
            for ask in (versions, downloaded):
                assert ask(tmp_path / "new", f"{url}simple/") == ask(tmp_path / "old", older.url)
    files = {file["filename"]: file for project in ("demo", "other") for file in site.page(project)["files"]}
    assert sorted(files) == sorted(name for name, _ in ARCHIVES)
    for name, file in files.items():
        assert file["upload-time"] == older.time or older.time is None
        assert file["_uploader"] == older.uploader
        assert file["yanked"] == (older.yanked if name == YANKED else False)
        assert (file["upload-time"] < before) is (older.time is not None or older.uploader is not None)


def versions(home: Path, index: str) -> list[str]:
    """What pip says of two projects."""
    said = []
    for project in ("demo", "other"):
        done = pip(home, "index", "versions", "--pre", "--index-url", index, project)
        said += [line for line in done.stdout.splitlines() if line.startswith("Available")]
    assert [line.partition(": ")[2].partition(",")[0] for line in said] == ["1.10", "2.0"], said
    return said


def downloaded(home: Path, index: str) -> dict[str, bytes]:
    """What pip takes of two projects, one of them in an exact version."""
    done = pip(home, "download", "--no-deps", "--index-url", index, "--dest", "got", "demo==1.0", "other==2.0")
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in (home / "got").iterdir()}
