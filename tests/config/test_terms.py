"""The judge's part of eggwatch.toml: what it says, and every wrong word of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.loading import load
from eggwatch.errors import ConfigurationError
from eggwatch.policy.rules import Profile, Weight
from eggwatch.policy.terms import Terms

FOLDERS = 'drop = "d"\npublic = "p"\nstate = "s"\n'


def read(tmp_path: Path, text: str) -> IndexConfig:
    """The one index of a configuration."""
    file = tmp_path / "eggwatch.toml"
    file.write_text(f"[index.main]\n{FOLDERS}{text}\n")
    return load(file).indexes["main"]


def problems(tmp_path: Path, text: str) -> list[str]:
    """What is wrong, a line each, without the index's name and the line's number."""
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    return [line.partition("[index.main] ")[2] for line in caught.value.message.splitlines()[1:]]


def test_without_a_word_the_defaults_hold(tmp_path: Path) -> None:
    """Whoever can write to the drop can publish."""
    assert read(tmp_path, "").terms == Terms()


def test_every_setting_of_the_judge_is_read(tmp_path: Path) -> None:
    """Names and patterns are normalised, sizes are bytes."""
    text = """
profile = "pypi"
rules = { zip-comment = "warn", zip-crc = "off", file-exists = "refuse" }
owners = { "Acme_*" = ["alice", "@release"], "acme.*" = ["uid:1043"] }
first-uploader-owns = true
max-file-size = "1MiB"
max-project-size = "1GiB"
allowed-names = ["Acme_*", "acme-*"]
forbidden-names = ["req?ests"]
reserved-prefixes = ["Acme_"]
archived = ["Acme.Old"]
"""
    assert read(tmp_path, text).terms == Terms(
        profile=Profile.PYPI,
        rules={"zip-comment": Weight.WARN, "zip-crc": Weight.OFF, "file-exists": Weight.REFUSE},
        owners={"acme-*": frozenset({"alice", "@release", "uid:1043"})},
        first_uploader_owns=True,
        max_file_size=1 << 20,
        max_project_size=1 << 30,
        allowed_names=("acme-*",),
        forbidden_names=("req?ests",),
        reserved_prefixes=("acme-",),
        archived=("acme-old",),
    )


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    """Also several things within one table."""
    text = """
profile = "severe"
rules = { zip-coment = "warn", zip-crc = "maybe", incomplete = "off", qqqq = "off" }
owners = { "a b" = ["x"], "demo" = [], "other" = ["@"] }
first-uploader-owns = "yes"
max-file-size = 5
allowed-names = "acme"
forbidden-names = ["a b"]
archived = ["acme-*"]
"""
    found = problems(tmp_path, text)
    assert [line.split(":")[0] for line in found] == [
        "profile",
        "rules.zip-coment",
        "rules.zip-crc",
        "rules.incomplete",
        "rules.qqqq",
        "owners.a b",
        "owners.demo",
        "owners.other",
        "first-uploader-owns",
        "max-file-size",
        "allowed-names",
        "forbidden-names",
        "archived",
    ]
    assert "did you mean zip-comment?" in found[1] and "did you mean" not in found[4]
    assert "protects the index itself" in found[3]


@pytest.mark.parametrize("text", ["rules = 1", "owners = []"])
def test_a_table_has_to_be_one(tmp_path: Path, text: str) -> None:
    """And the grammar is said."""
    (line,) = problems(tmp_path, text)
    assert "is not a table; write {" in line


@pytest.mark.parametrize(
    "code",
    [
        "incomplete",
        "filename-invalid",
        "file-exists",
        "filename-used-before",
        "metadata-missing",
        "metadata-name-mismatch",
    ],
)
def test_what_protects_the_index_itself_cant_be_weakened(tmp_path: Path, code: str) -> None:
    """Neither off nor a warning."""
    for weight in ("off", "warn"):
        (line,) = problems(tmp_path, f'rules = {{ {code} = "{weight}" }}')
        assert line.startswith(f"rules.{code}: always rejects")


def test_whose_an_upload_is_can_be_told_by_its_folder(tmp_path: Path) -> None:
    """`identity` is "owner" or "folder"; anything else is named with both."""
    assert [read(tmp_path, text).identity for text in ("", 'identity = "owner"', 'identity = "folder"')] == [
        "owner",
        "owner",
        "folder",
    ]
    assert problems(tmp_path, 'identity = "uid"') == ['identity: \'uid\' is neither "owner" nor "folder"']
