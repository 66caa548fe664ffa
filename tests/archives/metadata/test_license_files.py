"""License-File: what the metadata promises has to lie in the archive, from metadata 2.4 on."""

from __future__ import annotations

from typing import Any

import pytest

from eggwatch.model.verdicts import Flaw
from eggwatch.policy.admission import weigh
from eggwatch.policy.rules import RULES, Profile
from tests.archives.judging import judge
from tests.hostile.building import INFO, TOP, build

PROFILES = pytest.mark.parametrize("profile", Profile, ids=str)
FROM_2_4 = {Profile.DEFAULT: "warn", Profile.PYPI: "refuse", Profile.STRICT: "refuse"}
BEFORE = {Profile.DEFAULT: "warn", Profile.PYPI: "warn", Profile.STRICT: "refuse"}
KINDS = pytest.mark.parametrize("kind", ["wheel", "sdist"])


def told(profile: Profile, version: str, listed: str, **description: Any) -> list[str]:
    """The level of license-file-missing in a profile, for metadata of this version that lists this file."""
    filename, data = build({**description, "fields": {"Metadata-Version": version, "License-File": listed}})
    flaws: tuple[Flaw, ...] = weigh(judge(filename, data).flaws, profile)
    return [str(flaw.level) for flaw in flaws if flaw.code == "license-file-missing"]


@PROFILES
@KINDS
@pytest.mark.parametrize("version", ["2.4", "2.5", "2.6"])
def test_a_missing_one_refuses_where_the_standard_asks_for_it(profile: Profile, kind: str, version: str) -> None:
    """From 2.4 on where PyPI's rules hold; pip and uv install it, so the default profile warns."""
    assert told(profile, version, "LICENSE", kind=kind) == [FROM_2_4[profile]]


@PROFILES
@KINDS
@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3"])
def test_before_the_standard_a_missing_one_is_told(profile: Profile, kind: str, version: str) -> None:
    """PyPI is not even told of it, and old setuptools listed what it did not pack (six 1.17.0 is as old)."""
    assert told(profile, version, "LICENSE", kind=kind) == [BEFORE[profile]]
    assert RULES["license-file-missing"].milder


@PROFILES
@pytest.mark.parametrize("place", [f"{INFO}/LICENSE", f"{INFO}/license_files/LICENSE", "demo/LICENSE"])
def test_a_wheel_has_it_below_licenses(profile: Profile, place: str) -> None:
    """PyPI looks at {name}-{version}.dist-info/licenses/ and nowhere else."""
    assert told(profile, "2.4", "LICENSE", members={place: b""}) == [FROM_2_4[profile]]
    assert told(profile, "2.4", "LICENSE", members={f"{INFO}/licenses/LICENSE": b""}) == []


@PROFILES
def test_a_wheel_before_the_standard_has_it_in_the_dist_info(profile: Profile) -> None:
    """setuptools before 77 and wheel put it there without its folders (six 1.17.0)."""
    assert told(profile, "2.1", "legal/LICENSE", members={f"{INFO}/LICENSE": b""}) == []


@PROFILES
def test_an_sdist_has_it_at_its_own_path(profile: Profile) -> None:
    """Below the top folder, with the folders that the metadata names."""
    assert told(profile, "2.4", "legal/MIT", kind="sdist", members={f"{TOP}/MIT": b""}) == [FROM_2_4[profile]]
    assert told(profile, "2.4", "legal/MIT", kind="sdist", members={f"{TOP}/legal/MIT": b""}) == []


def test_a_folder_is_no_licence_file() -> None:
    """Neither in a wheel nor in an sdist."""
    for kind, place in (("wheel", f"{INFO}/licenses/MIT/"), ("sdist", f"{TOP}/MIT/")):
        assert told(Profile.PYPI, "2.4", "MIT", kind=kind, members={place: b""}) == [FROM_2_4[Profile.PYPI]]
