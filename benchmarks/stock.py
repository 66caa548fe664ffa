"""What a stock costs: import, backup, a move to another machine, repair, and the start of the daemon over it.

    python benchmarks/stock.py [--files 60000] [--projects-of 10] [--only start] [FOLDER]

Works in FOLDER (made if missing; else a temporary one, gone afterwards) with generated wheels of about a kilobyte.
`--only start` leaves everything away but an index of so many files and the daemon over it. One line a step:
seconds, files a second, and the largest memory of the process (VmHWM of the main process, in MiB).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.archive_factory import wheel_members, zip_of

ROOT = Path(__file__).resolve().parent.parent


def generate(folder: Path, numbers: range, in_project: int) -> None:
    """Write tiny wheels, a folder for each project, as the older indexes lay them out."""
    for number in numbers:
        project, version = f"stock-{number // in_project:06}", f"1.{number % in_project}"
        stem = project.replace("-", "_")
        path = folder / project / f"{stem}-{version}-py3-none-any.whl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zip_of(wheel_members(project, version, files={}), zipfile.ZIP_STORED))


def options(base: Path) -> list[str]:
    """The three folders of an index below `base`."""
    return [f"--{name}={base / name}" for name in ("drop", "public", "state")]


def command(base: Path, *arguments: str) -> list[str]:
    """The command line of a command on the index below `base`."""
    return [sys.executable, "-m", "eggwatch", *options(base), *arguments]


def environment() -> dict[str, str]:
    """Ours, and where this eggwatch lies."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def measured(what: str, files: int, base: Path, *arguments: str) -> None:
    """Run a command to its end, and print what it cost; the memory is that of its largest process."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command(base, *arguments), stdout=said, stderr=said, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        said.seek(0)
        lines = said.read().splitlines()
    if process.returncode:
        raise SystemExit("\n".join([f"{what}: exit status {process.returncode}", *lines[-20:]]))
    tell(what, files, seconds, f"{usage.ru_maxrss / 1024:.0f} MiB   {lines[-1] if lines else ''}")


def tell(what: str, files: int, seconds: float, more: str) -> None:
    """One line of the report."""
    print(f"{what:34} {seconds:8.1f} s {files / seconds:8.0f} files/s   {more}", flush=True)


def memory_of(pid: int) -> float:
    """The largest resident memory that a process has had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {pid} has no VmHWM")


def measure_start(what: str, files: int, base: Path) -> None:
    """From the start of the daemon in a fresh process to `ready`, and its memory then."""
    begun = time.monotonic()
    process = subprocess.Popen(command(base, "run"), stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("ready"):
        if not line:
            raise SystemExit("the daemon ended before it was ready")
    seconds = time.monotonic() - begun
    tell(what, files, seconds, f"{memory_of(process.pid):.0f} MiB")
    process.send_signal(signal.SIGTERM)
    process.communicate()


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
