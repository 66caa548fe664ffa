"""How a Python process of ours is started beside this one, ended, and ended with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from eggwatch.linux.process_limits import die_with_parent

_ROOT = str(Path(__file__).resolve().parents[2])
_BEGIN = "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
PLAIN = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}


class Process:
    """Some code of ours in a process of its own, and the socket between us and its standard input.

    It is spawned, never forked, and has no other descriptor but standard output and error, so that after a kill of
    ours it holds no lock. When we die, however that happens, its end of the socket tells it so.
    """

    def __init__(
        self, code: str, *arguments: str, environment: Mapping[str, str] = PLAIN, folder: str | None = "/"
    ) -> None:
        """`code` finds the `arguments` in `sys.argv[1:]`; a `folder` of None is that of this process."""
        self.channel, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-I", "-c", _BEGIN + code, _ROOT, *arguments]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), env=environment, cwd=folder)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def status(self) -> int | None:
        """Its exit status, or the signal that ended it as a negative number; None while it is alive."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to end, and do not wait for that."""
        self._process.terminate()

    def end(self, seconds: float = 0.0) -> int:
        """End it, by force after so many seconds; answers with its status."""
        self.channel.close()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def channel_to_parent(*, niceness: int) -> socket.socket:
    """Our end of the socket, in such a process; it does not outlive its parent from now on, and gives way to others."""
    die_with_parent()
    with suppress(OSError):
        os.nice(niceness)
    return socket.socket(fileno=0)
