"""`eggwatch serve`: the pages alone, without a daemon."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.http_asking import ask
from tests.published_tree import publish_sample


def test_the_pages_are_served_until_sigterm(tmp_path: Path) -> None:
    """At the address that it says; a wrong configuration at SIGHUP changes nothing."""
    publish_sample(tmp_path / "public")
    config = tmp_path / "eggwatch.toml"
    index = '[index.{}]\ndrop = "drop"\npublic = "public"\nstate = "state{}"\n'
    config.write_text(index.format("main", ""))
    command = [sys.executable, "-m", "eggwatch", "--config", str(config), "serve", "--listen", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stderr is not None
            ready = process.stderr.readline()
            assert ready.startswith("ready at http://127.0.0.1:")
            url = ready.split()[-1]
            assert ask(url, "/simple/foo-bar/").status == 200
            config.write_text("nonsense")
            process.send_signal(signal.SIGHUP)
            assert "still using the old configuration" in process.stderr.readline()
            assert ask(url, "/simple/foo-bar/").status == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (tmp_path / "state").exists()


def test_no_thread_takes_signals_that_are_waited_for(tmp_path: Path) -> None:
    """A signal that any one thread does not block would end the whole server, not in order, from `ready` on."""
    publish_sample(tmp_path / "public")
    folders = ["--drop", "drop", "--public", "public", "--state", "state"]
    command = [sys.executable, "-m", "eggwatch", *folders, "serve", "--listen", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stderr is not None
            url = process.stderr.readline().split()[-1]
            tasks = Path(f"/proc/{process.pid}/task").glob("*/status")
            statuses = [task.read_text() for task in tasks if task.parent.name != str(process.pid)]
            masks = [int(re.findall(r"^SigBlk:\s*(\w+)", status, re.M)[0], 16) for status in statuses]
            waited_for = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
            assert masks and all(mask >> (number - 1) & 1 for mask in masks for number in waited_for)
            for _ in range(30):
                process.send_signal(signal.SIGHUP)
            assert ask(url, "/simple/").status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_an_address_that_can_not_be_had_is_said(tmp_path: Path) -> None:
    publish_sample(tmp_path / "public")
    folders = ["--drop", "drop", "--public", "public", "--state", "state"]
    command = [sys.executable, "-m", "eggwatch", *folders, "serve", "--listen", "192.0.2.1:80"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "Cannot listen on 192.0.2.1 port 80" in done.stderr
