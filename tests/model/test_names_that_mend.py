"""Names that people meet, and the advice that helps them."""

from __future__ import annotations

import pytest

from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.verdicts import Flaw, parted
from eggwatch.policy.settling import is_foreign_package, remark_on
from tests.archive_factory import core_metadata, sdist_members, targz_of
from tests.archives.judging import judge, message


def advice(name: str) -> tuple[str, str]:
    """The code of a filename's flaw, and what to do."""
    flaw = parse_filename(name)
    assert isinstance(flaw, Flaw)
    return flaw.code, parted(flaw.message)[1]


@pytest.mark.parametrize("name", ["demo-1.0-py3-none-any.WHL", "demo-1.0.TAR.GZ", "demo-1.0.Tar.gz"])
def test_a_suffix_in_capitals_is_renamed(name: str) -> None:
    """pip does not find it so."""
    stem, suffix = (name[:-4], name[-4:]) if name.endswith("WHL") else (name[:-7], name[-7:])
    assert advice(name) == ("filename-invalid", f"Rename it to {stem}{suffix.lower()}.")


@pytest.mark.parametrize("added", [".zip", ".tar", ".gz", ".txt", ".ZIP"])
@pytest.mark.parametrize("name", ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"])
def test_what_a_browser_added_to_a_name_is_taken_away(name: str, added: str) -> None:
    """Whether the name reaches the judge or stays in the drop folder."""
    code, mend = advice(name + added)
    assert code == "filename-copy" and mend.startswith(f"Rename it to {name} and upload it again.")
    assert f"Rename it to {name} and" in (remark_on(name + added) or "") and is_foreign_package(name + added)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("our_library_name-1.7.0_PullRequest0090.7-py3-none-any.whl", "1.7.0+PullRequest0090.7"),
        ("our_library_name-1.7.0_feature-1-py3-none-any.whl", "1.7.0+feature"),
        ("our_library_name-1.7.0_PullRequest0090.7.tar.gz", "1.7.0+PullRequest0090.7"),
        ("our_library_name-1.7.0-PullRequest0090.7.tar.gz", "1.7.0+PullRequest0090.7"),
        ("demo-2.0rc1_abc.def-py3-none-any.whl", "2.0rc1+abc.def"),
    ],
)
def test_a_local_version_without_its_plus_is_explained(name: str, version: str) -> None:
    """Build tools write '_' for what stands in its place."""
    code, mend = advice(name)
    assert code == "filename-invalid" and mend == f"Set the version to {version} in the project, and build it again."


@pytest.mark.parametrize("name", ["demo-1.0-build1-py3-none-any.whl", "demo-one-py3-none-any.whl", "demo.tar.gz"])
def test_another_wrong_name_is_built_again(name: str) -> None:
    """There is no version to be guessed."""
    assert advice(name)[1] == "Build it again with 'python -m build'."


def test_a_name_with_its_plus_is_fine() -> None:
    """As a current build tool writes it."""
    assert isinstance(parse_filename("our_library_name-1.7.0+pullrequest0090.7-py3-none-any.whl"), Filename)


def test_an_sdist_of_an_old_setuptools_is_explained() -> None:
    """UNKNOWN-0.0.0 is what it makes of a project whose name stands in pyproject.toml."""
    members = {name.replace("demo-1.0/", "UNKNOWN-0.0.0/"): data for name, data in sdist_members().items()}
    members["UNKNOWN-0.0.0/PKG-INFO"] = core_metadata("UNKNOWN", "0.0.0")
    found, mend = parted(message(judge("UNKNOWN-0.0.0.tar.gz", targz_of(members)), "metadata-name-missing"))
    assert "setuptools that built it is too old" in found
    assert mend == 'Write requires = ["setuptools>=61"] in [build-system] there, and build it again.'
