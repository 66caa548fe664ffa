"""What a supervisor hears of the daemon, by a real notify socket: sd_notify(3), sd_watchdog_enabled(3)."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import time
import types
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from eggwatch.config.loading import load
from eggwatch.linux import systemd
from eggwatch.linux.systemd import Supervisor
from eggwatch.store.public.spool import CHUNK, copying
from eggwatch.writer.index import opened_index
from tests.archive_factory import sdist
from tests.cli.program import Site, clean_environment
from tests.running import Daemon, until


class Ear:
    """The socket that $NOTIFY_SOCKET names, and all lines that have come."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.lines: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def hear(self) -> list[str]:
        """Every line so far."""
        while True:
            try:
                self.lines += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.lines

    def heard(self, line: str) -> None:
        """Wait for a line that begins so."""
        until(f"{line} among {self.lines}", lambda: any(one.startswith(line) for one in self.hear()))

    def forget(self) -> None:
        """Count from now on."""
        self.hear()
        self.lines.clear()

    def close(self) -> None:
        """Nobody listens any more."""
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """A supervisor's socket in the file system."""
    with closing(Ear(str(tmp_path / "notify"))) as ear:
        yield ear


@pytest.fixture(params=["library", "without"])
def sender(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Messages that systemd-python was given: with it they go through it, without it by our own hand."""
    given: list[str] = []
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "systemd", None)
        monkeypatch.setitem(sys.modules, "systemd.daemon", None)
        return given
    library, module = types.ModuleType("systemd"), types.ModuleType("systemd.daemon")

    def notify(message: str) -> bool:
        given.append(message)
        systemd._send(os.environ["NOTIFY_SOCKET"], message)
        return True

    module.notify = notify  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd", library)
    monkeypatch.setitem(sys.modules, "systemd.daemon", module)
    return given


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of eggwatch.linux.systemd, to be set."""
    now = [1000.0]
    stopped = types.SimpleNamespace(monotonic=lambda: now[0], monotonic_ns=lambda: int(now[0] * 1e9))
    monkeypatch.setattr(systemd, "time", stopped)
    return now


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty index with a configuration."""
    return Site(tmp_path / "index")


def test_a_start_that_gets_on_asks_for_more_time_and_a_running_daemon_pings(
    ear: Ear, sender: list[str], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    supervisor = Supervisor()
    for _ in range(3):
        supervisor.progress()
    assert ear.hear() == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=120000000"]
    clock[0] += 10
    supervisor.progress()
    assert ear.hear()[2:] == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=120000000"]
    supervisor.ready()
    ear.forget()
    for _ in range(160):
        clock[0] += 0.125
        supervisor.progress()
    assert ear.hear() == ["WATCHDOG=1"] * 2
    supervisor.stopping()
    clock[0] += 10
    supervisor.progress()
    assert ear.hear()[2:] == ["STOPPING=1", "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=120000000"]
    assert len(sender) in (0, 7), "all by systemd-python where it can be had"


def test_a_status_is_one_line_sent_when_it_changes_and_at_most_once_a_second(
    ear: Ear, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)
    supervisor = Supervisor()
    for text in ("one", "one", "two"):
        supervisor.status(text)
    clock[0] += 1
    supervisor.status("three\nMAINPID=1")
    clock[0] += 1
    supervisor.status("x" * 5000)
    clock[0] += 1
    supervisor.status("/srv/dr\udcf6p is not there")  # a folder whose name is no UTF-8
    said = ["one", "three MAINPID=1", "x" * 300, "/srv/dr\\xf6p is not there"]
    assert ear.hear() == [f"STATUS={text}" for text in said]


@pytest.mark.parametrize("wrong", ["", "0", "soon", "-5"])
def test_a_watchdog_of_no_time_is_none(wrong: str, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", wrong)
    assert Supervisor().longest_silence is None
    monkeypatch.setenv("WATCHDOG_USEC", "6000000")
    assert Supervisor().longest_silence == 2.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Supervisor().longest_silence is None, "another process is meant"


def test_a_supervisor_that_is_gone_is_no_reason_to_stop(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", ear.address)
    monkeypatch.setitem(sys.modules, "systemd", None)
    supervisor = Supervisor()
    ear.close()
    os.unlink(ear.address)
    supervisor.progress()
    supervisor.ready()
    supervisor.stopping()


def test_the_daemon_says_when_it_is_ready_reloading_and_stopping(site: Site) -> None:
    """Here the address is an abstract one."""
    upload = sdist("demo")
    site.put(upload)
    with closing(Ear(f"@eggwatch-{os.getpid()}")) as ear:
        with site.daemon(env={"NOTIFY_SOCKET": ear.address}) as daemon:
            ear.heard("READY=1")
            assert site.filenames("demo") == [upload[0]], "ready is what was there at start on its page"
            assert "WATCHDOG=1" not in ear.lines
            assert ear.lines[0] == "EXTEND_TIMEOUT_USEC=120000000"
            ear.heard("STATUS=main: 1 published, 0 rejected")
            ear.forget()
            before = time.monotonic()
            daemon.send_signal(signal.SIGHUP)
            ear.heard("READY=1")
            times = [line for line in ear.lines if line.startswith(("RELOADING", "MONOTONIC", "READY"))]
            assert [line.partition("=")[0] for line in times] == ["RELOADING", "MONOTONIC_USEC", "READY"]
            assert before <= int(times[1].partition("=")[2]) / 1e6 <= time.monotonic(), "the moment of the reload"
            ear.forget()
            site.write_config("[index.main]\nnonsense = 1\n")
            daemon.send_signal(signal.SIGHUP)
            ear.heard("READY=1")
            daemon.wait_for("still using the old configuration")
            ear.forget()
        assert ear.hear()[0] == "STOPPING=1"


HANGS = """
import os, sys, time
from eggwatch.cli import main
from eggwatch.pipeline.pipeline import Pipeline

sight = Pipeline.sight

def waits_for_a_disk(pipeline, paths):
    while os.path.exists("the-disk-is-silent"):
        time.sleep(0.01)
    return sight(pipeline, paths)

Pipeline.sight = waits_for_a_disk
sys.argv[1:] = ["run"]
main()
"""


def is_silent(ear: Ear) -> bool:
    """Whether nothing is heard for almost twice as long as the watchdog waits."""
    ear.forget()
    time.sleep(1.0)  # the subject: that nothing comes
    return ear.hear() == []


def test_the_watchdog_is_fed_by_the_loop_and_not_while_the_loop_hangs(site: Site, ear: Ear) -> None:
    silent = site.base / "the-disk-is-silent"
    environment = clean_environment({"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "600000"})
    with ExitStack() as stack:
        daemon = Daemon([sys.executable, "-c", HANGS], cwd=site.base, env=environment)
        stack.push(daemon)
        daemon.launch()  # heard from the start, as by systemd: a socket that nobody reads from takes ten pings
        ear.heard("READY=1")
        begun, before = time.monotonic(), ear.hear().count("WATCHDOG=1")
        until("pings of an idle loop", lambda: ear.hear().count("WATCHDOG=1") >= before + 5)
        assert time.monotonic() - begun > 0.7, "no more often than three times in the watchdog's patience"
        silent.touch()
        site.put(sdist("demo"))
        until("silence", lambda: is_silent(ear))
        silent.unlink()
        ear.heard("WATCHDOG=1")


def test_a_folder_that_the_unit_closes_is_told_with_the_line_that_opens_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only in a service: by hand, a read-only disk is what it is."""
    folder = tmp_path / "incoming wheels" / "100%"
    monkeypatch.setattr(os, "statvfs", lambda _: types.SimpleNamespace(f_flag=os.ST_RDONLY))
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    assert systemd.line_lacking(folder) is None
    monkeypatch.setenv("INVOCATION_ID", "1")
    assert f'ReadWritePaths="{folder}%"' in (systemd.line_lacking(folder) or "")
    assert "ReadWritePaths=/srv/in to" in (systemd.line_lacking(Path("/srv/in")) or "")
    monkeypatch.undo()
    monkeypatch.setenv("INVOCATION_ID", "1")
    assert systemd.line_lacking(folder) is None


def test_nothing_is_said_of_the_unit_where_the_server_of_a_folder_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """stat(2) fails there, as for a folder of sshfs; whoever looks into it reports that."""
    stat = os.stat

    def gone(path: str | Path, **options: object) -> os.stat_result:
        if str(path) == str(tmp_path / "drop"):
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return stat(path, **options)  # type: ignore[arg-type]

    monkeypatch.setenv("INVOCATION_ID", "1")
    monkeypatch.setattr(os, "stat", gone)
    assert systemd.line_lacking(tmp_path / "drop") is None


def test_one_large_upload_is_progress_all_along(tmp_path: Path) -> None:
    """Reading it takes longer than the watchdog waits, on a slow disk."""
    source, target = tmp_path / "large", tmp_path / "copy"
    source.write_bytes(b"x" * (3 * CHUNK + 1))
    with source.open("rb") as reading, target.open("wb") as writing:
        assert len(list(copying(reading.fileno(), writing.fileno()))) == 4


def test_many_uploads_are_progress_one_by_one(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number in range(3):
        site.put(sdist(f"demo{number}"))
    calls: list[int] = []
    with opened_index(load(site.config).indexes["main"]) as index:
        index.pipeline.components.spool.progress = lambda: calls.append(1)
        pipeline = index.pipeline
        pipeline.claim(pipeline.settle(pipeline.sight(None)))
        assert len(calls) >= 3, "each is copied"
        while pipeline.is_inspecting():
            pipeline.inspect(1.0)
        pipeline.admit(pipeline.judge())
        calls.clear()
        pipeline.publish(pipeline.render())
        assert len(calls) == 3, "each page is written"
        pipeline.finish()
