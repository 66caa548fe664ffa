"""What the tests of this folder share: a verdict on bytes, and raw zip and tar records to break one by one."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from eggwatch.archives.inspecting import inspect
from eggwatch.model.archives import Inspection
from eggwatch.model.verdicts import Level
from tests.archive_factory import recorded, sdist_members, wheel_members

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
ZEROS = bytes(512)


def judge(filename: str, data: bytes) -> Inspection:
    """The inspection of these bytes under this filename."""
    return inspect(io.BytesIO(data), filename)


def refusals(inspection: Inspection) -> list[str]:
    """The codes of all flaws that refuse, each once, in order."""
    return list(dict.fromkeys(flaw.code for flaw in inspection.flaws if flaw.level is Level.REFUSE))


def warnings(inspection: Inspection) -> list[str]:
    """The codes of all flaws that are only told."""
    return [flaw.code for flaw in inspection.flaws if flaw.level is Level.WARN]


def message(inspection: Inspection, code: str) -> str:
    """The message of the first flaw with this code."""
    return next(flaw.message for flaw in inspection.flaws if flaw.code == code)


@lru_cache(maxsize=4)  # both headers of a member ask for it
def _deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(content) + deflate.flush()


@dataclass(kw_only=True)
class Part:
    """One zip member, every field of whose two headers can be made to lie (`local`, `central`)."""

    name: bytes
    content: bytes = b""
    method: int = 8
    flags: int = 0
    packed: bytes | None = None
    extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    descriptor: bytes = b""
    after: bytes = b""
    attributes: int | None = None
    local: Mapping[str, int | bytes] = field(default_factory=dict)
    central: Mapping[str, int | bytes] = field(default_factory=dict)

    @property
    def external(self) -> int:
        """The attributes, else those of a file or folder, as the name says."""
        if self.attributes is not None:
            return self.attributes
        is_script = b".data/scripts/" in self.name.lower()
        return (0o40755 if self.name.endswith(b"/") else 0o100755 if is_script else 0o100644) << 16

    @property
    def raw(self) -> bytes:
        """The packed bytes."""
        if self.packed is not None:
            return self.packed
        return _deflated(self.content) if self.method == 8 else self.content

    def facts(self, lies: Mapping[str, int | bytes]) -> dict[str, int | bytes]:
        """The fields of a header, and what a lie says instead."""
        truth: dict[str, int | bytes] = {
            "signature": b"",
            "name": self.name,
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.content),
            "packed": len(self.raw),
            "size": len(self.content),
            "disk": 0,
        }
        return {**truth, **lies}


def wheel_parts() -> list[Part]:
    """The members of the factory's wheel as parts."""
    return [Part(name=name.encode(), content=content) for name, content in wheel_members().items()]


def recorded_parts(parts: Sequence[Part]) -> list[Part]:
    """These parts, with a RECORD that lists them as they would be without a lie."""
    record = next(part for part in parts if part.name.endswith(b"/RECORD"))
    names = [part.name.decode("utf-8" if part.flags & 1 << 11 else "cp437", "replace") for part in parts]
    members = recorded(dict(zip(names, (part.content for part in parts), strict=True)))
    content = members[record.name.decode()]
    return [replace(part, content=content) if part is record else part for part in parts]


def raw_wheel(parts: Sequence[Part], **options: Any) -> bytes:
    """`raw_zip` of these parts, which RECORD lists."""
    return raw_zip(recorded_parts(parts), **options)


def raw_zip(
    parts: Sequence[Part],
    *,
    before: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
    zip64: Mapping[str, int] | None = None,
) -> bytes:
    """A zip of these parts; `end` and `zip64` change fields of the end records."""
    out = bytearray(before)
    central = bytearray()
    for part in parts:
        offset = len(out)
        out += _local(part)
        central += _central(part, offset)
    facts = {"disk": 0, "here": len(parts), "count": len(parts), "size": len(central), "start": len(out)}
    start = len(out)
    out += central
    if zip64 is not None:
        out += _end64(len(parts), len(central), start, len(out), zip64)
    facts.update(end or {})
    out += struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        facts["disk"],
        0,
        facts["here"],
        facts["count"],
        facts["size"],
        facts["start"],
        len(comment),
    )
    return bytes(out + comment)


def _local(part: Part) -> bytes:
    facts = part.facts(part.local)
    name = facts["name"]
    assert isinstance(name, bytes)
    header = struct.pack(
        "<4s5H3L2H",
        facts["signature"] or b"PK\x03\x04",
        20,
        facts["flags"],
        facts["method"],
        0,
        33,
        facts["crc"],
        facts["packed"],
        facts["size"],
        len(name),
        len(part.extra),
    )
    return header + name + part.extra + part.raw + part.descriptor + part.after


def _central(part: Part, offset: int) -> bytes:
    facts = part.facts(part.central)
    name = facts["name"]
    assert isinstance(name, bytes)
    header = struct.pack(
        "<4s6H3L5H2L",
        facts["signature"] or b"PK\x01\x02",
        3 << 8 | 20,
        20,
        facts["flags"],
        facts["method"],
        0,
        33,
        facts["crc"],
        facts["packed"],
        facts["size"],
        len(name),
        len(part.central_extra),
        len(part.comment),
        facts["disk"],
        0,
        part.external,
        facts.get("offset", offset),
    )
    return header + name + part.central_extra + part.comment


def _end64(count: int, size: int, start: int, position: int, lies: Mapping[str, int]) -> bytes:
    facts = {"length": 44, "count": count, "size": size, "start": start, "position": position, **lies}
    record = struct.pack(
        "<4sQ2H2L4Q",
        b"PK\x06\x06",
        facts["length"],
        45,
        45,
        0,
        0,
        facts["count"],
        facts["count"],
        facts["size"],
        facts["start"],
    )
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, facts["position"], 1)


def tar_block(
    name: str | bytes,
    content: bytes = b"",
    *,
    kind: bytes = b"0",
    target: str = "",
    size: bytes | None = None,
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    mode: int | None = None,
    owner: bytes = b"0000000\x00",
    mtime: bytes = b"00000000000\x00",
) -> bytes:
    """One member: a ustar header with a true checksum, and the padded contents."""
    raw = name if isinstance(name, bytes) else name.encode()
    block = bytearray(512)
    block[: len(raw)] = raw
    permissions = mode if mode is not None else 0o755 if kind == b"5" or raw.endswith(b"/") else 0o644
    block[100:124] = b"%07o\x00%b0000000\x00" % (permissions, owner)
    block[124:136] = b"%011o\x00" % len(content) if size is None else size
    block[136:148] = mtime
    block[156:157] = kind
    block[157 : 157 + len(target)] = target.encode()
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    return seal(block) + content + bytes(-len(content) % 512)


def seal(block: bytearray) -> bytes:
    """The header with its checksum put right."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def pax(records: Mapping[str, str], kind: bytes = b"x") -> bytes:
    """An extended header with these records."""
    return tar_block("pax", b"".join(pax_record(*item) for item in records.items()), kind=kind)


def pax_record(key: str, value: str) -> bytes:
    """`length key=value`, where the length counts itself."""
    rest = f" {key}={value}\n".encode()
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return str(length).encode() + rest


def tar_parts() -> list[bytes]:
    """The members of the factory's sdist as tar records."""
    return [
        tar_block(name, content, kind=b"5" if name.endswith("/") else b"0") for name, content in sdist_members().items()
    ]


def targz(*records: bytes, closing: bytes = ZEROS * 2) -> bytes:
    """A .tar.gz of these records."""
    return gzip.compress(b"".join(records) + closing, 6, mtime=0)
