"""What a stock holds is published where current pip and uv install it alike, and refused where they do not."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eggwatch.model.names import parse_filename
from eggwatch.model.verdicts import Admit, Level, Reject, Verdict
from eggwatch.policy.admission import Upload
from eggwatch.policy.admission import judge as verdict_on
from eggwatch.policy.rules import Profile
from eggwatch.policy.terms import Terms
from tests.archive_factory import zip_of
from tests.archives.judging import Part, judge, raw_zip
from tests.hostile.field_kinds import ALIKE, REFUSED, Kind
from tests.hostile.installing import differences, installed
from tests.installers import pip, uv

PROGRAMS = ("frob", "a+b", "a@b")


def judged(filename: str, data: bytes, profile: Profile = Profile.DEFAULT) -> Verdict:
    """The verdict in an index that holds nothing."""
    upload = Upload(
        filename=parse_filename(filename), sha256="a" * 64, inspection=judge(filename, data), holding=None, overdue=True
    )
    return verdict_on(upload, Terms(profile=profile))


def wheel_of(number: int, kind: str) -> tuple[str, bytes]:
    """The wheel of a kind, as a project of its own."""
    name = f"kind{number}"
    build = ALIKE[kind][1] if kind in ALIKE else REFUSED[kind][1]
    return f"{name}-1.0-py3-none-any.whl", zip_of(build(Kind(name)))


@pytest.mark.parametrize("profile", [Profile.DEFAULT, Profile.PYPI], ids=str)
@pytest.mark.parametrize("kind", ALIKE)
def test_what_pip_and_uv_install_alike_is_published_with_a_warning(kind: str, profile: Profile) -> None:
    """Also in the profile pypi, unless PyPI looks at it: a stock can't be built again."""
    verdict = judged(*wheel_of(0, kind), profile)
    if profile is Profile.PYPI and kind.startswith("a licence"):
        assert isinstance(verdict, Reject)
    else:
        assert isinstance(verdict, Admit) and ALIKE[kind][0] in {flaw.code for flaw in verdict.warnings}


@pytest.mark.parametrize("kind", ALIKE)
def test_the_profile_strict_refuses_all_of_it(kind: str) -> None:
    """For teams that publish only what they build."""
    verdict = judged(*wheel_of(0, kind), Profile.STRICT)
    assert isinstance(verdict, Reject) and ALIKE[kind][0] in {flaw.code for flaw in verdict.flaws}


def test_a_script_in_whose_place_an_entry_point_is_installed_needs_no_execute_bit() -> None:
    """pip and uv install the program of the entry point, which they make executable."""
    members = Kind("demo").program("scripts")
    parts = [Part(name=name.encode(), content=data, attributes=0o100644 << 16) for name, data in members.items()]
    assert isinstance(judged("demo-1.0-py3-none-any.whl", raw_zip(parts)), Admit)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_they_do_not_install_alike_is_refused(kind: str) -> None:
    """By the one rule that it breaks."""
    verdict = judged(*wheel_of(0, kind))
    assert isinstance(verdict, Reject)
    assert {flaw.code for flaw in verdict.flaws if flaw.level is Level.REFUSE} == {REFUSED[kind][0]}


def by_pip(folder: Path, wheels: Iterable[Path]) -> bool:
    """Whether the real pip installs these wheels below folder/pip."""
    options = ("--quiet", "--no-deps", "--no-index", "--ignore-installed", "--no-compile")
    return pip(folder / "home", "install", *options, "--prefix", str(folder / "pip"), *map(str, wheels)).returncode == 0


def by_uv(folder: Path, wheels: Iterable[Path]) -> bool:
    """Whether the real uv installs these wheels below folder/uv."""
    options = ("--quiet", "--no-deps", "--no-index", "--offline", "--link-mode", "copy", "--python", sys.executable)
    return (
        uv(folder / "home", "pip", "install", *options, "--prefix", str(folder / "uv"), *map(str, wheels)).returncode
        == 0
    )


def written(folder: Path, kinds: Iterable[str]) -> list[Path]:
    """The wheels of these kinds as files."""
    paths = []
    for number, kind in enumerate(kinds):
        name, data = wheel_of(number, kind)
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths


@pytest.mark.parts
def test_pip_and_uv_make_the_same_tree_of_what_is_published(tmp_path: Path) -> None:
    """The real programs, each over all of these wheels at once."""
    wheels = written(tmp_path, ALIKE)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda install: install(tmp_path, wheels), (by_pip, by_uv))) == [True, True]
    assert differences(installed(tmp_path / "pip", PROGRAMS), installed(tmp_path / "uv", PROGRAMS)) == []


@pytest.mark.parts
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_for_a_client_is_what_that_client_can_not_install(tmp_path: Path, kind: str) -> None:
    """If this fails with a newer pip or uv, the rule may be weighed anew."""
    wheels = written(tmp_path, [kind])
    with ThreadPoolExecutor(2) as pool:
        done = tuple(pool.map(lambda install: install(tmp_path, wheels), (by_pip, by_uv)))
    assert done == {"pip": (True, False), "uv": (False, True), "neither": (False, False)}.get(
        REFUSED[kind][2], (True,) * 2
    )
    if REFUSED[kind][2] == "differ":
        assert differences(installed(tmp_path / "pip", ()), installed(tmp_path / "uv", ())) != []
