"""Where a flaw is about bytes, its message ends with the offset of the first of them."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from tests.archives.judging import SDIST, ZEROS, judge, message, pax, tar_block, tar_parts, targz
from tests.hostile.building import INFO, TOP, build
from tests.hostile.sdists import SDISTS
from tests.hostile.wheels import WHEELS

TEXT = b"text"
LOCAL = b"PK\x03\x04"
FIRST = {"name": b"demo/first", "content": TEXT}
FILE = {"name": b"demo/file", "content": TEXT}


def told(code: str, **description: Any) -> tuple[str, bytes]:
    """The message of the flaw, and the bytes of the archive."""
    filename, data = build(description)
    return message(judge(filename, data), code), data


def local(data: bytes, name: bytes, *, last: bool = False) -> int:
    """Where the local header of this member begins."""
    found = [match.start() - 30 for match in re.finditer(re.escape(name), data)]
    headers = [at for at in found if data[at : at + 4] == LOCAL]
    return headers[-1 if last else 0]


@pytest.mark.parametrize(
    ("code", "lie"),
    [
        ("zip-local-mismatch", {"local": {"name": b"demo/elif"}, "name": b"demo/file"}),
        ("zip-crc", {"method": 0, "packed": b"TEXT"}),
        ("zip-encrypted", {"flags": 1}),
        ("zip-compression", {"method": 12}),
        ("zip-hidden-data", {"after": b"hidden"}),
        ("zip-size", {"local": {"size": 3}, "central": {"size": 3}}),
        ("zip-overlap", {"local": {"packed": 999}, "central": {"packed": 999}}),
        ("zip-unsafe-path", {"name": b"../demo/file"}),
        ("zip-name-characters", {"name": b"demo/fi\x07"}),
    ],
)
def test_a_zip_member_is_told_by_its_local_header(code: str, lie: dict[str, Any]) -> None:
    """Also when it is not the first one."""
    said, data = told(code, parts=[FIRST, {**FILE, **lie}])
    assert said.endswith(f" (At byte {data.index(LOCAL, 1)}.)")


@pytest.mark.parametrize("second", [FILE["name"], b"demo/FILE"])
def test_both_members_of_one_name_are_told(second: bytes) -> None:
    """The later one at the end, the earlier one in the sentence."""
    code = "zip-duplicate-member" if second == FILE["name"] else "zip-case-collision"
    said, data = told(code, parts=[FIRST, FILE, {**FILE, "name": second, "content": b"else"}])
    assert said.endswith(f" (At byte {local(data, second, last=True)}.)")
    assert f" at byte {local(data, b'demo/file')}" in said


def test_an_entry_of_the_directory_is_told_by_its_own_offset() -> None:
    """Not by that of the directory."""
    said, data = told("zip-name-characters", parts=[FIRST, {**FILE, "name": b"demo/\xff", "flags": 1 << 11}])
    assert said.endswith(f" (At byte {data.rindex(b'demo/' + bytes([255])) - 46}.)")


def test_what_is_wrong_with_the_end_of_a_zip_is_told_by_its_place() -> None:
    """The end record, the zip64 record, what follows, what stands in front."""
    said, data = told("zip-trailing-data", after=b"more")
    assert said.startswith("4 bytes follow") and said.endswith(f" (At byte {len(data) - 4}.)")
    said, data = told("zip-malformed", zip={"end": {"size": 9}})
    assert said.endswith(f" (At byte {data.rindex(b'PK' + bytes([5, 6]))}.)")
    said, data = told("zip64-mismatch", zip={"zip64": {"count": 9}})
    assert said.endswith(f" (At byte {data.rindex(b'PK' + bytes([6, 6]))}.)")
    said, data = told("too-many-members", zip={"end": {"here": 65535, "count": 65535}, "zip64": {"count": 200_001}})
    assert said.endswith(f" (At byte {data.index(b'PK' + bytes([1, 2]))}.)")
    said, data = told("zip-leading-data", before=b"PK\x05\x06" + bytes(18))
    assert said.startswith("22 bytes precede the zip") and said.endswith(" (At byte 0.)")


def test_a_damaged_gzip_is_told_between_two_bytes() -> None:
    """The inflater knows no better; what follows the end is told exactly."""
    _, data = build({"kind": "sdist"})
    half = len(data) // 2
    garbled = data[:half] + b"\xff" * 20 + data[half + 20 :]
    assert f"before byte {len(data)}." in message(judge(SDIST, garbled), "gzip-corrupt")
    assert message(judge(SDIST, garbled), "gzip-corrupt").endswith(" (At byte 0.)")
    assert message(judge(SDIST, data + b"more"), "gzip-trailing-data").endswith(f" (At byte {len(data)}.)")


def test_a_tar_member_is_told_by_its_header() -> None:
    """The offset counts in the inflated tar, and from the extended header if it has one."""
    at = len(b"".join(tar_parts()))
    device = tar_block(f"{TOP}/null", kind=b"3")
    assert message(judge(SDIST, targz(*tar_parts(), device)), "tar-device").endswith(f" (At byte {at} of the tar.)")
    long = pax({"path": f"{TOP}/null"})
    plain = tar_block(f"{TOP}/file", b"x" * 600)
    said = message(judge(SDIST, targz(*tar_parts(), plain, long, device)), "tar-device")
    assert said.endswith(f" (At byte {at + len(plain)} of the tar.)")


@pytest.mark.parametrize("name", ["file", "FILE"])
def test_both_tar_members_of_one_name_are_told(name: str) -> None:
    """As in a zip."""
    at = len(b"".join(tar_parts()))
    data = targz(*tar_parts(), tar_block(f"{TOP}/file"), tar_block(f"{TOP}/{name}", b"x"))
    said = message(judge(SDIST, data), "tar-duplicate-member" if name == "file" else "tar-case-collision")
    assert said.endswith(f" (At byte {at + 512} of the tar.)") and f" at byte {at}" in said


def test_where_a_tar_breaks_is_told() -> None:
    """The header that can't be read, the end that is missing, what follows the end."""
    at = len(b"".join(tar_parts()))
    for code, record, offset in (
        ("tar-malformed", tar_block(f"{TOP}/x", kind=b"V"), at),
        ("tar-sparse", tar_block(f"{TOP}/x", kind=b"S"), at),
        ("tar-malformed", ZEROS + b"x" * 512, at + 512),
    ):
        assert message(judge(SDIST, targz(*tar_parts(), record)), code).endswith(f" (At byte {offset} of the tar.)")
    data = gzip.compress(b"".join(tar_parts()))
    assert message(judge(SDIST, data), "tar-unclosed").endswith(f" (At byte {at} of the tar.)")


ABOUT_THE_WHOLE = {
    "incomplete",
    "compression-ratio",
    "not-a-gzip",
    "not-a-zip",
    "zip-tar-polyglot",
    "zip-comment",
    "zip-data-descriptor",
    "tar-mode",
}
"""Told of no byte: the first ones, or all of them."""


@pytest.mark.parametrize(
    "hostile",
    [hostile for hostile in (*WHEELS, *SDISTS) if hostile["code"].startswith(("zip", "tar", "gzip", "too-many"))],
    ids=lambda hostile: str(hostile["code"]),
)
def test_every_flaw_of_structure_tells_its_byte(hostile: dict[str, Any]) -> None:
    """Of zip, gzip and tar, but for what is about the whole file."""
    filename, data = build(hostile)
    for flaw in judge(filename, data).flaws:
        known = re.match(r"[A-Z0-9].*\. \(At byte [0-9]+( of the tar)?\.\)$", flaw.message) is not None
        assert known is (hostile["code"] not in ABOUT_THE_WHOLE)


def test_a_flaw_of_a_field_tells_no_byte_of_the_file() -> None:
    """Lines and fields are easier to find."""
    said, _ = told("wheel-file-invalid", members={f"{INFO}/WHEEL": b"no colon\n"})
    assert said.startswith("Line 1 ")
