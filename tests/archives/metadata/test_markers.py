"""Markers that pip 26.3 and uv 0.13.9 read alike pass; others refuse, since each would install something else."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from eggwatch.archives.metadata.resolving import repaired, unread_requirement

DIFFER = (
    'python_version === "3.11"',
    'sys_platform === "linux"',
    '"posix" == "posix"',
    "os_name == sys_platform",
    'dependency_groups == "x"',
    '"x" in extras',
    'python_version == "3.11+x"',
    'python_full_version >= "3.11.7+x"',
    'python_version > "3.11a"',
    'python_version == "3.11rc1"',
    'python_version < "3.11.post1"',
    'python_version in "3.110"',
    'python_version not in "3.110 2.7"',
    'python_version in "3.11.7"',
    '"3.12" in python_version',
    '"3.9" ~= python_version',
    '"3.*" == python_version',
    'platform_release >= "5"',
    'platform_release != "5"',
    'platform_version > "#"',
    'sys_platform ~= "3"',
)
ALIKE = (
    'python_version in "2.7,3.11"',
    'python_version in "2.7, 3.11"',
    'python_version not in "2.7 3.11"',
    'python_full_version in "3.11.7"',
    'python_version < "3.12rc1"',
    'python_version >= "3.11.dev0"',
    'python_version == "3.*"',
    'python_version ~= "3.9"',
    '"3.8" <= python_version',
    'python_full_version <= "3.11.0a6"',
    'implementation_version >= "3.11"',
    'sys_platform in "linux darwin"',
    '"linux" in sys_platform',
    'sys_platform <= "linux"',
    'platform_release == "5"',
    'sys_platform == "linux" and (python_version < "3" or python_version > "3.5") and extra == "x"',
)
REPAIRED = {
    ">=3.6.*": ">=3.6",
    "!=3.0*": "!=3.0.*",
    "==3.0*": "==3.0.*",
    ">=3.6<4": ">=3.6,<4",
    ">='3.6'": ">=3.6",
    "'>=3'": ">=3",
    '">=3.6", "<4"': ">=3.6,<4",
}
FAIL = (
    "~=3.6.*",
    ">=*",
    ">=3 <4",
    "==3*",
    ">=3.6*",
    ">=3.6.*<4",
    "3.6",
    "=>3.6",
    "!=3.0.*!=3.1.*",
    ">'3.6.*'",
    "(>=3)",
)


@pytest.mark.parametrize("marker", DIFFER)
def test_a_marker_over_which_pip_and_uv_differ_is_told(marker: str) -> None:
    """Each of these was given to both: one fails, or only one of them installs the dependency."""
    assert unread_requirement(Requirement(f"other; {marker}")) is not None


@pytest.mark.parametrize("marker", ALIKE)
def test_a_marker_that_both_read_alike_is_not_told(marker: str) -> None:
    """Each of these was given to both, too."""
    assert unread_requirement(Requirement(f"other; {marker}")) is None


@pytest.mark.parametrize("text", REPAIRED)
def test_what_uv_repairs_in_a_requires_python_is_known(text: str) -> None:
    """pip ignores it, so that both install the archive."""
    assert SpecifierSet(repaired(text) or "===nothing") == SpecifierSet(REPAIRED[text])


@pytest.mark.parametrize("text", FAIL)
def test_what_uv_can_not_repair_is_not_taken_for_it(text: str) -> None:
    """uv installs nothing with such a Requires-Python."""
    assert repaired(text) is None
