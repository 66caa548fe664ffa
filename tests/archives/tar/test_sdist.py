"""Every flaw of a gzip, tar or sdist, each with an archive that only it refuses; and what passes beside it."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from eggwatch.archives.tar import gzip_stream, walk
from eggwatch.archives.tar import sdist as sdist_module
from tests.archive_factory import core_metadata, sdist, sdist_members, targz_of
from tests.archives.judging import (
    SDIST,
    ZEROS,
    judge,
    message,
    pax,
    pax_record,
    refusals,
    seal,
    tar_block,
    tar_parts,
    targz,
    warnings,
)
from tests.counting import calls_of

LINK = "demo-1.0/link"
FILE = "demo-1.0/file"


def added(*records: bytes) -> bytes:
    """The factory's sdist with more records at its end."""
    return targz(*tar_parts(), *records)


GNU = b"ustar  \0"


def of_gnu(*records: bytes) -> bytes:
    """The same in GNU's format; uv reads no tar of two formats."""
    whole = sdist_members().items()
    parts = [tar_block(name, data, kind=b"5" if name.endswith("/") else b"0", magic=GNU) for name, data in whole]
    return targz(*parts, *records)


def members(drop: str = "", **more: bytes) -> bytes:
    """The factory's sdist without one member."""
    return targz_of({name: content for name, content in sdist_members().items() if name != drop})


def wrong_checksum() -> bytes:
    """A header whose checksum is off by one."""
    block = bytearray(tar_block(FILE))
    block[0] ^= 1
    return bytes(block)


def garbled(data: bytes, at: int) -> bytes:
    """One byte changed."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def flags(at: int, value: bytes) -> bytes:
    """A member whose header says something else there."""
    block = bytearray(tar_block(FILE))
    block[at : at + len(value)] = value
    return seal(block)


WHOLE = sdist()[1]

FLAWED = {
    "another format": ("not-a-gzip", b"PK\x03\x04 this is a zip"),
    "a gzip of another method": ("not-a-gzip", b"\x1f\x8c\x08" + WHOLE[3:]),
    "an unknown method": ("gzip-corrupt", b"\x1f\x8b\x09" + WHOLE[3:]),
    "a wrong CRC": ("gzip-corrupt", garbled(WHOLE, len(WHOLE) - 6)),
    "a wrong size": ("gzip-corrupt", garbled(WHOLE, len(WHOLE) - 1)),
    "bytes after the end": ("gzip-trailing-data", WHOLE + b"more"),
    "two gzip members": ("gzip-members", gzip.compress(b"".join(tar_parts())) + gzip.compress(ZEROS * 2)),
    "an empty gzip member in front": ("gzip-members", gzip.compress(b"") + WHOLE),
    "a few zeros after the end": ("gzip-trailing-data", WHOLE + bytes(500)),
    "a wrong checksum": ("tar-malformed", added(wrong_checksum())),
    "a checksum of no number": ("tar-malformed", added(tar_block(FILE)[:148] + b"abcdefgh" + tar_block(FILE)[156:])),
    "a size of no number": ("tar-malformed", added(tar_block(FILE, size=b"-0000000001\x00"))),
    "a number with underscores": ("tar-malformed", added(tar_block(FILE, size=b"0000000_000\x00"))),
    "a prefix in a GNU header": ("tar-malformed", added(tar_block("file", magic=b"ustar  \x00", prefix=b"demo-1.0"))),
    "a file called like a folder": ("tar-malformed", added(tar_block("demo-1.0/file/"))),
    "a folder with contents": ("tar-malformed", added(tar_block("demo-1.0/x", b"content", kind=b"5"))),
    "a link with contents": ("tar-malformed", added(tar_block(LINK, b"content", kind=b"2", target="x"))),
    "an unknown type": ("tar-malformed", added(tar_block(FILE, kind=b"V"))),
    "damaged pax records": ("tar-malformed", added(tar_block("pax", b"8 path=x\n", kind=b"x"), tar_block(FILE))),
    "pax records without end": ("tar-malformed", added(tar_block("pax", b"99 path=x\n", kind=b"x"), tar_block(FILE))),
    "a pax record that is no record": ("tar-malformed", added(tar_block("pax", b"path", kind=b"x"), tar_block(FILE))),
    "a pax key twice": (
        "tar-malformed",
        added(tar_block("pax", pax_record("path", "a") + pax_record("path", "b"), kind=b"x"), tar_block(FILE)),
    ),
    "a pax size of no number": ("tar-malformed", added(pax({"size": "-1"}), tar_block(FILE))),
    "a pax size of other digits": ("tar-malformed", added(pax({"size": "٣"}), tar_block(FILE))),
    "two long names for one member": (
        "tar-malformed",
        added(pax({"path": FILE}), tar_block("long", b"demo-1.0/other\x00", kind=b"L"), tar_block(FILE)),
    ),
    "an extended header at the end": ("tar-malformed", added(pax({"path": FILE}))),
    "an extended header of 2 MiB": ("tar-malformed", added(pax({"comment": "x" * (2 << 20)}), tar_block(FILE))),
    "an empty pax path": ("tar-malformed", added(pax({"path": ""}), tar_block(FILE))),
    "an empty long name": ("tar-malformed", added(tar_block("long", b"\0", kind=b"L"), tar_block(FILE))),
    "a global path": ("tar-malformed", added(pax({"path": FILE}, kind=b"g"), tar_block(FILE))),
    "a global header after a pax one": ("tar-malformed", added(pax({"path": FILE}), pax({"a": "b"}, kind=b"g"))),
    "a lone zero block": ("tar-malformed", added(ZEROS, tar_block(FILE))),
    "bytes after the closing blocks": ("tar-malformed", added(ZEROS * 3, b"more")),
    "no closing blocks": ("tar-unclosed", targz(*tar_parts(), closing=b"")),
    "one closing block": ("tar-unclosed", targz(*tar_parts(), closing=ZEROS)),
    "half a header": ("tar-unclosed", targz(*tar_parts(), b"x" * 100, closing=b"")),
    "half a member": ("tar-unclosed", targz(*tar_parts(), tar_block(FILE, b"x" * 2000)[:-600], closing=b"")),
    "half a padding": ("tar-unclosed", targz(*tar_parts(), tar_block(FILE, b"x")[:-9], closing=b"")),
    "half an extended header": ("tar-unclosed", targz(*tar_parts(), pax({"path": FILE})[:-500], closing=b"")),
    "PKG-INFO twice": (
        "tar-duplicate-metadata",
        added(tar_block("demo-1.0/PKG-INFO", core_metadata() + b"Summary: other\n")),
    ),
    "PKG-INFO in another spelling": (
        "tar-duplicate-metadata",
        added(tar_block("demo-1.0/.//PKG-INFO", core_metadata() + b"Summary: other\n")),
    ),
    "an absolute name": (
        "tar-unsafe-path",
        added(tar_block("demo-1.0/x"), pax({"path": "/demo-1.0/x"}), tar_block("x")),
    ),
    "a name that climbs": ("tar-unsafe-path", added(tar_block("demo-1.0/a/../../x"))),
    "a name that climbs on Windows": ("tar-unsafe-path", added(tar_block("demo-1.0/a\\..\\..\\x"))),
    "a name with a zero byte": ("tar-unsafe-path", added(pax({"path": "demo-1.0/a\0b"}), tar_block(FILE))),
    "a name of 5000 characters": ("tar-unsafe-path", added(pax({"path": "demo-1.0/" + "x" * 5000}), tar_block(FILE))),
    "an absolute link": ("tar-unsafe-link", added(tar_block(LINK, kind=b"2", target="/etc/passwd"))),
    "a link that climbs out": ("tar-unsafe-link", added(tar_block(LINK, kind=b"2", target="../x"))),
    "a link that climbs far out": ("tar-unsafe-link", added(tar_block(LINK, kind=b"2", target="../../demo-1.0/x"))),
    "a link that goes down and up": ("tar-unsafe-link", added(tar_block(LINK, kind=b"2", target="a/../b"))),
    "a link to nothing": ("tar-unsafe-link", added(tar_block(LINK, kind=b"2"))),
    "a link to a drive": ("tar-unsafe-link", added(tar_block(LINK, kind=b"2", target="c:x"))),
    "a hard link out": ("tar-unsafe-link", added(tar_block(LINK, kind=b"1", target="other/x"))),
    "a member through a link": (
        "tar-unsafe-link",
        added(tar_block(LINK, kind=b"2", target="demo"), tar_block(f"{LINK}/x")),
    ),
    "a member in place of a link": (
        "tar-unsafe-link",
        added(tar_block(LINK, kind=b"2", target="PKG-INFO"), tar_block(LINK, b"Name: other")),
    ),
    "a pipe": ("tar-device", added(tar_block("demo-1.0/pipe", kind=b"6"))),
    "a device": ("tar-device", added(tar_block("demo-1.0/null", kind=b"3"))),
    "a GNU sparse member": ("tar-sparse", added(tar_block(FILE, kind=b"S"))),
    "a pax sparse member": ("tar-sparse", added(pax({"GNU.sparse.major": "1"}), tar_block(FILE))),
    "a globally sparse member": ("tar-sparse", added(pax({"GNU.sparse.major": "1"}, kind=b"g"), tar_block(FILE))),
    "two top folders": ("sdist-top-folder", targz(tar_block("other/x"), *tar_parts())),
    "a file at the top": ("sdist-top-folder", added(tar_block("README"))),
    "a bomb": ("compression-ratio", added(tar_block(FILE, bytes(70 << 20)))),
    "no PKG-INFO": ("metadata-missing", members(drop="demo-1.0/PKG-INFO")),
    "PKG-INFO as a folder": (
        "metadata-not-a-file",
        targz(tar_block("demo-1.0/"[:-1], kind=b"5"), tar_block("demo-1.0/PKG-INFO", kind=b"5")),
    ),
    "PKG-INFO as a link": (
        "metadata-not-a-file",
        targz(tar_block("demo-1.0/x"), tar_block("demo-1.0/PKG-INFO", kind=b"2", target="x")),
    ),
    "9 MiB of PKG-INFO": ("metadata-too-large", targz(tar_block("demo-1.0/PKG-INFO", bytes(9 << 20)))),
}

SOUND = {
    "twenty closing blocks": added(ZEROS * 18),
    "a file of no type": added(tar_block(FILE, b"x", kind=b"\0")),
    "a contiguous file": added(tar_block(FILE, b"x", kind=b"7")),
    "an old folder": added(tar_block("demo-1.0/old/", kind=b"\0")),
    "a size in base 256": of_gnu(tar_block(FILE, b"x", size=b"\x80" + (1).to_bytes(11, "big"), magic=GNU)),
    "a prefix": added(tar_block("file", b"x", prefix=b"demo-1.0/deep")),
    "a GNU long name": of_gnu(
        tar_block("long", b"demo-1.0/" + b"x" * 255 + b"/y\0", kind=b"L", magic=GNU), tar_block("short", magic=GNU)
    ),
    "a GNU long target": of_gnu(
        tar_block("long", b"x" * 300 + b"\0", kind=b"K", magic=GNU),
        tar_block(LINK, kind=b"2", target="short", magic=GNU),
    ),
    "a pax size": added(pax({"size": "3"}), tar_block(FILE, size=b"00000000000\0") + b"abc" + bytes(509)),
    "an empty pax value": added(pax({"comment": "", "mtime": "1.5"}), tar_block(FILE)),
    "a global comment": targz(pax({"comment": "released with love"}, kind=b"g"), *tar_parts()),
    "a link inside": added(tar_block(LINK, kind=b"2", target="demo/__init__.py")),
    "a link to a neighbour": added(tar_block("demo-1.0/demo/link", kind=b"2", target="../setup.py")),
    "a hard link inside": added(tar_block(LINK, kind=b"1", target="demo-1.0/setup.py")),
    "a PKG-INFO further down": added(tar_block("demo-1.0/demo.egg-info/PKG-INFO", b"Name: other")),
    "60 MiB of zeros": added(tar_block(FILE, bytes(60 << 20))),
    "ustar": targz_of(sdist_members(), tarfile.USTAR_FORMAT),
    "GNU": targz_of(sdist_members(), tarfile.GNU_FORMAT),
    "7 MiB of PKG-INFO": targz(
        tar_block("demo-1.0/PKG-INFO", core_metadata() + bytes(7 << 20)), tar_block("demo-1.0/pyproject.toml")
    ),
}


@pytest.mark.parametrize(("code", "data"), FLAWED.values(), ids=FLAWED.keys())
def test_a_flawed_sdist_is_refused_for_that_flaw_only(code: str, data: bytes) -> None:
    """One thing is wrong, one code says so, and the message says what to do."""
    inspection = judge(SDIST, data)
    assert refusals(inspection) == [code]
    assert inspection.incomplete is None
    for flaw in inspection.flaws:
        assert flaw.subject and flaw.message.endswith((".", ".)"))


@pytest.mark.parametrize("data", SOUND.values(), ids=SOUND.keys())
def test_a_sound_sdist_has_no_flaw(data: bytes) -> None:
    """What stands just inside the rules passes, and PKG-INFO is handed out byte for byte."""
    inspection = judge(SDIST, data)
    assert inspection.flaws == ()
    assert inspection.incomplete is None
    assert inspection.core is not None and inspection.core.name == "demo"


def test_what_is_wrong_inside_does_not_hide_a_wrong_crc(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bad header the gzip stream is still read to its end."""
    monkeypatch.setattr(gzip_stream, "_CHUNK", 512)
    data = added(wrong_checksum(), tar_block(FILE, bytes(range(256)) * 9))
    assert refusals(judge(SDIST, garbled(data, len(data) - 6))) == ["tar-malformed", "gzip-corrupt"]


@pytest.mark.parametrize("top", ["Demo-1.0", "demo-1.0.0", "demo-v1.0"])
def test_a_top_folder_that_only_spells_differently_is_warned_of(top: str) -> None:
    """Older tools named the folder as the project spells itself."""
    data = targz_of({name.replace("demo-1.0", top): content for name, content in sdist_members().items()})
    inspection = judge(SDIST, data)
    assert (refusals(inspection), warnings(inspection)) == ([], ["sdist-top-folder"])
    assert inspection.metadata == core_metadata()


@pytest.mark.parametrize("top", ["other-1.0", "demo-1.1", "demo", "demo-main", "demo-" + "1" * 250])
def test_a_top_folder_of_another_name_is_refused(top: str) -> None:
    """A folder that is not the filename's stem is no sdist's (PEP 625)."""
    data = targz_of({name.replace("demo-1.0", top): content for name, content in sdist_members().items()})
    assert refusals(judge(SDIST, data)) == ["sdist-top-folder"]


def test_a_renamed_sdist_says_what_it_was_built_as() -> None:
    """The folder and the PKG-INFO in it both contradict the filename."""
    inspection = judge(SDIST, sdist(version="1.1")[1])
    assert refusals(inspection) == ["sdist-top-folder", "metadata-version-mismatch"]
    assert "The filename says 1.0, PKG-INFO says 1.1." in message(inspection, "metadata-version-mismatch")


def test_a_tar_of_nothing_has_no_top_folder() -> None:
    """No member, no folder, no PKG-INFO."""
    inspection = judge(SDIST, targz())
    assert refusals(inspection) == ["sdist-top-folder"]
    assert "nothing" in message(inspection, "sdist-top-folder")


def test_a_source_snapshot_is_told_apart_from_an_sdist() -> None:
    """Who uploads a forge's 'Download source' is told so, and what to run instead."""
    by_files = judge(SDIST, targz(tar_block("demo-1.0/setup.py", b"")))
    by_commit = judge(SDIST, targz(pax({"comment": "a" * 40}, kind=b"g"), tar_block("demo-1.0/main.c")))
    neither = judge(SDIST, targz(tar_block("demo-1.0/main.c")))
    for inspection in (by_files, by_commit):
        assert refusals(inspection) == ["metadata-missing"]
        assert message(inspection, "metadata-missing") == (
            "There is no demo-1.0/PKG-INFO: this looks like a source snapshot (git archive, a forge's "
            "'Download source'), not an sdist. Build one with 'python -m build --sdist'."
        )
    assert "snapshot" not in message(neither, "metadata-missing")
    assert judge(SDIST, WHOLE).flaws == ()


def test_only_the_archive_is_checked_under_a_wrong_filename() -> None:
    """A name that says nothing leaves nothing to compare, but the bytes are checked all the same."""
    assert refusals(judge("demo.tar.gz", WHOLE)) == ["filename-invalid"]
    assert refusals(judge("demo.tar.gz", WHOLE + b"more")) == ["filename-invalid", "gzip-trailing-data"]
    assert refusals(judge("demo.rpm", WHOLE + b"more")) == ["filename-format"]


def test_fifty_flaws_are_enough() -> None:
    """A hopeless archive is told in 50 flaws and one that says so."""
    many = [tar_block(f"demo-1.0/../{number}") for number in range(60)]
    through = [tar_block(f"{LINK}/{number}") for number in range(60)]
    for records in (many, [tar_block(LINK, kind=b"2", target="x"), *through]):
        flaws = judge(SDIST, added(*records)).flaws
        assert len(flaws) == 51
        assert flaws[-1].code == "more-flaws"


def test_members_and_names_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of countless nothings is refused before it costs us anything."""
    monkeypatch.setattr(walk, "MOST_MEMBERS", 3)
    assert refusals(judge(SDIST, WHOLE)) == ["too-many-members"]
    monkeypatch.setattr(walk, "MOST_MEMBERS", 100)
    monkeypatch.setattr(walk, "MOST_NAME_BYTES", 30)
    assert refusals(judge(SDIST, WHOLE)) == ["too-many-members"]


def test_any_size_of_chunk_gives_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers and members may lie across the pieces in which the file is read and inflated."""
    data = added(tar_block(FILE, bytes(3000)), tar_block(LINK, b"x" * 700), ZEROS * 8)
    expected = judge(SDIST, data)
    for raw, chunk in ((1, 1000), (2, 7), (3, 512), (1000, 1), (128, 511)):
        monkeypatch.setattr(gzip_stream, "_RAW", raw)
        monkeypatch.setattr(gzip_stream, "_CHUNK", chunk)
        assert judge(SDIST, data) == expected
        assert expected.flaws == ()


def test_a_path_of_half_a_million_folders_costs_no_more_than_its_bytes() -> None:
    """It is refused for its length, and not searched for links folder by folder: no call more than for a short one."""

    def archive(depth: int) -> bytes:
        deep = pax({"path": "demo-1.0" + "/a" * depth})
        return added(tar_block(LINK, kind=b"2", target="setup.py"), deep, tar_block("short"))

    data = archive(500_000)
    assert refusals(judge(SDIST, data)) == ["tar-unsafe-path", "too-many-members", "tar-not-portable"]
    assert calls_of(lambda: judge(SDIST, data)) <= calls_of(lambda: judge(SDIST, archive(5)))


def test_an_archive_with_more_tops_than_are_counted_is_refused() -> None:
    """Only the first few top folders are remembered and told."""
    data = targz(*(tar_block(f"top{number}/PKG-INFO") for number in range(9)))
    inspection = judge(SDIST, data)
    assert refusals(inspection) == ["sdist-top-folder"]
    assert "top3" in message(inspection, "sdist-top-folder")
    assert sdist_module._MOST_TOPS == 4


def test_a_colon_says_who_refuses_it() -> None:
    """uv unpacks no such tar on any system; pip does."""
    said = message(judge(SDIST, targz_of({**sdist_members(), "demo-1.0/tests/a:b.txt": b""})), "tar-unsafe-path")
    assert "a colon, which uv rejects on every system" in said and "Windows" in said


def test_what_no_upload_mends_is_not_to_be_uploaded_again() -> None:
    """Nor does a message show bytes as Python writes them."""
    unknown, odd = tar_block(FILE, kind=b"V"), tar_block(FILE, size=b"-0000000001\x00")
    for record in (unknown, odd):
        said = message(judge(SDIST, added(record)), "tar-malformed")
        assert "Upload it again" not in said and "b'" not in said and "Build it again" in said


@pytest.mark.parametrize(("count", "code"), [(1, ""), (2, "warn"), (16, "warn"), (17, "refuse")])
def test_global_pax_headers_in_a_row_are_warned_of_up_to_a_number(count: int, code: str) -> None:
    """pip and uv take them alike; some hundred of them, and tarfile ends with a RecursionError."""
    inspection = judge(SDIST, targz(*[pax({"comment": "x"}, kind=b"g")] * count, *tar_parts()))
    assert [flaw.level for flaw in inspection.flaws if flaw.code == "tar-malformed"] == ([code] if code else [])


def test_global_pax_headers_are_bounded_in_all() -> None:
    """tarfile copies their records for each member."""
    parts = [pax({f"SCHILY.{one}.{two}": "x" for two in range(500)}, kind=b"g") for one in range(3)]
    spread = [record for part in parts for record in (part, tar_block(f"{FILE}{len(part)}"))]
    assert "tar-malformed" in refusals(judge(SDIST, targz(*tar_parts(), *spread)))


def test_a_pax_length_with_zeros_in_front_is_warned_of() -> None:
    """pip and uv read it alike."""
    inspection = judge(SDIST, added(tar_block("pax", b"014 comment=a\n", kind=b"x"), tar_block(FILE)))
    assert (refusals(inspection), warnings(inspection)) == ([], ["tar-malformed"])
    assert "leading zeros" in message(inspection, "tar-malformed")
