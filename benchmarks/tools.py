"""How soon after an uploader's tool has ended its project's page names the file: by cp, mv, install, rsync, scp.

    python benchmarks/tools.py [--uploads 20] [--work DIR]

A real daemon watches a drop folder; the clock stops when the page names the file. On a quiet machine it takes some
20 ms, and promised is a second. scp and rsync over ssh need root and an sshd; without them they
are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.uploaders.payloads import wheel_of  # noqa: E402
from tests.uploaders.running import Done, IndexDaemon, run_tool, running  # noqa: E402
from tests.uploaders.servers import running_sshd  # noqa: E402

Upload = Callable[[Path, Path], Done]


@contextlib.contextmanager
def tools(base: Path) -> Iterator[dict[str, Upload]]:
    """What this machine has, by its name."""
    found: dict[str, Upload] = {
        tool: lambda source, drop, tool=tool: run_tool(tool, source, drop)
        for tool in ("cp", "mv", "install", "rsync")
        if shutil.which(tool)
    }
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0 and Path("/usr/sbin/sshd").exists():
            sshd = stack.enter_context(running_sshd(base))
            found["scp"] = lambda source, drop: run_tool(*sshd.scp_command(source, f"h:{drop}/"))
            found["rsync over ssh"] = lambda source, drop: run_tool("rsync", "-e", sshd.ssh, source, f"h:{drop}/")
        yield found


def measure(daemon: IndexDaemon, name: str, upload: Upload, uploads: int) -> list[float]:
    """Seconds from the tool's end to the page, sorted."""
    times = []
    for number in range(uploads):
        filename, data = wheel_of(f"{name.replace(' ', '-')}-{number}")
        source = daemon.base / filename
        source.write_bytes(data)
        done = upload(source, daemon.drop)
        times.append(max(0.0, daemon.wait_published(filename, done.at)))
    return sorted(times)


def main() -> None:
    """Print a line for each tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument(
        "--work", type=Path, help="a folder on the file system that matters; a fresh one inside is used"
    )
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="eggwatch-bench-", dir=arguments.work))
    (base / "ssh").mkdir()
    late = 0
    try:
        with running(base / "index") as daemon, tools(base / "ssh") as found:
            for name, upload in found.items():
                times = measure(daemon, name, upload, arguments.uploads)
                late += sum(seconds > 1.0 for seconds in times)
                print(f"{name:>15}: p50 {statistics.median(times) * 1e3:6.1f} ms   worst {times[-1] * 1e3:6.1f} ms")
            daemon.wait_empty()
    finally:
        shutil.rmtree(base)
    print(f"later than a second: {late} uploads")


if __name__ == "__main__":
    main()
