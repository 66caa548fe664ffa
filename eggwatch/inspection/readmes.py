"""READMEs for pages are rendered in a process of their own, which can reach neither files nor network."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import sys
import time
import zlib
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from eggwatch.errors import RendererError, in_words
from eggwatch.linux.process import Process, allow_cpu, channel_to_parent, collect_less_often, readable

CODE = "from eggwatch.inspection.readmes import serve; serve()"
MOST_SECONDS = 30.0
"""For the answer; the rendering itself has `MOST_SECONDS_OF_PAGE` of CPU time, in C a little more."""
LONGEST_ANSWER = 8 << 20
MOST_KEPT = 8 << 20
"""Bytes of rendered READMEs that are kept, compressed: of a thousand or two."""
_PACKAGE = re.compile(
    r"((?:readme_renderer|nh3|docutils|pygments|comrak|cmarkgfm)-[^-]+?)(?:-py[^-]+)?\.(?:dist|egg)-info", re.IGNORECASE
)


@functools.cache
def renderer_version() -> str | None:
    """The versions of what READMEs are rendered with, each of which may give them other HTML; None without a renderer:
    then they are shown as plain text.

    By the names of their folders: importlib.metadata takes 20 ms to import.
    """
    spec = find_spec("readme_renderer")
    if spec is None or spec.origin is None:
        return None
    with suppress(OSError):  # in an archive, there are no folders
        names = os.listdir(Path(spec.origin).parents[1])
        return " ".join(sorted(match[1].lower() for name in names if (match := _PACKAGE.fullmatch(name))))
    return ""


class Readmes:
    """The renderer; its process is started for the first README that is no plain text.

    A README takes some 15 ms, and a page is rendered again when a project that it can link to has come.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._asked: bytes | None = None
        """The digest of the question that the process is busy with."""
        self._kept: dict[bytes, bytes] = {}
        """What came out lately, by the digest of what was asked."""
        self._size = 0

    def begin(self, text: str, said: str) -> None:
        """Have a description rendered that is soon asked for, beside other work; nothing if the process is busy.

        RendererError if no process can be started.
        """
        if self._asked is None and (request := _question(text, said)) and (key := _digest(request)) not in self._kept:
            self._ask(key, request)

    def html(self, text: str, said: str) -> str | None:
        """A description as HTML that is safe in a page; None if it is to be shown as the text that it is.

        RendererError if no process can be started.
        """
        if (request := _question(text, said)) is None:
            return None
        key = _digest(request)
        if self._asked not in (None, key):
            self._answer()
        if (packed := self._kept.get(key)) is not None:
            return zlib.decompress(packed).decode("utf-8", "surrogatepass") or None
        if self._asked is None:
            self._ask(key, request)
        if (answer := self._answer()) is None:  # it was killed, maybe not by this README
            self._ask(key, request)
            answer = self._answer()
        return answer or None

    def _ask(self, key: bytes, request: bytes) -> None:
        process = self._process = self._process or _started()
        self._asked = key
        with suppress(OSError):  # it has died, and will not answer
            process.channel.sendall(request)

    def _answer(self) -> str | None:
        """What the process answers to what it was asked, which is kept; None, and it is ended, if it does not."""
        key, self._asked = self._asked, None
        try:
            answer = None if self._process is None else _received(self._process)
        except OSError:
            answer = None
        if answer is None or key is None:
            self.close()
        else:
            self._keep(key, zlib.compress(answer.encode("utf-8", "surrogatepass"), 1))
        return answer

    def _keep(self, key: bytes, packed: bytes) -> None:
        self._kept[key] = packed
        self._size += len(packed)
        while self._size > MOST_KEPT:
            self._size -= len(self._kept.pop(next(iter(self._kept))))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
        self._process = self._asked = None


def _question(text: str, said: str) -> bytes | None:
    """What the process is asked; None for what is shown as the text that it is."""
    from eggwatch.archives.metadata.readme import content_type  # with parsers that a daemon never needs

    if not text.strip() or content_type(said)[0] == "text/plain" or renderer_version() is None:
        return None
    return json.dumps([text, said]).encode() + b"\n"


def _digest(request: bytes) -> bytes:
    return hashlib.sha256(request).digest()


def _started() -> Process:
    try:
        return Process(CODE)
    except OSError as error:
        raise RendererError(
            f"No process can be started that renders READMEs: {in_words(error)}.",
            remedy=f"Use an account that may run {sys.executable}.",
        ) from error


def _received(process: Process) -> str | None:
    """Its answer, "" if it could not render it; None if it died or takes too long."""
    deadline, data = time.monotonic() + MOST_SECONDS, bytearray()
    while not data.endswith(b"\n"):
        ready = readable([process.channel], deadline - time.monotonic())
        if not ready or not (more := process.receive()) or len(data) > LONGEST_ANSWER:
            return None
        data += more
    return str(json.loads(data) or "")


def serve() -> None:
    """The process itself: one README after the other, each a line of JSON."""
    from eggwatch.archives.metadata.readme import MOST_SECONDS_OF_PAGE, readme_html
    from eggwatch.inspection.inspector import READMES, shut_in

    with channel_to_parent(niceness=10) as channel:
        for name in READMES:
            import_module(name)
        import_module("mimetypes").init()
        collect_less_often()
        shut_in(readme=True)
        with os.fdopen(os.dup(channel.fileno()), "rb") as requests:  # read(2): the sandbox has no recvfrom(2)
            for line in requests:
                allow_cpu(MOST_SECONDS_OF_PAGE)
                text, said = json.loads(line)
                channel.sendall(json.dumps(readme_html(text, said)).encode() + b"\n")
