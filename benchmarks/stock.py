"""What a stock costs: import, backup, a move to another machine, repair, and the start of the daemon over it.

    python benchmarks/stock.py [--files 60000] [--projects-of 10] [--only start] [FOLDER]

Works in FOLDER (made if missing; else a temporary one, gone afterwards) with generated wheels of about a kilobyte.
`--only start` leaves everything away but an index of so many files and the daemon over it. One line a step:
seconds, files a second, and the largest memory of the process (VmHWM of the main process, in MiB).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measuring.processes import daemon, eggwatch, memory_of, run
from tests.archive_factory import wheel_members, zip_of


def generate(folder: Path, numbers: range, in_project: int) -> None:
    """Write tiny wheels, a folder for each project, as the older indexes lay them out."""
    for number in numbers:
        project, version = f"stock-{number // in_project:06}", f"1.{number % in_project}"
        stem = project.replace("-", "_")
        path = folder / project / f"{stem}-{version}-py3-none-any.whl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zip_of(wheel_members(project, version, files={}), zipfile.ZIP_STORED))


def measured(what: str, files: int, base: Path, *arguments: str) -> None:
    """Run a command to its end, and print what it cost; the memory is that of its largest process."""
    cost = run(eggwatch(base, *arguments))
    tell(what, files, cost.seconds, f"{cost.memory:.0f} MiB   {cost.last}")


def tell(what: str, files: int, seconds: float, more: str) -> None:
    """One line of the report."""
    print(f"{what:34} {seconds:8.1f} s {files / seconds:8.0f} files/s   {more}", flush=True)


def measure_start(what: str, files: int, base: Path) -> None:
    """From the start of the daemon in a fresh process to `ready`, and its memory then."""
    begun = time.monotonic()
    with daemon(eggwatch(base, "run")) as pid:
        tell(what, files, time.monotonic() - begun, f"{memory_of(pid):.0f} MiB")


def begin(index: Path) -> None:
    """The folders that make an index: only `run` makes them by itself."""
    for name in ("public", "state"):
        (index / name).mkdir(parents=True, exist_ok=True)


def copy(source: Path, target: Path) -> None:
    """What the administrator does to restore a backup: cp -a."""
    for name in ("public", "state"):
        subprocess.run(["cp", "-a", str(source / name), str(target / name)], check=True)


def drill(base: Path, files: int, in_project: int) -> None:
    """Import, backup twice, restore elsewhere, verify."""
    old, new, stock, kept = base / "old", base / "new", base / "stock", base / "backup"
    new.mkdir()
    begin(old)
    begun = time.monotonic()
    generate(stock, range(files), in_project)
    tell("generate", files, time.monotonic() - begun, "")
    measured("import (copies)", files, old, "import", str(stock))
    measured("import again (all known)", files, old, "import", str(stock))
    measured("backup, the first", files, old, "backup", str(kept))
    measured("backup, the second", files, old, "backup", str(kept))
    begun = time.monotonic()
    copy(kept, new)
    tell("restore: cp -a", files, time.monotonic() - begun, "")
    measure_start("restore: the first start", files, new)
    measured("verify", files, new, "verify")
    measured("repair (nothing to do)", files, new, "repair")
    measure_start("start, a fresh process", files, new)


def only_start(base: Path, files: int, in_project: int) -> None:
    """An index of so many files, and the daemon over it; one that is there from a drill is filled up."""
    index = base / "old"
    begin(index)
    there = sum(1 for _ in (index / "public/files").rglob("*.whl"))
    more = range(there, files)
    generate(base / "more", more, in_project)
    measured("import (moves)", len(more), index, "import", "--move", str(base / "more"))
    for attempt in ("first", "second"):
        measure_start(f"start, a fresh process, {attempt}", files, index)


def main() -> None:
    """Measure, and print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=60_000)
    parser.add_argument("--projects-of", type=int, default=10)
    parser.add_argument("--only", choices=["start"])
    arguments = parser.parse_args()
    base = arguments.folder or Path(tempfile.mkdtemp(prefix="eggwatch-stock-"))
    base.mkdir(parents=True, exist_ok=True)
    try:
        (only_start if arguments.only else drill)(base, arguments.files, arguments.projects_of)
    finally:
        if arguments.folder is None:
            shutil.rmtree(base)


if __name__ == "__main__":
    main()
