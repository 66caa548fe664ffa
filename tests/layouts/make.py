"""Makes the fixture of this version's layout: `python -m tests.layouts.make`, once, before a release.

tests/layouts/VERSION.tar.gz then holds PUBLIC and STATE as this version leaves them after an orderly stop.
It is never made again: later versions have to open it as it is.
"""

from __future__ import annotations

import contextlib
import tarfile
import tempfile
from pathlib import Path

from eggwatch import __version__
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork

HERE = Path(__file__).parent
PROJECTS = [f"part{number}" for number in range(12)]
BROKEN = ("demo-3.0.tar.gz", b"no archive at all" * 50)


def live(work: IndexAtWork) -> None:
    """Every kind of event but `quarantined`; the projects are many enough to be rendered in slices."""
    uploads = [sdist("demo", "1.0"), sdist("demo", "2.0"), wheel("demo", "1.0", requires_python=">=3.8"), BROKEN]
    for upload in [*uploads, *(sdist(project) for project in PROJECTS)]:
        work.now += 2
        work.upload(*upload)
    work.order("yank", "demo==1.0", "breaks")
    work.order("yank", "part1")
    work.order("unyank", "part1")
    work.order("remove", "demo==2.0", "gone")
    work.order("remove", "part2")
    work.now += 10_000
    work.upload(*sdist("part2"))


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Nobody's account is in it, and not the lock, which names the process that made it."""
    if member.name == "state/lock":
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def main() -> None:
    """Write the fixture; FileExistsError if it is there."""
    target = HERE / f"{__version__}.tar.gz"
    # A relative path, so that the pages name no folder of the machine on which it was made.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), target.open("xb") as file:
        with IndexAtWork(Path("index")) as work:
            live(work)
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name in ("public", "state"):
                tar.add(Path("index") / name, name, filter=plain)


if __name__ == "__main__":
    main()
