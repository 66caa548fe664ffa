"""A command of the administrator's: one process for each event, which gets it as JSON on its standard input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from eggwatch.errors import in_words
from eggwatch.model.names import shown
from eggwatch.model.news import Notice
from eggwatch.notifiers import NotDelivered
from eggwatch.policy.subscriptions import Program

LONGEST_WORD = 300


class ProgramMessenger:
    """Runs a program, without a shell and with nothing of our environment."""

    def __init__(self, settings: Program) -> None:
        self._settings = settings

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Run it for each event; exit status 0 means that the event was delivered."""
        for notice in notices:
            self._run(notice)

    def _run(self, notice: Notice) -> None:
        program = self._settings.run[0]
        try:
            with tempfile.TemporaryFile() as said:
                status = self._status(notice, said)
                last_line = _last_line(said)
        except OSError as error:
            raise NotDelivered(in_words(error)) from error
        if status != 0:
            what = f"was ended by signal {-status}" if status < 0 else f"exit status {status}"
            raise NotDelivered(f"{program}: {what}{last_line}")

    def _status(self, notice: Notice, said: IO[bytes]) -> int:
        process = subprocess.Popen(
            self._settings.run,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=environment_of(notice),
            cwd="/",
            start_new_session=True,
        )
        try:
            process.communicate(json.dumps(notice.as_json()).encode() + b"\n", timeout=self._settings.timeout)
        except subprocess.TimeoutExpired as error:
            raise NotDelivered(f"{self._settings.run[0]}: not done after {self._settings.timeout:g} s") from error
        finally:
            if process.returncode is None:
                # End it, and what it has started.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return process.returncode


def environment_of(notice: Notice) -> dict[str, str]:
    """The few variables that it gets; nothing in them was chosen by an uploader."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "EGGWATCH_EVENT": notice.event.kind,
        "EGGWATCH_INDEX": notice.index,
        "EGGWATCH_KEY": notice.key,
    }


def _last_line(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - LONGEST_WORD))
    lines = said.read().decode("utf-8", "replace").split("\n")
    words = [line for line in lines if line.strip()]
    return f": {shown(words[-1].strip())}" if words else ""
