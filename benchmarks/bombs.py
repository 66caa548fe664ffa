"""How much later an honest upload can be installed while a hundred bombs are being judged.

    python benchmarks/bombs.py [--bombs 100] [--kind NAME] [--work DIR]

A real daemon watches a drop folder. Wheels are published one by one, small ones and some of 5, 20 and 50 MiB, first in
peace, then while so many bombs are renamed into the folder, all at once: the honest ones stand before, among and behind
them. The clock of each stops when its project's page names it; the delay is the difference from one of its size in
peace. Then the rest of the bombs is waited for. The bombs are of all kinds (tests/hostile/bombs.py), or of one. Stops
by itself within a few minutes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.measuring.processes import daemon, eggwatch  # noqa: E402
from tests import archive_factory  # noqa: E402
from tests.hostile.bombs import SDISTS, WHEELS, bombs  # noqa: E402

IN_PEACE = 15
SIZES = (5, 20, 50)
"""MiB of the larger honest wheels."""
POLL = 0.004
"""Seconds between two looks at a page: more looks, by a score of uploads, would take the daemon's CPU time."""
AT_MOST = 1.0
"""Seconds by which a queue full of bombs may delay an honest upload."""


def wait_for(page: Path, name: str, start: float, seconds: float = 120.0) -> float:
    """Seconds from `start` until the page names the archive."""
    while time.perf_counter() - start < seconds:
        with suppress(FileNotFoundError):
            if name.encode() in page.read_bytes():
                return time.perf_counter() - start
        time.sleep(POLL)
    raise SystemExit(f"{name} was not published within {seconds:g} s")


def publish(base: Path, project: str, archive: tuple[str, bytes]) -> float:
    """Seconds from the rename into the drop until the page names the archive."""
    name, data = archive
    (base / name).write_bytes(data)
    start = time.perf_counter()
    os.rename(base / name, base / "drop" / name)
    return wait_for(base / f"public/simple/{project}/index.v1_json", name, start)


def honest(count: int) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Small wheels, every third with half a megabyte of source."""
    filling = b"".join(b"value_%d = %d\n" % (number, number * number) for number in range(25_000))
    for number in range(count):
        files = {"honest/big.py": filling} if number % 3 == 2 else None
        yield f"honest-{number}", archive_factory.wheel(f"honest-{number}", "1.0", files=files)


def large(size: int, name: str) -> tuple[str, tuple[str, bytes]]:
    """A wheel of so many MiB that can't be compressed."""
    return name, archive_factory.wheel(name, "1.0", files={f"{name}/data": random.Random(size).randbytes(size << 20)})


def under_fire(base: Path, count: int, kind: str | None) -> tuple[dict[int, float], float]:
    """The worst latency of honest uploads by size among so many bombs, and the seconds until the last verdict."""
    ammunition = [(base / name, data) for name, data in bombs(count, kind)]
    for path, data in ammunition:
        path.write_bytes(data)
    giants = [(size, large(size, f"large-{size}")) for size in SIZES]
    begin, uploads, step = time.perf_counter(), honest(IN_PEACE), max(1, count // 5)
    with ThreadPoolExecutor(32) as pool:
        under_way = []
        for number, (path, _) in enumerate(ammunition):
            if number % step == step // 2:
                under_way.append((0, pool.submit(publish, base, *next(uploads))))
            os.rename(path, base / "drop" / path.name)
        under_way += [(size, pool.submit(publish, base, *upload)) for size, upload in giants]
        for upload in uploads:
            under_way.append((0, pool.submit(publish, base, *upload)))
            time.sleep(0.2)
        times = [(size, upload.result()) for size, upload in under_way]
    worst = {size: max(seconds for one, seconds in times if one == size) for size in (0, *SIZES)}
    told("under fire", statistics.median(seconds for size, seconds in times if not size), worst)
    left = [path.name for path, _ in ammunition]
    while left and time.perf_counter() - begin < 600:
        left = [name for name in left if not has_verdict(base, name)]
        time.sleep(0.05)
    if left:
        raise SystemExit(f"no verdict within ten minutes: {' '.join(left)}")
    return worst, time.perf_counter() - begin


def told(when: str, median: float, worst: dict[int, float]) -> None:
    """Print latencies: of small wheels, and of each larger one."""
    larger = "   ".join(f"{size} MiB {worst[size] * 1e3:7.1f} ms" for size in SIZES)
    print(f"{when + ':':<12} median {median * 1e3:7.1f} ms   worst {worst[0] * 1e3:7.1f} ms   {larger}", flush=True)


def has_verdict(base: Path, name: str) -> bool:
    """Whether the drop folder says what became of a file."""
    return (base / "drop/receipts" / f"{name}.txt").exists() or (base / "drop/rejected" / name).exists()


def main() -> None:
    """Print both latencies, their difference, and what became of the bombs; 1 if the difference is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bombs", type=int, default=100)
    parser.add_argument("--kind", choices=[build.__name__ for build in (*WHEELS, *SDISTS)], metavar="NAME")
    parser.add_argument("--work", type=Path, help="a folder on the file system that matters; a fresh one is used")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    base = Path(tempfile.mkdtemp(prefix="eggwatch-bombs-", dir=arguments.work))
    try:
        with daemon(eggwatch(base, "run")):
            peace = [publish(base, f"calm-{n}", archive_factory.wheel(f"calm-{n}")) for n in range(IN_PEACE)]
            usual = {0: statistics.median(peace)}
            usual |= {size: publish(base, *large(size, f"calm-large-{size}")) for size in SIZES}
            told("in peace", usual[0], {**usual, 0: max(peace)})
            fire, seconds = under_fire(base, arguments.bombs, arguments.kind)
        refused = Counter(
            path.name.partition("-")[0].rpartition("_")[0] for path in (base / "drop/rejected").glob("*.reason.json")
        )
    finally:
        shutil.rmtree(base)
    print(f"{arguments.bombs} bombs judged in {seconds:.1f} s; refused: {dict(sorted(refused.items()))}")
    delay = max(fire[size] - usual[size] for size in usual)
    print(f"the worst delay of an honest upload is {delay:.2f} s; {AT_MOST:g} s is allowed")
    sys.exit(0 if delay < AT_MOST else 1)


if __name__ == "__main__":
    main()
