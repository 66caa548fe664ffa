"""The memory of the daemon does not grow with the index (docs/design.rst): at `ready`, and after an upload."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.running import until

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = 1_000, 20_000
MOST = 1.15
"""How many times as much the larger index may cost; 1.0 but for chance."""


def memory_of(pid: int) -> float:
    """The memory of a process that lies in RAM now, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def measured(base: Path, archives: int) -> tuple[float, float]:
    """The memory of a daemon over so many archives, in a fresh process: at `ready`, and after an upload."""
    stock = [sys.executable, "-m", "tests.laws.stocked", str(base), str(archives), "fill"]
    subprocess.run(stock, cwd=ROOT, check=True, timeout=300)
    folders = [f"--{name}={base / name}" for name in ("drop", "public", "state")]
    line = [sys.executable, "-m", "eggwatch", *folders, "run"]
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stderr is not None
            while not (said := daemon.stderr.readline()).startswith("ready"):
                assert said, "the daemon has ended"
            at_ready = memory_of(daemon.pid)
            name, data = wheel("fresh", "1.0")
            (base / "drop" / name).write_bytes(data)
            page = base / "public/simple/fresh/index.v1_json"
            until("it is published", page.exists)
            root = base / "public/simple/index.v1_json"  # rendered by another process, it passes through this one
            until("the root page", lambda: b'"fresh"' in root.read_bytes())
            return at_ready, memory_of(daemon.pid)
        finally:
            daemon.terminate()
            daemon.communicate(timeout=60)


@pytest.mark.parts
@pytest.mark.long
def test_the_daemon_needs_as_much_memory_over_a_large_index_as_over_a_small_one(tmp_path: Path) -> None:
    """At 1 000 and at 20 000 archives."""
    small, large = measured(tmp_path / "small", SMALL), measured(tmp_path / "large", LARGE)
    print(f"at ready {small[0]:.1f} and {large[0]:.1f} MiB, after an upload {small[1]:.1f} and {large[1]:.1f} MiB")
    assert large[0] <= small[0] * MOST
    assert large[1] <= small[1] * MOST + 2.0, "what is more is the root page, with its 2 000 projects"
