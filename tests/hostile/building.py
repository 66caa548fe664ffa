"""From a description to an archive: the factory's wheel or sdist, changed in as little as the dict says."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any

from tests.archive_factory import core_metadata, sdist_members, wheel_members
from tests.archives.judging import SDIST, WHEEL, ZEROS, Part, pax, raw_zip, recorded_parts, tar_block

INFO = "demo-1.0.dist-info"
TOP = "demo-1.0"

Description = Mapping[str, Any]
"""What is special about an archive; every key may be left out.

`kind` wheel or sdist; `filename`; `version`; `tags` of WHEEL; `fields` lines of the metadata by field name (a text, a
list, or None to drop the field); `body` the description; `members` contents by path, None to drop one; `parts` more
zip members, `records` more tar members, each a dict of what `Part` or `tar_block` take; `pax` an extended header before
them; `mode` a zip member's mode by path; `lines` of RECORD by path, None to drop one; `zip` what `raw_zip` takes;
`closing` what ends the tar; `compression` the gzip's level; `header` its flags and optional fields;
`before`, `after` bytes around the file; `cut` bytes that are missing at its end; `swap`
pairs of bytes to replace in the file.
"""


def build(description: Description) -> tuple[str, bytes]:
    """The filename and the bytes of the archive that is described."""
    kind = description.get("kind", "wheel")
    data = _wheel(description) if kind == "wheel" else _sdist(description)
    for old, new in description.get("swap", ()):
        assert old in data
        data = data.replace(old, new)
    data = bytes(description.get("before", b"") + data + description.get("after", b""))
    data = data[: len(data) - description.get("cut", 0)]
    return str(description.get("filename", WHEEL if kind == "wheel" else SDIST)), data


def twin(description: Description) -> dict[str, Any]:
    """The description of the sound archive beside a hostile one: what `twin` says instead, else nothing special."""
    kept = ("kind",) if "twin" not in description else (key for key in description if key not in ("twin", "code"))
    plain = {key: description[key] for key in kept if key in description}
    return {key: value for key, value in {**plain, **description.get("twin", {})}.items() if value is not ...}


def metadata(description: Description) -> bytes:
    """The factory's metadata with other fields."""
    head, _, body = core_metadata(version=description.get("version", "1.0")).decode().partition("\n\n")
    changed = description.get("fields", {})
    lines = [line for line in head.split("\n") if line.partition(":")[0] not in changed]
    for name, value in changed.items():
        values = [] if value is None else [value] if isinstance(value, str) else value
        lines += [f"{name}: {text}" for text in values]
    text: str = "\n".join(lines) + "\n\n" + description.get("body", body)
    return text.encode("utf-8", "surrogateescape")


def _changed(members: dict[str, bytes], description: Description) -> dict[str, bytes]:
    merged = {**members, **description.get("members", {})}
    return {name: content for name, content in merged.items() if content is not None}


def _wheel(description: Description) -> bytes:
    version = description.get("version", "1.0")
    info = f"demo-{version}.dist-info"
    members = wheel_members(version=version, tags=description.get("tags", "py3-none-any"))
    members[f"{info}/METADATA"] = metadata(description)
    members = _changed(members, description)
    modes = description.get("mode", {})
    parts = [
        Part(
            name=name.encode(),
            content=content,
            flags=0 if name.isascii() else 1 << 11,
            attributes=modes[name] << 16 if name in modes else None,
        )
        for name, content in members.items()
    ]
    parts = [Part(**part) for part in description.get("parts", ())] + parts
    if f"{info}/RECORD" in members:
        parts = _with_lines(recorded_parts(parts), description.get("lines", {}))
    return raw_zip(parts, **description.get("zip", {}))


def _with_lines(parts: list[Part], lines: Mapping[str, str | None]) -> list[Part]:
    """RECORD with other lines for some paths."""
    record = next(part for part in parts if part.name.endswith(b".dist-info/RECORD"))
    kept = [line for line in record.content.decode().splitlines() if line.partition(",")[0] not in lines]
    record.content = "".join(f"{line}\n" for line in [*kept, *filter(None, lines.values())]).encode(
        "utf-8", "surrogateescape"
    )
    return parts


def _sdist(description: Description) -> bytes:
    members = sdist_members()
    members[f"{TOP}/PKG-INFO"] = metadata(description)
    members = _changed(members, description)
    blocks = [tar_block(name, content, kind=b"5" if name.endswith("/") else b"0") for name, content in members.items()]
    if "pax" in description:
        blocks.append(pax(description["pax"]))
    blocks += [tar_block(**record) for record in description.get("records", ())]
    raw = b"".join(blocks) + description.get("closing", ZEROS * 2)
    data = gzip.compress(bytes(raw), description.get("compression", 6), mtime=0)
    flag, optional = description.get("header", (0, b""))
    return data[:3] + bytes([flag]) + data[4:10] + optional + data[10:]


CHECKSUM = 0o12000


def unsigned(block: bytes) -> int:
    """The checksum of a tar header (POSIX, ustar)."""
    return sum(block) - sum(block[148:156]) + 8 * 0x20


def signed(block: bytes) -> int:
    """The checksum as some old tools took it, of signed bytes; tarfile believes both."""
    return unsigned(block) - 256 * sum(byte > 0x7F for byte in block[:148] + block[156:])


def polyglot_part(checksum: Callable[[bytes], int] = unsigned, prefix: bytes = b"") -> dict[str, Any]:
    """A first member, stored, that makes the first 512 bytes of the zip a tar header with a true checksum."""
    # 30 bytes of local header and one of name; the CRC in there depends on the salt, the checksum on both.
    content = bytearray(512 - 31)
    content[124 - 31 : 136 - 31] = b"00000000000\x00"
    content[148 - 31 : 156 - 31] = b"%06o\x00 " % CHECKSUM
    content[156 - 31] = ord("0")
    content[345 - 31 : 345 - 31 + len(prefix)] = prefix
    filler = CHECKSUM - checksum(raw_zip([Part(name=b"a", content=bytes(content), method=0)])[:512]) - 200
    content[210 : 210 + filler // 127 + 1] = b"\x7f" * (filler // 127) + bytes([filler % 127])
    for salt in range(1 << 16):
        content[200:202] = salt.to_bytes(2, "big")
        part: dict[str, Any] = {"name": b"a", "content": bytes(content), "method": 0}
        if checksum(raw_zip([Part(**part)])[:512]) == CHECKSUM:
            return part
    raise AssertionError("no salt fits")
