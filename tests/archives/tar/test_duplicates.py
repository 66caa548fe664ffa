"""Members of a tar that stand twice: harmless as copies, refused as soon as they differ."""

from __future__ import annotations

import io
import tarfile
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.archives.tar import duplicates
from eggwatch.model.verdicts import Level
from tests.archive_factory import sdist_members
from tests.archives.judging import SDIST, judge, message, pax, refusals, tar_block, tar_parts, targz, warnings

FILE = "demo-1.0/file"


def twice(*records: bytes) -> bytes:
    """A sound sdist with these records at its end."""
    return targz(*tar_parts(), *records)


def test_two_copies_of_the_same_bytes_are_only_warned_of() -> None:
    """As scikit-build-core writes a licence that two of its patterns match (pyarrow 26.0.1)."""
    inspection = judge(SDIST, twice(tar_block(FILE, b"text"), tar_block("demo-1.0/other"), tar_block(FILE, b"text")))
    assert (refusals(inspection), warnings(inspection)) == ([], ["tar-duplicate-member"])
    assert "twice with the same bytes" in message(inspection, "tar-duplicate-member")


def test_dozens_of_copies_are_one_warning() -> None:
    """Else they would be too many flaws to look on."""
    copies = [tar_block(f"demo-1.0/{number}", b"text") for number in range(60)]
    inspection = judge(SDIST, twice(*copies, *copies))
    assert (refusals(inspection), warnings(inspection)) == ([], ["tar-duplicate-member"])
    assert len(inspection.flaws) == 1 and "The same is true of 59 more." in message(inspection, "tar-duplicate-member")


@pytest.mark.parametrize("modes", [(0o444, 0o444), (0o644, 0o444), (0o444, 0o644), (0o644, 0o755)])
def test_copies_of_other_permissions_are_only_warned_of(modes: tuple[int, int]) -> None:
    """pip and uv unpack them alike."""
    inspection = judge(SDIST, twice(*(tar_block(FILE, b"text", mode=mode) for mode in modes)))
    assert (refusals(inspection), warnings(inspection)) == ([], ["tar-duplicate-member"])


@pytest.mark.parametrize("modes", [(0o755, 0o644), (0o644, 0o755, 0o644)])
def test_a_copy_that_is_no_program_any_more_is_refused(modes: tuple[int, ...]) -> None:
    """It stays one after pip, and not after uv."""
    inspection = judge(SDIST, twice(*(tar_block(FILE, b"text", mode=mode) for mode in modes)))
    assert refusals(inspection) == ["tar-duplicate-member"]


@pytest.mark.parametrize(("kind", "target"), [(b"2", "setup.py"), (b"2", "missing"), (b"1", "demo-1.0/PKG-INFO")])
def test_the_same_link_twice_is_only_warned_of(kind: bytes, target: str) -> None:
    """With another target it is refused."""
    link = tar_block(FILE, kind=kind, target=target)
    inspection = judge(SDIST, twice(link, link))
    assert (refusals(inspection), warnings(inspection)) == ([], ["tar-duplicate-member"])
    for other in (tar_block(FILE, kind=kind, target="demo-1.0/demo"), tar_block(FILE, b"text")):
        assert "tar-unsafe-link" in refusals(judge(SDIST, twice(link, other)))


def test_copies_with_extended_headers_are_known_as_copies() -> None:
    long = f"demo-1.0/{'x' * 150}"
    copy = pax({"path": long}) + tar_block("demo-1.0/x", b"text")
    assert warnings(judge(SDIST, twice(copy, copy))) == ["tar-duplicate-member"]


@pytest.mark.parametrize(
    "second",
    [
        tar_block(FILE, b"TEXT"),
        tar_block(FILE, b"text and more"),
        tar_block(FILE, kind=b"5"),
        tar_block(FILE, b""),
    ],
    ids=["bytes", "size", "kind", "empty"],
)
def test_whatever_differs_is_refused(second: bytes) -> None:
    assert "tar-duplicate-member" in refusals(judge(SDIST, twice(tar_block(FILE, b"text"), second)))
    assert "tar-duplicate-member" in refusals(judge(SDIST, twice(second, tar_block(FILE, b"text"))))


def test_a_second_pkg_info_is_refused_unless_it_is_a_copy() -> None:
    """Of whichever other size."""
    content = sdist_members()["demo-1.0/PKG-INFO"]
    copy, other = (tar_block("demo-1.0/PKG-INFO", text) for text in (content, content.replace(b"demo", b"omed")))
    assert warnings(judge(SDIST, twice(copy))) == ["tar-duplicate-member"]
    assert refusals(judge(SDIST, twice(other))) == ["tar-duplicate-metadata"]


@given(contents=st.lists(st.sampled_from([b"a", b"b", b"ab"]), min_size=2, max_size=5))
def test_every_copy_is_held_against_the_first_and_a_reader_gets_the_same_from_all(contents: list[bytes]) -> None:
    data = twice(*(tar_block(FILE, content) for content in contents))
    inspection = judge(SDIST, data)
    levels = Counter(flaw.level for flaw in inspection.flaws if flaw.code == "tar-duplicate-member")
    same = contents[1:].count(contents[0])
    assert (levels[Level.WARN], levels[Level.REFUSE]) == (min(same, 1), len(contents) - 1 - same)
    if same == len(contents) - 1:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            found = [archive.extractfile(one) for one in archive if one.name == FILE]
            assert {one.read() for one in found if one} == {contents[0]}


def test_what_is_too_large_to_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "LARGEST_TWIN", 3)
    assert refusals(judge(SDIST, twice(tar_block(FILE, b"text"), tar_block(FILE, b"text")))) == ["tar-duplicate-member"]


def test_more_copies_than_a_build_tool_writes_by_accident_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_TWINS", 2)
    copies = [tar_block(FILE, b"text")] * 3
    assert refusals(judge(SDIST, twice(*copies))) == []
    assert refusals(judge(SDIST, twice(*copies, copies[0]))) == ["tar-duplicate-member"]


def test_a_damaged_archive_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_digests", None)
    data = twice(tar_block(FILE, b"text"), tar_block(FILE, b"text"), tar_block(FILE, kind=b"V"))
    assert refusals(judge(SDIST, data)) == ["tar-malformed", "tar-duplicate-member"]
