"""The fuzz of fuzz.py led by coverage: `pip install atheris; python -m tests.hostile.fuzz_by_coverage 20`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["eggwatch"]):
    from tests.hostile.fuzz import TARGETS, run, seeds

NAMES = tuple(TARGETS)


def judge_one(data: bytes) -> None:
    """The first byte chooses the target."""
    if data:
        run(NAMES[data[0] % len(NAMES)], data[1:])


def main() -> None:
    """Fuzz for as many seconds as the command line says; never returns."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    folder = Path(tempfile.mkdtemp(prefix="eggwatch-fuzz-"))
    for number, name in enumerate(NAMES):
        for place, data in enumerate(seeds()[name]):
            (folder / f"{name}-{place}").write_bytes(bytes([number]) + data)
    # What breaks a rule is put into the corpus by `run`; libFuzzer's own copy goes where its seeds lie.
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-verbosity=0", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder)], judge_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
