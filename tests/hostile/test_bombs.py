"""Archives that cost as much as the rules let them are refused, and nobody waits for them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eggwatch.inspection.inspectors import Inspectors
from eggwatch.inspection.worker import Job, Result
from eggwatch.model.verdicts import Flaw
from tests.archive_factory import wheel
from tests.archives.judging import judge, refusals
from tests.cli.program import Site
from tests.hostile.bombs import SDISTS, WHEELS, filename_of, wheel_under_the_cap
from tests.running import until

CODES = {
    "wheel_under_the_cap": "metadata-name-mismatch",
    "wheel_over_the_cap": "compression-ratio",
    "wheel_that_lies": "zip-size",
    "wheel_of_many_members": "metadata-name-mismatch",
    "wheel_of_giant_sizes": "compression-ratio",
    "sdist_under_the_cap": "metadata-name-mismatch",
    "sdist_over_the_cap": "compression-ratio",
    "sdist_of_many_members": "sdist-top-folder",
    "sdist_of_many_streams": "gzip-members",
    "sdist_of_giant_sizes": "tar-unclosed",
    "wheel_of_garbage_scripts": "entry-points-invalid",
    "wheel_of_stray_lines": "record-invalid",
    "sdist_of_deep_folders": "too-many-members",
    "sdist_of_requirements": "requirement-invalid",
}
MINUTES = 10
"""Half of one is enough on a quiet machine, but tests run on busy ones."""

pytestmark = pytest.mark.timeout(MINUTES * 66)

BOMBS = 24
MOST_MEMORY = 400 << 20
"""Bytes that an inspector may ever have taken, whatever it was given."""


@pytest.mark.parametrize("build", (*WHEELS, *SDISTS), ids=lambda build: build.__name__)
def test_a_bomb_is_refused(build: Callable[[str], bytes]) -> None:
    """Each kind by its code, and as no unfinished upload, which would be looked at again."""
    found = judge(filename_of("demo", build), build("demo"))
    assert CODES[build.__name__] in refusals(found)
    assert found.incomplete is None


def test_there_is_a_code_for_every_bomb() -> None:
    """A new kind of bomb is judged above, too."""
    assert {build.__name__ for build in (*WHEELS, *SDISTS)} == CODES.keys()


def put(folder: Path, archive: tuple[str, bytes]) -> Job:
    """A job for an archive, which is written into the folder."""
    name, data = archive
    (folder / name).write_bytes(data)
    return Job(number=len(list(folder.iterdir())), path=folder / name, filename=name, size=len(data))


def judged(inspectors: Inspectors, count: int) -> Iterator[Result]:
    """So many results, as they come."""
    deadline = time.monotonic() + MINUTES * 60
    while count and time.monotonic() < deadline:
        for result in inspectors.poll(1.0):
            count -= 1
            yield result


@pytest.mark.long
def test_whatever_the_archive_its_inspector_takes_bounded_memory(tmp_path: Path) -> None:
    """All kinds after each other, by the kernel's own count; and none needs more time than there is."""
    with Inspectors(fast=1) as inspectors:
        for build in (*WHEELS, *SDISTS):
            inspectors.submit(put(tmp_path, (filename_of("demo" + build.__name__, build), build("demo"))))
        results = list(judged(inspectors, len(CODES)))
        most = [peak_of(worker.pid) for worker in inspectors._workers()]
    assert len(results) == len(CODES)
    assert not any(flaw.code == "inspection-limit" for result in results for flaw in flaws_of(result))
    assert max(most) < MOST_MEMORY


def peak_of(pid: int) -> int:
    """The most bytes of memory that a process has had at once (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def flaws_of(result: Result) -> tuple[Flaw, ...]:
    """What was found; an inspection that failed by our own fault has no place here."""
    assert result.inspection is not None, result.trouble
    return result.inspection.flaws


@pytest.mark.long
def test_an_honest_archive_of_any_size_is_judged_before_the_bombs_that_came_first(tmp_path: Path) -> None:
    """Small, middling and big ones: each is done while most of the bombs are still waiting, whatever they cost."""
    with Inspectors(fast=1) as inspectors:
        for number in range(BOMBS):
            inspectors.submit(put(tmp_path, (filename_of(f"bomb{number}", wheel_under_the_cap), bomb(number))))
        honest = [put(tmp_path, wheel(f"honest{size}", files={"demo/data": noise(size)})) for size in (0, 5, 20, 33)]
        for job in honest:
            inspectors.submit(job)
        order = [result.number for result in judged(inspectors, BOMBS + len(honest))]
    assert len(order) == BOMBS + len(honest)
    assert max(order.index(job.number) for job in honest) < BOMBS // 2 + len(honest)


def bomb(number: int) -> bytes:
    """One that has to be inflated to its end, some hundred milliseconds away."""
    return wheel_under_the_cap(f"bomb{number}")


def noise(size: int) -> bytes:
    """So many MiB that can't be compressed."""
    return random.Random(size).randbytes(size << 20)


@pytest.mark.parts
def test_an_honest_upload_is_published_before_the_bombs_in_the_queue_are_done(tmp_path: Path) -> None:
    """It comes behind all of them, and goes out while most are still being judged."""
    site = Site(tmp_path)
    with site.daemon():
        for number in range(BOMBS):
            site.put((f"bomb{number}-1.0-py3-none-any.whl", wheel_under_the_cap(f"bomb{number}")))
        site.put(wheel("honest"))
        until("all verdicts", lambda: len(site.events()) > BOMBS, seconds=MINUTES * 60)
    order = [event["event"] for event in site.events()]
    assert order.count("rejected") == BOMBS
    assert order.index("admitted") < BOMBS // 2
