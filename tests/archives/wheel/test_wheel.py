"""Every flaw of a zip or wheel, each with an archive that only it refuses; and what passes beside it."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from eggwatch.archives.zip import directory as zip_directory
from eggwatch.archives.zip import walk
from tests.archive_factory import core_metadata, recorded, wheel, wheel_members, zip_of
from tests.archives.judging import (
    WHEEL,
    Part,
    judge,
    message,
    raw_wheel,
    raw_zip,
    recorded_parts,
    refusals,
    warnings,
    wheel_parts,
)

INFO = "demo-1.0.dist-info"
NAME = b"demo/data.bin"
TEXT = b"some text, some text, some text"
FULL = 0xFFFFFFFF
PART = Part(name=NAME, content=TEXT)
STORED = Part(name=NAME, content=TEXT, method=0)


def added(*parts: Part) -> bytes:
    """The factory's wheel with more members in front."""
    return raw_wheel([*parts, *wheel_parts()])


def named(*names: str, drop: str = "") -> bytes:
    """The factory's wheel with more members, and without one."""
    members = {name: content for name, content in wheel_members().items() if name != drop}
    return zip_of(recorded({**members, **dict.fromkeys(names, b"" if drop else b"more")}))


def both(**lies: int | bytes) -> Part:
    """A member of which both headers tell the same lie."""
    return replace(PART, local=lies, central=lies)


def descriptor(signature: bytes = b"PK\x07\x08", form: str = "<L2L", crc: int = zlib.crc32(TEXT)) -> bytes:
    """A data descriptor for TEXT, stored."""
    return signature + struct.pack(form, crc, len(TEXT), len(TEXT))


def streamed(after: bytes, **local: int) -> Part:
    """A stored member whose sizes come after its data."""
    zeros = {"crc": 0, "packed": 0, "size": 0}
    return replace(STORED, flags=8, local={**zeros, **local}, descriptor=after)


def zip64_extra(*values: int) -> bytes:
    """A zip64 extra field."""
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def second_name(name: bytes, crc: int = zlib.crc32(NAME)) -> bytes:
    """Info-ZIP's extra field with a UTF-8 name."""
    return struct.pack("<2HBL", 0x7075, 5 + len(name), 1, crc) + name


def extra(raw: bytes, **central: int) -> Part:
    """A member with this extra field in the directory."""
    return replace(PART, central_extra=raw, central=central)


def ended(zip64: Mapping[str, int] | None = None, **end: int) -> bytes:
    """The factory's wheel with other end records."""
    return raw_zip(wheel_parts(), end=end, zip64=zip64)


def first_unnamed(unnamed: Part, parts: Sequence[Part]) -> bytes:
    """A zip whose first member is in no directory."""
    whole = raw_zip([unnamed, *parts])
    directory = raw_zip([unnamed, *parts])[whole.index(b"PK\x01\x02") :]
    start = whole.index(b"PK\x01\x02")
    second = directory.index(b"PK\x01\x02", 4)
    end = directory.index(b"PK\x05\x06")
    return (
        whole[:start]
        + directory[second:end]
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(parts), len(parts), end - second, start, 0)
    )


def metadata_link() -> bytes:
    """A wheel whose METADATA is a symbolic link."""
    return raw_zip(
        [
            replace(part, attributes=0o120777 << 16) if part.name.endswith(b"/METADATA") else part
            for part in wheel_parts()
        ]
    )


def metadata_is(content: bytes) -> bytes:
    """A wheel with this METADATA."""
    return zip_of(recorded({**wheel_members(), f"{INFO}/METADATA": content}))


FLAWED = {
    "another format": ("not-a-zip", b"\x1f\x8b\x08 this is a gzip"),
    "a changed stored byte": ("zip-crc", added(replace(STORED, packed=TEXT.upper()))),
    "a CRC that is wrong twice": ("zip-crc", added(both(crc=7))),
    "more bytes than stated": ("zip-size", added(both(size=5))),
    "fewer bytes than stated": ("zip-size", added(both(size=99))),
    "fewer stored bytes than stated": ("zip-size", added(replace(STORED, central={"size": 99}, local={"size": 99}))),
    "bytes after the deflate stream": ("zip-size", added(replace(PART, packed=PART.raw + b"more"))),
    "much after the deflate stream": ("zip-size", added(replace(PART, packed=PART.raw + b"m" * 600_000))),
    "half a deflate stream": ("zip-size", added(replace(PART, content=b"", packed=PART.raw[:1]))),
    "no deflate stream": ("zip-malformed", added(replace(PART, packed=b"\xff\xff\xff\xff"))),
    "a folder with contents": ("zip-malformed", added(Part(name=b"demo/data/", content=TEXT))),
    "a name in code page 437": ("zip-name-characters", added(Part(name="demo/ä.txt".encode("cp437")))),
    "a UTF-8 name without its mark": ("zip-name-characters", added(Part(name="demo/ä.txt".encode()))),
    "a name that is no UTF-8": ("zip-name-characters", added(Part(name=b"demo/\xff", flags=1 << 11))),
    "a member on another disk": ("zip-malformed", added(replace(PART, central={"disk": 1}))),
    "an end record of another disk": ("zip-malformed", ended(disk=1)),
    "a count that is too high": ("zip-malformed", ended(here=5, count=5)),
    "a count that is too low": ("zip-malformed", ended(here=3, count=3)),
    "a directory that is too long": ("zip-malformed", ended(size=1 << 20)),
    "bytes behind the directory": ("zip-malformed", ended(size=64)),
    "an entry that reaches out": ("zip-malformed", raw_zip([*wheel_parts(), PART], end={"start": 0})),
    "damaged extra fields": ("zip-malformed", added(extra(b"\x01\x00\x09\x00x"))),
    "two zip64 extra fields": ("zip-duplicate-extra", added(extra(zip64_extra(1) * 2))),
    "a short zip64 extra field": ("zip64-mismatch", added(extra(zip64_extra(31), size=FULL, packed=FULL))),
    "a second name that differs": ("zip-unicode-path", added(extra(second_name(b"demo/other")))),
    "a second name of another first": ("zip-unicode-path", added(extra(second_name(NAME, 7)))),
    "a zip64 locator that points elsewhere": ("zip64-mismatch", ended({"position": 3})),
    "a zip64 end record with more in it": ("zip64-mismatch", ended({"length": 99})),
    "end records that differ": ("zip64-mismatch", ended({"count": 9})),
    "a name twice": ("zip-duplicate-member", added(PART, replace(PART, content=b"other"))),
    "a path in two spellings": ("zip-duplicate-member", added(PART, replace(PART, name=NAME.replace(b"/", b"//")))),
    "a file and a folder of one name": ("zip-duplicate-member", added(PART, Part(name=NAME + b"/"))),
    "another local name": ("zip-local-mismatch", added(replace(PART, local={"name": b"demo/atad.bin"}))),
    "another local size": ("zip-local-mismatch", added(replace(PART, local={"size": 3}))),
    "another local method": ("zip-local-mismatch", added(replace(PART, local={"method": 0}))),
    "no local header": ("zip-local-mismatch", raw_wheel([*wheel_parts(), replace(PART, local={"signature": b"PK!!"})])),
    "a descriptor with another CRC": ("zip-local-mismatch", added(streamed(descriptor(crc=7)))),
    "no descriptor": ("zip-local-mismatch", added(streamed(b""))),
    "a wrong size beside a descriptor": ("zip-local-mismatch", added(streamed(descriptor(), packed=3))),
    "an encrypted member": ("zip-encrypted", added(replace(PART, flags=1))),
    "a method that is not inflate": ("zip-compression", added(replace(PART, method=12))),
    "an absolute name": ("zip-unsafe-path", named("/etc/passwd")),
    "a name that climbs": ("zip-unsafe-path", named("demo/../../evil.py")),
    "a drive letter": ("zip-unsafe-path", named("C:evil.py")),
    "a backslash": ("zip-unsafe-path", added(Part(name=b"demo\\evil.py"))),
    "a control character": ("zip-name-characters", added(Part(name=b"demo/evil\x00.py"))),
    "a folder spelled as a file": ("zip-unsafe-path", named("demo/x/.")),
    "no name": ("zip-unsafe-path", added(Part(name=b""))),
    "too many folders": ("zip-unsafe-path", named("a/" * 200 + "b")),
    "bytes after the end": ("zip-trailing-data", wheel()[1] + b"more"),
    "a first member in no directory": ("zip-leading-data", first_unnamed(PART, wheel_parts())),
    "another zip in front": ("zip-leading-data", zip_of({}) + wheel()[1]),
    "members that share bytes": ("zip-overlap", added(replace(PART, local={"packed": 999}, central={"packed": 999}))),
    "bytes between two members": ("zip-hidden-data", added(replace(PART, after=b"hidden"))),
    "a bomb": ("compression-ratio", added(replace(PART, content=bytes(70 << 20)))),
    "a count beyond bounds": ("too-many-members", ended({"count": 200_001}, here=65535, count=65535)),
    "another project's dist-info": ("dist-info-ambiguous", named("other-2.0.dist-info/METADATA")),
    "a dist-info of no name": ("dist-info-ambiguous", named("evil.dist-info/METADATA")),
    "a dist-info of no version": ("dist-info-ambiguous", named("demo-one.dist-info/METADATA")),
    "no METADATA": ("metadata-missing", named(drop=f"{INFO}/METADATA")),
    "no dist-info": ("metadata-missing", zip_of({"demo/__init__.py": b""})),
    "no members": ("metadata-missing", zip_of({})),
    "METADATA as a folder": ("metadata-not-a-file", named(f"{INFO}/METADATA/", drop=f"{INFO}/METADATA")),
    "9 MiB of METADATA": ("metadata-too-large", metadata_is(bytes(9 << 20))),
}

SOUND = {
    "a deflated member": added(PART),
    "a stored member": added(STORED),
    "a stored member full of zeros": added(Part(name=NAME, content=bytes(4096), method=0)),
    "an empty folder": added(Part(name=b"demo/data/", method=0)),
    "a UTF-8 name": added(Part(name="demo/ä.txt".encode(), flags=1 << 11)),
    "an extra field": added(extra(b"UT\x05\x00\x03abcd")),
    "a second name that is the same": added(extra(second_name(NAME))),
    "a zip64 extra field": added(
        replace(
            PART,
            local={"size": FULL, "packed": FULL},
            extra=zip64_extra(len(TEXT), len(PART.raw)),
            central={"size": FULL, "packed": FULL},
            central_extra=zip64_extra(len(TEXT), len(PART.raw)),
        )
    ),
    "a zip64 end record": ended({}),
    "a zip64 end record that counts": ended({}, here=65535, count=65535, size=FULL, start=FULL),
    "a stub of 60 MiB zeros": added(replace(PART, content=bytes(60 << 20))),
    "a vendored dist-info": named("demo/_vendor/other-2.0.dist-info/METADATA"),
    "a dist-info spelled by an older tool": zip_of(
        recorded({name.replace(INFO, "Demo-1.0.0.dist-info"): content for name, content in wheel_members().items()})
    ),
    "7 MiB of METADATA": metadata_is(core_metadata() + bytes(7 << 20)),
}


WARNED = {
    "a comment after the end": ("zip-comment", raw_zip(wheel_parts(), comment=b"made with love")),
    "a comment on a member": ("zip-comment", added(replace(PART, comment=b"made with love"))),
    "a descriptor": ("zip-data-descriptor", added(streamed(descriptor()))),
    "a descriptor without signature": ("zip-data-descriptor", added(streamed(descriptor(signature=b"")))),
    "a descriptor of 64 bits": ("zip-data-descriptor", added(streamed(descriptor(form="<L2Q")))),
}


@pytest.mark.parametrize(("code", "data"), FLAWED.values(), ids=FLAWED.keys())
def test_a_flawed_wheel_is_refused_for_that_flaw_only(code: str, data: bytes) -> None:
    """One thing is wrong, one code says so, and the message says what to do."""
    inspection = judge(WHEEL, data)
    assert refusals(inspection) == [code]
    assert inspection.incomplete is None
    for flaw in inspection.flaws:
        assert flaw.subject is not None and flaw.message.rstrip().endswith((".", "'", ".)"))


@pytest.mark.parametrize("data", SOUND.values(), ids=SOUND.keys())
def test_a_sound_wheel_has_no_flaw(data: bytes) -> None:
    """What stands just inside the rules passes, and METADATA is handed out byte for byte."""
    inspection = judge(WHEEL, data)
    assert inspection.flaws == ()
    assert inspection.incomplete is None
    assert inspection.core is not None and inspection.core.name == "demo"


@pytest.mark.parametrize(("code", "data"), WARNED.values(), ids=WARNED.keys())
def test_a_wheel_that_only_pypi_refuses_is_warned_of(code: str, data: bytes) -> None:
    """What every installer reads in the same way is told and published."""
    inspection = judge(WHEEL, data)
    assert (refusals(inspection), warnings(inspection)) == ([], [code])
    assert inspection.core is not None and inspection.incomplete is None


def test_metadata_that_is_a_link_is_refused_twice() -> None:
    """No member may be a link, and METADATA least of all."""
    assert refusals(judge(WHEEL, metadata_link())) == ["metadata-not-a-file", "zip-link"]


def test_every_flaw_is_told_at_once() -> None:
    """A wrong filename, a bad member and a missing METADATA are three answers to one upload."""
    data = named("../evil.py", drop=f"{INFO}/METADATA")
    assert refusals(judge(WHEEL, data)) == ["metadata-missing", "zip-unsafe-path"]
    assert refusals(judge("demo-1.0 (1).whl", data)) == ["filename-copy", "zip-unsafe-path"]


def test_a_damaged_second_copy_of_a_member_that_record_has_another_hash_of_is_refused() -> None:
    """The hash is that of the intact copy: the damaged one was read for it, which ended the inspection."""
    first, *rest = recorded_parts([STORED, *wheel_parts()])
    sha256, sha512 = (urlsafe_b64encode(hashlib.new(name, TEXT).digest()).rstrip(b"=") for name in ("sha256", "sha512"))
    named = [replace(part, content=part.content.replace(b"sha256=" + sha256, b"sha512=" + sha512)) for part in rest]
    assert judge(WHEEL, raw_zip([first, *named])).flaws == ()
    damaged = judge(WHEEL, raw_zip([first, replace(PART, packed=b"no deflate stream"), *named]))
    assert (refusals(damaged), warnings(damaged)) == (["zip-malformed", "zip-duplicate-member"], [])


def test_a_renamed_wheel_says_what_it_was_built_as() -> None:
    """The METADATA of the only dist-info tells name and version, although it is not the lawful one."""
    name, data = wheel(version="1.1")
    inspection = judge(WHEEL, data)
    assert refusals(inspection) == ["metadata-missing", "metadata-version-mismatch"]
    assert "The filename says 1.0, METADATA says 1.1." in message(inspection, "metadata-version-mismatch")
    assert judge(name, data).flaws == ()


def test_an_ambiguous_wheel_with_two_equal_dist_infos_is_refused() -> None:
    """Two folders that normalise to the same name leave open which METADATA counts."""
    members = wheel_members()
    twice = {name.replace(INFO, "Demo-1.0.dist-info"): content for name, content in members.items()}
    thrice = {name.replace(INFO, "DEMO-1.0.dist-info"): content for name, content in members.items()}
    equal = refusals(judge(WHEEL, zip_of({**members, **twice})))
    assert equal[0] == "dist-info-ambiguous" and "metadata-missing" not in equal
    assert refusals(judge(WHEEL, zip_of({**thrice, **twice})))[:2] == ["dist-info-ambiguous", "metadata-missing"]


def test_a_zip_behind_something_else_is_no_zip() -> None:
    """A self-extracting archive starts with its program, and is refused by its first bytes."""
    assert refusals(judge(WHEEL, b"#!/bin/sh\n" + wheel()[1])) == ["not-a-zip"]


def test_members_are_not_inflated_beyond_what_the_directory_states() -> None:
    """A bomb that states a small size is left as soon as it exceeds it."""
    small = {"size": 5}
    data = added(replace(PART, content=bytes(range(256)) * (280 << 10), local=small, central=small))
    assert refusals(judge(WHEEL, data)) == ["zip-size"]


def test_the_largest_directory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory is read into memory, so its size has a limit of its own."""
    monkeypatch.setattr(zip_directory, "LARGEST_DIRECTORY", 10)
    assert refusals(judge(WHEEL, wheel()[1])) == ["too-many-members"]


def test_many_pages_of_output_are_inflated_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of input that grows far beyond a chunk of output is drained to its end."""
    monkeypatch.setattr(walk, "_CHUNK", 64)
    assert judge(WHEEL, added(replace(PART, content=bytes(50_000)))).flaws == ()
    assert judge(WHEEL, added(replace(PART, content=b"\x00" * 64))).flaws == ()


def test_what_zipfile_writes_is_accepted() -> None:
    """Streamed, stored and zip64 members of the standard library's writer are all fine."""

    class Unseekable:
        def __init__(self) -> None:
            self.data = b""

        def write(self, raw: bytes) -> int:
            self.data += bytes(raw)
            return len(raw)

        def flush(self) -> None:
            """Nothing waits."""

    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, content in wheel_members().items():
            with archive.open(name, "w", force_zip64=name.endswith(".py")) as member:
                member.write(content)
    assert refusals(judge(WHEEL, out.data)) == []


def test_a_wheel_under_an_old_spelling_is_warned_of() -> None:
    """The specification's spelling is told, and nothing refused."""
    name, data = wheel(name="Demo.Tool", filename="Demo.Tool-1.0-py3-none-any.whl")
    inspection = judge(name, data)
    assert [flaw.code for flaw in inspection.flaws] == ["filename-not-normalized"]
    assert refusals(inspection) == []


def test_a_name_spelled_otherwise_is_judged_as_what_it_is_installed_as() -> None:
    """Two members of one path are told as such, also where the data folder is spread."""
    one, other = b"demo-1.0.data/purelib/demo/x", b"demo//x"
    parts = [Part(name=name, content=name) for name in (one, other)]
    assert refusals(judge(WHEEL, added(*parts))) == ["wheel-collision"]
    for name in (b"./demo-1.0.data/purelib/x", b"demo-1.0.dist-info//x", b"./other-1.0.dist-info/METADATA"):
        assert "zip-unsafe-path" in refusals(judge(WHEEL, added(Part(name=name))))
