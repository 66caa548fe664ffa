"""Inspection in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eggwatch.archives.cpu_limit import cpu_limit
from eggwatch.archives.expected_cpu import A_MEMBER
from eggwatch.errors import EggwatchError
from eggwatch.inspection import inspector, queues, worker
from eggwatch.inspection.inspector import given_up
from eggwatch.inspection.inspectors import MANY, Inspectors
from eggwatch.inspection.queues import BIG, LAST_TRY, SMALL, Lane
from eggwatch.inspection.worker import Job, Result, Worker, read_answer, read_given_up
from tests import archive_factory
from tests.hostile.bombs import sdist_of_requirements
from tests.running import open_files, until


@pytest.fixture
def inspectors() -> Iterator[Inspectors]:
    with Inspectors(fast=1) as inspectors:
        yield inspectors


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    name, data = archive_factory.wheel()
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def job(number: int, path: Path) -> Job:
    return Job(number=number, path=path, filename=path.name, size=path.stat().st_size)


def results(inspectors: Inspectors, count: int) -> dict[int, Result]:
    found: dict[int, Result] = {}

    def came() -> bool:
        found.update({result.number: result for result in inspectors.poll(1.0)})
        return len(found) >= count

    until(f"{count} results", came)
    return found


def workers_of(inspectors: Inspectors) -> list[Worker]:
    return list(inspectors._workers())


def signal_first_job(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Whoever is given job 1 gets these signals before it can answer."""
    give = Worker.give

    def give_and_signal(self: Worker, job: Job, **how: Any) -> bool:
        if job.number == 1:
            os.kill(self.pid, signal.SIGSTOP)
        given = give(self, job, **how)
        if job.number == 1:
            for number in numbers:
                os.kill(self.pid, number)
        return given

    monkeypatch.setattr(Worker, "give", give_and_signal)


def test_a_worker_says_what_the_inspection_found(inspectors: Inspectors, archive: Path) -> None:
    inspectors.submit(job(1, archive))
    inspection = results(inspectors, 1)[1].inspection
    assert inspection is not None and inspection.core is not None
    assert (inspection.flaws, inspection.core.name, inspection.core.version) == ((), "demo", "1.0")


def test_a_worker_holds_no_descriptor_but_its_socket_and_dies_with_its_parent(
    inspectors: Inspectors, archive: Path, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w"):
        inspectors.submit(job(1, archive))
        results(inspectors, 1)
        (worker,) = workers_of(inspectors)
        held = open_files(worker.pid)
    assert held and not any(path.startswith(str(tmp_path / "lock")) for path in held)


def test_a_killed_worker_costs_no_file_if_the_second_try_succeeds(
    inspectors: Inspectors, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspectors.submit(job(1, archive))
    results(inspectors, 1)
    (worker,) = workers_of(inspectors)
    os.kill(worker.pid, signal.SIGKILL)
    inspectors.submit(job(2, archive))
    inspectors.submit(job(3, archive))
    found = results(inspectors, 2)
    assert [found[number].inspection.flaws for number in (2, 3)] == [(), ()]  # type: ignore[union-attr]


def test_of_many_small_archives_a_worker_has_several_in_hand_and_its_death_is_blamed_on_the_first(
    inspectors: Inspectors, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_first_job(monkeypatch)  # so that the worker stops at it
    for number in range(1, 41):
        inspectors.submit(job(number, archive))
    until("its hands are full", lambda: not inspectors.poll(0.01) and len(workers_of(inspectors)[0].jobs) == 40 - MANY)
    monkeypatch.undo()
    os.kill(workers_of(inspectors)[0].pid, signal.SIGKILL)
    until("its death is seen", lambda: inspectors.poll(0.01) or any(turn.died for turn in inspectors._turns.values()))
    assert [number for number, turn in inspectors._turns.items() if turn.died] == [1]
    found = results(inspectors, 40)
    assert all(result.inspection and not result.inspection.flaws for result in found.values())


def test_where_no_other_upload_waits_a_worker_has_several_in_hand_too(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Inspectors(slow=1, first_try=LAST_TRY) as inspectors:
        signal_first_job(monkeypatch)  # so that the worker stops at it
        for number in range(1, 41):
            inspectors.submit(job(number, archive))
        until("its hands are full", lambda: not inspectors.poll(0.01) and len(workers_of(inspectors)[0].jobs) > MANY)
        monkeypatch.undo()
        os.kill(workers_of(inspectors)[0].pid, signal.SIGKILL)
        until("it is blamed", lambda: inspectors.poll(0.01) or any(turn.died for turn in inspectors._turns.values()))
        assert [number for number, turn in inspectors._turns.items() if turn.died] == [1]
        found = results(inspectors, 40)
    assert all(result.inspection and not result.inspection.flaws for result in found.values())


def test_what_a_worker_has_answered_before_it_died_counts_though_nobody_had_read_it(
    inspectors: Inspectors, archive: Path
) -> None:
    inspectors.submit(job(0, archive))
    results(inspectors, 1)
    (worker,) = workers_of(inspectors)
    for number in range(1, 41):
        inspectors.submit(job(number, archive))
    until("its first answer has arrived", lambda: b"\n" in worker.socket.recv(1 << 20, socket.MSG_PEEK))
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    inspectors.submit(job(41, archive))
    assert inspectors._turns[1].died is None
    found = inspectors.poll(1.0)
    assert found[0].number == 1 and found[0].inspection is not None
    assert len(found) + len(results(inspectors, 41 - len(found))) == 41


def test_nobody_is_put_behind_a_bomb(inspectors: Inspectors, archive: Path, silent: Path) -> None:
    """As soon as some first try has not been enough, each worker has one archive in hand."""
    inspectors.submit(replace(job(1, silent), size=0))
    until("it is given up", lambda: (inspectors.poll(0.01) and False) or inspectors._turns[1].tries)
    for number in range(2, 42):
        inspectors.submit(job(number, archive))
    assert [len(worker.jobs) for worker in inspectors._queues[Lane.FAST].workers] == [1]
    assert len(results(inspectors, 41)) == 41


def test_a_job_that_is_killed_twice_by_somebody_else_is_held_and_not_refused(
    inspectors: Inspectors, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_first_job(monkeypatch, signal.SIGKILL)
    inspectors.submit(job(1, archive))
    assert "out of memory" in str(results(inspectors, 1)[1].trouble)


def test_a_signal_without_a_name_ends_an_inspector_and_not_the_daemon(
    inspectors: Inspectors, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_first_job(monkeypatch, signal.SIGRTMIN + 3, signal.SIGCONT)
    inspectors.submit(job(1, archive))
    found = results(inspectors, 1)[1].inspection
    assert found is not None and f"died (signal {signal.SIGRTMIN + 3})" in found.flaws[0].message


def test_a_job_that_takes_too_long_is_begun_again_in_the_slow_lane_and_then_refused(
    inspectors: Inspectors, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "slow_seconds", lambda _: 0.4)
    signal_first_job(monkeypatch)
    inspectors.submit(job(1, archive))
    inspectors.submit(job(2, archive))
    found = results(inspectors, 2)
    assert found[2].inspection is not None and not found[2].inspection.flaws
    assert [flaw.code for flaw in found[1].inspection.flaws] == ["inspection-limit"]  # type: ignore[union-attr]


def lanes_of(inspectors: Inspectors) -> list[Lane]:
    return [lane for lane, queue in inspectors._queues.items() if queue.workers]


def test_first_tries_of_small_middling_and_big_archives_have_workers_of_their_own(
    inspectors: Inspectors, archive: Path
) -> None:
    for number, size in enumerate((SMALL - 1, SMALL, BIG - 1, BIG)):
        inspectors.submit(Job(number=number, path=archive, filename=archive.name, size=size))
    assert lanes_of(inspectors) == [Lane.FAST, Lane.MIDDLE, Lane.BIG]
    assert len(results(inspectors, 4)) == 4
    assert lanes_of(inspectors) == [Lane.FAST, Lane.MIDDLE, Lane.BIG]


@pytest.fixture
def laborious(tmp_path: Path) -> Path:
    """A wheel of thousands of files."""
    name, data = archive_factory.wheel("large", files={f"demo/{number}.py": b"" for number in range(3000)})
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def test_a_job_that_needs_more_than_a_moment_is_begun_again_elsewhere(
    inspectors: Inspectors, laborious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "FIRST_CPU", 0.005)
    monkeypatch.setattr(queues, "CPU_A_MIB", 0.0)
    monkeypatch.setattr(queues, "MORE", 1000)
    inspectors.submit(job(1, laborious))
    assert results(inspectors, 1)[1].inspection.flaws == ()  # type: ignore[union-attr]
    assert lanes_of(inspectors) == [Lane.FAST, Lane.SLOW]
    assert inspectors.busy() == 0


def test_a_first_try_that_is_not_enough_is_remembered_until_nothing_is_left_to_do(
    inspectors: Inspectors, archive: Path, silent: Path
) -> None:
    inspectors.submit(replace(job(1, silent), owner="mallory"))
    results(inspectors, 1)
    assert inspectors._blame == {"mallory": 1}
    inspectors.submit(job(2, archive))
    assert not inspectors._blame


def test_nobody_is_blamed_for_what_the_archive_says_itself(inspectors: Inspectors, laborious: Path) -> None:
    inspectors.submit(replace(job(1, laborious), owner="jane"))
    results(inspectors, 1)
    assert lanes_of(inspectors) == [Lane.FAST, Lane.AGAIN]
    assert not inspectors._blame


def test_a_small_archive_goes_before_large_ones_that_came_before_it(inspectors: Inspectors, archive: Path) -> None:
    for number, size in enumerate((4000, 10, 5000)):
        inspectors.submit(Job(number=number, path=archive, filename=archive.name, size=size))
    assert list(results(inspectors, 3)) == [1, 0, 2]


def test_what_says_that_it_needs_more_than_a_first_try_is_not_begun_there(
    inspectors: Inspectors, laborious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is remembered: the second try is long enough."""
    given: list[tuple[float | None, bool]] = []
    give = Worker.give

    def noted(self: Worker, job: Job, **how: Any) -> bool:
        given.append((how["quick"], how["first"]))
        return give(self, job, **how)

    monkeypatch.setattr(Worker, "give", noted)
    inspectors.submit(job(1, laborious))
    assert results(inspectors, 1)[1].inspection.flaws == ()  # type: ignore[union-attr]
    (first, is_first), (second, is_second) = given
    assert (is_first, is_second) == (True, False)
    assert first is not None and second is not None and first < 0.03 < second
    assert second >= 2 * 3000 * A_MEMBER


def test_an_archive_that_says_that_it_needs_too_much_is_not_even_opened(laborious: Path) -> None:
    def inspect(*_: object, **__: object) -> None:
        raise AssertionError("it was begun")

    request = {"filename": laborious.name, "readme": False, "cpu": 60.0, "quick": 0.01, "first": True}
    with laborious.open("rb") as file:
        needs = read_given_up(inspector._answer_soon(request, file, inspect))
    assert needs is not None and needs > 3000 * A_MEMBER


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """An sdist of four kilobytes that takes half a second, and does not say so."""
    name = "bomb-1.0.tar.gz"
    (tmp_path / name).write_bytes(sdist_of_requirements("bomb"))
    return tmp_path / name


def test_what_says_that_it_needs_little_has_less_than_its_size_would_buy(
    silent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few milliseconds: then it waits behind the others."""
    limits: list[float] = []

    def noted(seconds: float) -> AbstractContextManager[float]:
        limits.append(seconds)
        return cpu_limit(seconds)

    def inspect(*_: object, **__: object) -> None:
        end = time.process_time() + 5.0
        while time.process_time() < end:
            pass

    monkeypatch.setattr(inspector, "cpu_limit", noted)
    monkeypatch.setattr(inspector, "allow_cpu", lambda _: None)  # that of the tests' own process is not bounded
    request = {"filename": silent.name, "readme": False, "cpu": 60.0, "quick": 0.07, "first": True}
    with silent.open("rb") as file:
        needs = read_given_up(inspector._answer_soon(request, file, inspect))
    assert needs is not None
    assert limits == [inspector.SHORTEST_TRY + inspector.DOUBT * needs]
    assert limits[0] < 0.07 / 2


def test_a_worker_that_gives_up_where_it_may_not_holds_the_file() -> None:
    assert read_answer(1, given_up(0.0)).trouble


def test_inspectors_that_cannot_start_refuse_nothing_and_tell_the_operator(
    inspectors: Inspectors, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CODE", "raise SystemExit(3)")
    inspectors.submit(job(1, archive))
    with pytest.raises(EggwatchError, match="exit status 3"):
        for _ in range(20):
            assert not inspectors.poll(1.0)


def test_a_copy_that_can_not_be_opened_is_no_fault_of_a_worker(inspectors: Inspectors, tmp_path: Path) -> None:
    """The disk below the spool has gone: that is the operator's error, and says nothing about any archive."""
    path = tmp_path / "gone-1.0.tar.gz"
    inspectors.submit(Job(number=1, path=path, filename=path.name, size=1))
    with pytest.raises(FileNotFoundError):
        results(inspectors, 1)
    assert inspectors.busy() == 0
