"""Wheels with something odd in a line of WHEEL, RECORD, METADATA or entry_points.txt, or in the mode of a script.

`python -m tests.hostile.differential --kind lines` runs pip and uv over them.
"""

from __future__ import annotations

from random import Random

from tests.archive_factory import core_metadata, wheel_members
from tests.archives.judging import Part, raw_zip, recorded_parts
from tests.hostile.building import INFO

SCRIPT = "demo-1.0.data/scripts/tool"
FILES = {
    "METADATA": core_metadata(metadata_extra="Requires-Python: >=3.8\nRequires-Dist: other>=1; extra == 'x'\n"),
    "WHEEL": wheel_members()[f"{INFO}/WHEEL"],
    "entry_points.txt": b"[console_scripts]\nx = demo:main [y]\n",
}
TAILS = (
    b" ",
    b"\t",
    b"\xc2\xa0",
    b"\0",
    b"\x1f",
    b"\xff",
    b"\r",
    b"\x0c",
    b".",
    b",",
    b"%",
    b";",
    b"0",
    b"-1",
    b"\xc2\x85",
)
VALUES = (
    b"",
    b"x",
    b"1",
    b"01.0",
    b"1.00",
    b"TRUE",
    b"===foo",
    b"python",
    b"demo : main",
    b"9" * 25,
    b"demo",
    b"-",
    b"1.0",
)
"""What stands instead of a value."""


def odd_line(source: Random, line: bytes) -> bytes:
    """One line, odd in one way."""
    key, mark, value = line.partition(source.choice((b":", b"=", b",")))
    return source.choice(
        (
            line + source.choice(TAILS),
            source.choice(TAILS) + line,
            key + mark + source.choice(TAILS) + value,
            key + source.choice(TAILS) + mark + value,
            key + mark + b" " + source.choice(VALUES),
            key + mark + source.choice(VALUES) + b"," + value.rpartition(b",")[2],
            line.lower(),
            line.upper(),
            line + b"\n" + line,
            line + b"\n",
            b"\n" + line,
            line + b"\r",
            key + mark + b"\n" + value,
            b"",
        )
    )


def odd_text(source: Random, text: bytes) -> bytes:
    """A text with one odd line."""
    lines = text.split(b"\n")
    at = source.randrange(len(lines))
    lines[at] = odd_line(source, lines[at])
    return b"\n".join(lines)


def mutated(source: Random) -> tuple[str, bytes]:
    """What is odd about it, and a wheel."""
    name = source.choice((*FILES, "RECORD", "mode"))
    files = {**FILES, name: odd_text(source, FILES[name])} if name in FILES else FILES
    mode = source.choice((0o100755, 0o100644, 0o100600, 0o755, 0, 0o100111)) if name == "mode" else 0o100755
    members = {**wheel_members(), **{f"{INFO}/{file}": content for file, content in files.items()}}
    members[f"{INFO}/RECORD"] = members.pop(f"{INFO}/RECORD")
    parts = [Part(name=path.encode(), content=content) for path, content in members.items()]
    parts.insert(0, Part(name=SCRIPT.encode(), content=b"#!python\n", attributes=mode << 16))
    parts = recorded_parts(parts)
    if name == "RECORD":
        parts[-1].content = odd_text(source, parts[-1].content)
    what = f"{mode:o}" if name == "mode" else repr(parts[-1].content if name == "RECORD" else files[name])
    return f"{name} {what}", raw_zip(parts)
