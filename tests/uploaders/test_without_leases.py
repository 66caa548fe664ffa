"""Where leases can't be had: the daemon is another account than the uploaders, and the quiet period takes over."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import Machine
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, moment, run_tool, running
from tests.uploaders.test_overwriting import kept_refusals, sha256
from tests.uploaders.test_unfinished import WRITER

pytestmark = [pytest.mark.parts, pytest.mark.root]

QUIET = 0.6
NOBODY = 65534

StartNobody = Callable[..., IndexDaemon]


@pytest.fixture
def start_nobody(machine: Machine) -> Iterator[StartNobody]:
    """`start_nobody(mode, **settings)`: a daemon of the account nobody over a drop folder of root with that mode."""
    base = Path(tempfile.mkdtemp(prefix="nobody-", dir=machine.base))
    with ExitStack() as stack:

        def start(mode: int, **settings: str) -> IndexDaemon:
            for name in ("public", "state"):
                (base / name).mkdir()
                os.chown(base / name, NOBODY, NOBODY)
            base.chmod(0o755)
            (base / "drop").mkdir()
            (base / "drop").chmod(mode)
            settings = {"quiet": f'"{int(QUIET * 1000)}ms"', "linger": '"100ms"', **settings}
            return stack.enter_context(running(base, prefix=machine.as_account(NOBODY), **settings))

        yield start


def test_an_upload_is_published_when_it_has_been_quiet_and_status_says_why(
    start_nobody: StartNobody, tmp_path: Path
) -> None:
    """No lease, so its last change has to lie `quiet` back; the monitor's fault names leases."""
    daemon = start_nobody(0o777)
    name, data = wheel_of("quiet")
    (tmp_path / name).write_bytes(data)
    done = run_tool("cp", tmp_path / name, daemon.drop)
    daemon.wait_published(name, done.at)
    (event,) = daemon.events_of(name)
    assert moment(event) - done.at > QUIET - 0.1
    assert event["uploader"] == "root"
    daemon.assert_published_once(name, data)
    assert "file leases do not work here" in until("the fault", lambda: daemon.status()["faults"].get("leases"))
    daemon.wait_empty()


def test_a_writer_that_pauses_for_less_than_quiet_is_not_published_before_it_ends(
    start_nobody: StartNobody, tmp_path: Path
) -> None:
    """The quiet period begins again with each piece."""
    daemon = start_nobody(0o777)
    name, data = wheel_of("pieces")
    (tmp_path / name).write_bytes(data)
    run = (sys.executable, "-c", f"import sys, os\nsys.stdout = open(os.devnull, 'w')\n{WRITER}")
    ended = run_tool(*run, tmp_path / name, daemon.drop / name, "8", "0.3").at
    daemon.wait_published(name, ended)
    (event,) = daemon.events_of(name)
    assert moment(event) > ended - 0.3 - 0.1
    daemon.assert_published_once(name, data)
    daemon.wait_empty()


def test_a_writer_that_pauses_for_longer_is_deferred_and_published_when_it_goes_on(
    start_nobody: StartNobody, tmp_path: Path
) -> None:
    """The quiet period ends although the writer is frozen, but the end of the archive is missing."""
    daemon = start_nobody(0o777)
    name, data = wheel_of("frozen")
    with (daemon.drop / name).open("wb", buffering=0) as file:
        file.write(data[:200_000])
        until("it is known as unfinished", lambda: "the end of the file is missing" in daemon.reason_for(name))
        assert daemon.events() == []
        file.write(data[200_000:])
    daemon.wait_published(name, time.time())
    daemon.assert_published_once(name, data)
    daemon.wait_empty()


def test_originals_that_may_not_be_moved_stay_are_told_and_are_not_read_again(
    start_nobody: StartNobody, tmp_path: Path
) -> None:
    """A drop folder that the daemon may only read: answers lie in STATE/answers, and `status` says so."""
    daemon = start_nobody(0o755)
    name, data = wheel_of("stays")
    (tmp_path / name).write_bytes(data)
    done = run_tool("cp", tmp_path / name, daemon.drop)
    daemon.wait_published(name, done.at)
    until("stuck", lambda: daemon.reason_for(name).startswith("stuck"))
    assert (daemon.drop / name).read_bytes() == data
    assert "answers" in daemon.status()["faults"]
    receipt = daemon.state / "answers" / "receipts" / f"{name}.txt"
    assert until("the receipt", lambda: receipt.exists() and receipt.read_text()).startswith(f"{name}: PUBLISHED\n")
    claims = daemon.log.count(f"claim    {name}")
    daemon.stop()
    daemon.start()
    later, data = wheel_of("later")
    (daemon.drop / f".{later}").write_bytes(data)
    (daemon.drop / f".{later}").rename(daemon.drop / later)
    daemon.wait_published(later, time.time())
    assert daemon.log.count(f"claim    {name}") == claims == 1
    assert len(daemon.events_of(name)) == 1


def test_a_refused_upload_of_another_account_goes_to_rejected(start_nobody: StartNobody) -> None:
    """Most accounts may not link a file of another one (protected_hardlinks), so it is moved."""
    daemon = start_nobody(0o777)
    _, data = wheel_of("right")
    (daemon.drop / "wrong-2.0-py3-none-any.whl").write_bytes(data)
    until("the refusal", lambda: daemon.events_of("wrong-2.0-py3-none-any.whl", "rejected"))
    daemon.wait_empty()
    assert (daemon.drop / "rejected" / "wrong-2.0-py3-none-any.whl").read_bytes() == data
    name, data = wheel_of("right")
    (daemon.drop / name).write_bytes(data)
    daemon.wait_published(name, time.time())
    assert not [fault for fault in daemon.status()["faults"] if fault != "leases"]


def test_an_upload_written_into_while_it_leaves_and_overtaken_by_another_is_not_lost(start_nobody: StartNobody) -> None:
    """A process writes to the hidden original while its name is used again: both get a verdict, and soon."""
    daemon = start_nobody(0o777, quiet='"100ms"')
    for number in range(40):
        name, first = wheel_of(f"stranded-{number}", 30_000, seed="first")
        second, third = (wheel_of(f"stranded-{number}", 30_000, seed=seed)[1] for seed in ("second", "third"))
        (daemon.drop / ".third").write_bytes(third)
        with (daemon.drop / name).open("wb", buffering=0) as file:
            file.write(first)
            until("its page", lambda name=name: daemon.events_of(name))
            while (daemon.drop / name).exists():
                pass
            os.pwrite(file.fileno(), second, 0)
            os.rename(daemon.drop / ".third", daemon.drop / name)
            was_in_time = any(path.name.startswith(".eggwatch-") for path in daemon.drop.iterdir())
        if was_in_time:
            break
    else:
        pytest.fail("the hidden original was never met")
    daemon.wait_empty()
    refused = {event["serial"]: event["sha256"] for event in daemon.events_of(name, "rejected")}
    assert sorted(refused.values()) == sorted([sha256(second), sha256(third)]), daemon.log
    assert kept_refusals(daemon, name) == refused
