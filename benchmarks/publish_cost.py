"""What one upload costs, side by side in an index of 1 000 and of 20 000 archives.

    python benchmarks/publish_cost.py [--uploads 40] [--sizes 1000 20000] [--work DIR]

A real daemon watches a drop folder; an archive is renamed into it, and the clock stops when its project's page
names it. Absolute times are of one machine; what counts is the ratio. Stops by itself within a minute or two.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests import archive_factory  # noqa: E402
from tests.laws.stocked import fill  # noqa: E402

PROJECTS = 7


def started(base: Path) -> subprocess.Popen[str]:
    """A daemon that has said `ready`."""
    folders = [f"--{name}={base / name}" for name in ("drop", "public", "state")]
    command = [sys.executable, "-m", "eggwatch", *folders, "run"]
    daemon = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if line.startswith("ready"):
            return daemon
    raise SystemExit("the daemon did not start")


def publish(base: Path, number: int) -> float:
    """Seconds from the rename into the drop until the page names the archive."""
    project = f"bench-{number % PROJECTS}"
    name, data = archive_factory.wheel(project, f"1.{number}")
    waiting, page = base / name, base / f"public/simple/{project}/index.v1_json"
    waiting.write_bytes(data)
    start = time.perf_counter()
    os.rename(waiting, base / "drop" / name)
    while time.perf_counter() - start < 10:
        if page.exists() and name.encode() in page.read_bytes():
            return time.perf_counter() - start
        time.sleep(0.0002)
    raise SystemExit(f"{name} was not published within 10 s")


def measure(base: Path, archives: int, uploads: int) -> list[float]:
    """Latencies of uploads into an index of so many archives, sorted."""
    fill(base, archives)
    daemon = started(base)
    try:
        for number in range(PROJECTS):
            publish(base, number)
        times = []
        for number in range(PROJECTS, PROJECTS + uploads):
            times.append(publish(base, number))
            time.sleep(0.02)
        return sorted(times)
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.stderr is not None
        daemon.stderr.read()
        daemon.wait(20)


def main() -> None:
    """Print a line for each size, and the ratio of the last to the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000])
    parser.add_argument(
        "--work", type=Path, help="a folder on the file system that matters; a fresh one inside is used"
    )
    arguments = parser.parse_args()
    medians = []
    for size in arguments.sizes:
        base = Path(tempfile.mkdtemp(prefix="eggwatch-bench-", dir=arguments.work))
        try:
            times = measure(base, size, arguments.uploads)
        finally:
            shutil.rmtree(base)
        medians.append(statistics.median(times))
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(f"{size:>7} archives: p50 {medians[-1] * 1e3:6.1f} ms   p99 {p99 * 1e3:6.1f} ms")
    print(f"ratio of the medians, last to first: {medians[-1] / medians[0]:.2f}")


if __name__ == "__main__":
    main()
