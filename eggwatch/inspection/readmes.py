"""READMEs for pages are rendered in a process of their own, which can reach neither files nor network."""

from __future__ import annotations

import hashlib
import json
import os
import select
import sys
import time
import zlib
from importlib import import_module
from importlib.util import find_spec

from eggwatch.archives.metadata.readme import MOST_SECONDS_OF_PAGE, content_type, readme_html
from eggwatch.errors import RendererError, in_words
from eggwatch.inspection.inspector import READMES, shut_in
from eggwatch.linux.process import Process, allow_cpu, channel_to_parent, collect_less_often

CODE = "from eggwatch.inspection.readmes import serve; serve()"
MOST_SECONDS = 30.0
"""For the answer; the rendering itself has `MOST_SECONDS_OF_PAGE` of CPU time, in C a little more."""
LONGEST_ANSWER = 8 << 20
MOST_KEPT = 8 << 20
"""Bytes of rendered READMEs that are kept, compressed: of a thousand or two."""


def can_render() -> bool:
    """Whether there is a renderer; without one READMEs are shown as plain text."""
    return find_spec("readme_renderer") is not None


class Readmes:
    """The renderer; its process is started for the first README that is no plain text.

    A README takes some 15 ms, and a page is rendered again when a project that it can link to has come.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._kept: dict[bytes, bytes] = {}
        """What came out lately, by the digest of what was asked."""
        self._size = 0

    def html(self, text: str, said: str) -> str | None:
        """A description as HTML that is safe in a page; None if it is to be shown as the text that it is.

        RendererError if no process can be started.
        """
        if not text.strip() or content_type(said)[0] == "text/plain" or not can_render():
            return None
        request = json.dumps([text, said]).encode() + b"\n"
        key = hashlib.sha256(request).digest()
        if (packed := self._kept.get(key)) is not None:
            return zlib.decompress(packed).decode("utf-8", "surrogatepass") or None
        if (answer := self._asked(request)) is None:
            return None
        self._keep(key, zlib.compress(answer.encode("utf-8", "surrogatepass"), 1))
        return answer or None

    def _asked(self, request: bytes) -> str | None:
        """What the process answers; None, and it is ended, if it does not."""
        process = self._process = self._process or _started()
        try:
            process.channel.sendall(request)
            answer = _received(process)
        except OSError:
            answer = None
        if answer is None:
            self.close()
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
        self._process = None


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
        ready = select.select([process.channel], [], [], max(0.0, deadline - time.monotonic()))[0]
        if not ready or not (more := process.receive()) or len(data) > LONGEST_ANSWER:
            return None
        data += more
    return str(json.loads(data) or "")


def serve() -> None:
    """The process itself: one README after the other, each a line of JSON."""
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
