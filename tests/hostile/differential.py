"""Archives with one odd field, shown to the judge and to real pip, uv and installer.

`python -m tests.hostile.differential --seconds 3600` finds new ones, with another seed each time; CI shows those of a
fixed seed for some seconds.

What the judge admits by its default profile, pip and uv have to install, and alike: what they don't is a fault, printed
and kept as a file below --keep. What the judge refuses though both install it alike is listed too; it is no fault where
the rule has another reason (danger, damage, doubt). The same seed gives the same archives.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from eggwatch.archives.inspecting import inspect
from eggwatch.model.names import parse_filename
from eggwatch.model.verdicts import Flaw, Reject
from eggwatch.policy.admission import Upload, judge
from eggwatch.policy.terms import Terms
from tests.archives.judging import SDIST, WHEEL
from tests.hostile import clients, installing, tar_mutations, unpacking, wheel_mutations, zip_mutations

LOT = 40
"""Archives that one process of pip is shown."""


class Outcome(NamedTuple):
    """What became of an archive: the flaws that refuse it, and what pip, uv and installer made of it."""

    label: str
    data: bytes
    refused: tuple[Flaw, ...]
    pip: unpacking.Tree | str
    uv: unpacking.Tree | str
    installer: str = ""

    @property
    def alike(self) -> bool:
        """True if pip and uv both install it, to the same files."""
        return not isinstance(self.pip, str) and self.pip == self.uv

    def __str__(self) -> str:
        theirs = "; ".join(f"{name}: {_short(what)}" for name, what in (("pip", self.pip), ("uv", self.uv)))
        codes = ", ".join(flaw.code for flaw in self.refused) or "admitted"
        return f"{self.label} ({codes}): {theirs if not self.alike else 'pip and uv install it alike'}"


@dataclass(slots=True)
class Report:
    """All outcomes that are of interest."""

    count: int = 0
    faults: list[Outcome] = field(default_factory=list)
    strict: list[Outcome] = field(default_factory=list)

    def take(self, outcome: Outcome) -> None:
        """Count it, and keep it if the judge and the clients disagree."""
        self.count += 1
        if not outcome.refused and not outcome.alike:
            self.faults.append(outcome)
        elif outcome.refused and outcome.alike:
            self.strict.append(outcome)


def _short(what: unpacking.Tree | str) -> str:
    return " ".join(what.split())[-200:] if isinstance(what, str) else f"{len(what)} files"


def refusals(filename: str, data: bytes) -> tuple[Flaw, ...]:
    """The flaws for which an empty index with the default profile refuses the archive."""
    inspection = inspect(io.BytesIO(data), filename)
    upload = Upload(
        filename=parse_filename(filename), sha256="a" * 64, inspection=inspection, holding=None, overdue=True
    )
    verdict = judge(upload, Terms())
    return verdict.flaws if isinstance(verdict, Reject) else ()


def sdists(archives: Mapping[str, bytes], folder: Path) -> Iterator[Outcome]:
    """What becomes of these sdists."""
    for label, (pip, uv) in unpacking.both(archives, folder, SDIST).items():
        yield Outcome(label, archives[label], refusals(SDIST, archives[label]), pip, uv)


def wheels(archives: Mapping[str, bytes], folder: Path) -> Iterator[Outcome]:
    """What becomes of these wheels."""
    paths = {folder / str(number) / WHEEL: label for number, label in enumerate(archives)}
    for path, label in paths.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(archives[label])
    pip, uv, other = installing.by_pip(paths), installing.by_uv(paths), installing.by_installer(paths)
    for path, label in paths.items():
        trees = [
            wrong[path] if path in wrong else dict(installing.installed(path.parent / name, ()))
            for name, wrong in (("pip", pip), ("uv", uv))
        ]
        yield Outcome(label, archives[label], refusals(WHEEL, archives[label]), *trees, other.get(path, ""))


def lines(archives: Mapping[str, bytes], folder: Path) -> Iterator[Outcome]:
    """What becomes of these wheels by the commands pip and uv, which read metadata and dependencies, too."""
    found = clients.outcomes([(WHEEL, data) for data in archives.values()], folder)
    for (label, data), (pip, uv, differ) in zip(archives.items(), found, strict=True):
        of_uv: unpacking.Tree | str = uv or dict.fromkeys(differ)
        yield Outcome(label, data, refusals(WHEEL, data), pip or {}, of_uv)


KINDS: dict[str, tuple[Callable[[Random], tuple[str, bytes]], Callable[..., Iterator[Outcome]]]] = {
    "tar": (tar_mutations.mutated, sdists),
    "zip": (zip_mutations.mutated, wheels),
    "lines": (wheel_mutations.mutated, lines),
}
"""What is made, and who is shown it. Another kind of mutation is one more line."""


def run(seconds: float, seed: int, *, kinds: tuple[str, ...] = tuple(KINDS)) -> Report:
    """Make archives and show them round for so long, at least one lot of each kind."""
    source, report, end = Random(seed), Report(), time.monotonic() + seconds
    seen: set[bytes] = set()
    while not report.count or time.monotonic() < end:
        for kind in kinds:
            mutate, show = KINDS[kind]
            archives = dict(mutate(source) for _ in range(LOT))
            fresh = {label: data for label, data in archives.items() if hashlib.sha256(data).digest() not in seen}
            seen |= {hashlib.sha256(data).digest() for data in fresh.values()}
            with tempfile.TemporaryDirectory() as folder:
                for outcome in show(fresh, Path(folder)):
                    report.take(outcome)
    return report


def main() -> int:
    """Run for as long as the command line says; 1 if there are faults."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--kind", action="append", choices=tuple(KINDS))
    parser.add_argument("--keep", type=Path, help="folder for the archives that are faults")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    report = run(options.seconds, options.seed, kinds=tuple(options.kind or KINDS))
    print(f"{report.count} archives; too strict, if the rule has no other reason: {len(report.strict)}")
    for outcome in report.strict:
        print(f"  {outcome}")
    print(f"admitted, and not installed alike by pip and uv: {len(report.faults)}")
    for outcome in report.faults:
        print(f"  {outcome}{_kept(outcome, options.keep)}")
    return bool(report.faults)


def _kept(outcome: Outcome, folder: Path | None) -> str:
    if folder is None:
        return ""
    path = folder / hashlib.sha256(outcome.data).hexdigest()[:12] / (WHEEL if outcome.data[:2] == b"PK" else SDIST)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(outcome.data)
    return f" → {path}"


if __name__ == "__main__":
    sys.exit(main())
