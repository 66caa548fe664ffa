"""Processes of ours: what they inherit, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.linux.process import PLAIN, Process
from tests.running import until

TELL = """
import json, os, socket
channel = socket.socket(fileno=0)
open_ = sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))
told = {"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "open": open_}
channel.sendall(json.dumps(told).encode() + b"\\n")
channel.recv(1)
raise SystemExit(7)
"""
STUBBORN = """
import signal, socket
signal.signal(signal.SIGTERM, signal.SIG_IGN)
channel = socket.socket(fileno=0)
channel.sendall(b"here\\n")
while True:
    signal.pause()
"""
LEFT_BEHIND = """
from eggwatch.linux.process import channel_to_parent
with channel_to_parent(niceness=3) as channel:
    channel.sendall(b"here\\n")
    while True:
        channel.recv(1)
"""
UNREAD = """
from eggwatch.linux.process import channel_to_parent
with channel_to_parent(niceness=0) as channel:
    channel.sendall(b"an answer that nobody reads")
    channel.recv(1)
"""
PARENT = f"""
import os, signal
from eggwatch.linux.process import Process
process = Process({LEFT_BEHIND!r})
process.channel.recv(5)
print(process.pid, flush=True)
signal.pause()
"""

GARBAGE = """
import gc, socket
from eggwatch.linux.process import collect_less_often
channel = socket.socket(fileno=0)
gc.collect()
collect_less_often()
looks = []
gc.callbacks.append(lambda phase, _: looks.append(phase))
for objects in (5_000, 6_000):
    for _ in range(objects):
        cycle = []
        cycle.append(cycle)
    channel.sendall(f"{looks.count('stop')} ".encode())
channel.sendall(b"\\n")
"""


def line_of(process: Process) -> bytes:
    """The first line that a process tells."""
    with process.channel.makefile("rb") as file:
        return file.readline()


def test_it_inherits_three_descriptors_and_a_plain_environment(tmp_path: Path) -> None:
    """No descriptor of ours, nor our variables, nor our folder; its arguments are where a program looks for them."""
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        process = Process(TELL, "one", "two words")
        told = json.loads(line_of(process))
    assert process.end(5.0) == 7, "the closed socket told it to end"
    assert (told["arguments"], told["folder"], told["open"]) == (["one", "two words"], "/", [0, 1, 2])
    assert PLAIN.items() <= told["environment"].items() and "HOME" not in told["environment"]


def test_it_can_have_the_folder_and_the_variables_of_its_parent() -> None:
    """For what reads a configuration as its parent does."""
    process = Process(TELL, environment={**os.environ, "MORE": "1"}, folder=None)
    told = json.loads(line_of(process))
    process.end(5.0)
    assert (told["environment"]["MORE"], told["folder"]) == ("1", os.getcwd())


def test_one_that_does_not_end_is_ended_by_force() -> None:
    """After the seconds that it has; its status is the signal."""
    process = Process(STUBBORN)
    assert line_of(process) == b"here\n"
    process.terminate()
    assert (process.status(), process.end(0.2)) == (None, -signal.SIGKILL)
    assert process.status() == -signal.SIGKILL


def test_it_does_not_outlive_a_parent_that_was_killed() -> None:
    """Nobody has to tell it: the kernel does."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert os.getpriority(os.PRIO_PROCESS, pid) >= 3
        parent.kill()
    until("its end", lambda: not Path(f"/proc/{pid}").exists() or ") Z " in Path(f"/proc/{pid}/stat").read_text())


def test_it_ends_quietly_if_its_parent_ended_before_it_read_the_answer(capfd: pytest.CaptureFixture[str]) -> None:
    """The kernel resets the connection then; a traceback in the log looked like a fault."""
    process = Process(UNREAD)
    process.channel.recv(2)
    assert (process.end(5.0), capfd.readouterr().err) == (0, "")


def test_garbage_is_collected_once_in_ten_thousand_objects() -> None:
    """Which is less often than Python does, and not never."""
    process = Process(GARBAGE)
    assert line_of(process).split() == [b"0", b"1"]
    assert process.end(5.0) == 0
