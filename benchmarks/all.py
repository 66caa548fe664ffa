"""The whole table of docs/performance.rst, as ratios: each row and what it is held against, in one run, in turn.

    python benchmarks/all.py [--archives 1000] [--sizes 500 3000] [--wheels FOLDER] [--peers VENV] [--work DIR]

The bulk of small archives stands beside the ideal loop, and beside dumb-pypi if VENV has it; real wheels from FOLDER
beside a bare loop that inflates and hashes; single uploads beside the ideal daemon; uploads over HTTP beside pypiserver
and devpi, where VENV has them; what nginx, Apache, Caddy and `eggwatch serve` serve beside these two and
simple-repository-server. `--only` names the parts that are to be run. Absolute times are of one machine: what counts is
the ratio. Quick by default; the figures of the documentation are those of `--archives 10000 --sizes 3000 10000 --stock
100000 --giant 1024 --uploads 200 --rounds 3`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import bulk, folder, latency, rest, serving, site, uploading  # noqa: E402
from benchmarks.measuring.table import HEAD, Row  # noqa: E402

PARTS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Row]]] = {
    "bulk": lambda work, given: bulk.small(work, archives=given.archives, rounds=given.rounds, peers=given.peers),
    "index": lambda work, given: folder.small(work, archives=given.archives, rounds=given.rounds, peers=given.peers),
    "wheels": lambda work, given: bulk.wheels(given.wheels, work, rounds=given.rounds) if given.wheels else iter(()),
    "one": lambda work, given: one_more(work, given),
    "load": lambda work, given: latency.under_load(work, archives=given.sizes[0], count=given.uploads),
    "giant": lambda work, given: latency.giant(work, mebibytes=given.giant, count=given.uploads),
    "http": lambda work, given: uploading.beside_peers(work, count=given.uploads, peers=given.peers),
    "serving": lambda work, given: serving.beside_peers(
        work, projects=given.tree, count=given.requests, rounds=given.rounds, peers=given.peers
    ),
    "idle": lambda work, given: rest.idle(work, ignored=given.ignored, seconds=given.idle),
    "site": lambda work, given: with_site(work, given),
    "start": lambda work, given: rest.start(work, archives=given.stock),
}


def one_more(work: Path, given: argparse.Namespace) -> Iterator[Row]:
    """One more upload at each size, and how much longer it takes at the last than at the first."""
    medians = []
    for archives in given.sizes:
        rows = list(latency.one_more(work, archives=archives, count=given.uploads))
        medians.append(rows[0].ours)
        yield from rows
    what = f"one more at {given.sizes[-1]}: median, at {given.sizes[0]}"
    yield Row(what=what, ours=medians[-1], beside=medians[0], unit="ms", wanted="about 1")


def with_site(work: Path, given: argparse.Namespace) -> Iterator[Row]:
    """What the pages for people cost."""
    for projects in given.projects:
        yield from site.one_more(work, projects=projects, count=given.uploads)
    yield from site.written(work, projects=given.projects[-1])


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archives", type=int, default=1_000, help="small archives in bulk")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 3_000], help="archives where one more comes")
    parser.add_argument("--uploads", type=int, default=50, help="single uploads a row")
    parser.add_argument(
        "--projects", type=int, nargs="+", default=[100, 1_000], help="projects of an index with the site"
    )
    parser.add_argument("--requests", type=int, default=2_000, help="for a page and for a file, to each server")
    parser.add_argument("--tree", type=int, default=100, help="packages that uv resolves")
    parser.add_argument("--stock", type=int, default=10_000, help="archives in the index of the start")
    parser.add_argument("--giant", type=int, default=64, help="MiB of the large wheel")
    parser.add_argument("--ignored", type=int, default=10_000, help="files in the drop folder of the idle daemon")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds for which it is watched")
    parser.add_argument("--rounds", type=int, default=1, help="of bulk, index, and what uv resolves")
    parser.add_argument("--wheels", type=Path, help="a folder of real wheels")
    parser.add_argument("--peers", type=Path, help="an environment with the programs named above")
    parser.add_argument(
        "--work", type=Path, help="a folder on the file system that matters; a fresh one inside is used"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    return parser.parse_args()


def main() -> None:
    """Print each row as it is measured."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = Path(tempfile.mkdtemp(prefix="eggwatch-bench-", dir=given.work))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n{HEAD}", flush=True)
    try:
        for part in given.only:
            for row in PARTS[part](work, given):
                print(row, flush=True)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
