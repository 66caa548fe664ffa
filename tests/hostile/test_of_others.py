"""The bad archives of CPython's, pip's, packaging's and uv's own test suites, beside ours."""

from __future__ import annotations

import gzip
import struct
import sysconfig
from pathlib import Path

import pytest

from tests.archives.judging import SDIST, WHEEL, judge, refusals, warnings
from tests.hostile.building import build
from tests.hostile.of_others import ADMITTED, CPYTHON, PIP, UV, Case
from tests.hostile.of_packaging import PACKAGING
from tests.hostile.reading import same_everywhere

CASES = (*UV, *CPYTHON, *PIP, *PACKAGING)
PYTHONS_OWN = Path(sysconfig.get_path("stdlib")) / "test"
BAD_FILES = {
    "recursion.tar": ("tar-unclosed",),
    "testtar.tar": ("tar-malformed",),
    "zip_cp437_header.zip": ("metadata-missing",),
    "zipdir.zip": ("metadata-missing",),
    "zipdir_backslash.zip": ("zip-unsafe-path",),
    "exe_with_zip": ("not-a-zip",),
    "exe_with_z64": ("not-a-zip",),
}
"""Archives in the folder of the running Python's own tests, with codes that they are refused with."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_archive_of_others_has_its_verdict(case: Case) -> None:
    """The codes are these and no others; what is admitted reads the same everywhere."""
    filename, data = build(case.archive)
    found = judge(filename, data)
    if case.verdict == ADMITTED:
        assert (refusals(found), tuple(warnings(found))) == ([], case.codes)
        same_everywhere(filename, data)
    else:
        assert tuple(refusals(found)) == case.codes


@pytest.mark.parametrize("length", [0, 1, 0xFFFFFFFF])
def test_a_lonely_end_record_is_no_wheel(length: int) -> None:
    """CPython: a directory of this length would begin before the file."""
    assert refusals(judge(WHEEL, b"PK\x05\x06" + bytes(8) + struct.pack("<L", length) + bytes(6)))


def test_the_bad_files_of_pythons_own_tests_are_refused() -> None:
    """As the wheels or sdists that they are not; some Pythons come without their tests."""
    for name, codes in BAD_FILES.items():
        for path in PYTHONS_OWN.rglob(name):
            data = path.read_bytes()
            found = judge(SDIST, gzip.compress(data, 1)) if name.endswith(".tar") else judge(WHEEL, data)
            assert set(codes) <= set(refusals(found)), path
