"""How commands print: lines for people, one JSON object a line for scripts, nothing hostile on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any, TextIO

import click

from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import shown
from eggwatch.model.news import of_removal

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def print_json(data: dict[str, Any]) -> None:
    """One object on one line, with its schema."""
    click.echo(json.dumps({"schema": 1, **data}, ensure_ascii=True))


COLOURS = (
    (
        "red",
        r"\[refuse\]|(?<=: )(?:reject|refused|rejected|not there)\b|^  problem:|^eggwatch:|(?<=: )\d+ findings?\b",
    ),
    ("yellow", r"\[warn\]|\(yanked\)|^not checked\b"),
    ("green", r"(?<=: )(?:admit|published|installable|sound|good|0 findings)\b|^ready\b"),
)
"""What is coloured on a terminal: the words of verdicts."""


def say(text: str) -> None:
    """A line for a person; control characters are shown, not sent."""
    click.echo(_lines(text, in_colour=has_colours(sys.stdout)))


def say_error(text: str) -> None:
    """A line for a person on standard error."""
    click.echo(_lines(text, in_colour=has_colours(sys.stderr)), err=True)


def _lines(text: str, *, in_colour: bool) -> str:
    lines = map(shown, text.split("\n"))
    return "\n".join(map(painted, lines) if in_colour else lines)


def painted(line: str) -> str:
    """A line with its first word of a verdict in colour."""
    found = [(match.start(), match, colour) for colour, words in COLOURS if (match := re.search(words, line))]
    if not found:
        return line
    _, match, colour = min(found, key=lambda one: one[0])
    return f"{line[: match.start()]}{click.style(match[0], fg=colour)}{line[match.end() :]}"


def has_colours(stream: TextIO | None) -> bool:
    """True on a terminal that supports colours, unless NO_COLOR is set; a closed stream is None."""
    return (
        stream is not None and stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


class Ticker:
    """Progress for a person who waits; silent in a pipe."""

    PAUSE = 0.2
    """Seconds between two looks of it."""

    def __init__(self, what: str, *, total: int | None = None) -> None:
        self._what, self._count, self._live = what, 0, sys.stderr.isatty()
        self._total = f" of {total}" if total is not None else ""
        self._next = time.monotonic() + self.PAUSE
        self._shown = 0

    def __call__(self, subject: str) -> None:
        """One step further."""
        self._count += 1
        if self._live and time.monotonic() >= self._next:
            line = f"{self._what}: {self._count}{self._total}"
            self._next, self._shown = time.monotonic() + self.PAUSE, len(line)
            click.echo(f"\r{line}", nl=False, err=True)

    def done(self) -> None:
        """Leave a clean line, with blanks: not every terminal knows how to clear one."""
        if self._shown:
            click.echo(f"\r{' ' * self._shown}\r", nl=False, err=True)
            self._shown = 0


class Bar:
    """How far a long work has come, with the time that is left: on a terminal only, never in a pipe."""

    WIDTH = 30
    SURE_SECONDS, SURE_SHARE = 2.0, 50
    """Nothing is estimated before so many seconds, nor before one part of so many is done."""
    PAUSE = 0.2
    """Seconds between two looks of it."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._live = what, max(total, 1), sys.stderr.isatty()
        self._begun = time.monotonic()
        self._next = self._count = self._done = 0.0

    def step(self, *, done: int | None = None) -> None:
        """One step further; `done` is how much was done by now, where steps come in groups."""
        self._count += 1
        self._done = max(self._count, done or 0)
        if self._live and time.monotonic() >= self._next:
            self._next = time.monotonic() + self.PAUSE
            click.echo(f"\r{self._line()}\x1b[K", nl=False, err=True)

    def _line(self) -> str:
        share = min(self._count / self._total, 1.0)
        full = int(share * self.WIDTH)
        bar = "#" * full + "." * (self.WIDTH - full)
        return f"{self._what} [{bar}] {self._count:.0f} of {self._total}{self._estimate()}"

    def _estimate(self) -> str:
        """Speed and time left, once there is enough to estimate them."""
        seconds = time.monotonic() - self._begun
        if seconds < self.SURE_SECONDS or self._done * self.SURE_SHARE < self._total:
            return f", {seconds:.0f} s so far"
        speed = self._done / seconds
        return f", {speed:.0f}/s, {max(self._total - self._done, 0.0) / speed:.0f} s left"

    def clear(self) -> None:
        """Make room for a line of text."""
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._next = 0.0


def event_line(serial: int | None, event: Event) -> str:
    """One event for a person."""
    who = event.actor or event.uploader or "?"
    line = f"{'' if serial is None else serial:6} {event.at} {event.kind:10} {event.filename or ''} by {who}"
    if event.flaws and event.kind is EventKind.REJECTED:
        return shown(f"{line}: {', '.join(flaw.code for flaw in event.flaws)}")
    return shown((f"{line}: {event.reason}" if event.reason else line) + of_removal(event))
