"""A short fuzz of the judge: `python -m tests.hostile.fuzz --seconds 20`.

Every hostile and every sound archive of this folder is a seed, and so is each file of the corpus. They are mutated,
zips and tars also inside of their compression, and judged: no exception but a verdict, bounded time, printable and
bounded answers, and what is admitted reads the same for zipfile and tarfile. What breaks a rule is put into the
corpus, and so kept for ever. fuzz_by_coverage.py does the same with atheris.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from eggwatch.archives.filename_rules import filename_flaws
from eggwatch.archives.findings import Findings
from eggwatch.archives.inspecting import inspect
from eggwatch.archives.wheel.entry_points import check_entry_points
from eggwatch.model.archives import Inspection
from eggwatch.model.names import Filename, parse_filename
from tests.archive_factory import core_metadata, recorded, sdist_members, targz_of, wheel_members, zip_of
from tests.archives.judging import SDIST, WHEEL
from tests.hostile import tar_mutations, zip_mutations
from tests.hostile.building import build, twin
from tests.hostile.metadatas import METADATA
from tests.hostile.reading import same_everywhere
from tests.hostile.sdists import SDISTS
from tests.hostile.wheels import WHEELS

NAMES = ("Author-Email", "Requires-Dist", "License-Expression", "Description-Content-Type", "Project-URL", "Keywords")
FIELDS = (
    "Requires-Dist: other[x]>=1; python_version < '3'\nLicense-Expression: MIT\n",
    "Author-Email: Jane (of Doe) <jane@example.org>, joe@example.org\nDescription-Content-Type: text/plain\n",
    "Project-URL: Home, https://example.org/\nProvides-Dist: other (1.0)\nClassifier: Topic :: Internet\n",
)
"""Lines of metadata that have parsers of their own."""
CORPUS = Path(__file__).parent / "corpus"
INSTALLER_ALONE = ("record-", "zip-name-invisible")
"""Codes of warnings of what installer refuses, and pip and uv install."""
LONGEST_SECONDS = 2.0
LARGEST_SEED = 8000
TOKENS = (
    bytes(4),
    bytes(512),
    b"\xff" * 4,
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"../",
    b"\n",
    b",",
    b"-",
)
"""What parsers look for, and what they don't."""
MARK = re.compile(rb"[-.:,;=\n ]")
ODD = (
    b"",
    b" ",
    b"\0",
    b"\xff",
    b"\xc2\x85",
    b".",
    "\u0130".encode(),
    "\u0661".encode(),
    b"9" * 5000,
    b"-",
    b"%s",
    b"'",
)
"""What stands instead of a field."""
RUNS = tuple(bytes([character]) for character in b"([{<\"'.,;:=-+*#/\\ \t\n\r\0aA0")
"""What makes parsers call themselves, or look back, when it stands there a thousand times."""


def judge_wheel(data: bytes) -> None:
    """The walk over a zip."""
    _judge(WHEEL, data)


def judge_sdist(data: bytes) -> None:
    """The inflater in front of the walk over a tar."""
    _judge(SDIST, data)


def judge_tar(data: bytes) -> None:
    """The walk over a tar, inside of a sound gzip."""
    _judge(SDIST, gzip.compress(data, 1))


def judge_metadata(data: bytes) -> None:
    """All fields of the core metadata."""
    _judge(SDIST, targz_of({**sdist_members(), "demo-1.0/PKG-INFO": data}))


def judge_wheel_file(data: bytes) -> None:
    """The lines of WHEEL."""
    _inspected(WHEEL, zip_of(recorded({**wheel_members(), "demo-1.0.dist-info/WHEEL": data})))


def judge_record(data: bytes) -> None:
    """The lines of RECORD."""
    _inspected(WHEEL, zip_of({**wheel_members(), "demo-1.0.dist-info/RECORD": data}))


def judge_entry_points(data: bytes) -> None:
    """The lines of an entry_points.txt."""
    findings = Findings()
    check_entry_points(data, "entry_points.txt", {}, findings)
    for flaw in findings.flaws:
        assert flaw.message.isprintable()


def judge_filename(data: bytes) -> None:
    """A filename, also one that is no UTF-8."""
    filename = parse_filename(data.decode("utf-8", "surrogateescape"))
    for flaw in filename_flaws(filename) if isinstance(filename, Filename) else (filename,):
        assert flaw.subject.isprintable() and flaw.message.isprintable()


def _judge(filename: str, data: bytes) -> None:
    flaws = _inspected(filename, data).flaws
    if not any(flaw.level == "refuse" or flaw.code.startswith(INSTALLER_ALONE) for flaw in flaws):
        same_everywhere(filename, data)


def _inspected(filename: str, data: bytes) -> Inspection:
    inspection = inspect(io.BytesIO(data), filename)
    for flaw in inspection.flaws:
        assert flaw.subject.isprintable() and flaw.message.isprintable()
        assert len(flaw.subject) <= 201 and len(flaw.message) < 2000
    return inspection


TARGETS: dict[str, Callable[[bytes], None]] = {
    "wheel": judge_wheel,
    "sdist": judge_sdist,
    "tar": judge_tar,
    "metadata": judge_metadata,
    "wheelfile": judge_wheel_file,
    "record": judge_record,
    "entries": judge_entry_points,
    "filename": judge_filename,
}


def seeds() -> dict[str, list[bytes]]:
    """What each target starts from."""
    found: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    for description in (*WHEELS, *SDISTS, *METADATA):
        for what in (description, twin(description)):
            filename, data = build(what)
            found["filename"].append(filename.encode("utf-8", "surrogateescape"))
            if len(data) <= LARGEST_SEED:
                found[what.get("kind", "wheel")].append(data)
    found["tar"] = [gzip.decompress(data) for data in found["sdist"] if _inflates(data)]
    found["metadata"] = [core_metadata(metadata_extra=lines) for lines in FIELDS]
    found["metadata"] += [
        core_metadata(metadata_extra=f"{name}: {run.decode() * 1500}\n") for name in NAMES for run in RUNS
    ]
    found["wheelfile"] = [wheel_members()["demo-1.0.dist-info/WHEEL"]]
    found["record"] = [wheel_members()["demo-1.0.dist-info/RECORD"]]
    found["entries"] = [b"[console_scripts]\nx = demo:main [y]\n\n[other]\n  x = y\n"]
    for path in sorted(CORPUS.glob("*.bin")):
        found[path.name.partition("-")[0]].append(path.read_bytes())
    return {name: sorted(set(examples)) for name, examples in found.items()}


def _inflates(data: bytes) -> bool:
    try:
        return len(gzip.decompress(data)) < 1 << 20
    except (OSError, EOFError):
        return False


def mutated(source: random.Random, examples: Sequence[bytes]) -> bytes:
    """One of the examples with bytes changed, cut out, doubled or put in."""
    data = bytearray(source.choice(examples))
    if source.random() < 0.3:
        data = _with_odd_field(source, data)
    for _ in range(source.randint(0, 4)):
        at, length = source.randint(0, len(data)), source.choice((0, 1, 1, 2, 4, 40, 512))
        noise, double = source.randbytes(max(1, length)), bytes(data[at : at + 2 * length])
        run = source.choice(RUNS) * source.choice((100, 1000, 3000))
        piece = source.choice((source.choice(TOKENS), noise, double, run, b""))
        data[at : at + length] = piece
    return bytes(data)


def _with_odd_field(source: random.Random, data: bytearray) -> bytearray:
    """What stands between two of the marks that part fields, taken out or replaced by what no field should be."""
    marks = [match.start() for match in MARK.finditer(data)]
    if not marks:
        return data
    at = source.randrange(len(marks))
    end = marks[at + 1] if at + 1 < len(marks) else len(data)
    return data[: marks[at] + 1] + source.choice(ODD) + data[end:]


def run(target: str, data: bytes) -> None:
    """Judge one input; what breaks a rule is kept before the exception goes on."""
    start = time.process_time()
    try:
        TARGETS[target](data)
        assert time.process_time() - start < LONGEST_SECONDS, "took too long"
    except BaseException:
        (CORPUS / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}.bin").write_bytes(data)
        raise


def fuzz(seconds: float, seed: int) -> int:
    """Mutate and judge for so long; returns how many were judged."""
    source, examples, count = random.Random(seed), seeds(), 0
    for target, whole in examples.items():
        for data in whole:
            run(target, data)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # Odd fields under sound checksums, which changed bytes hardly ever have.
        run("sdist", tar_mutations.mutated(source)[1])
        run("wheel", zip_mutations.mutated(source)[1])
        target = source.choice(tuple(TARGETS))
        run(target, mutated(source, examples[target]))
        count += 3
    return count


def main() -> None:
    """Fuzz for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    print(f"{fuzz(options.seconds, seed)} inputs judged, seed {seed}")


if __name__ == "__main__":
    main()
