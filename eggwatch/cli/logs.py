"""Where log lines go: to a person at a terminal, to a script, or with fields to the journal."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from typing import Any

import click

from eggwatch.errors import EggwatchError, in_words
from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.notifiers.journal import NOTICE
from eggwatch.notifiers.log_index import INDEX

STAGES = frozenset(("sight", "settle", "claim", "inspect", "judge", "admit", "render", "publish", "announce"))
REPEAT_SECONDS = 600.0
"""A line that is the same as one of the last so many seconds is only counted."""
MOST_LINES = 200

log_format_option = click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="Log format: text, JSON lines, or (auto, under systemd) journal fields.",
)


def told(record: logging.LogRecord) -> str:
    """The message. Its words are ours, and what it names is foreign: no name makes a line, or moves the cursor."""
    if not record.args:
        return shown(str(record.msg))
    plain = record.getMessage()
    if plain.isascii() and plain.isprintable():  # then so is each of its arguments, as nearly always
        return plain
    if isinstance(record.args, tuple):
        return str(record.msg) % tuple(_inert(argument) for argument in record.args)
    return str(record.msg) % {key: _inert(argument) for key, argument in record.args.items()}


def _inert(argument: object) -> object:
    if isinstance(argument, int | float):
        return argument
    text = str(argument)
    return shown(" ".join(text.split("\n  ")) if isinstance(argument, EggwatchError) else text)


def _with_traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """The message, and below it what went wrong, set in so that it is taken for nothing else."""
    trace = traceback_of(formatter, record)
    return [told(record), *(f"    {shown(line)}" for line in trace.splitlines())]


def traceback_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback of an exception of this process or of an inspector; empty without one."""
    return formatter.formatException(record.exc_info) if record.exc_info else str(vars(record).get("traceback", ""))


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Time, level where it matters, and the message."""
        level = "" if record.levelno <= NOTICE else f"{record.levelname.lower()}: "
        return f"{self.formatTime(record, '%H:%M:%S')} {level}" + "\n".join(_with_traceback(self, record))


class _Prefixed(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Every line with its priority in front, as journald reads it (sd-daemon(3)), and without the time."""
        text = "\n".join(_with_traceback(self, record))
        return "\n".join(f"<{priority(record.levelno)}>{line}" for line in text.split("\n"))


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The message alone: time and priority are fields of the journal."""
        return "\n".join(_with_traceback(self, record))


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object: at, level, message, stage, and the fields of an event in lower case."""
        data: dict[str, Any] = {
            "at": timestamp(record.created),
            "level": record.levelname.lower(),
            "message": told(record),
            **{name.removeprefix("EGGWATCH_").lower(): value for name, value in fields_of(record).items()},
        }
        if trace := traceback_of(self, record):
            data["traceback"] = trace
        return json.dumps(data, ensure_ascii=True)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a line: those of an event, and the stage that its first word names."""
    fields = {name: value for name, value in vars(record).items() if name.startswith(("EGGWATCH_", "MESSAGE_ID"))}
    text = record.msg if isinstance(record.msg, str) else ""
    stage = re.sub(r"^\[[A-Za-z0-9._-]+\] ", "", text).split(" ", 1)[0]
    return {**fields, "EGGWATCH_STAGE": stage} if stage in STAGES else fields


def priority(level: int) -> int:
    """The priority of syslog for a level of logging."""
    steps = ((logging.DEBUG, 7), (logging.INFO, 6), (NOTICE, 5), (logging.WARNING, 4), (logging.ERROR, 3))
    return next((number for highest, number in steps if level <= highest), 2)


class Named(logging.Filter):
    """Puts the name of its index before a line, where there are several, and among its fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every line is to be written."""
        index = INDEX.get()
        if index is not None and isinstance(record.msg, str):
            vars(record).setdefault("EGGWATCH_INDEX", index)
            if not record.msg.startswith("["):  # it names it already
                vars(record).update(msg=f"[{index}] {record.msg}")
        return True


class InWords(logging.Filter):
    """Write system errors among the arguments of a line without their numbers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every line is to be written."""
        if isinstance(record.args, tuple):
            record.args = tuple(in_words(one) if isinstance(one, OSError) else one for one in record.args)
        return True


class Repeats(logging.Filter):
    """Lets a warning or error through once in ten minutes, and then says how often it came in between."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written. Lines of events are never left out."""
        if record.levelno < logging.WARNING or record.exc_info or "EGGWATCH_EVENT" in vars(record):
            return True
        text, now = record.getMessage(), time.monotonic()
        since, count = self._seen.get(text, (-REPEAT_SECONDS, 0))
        if now - since < REPEAT_SECONDS:
            self._seen[text] = (since, count + 1)
            return False
        if len(self._seen) >= MOST_LINES:
            self._seen = {key: value for key, value in self._seen.items() if now - value[0] < REPEAT_SECONDS}
        if len(self._seen) < MOST_LINES:
            self._seen[text] = (now, 0)
        if count:
            record.msg, record.args = "%s (repeated %d times)", (told(record), count)
        return True


def log_to_stderr(*, quiet: bool = False) -> None:
    """Log lines on standard error, for a person."""
    _set_up(_stream(_OneLine()), verbose=False, quiet=quiet)


def log_as(form: str, *, verbose: bool, quiet: bool = False) -> None:
    """Log lines of a daemon, in one of the forms of `--log-format`."""
    if form == "json":
        handler = _stream(_JsonLine())
    elif form == "auto" and _is_journal():
        handler = _journal() or _stream(_Prefixed())
    else:
        handler = _stream(_OneLine())
    handler.addFilter(Repeats())
    _set_up(handler, verbose=verbose, quiet=quiet)


def _stream(formatter: logging.Formatter) -> logging.Handler:
    # No form of ours names the caller, thread or process, which take as long to find out as a line to write (the
    # logging HOWTO, Optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler


def _set_up(handler: logging.Handler, *, verbose: bool, quiet: bool) -> None:
    logger = logging.getLogger("eggwatch")
    handler.filters[:0] = [InWords(), Named()]  # before repeats are counted, which are an index's own
    logger.handlers[:] = [handler]
    logging.lastResort = handler  # libraries name files, too
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    logging.getLogger("eggwatch.http").setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.addLevelName(NOTICE, "NOTICE")


def _is_journal() -> bool:
    """Whether standard error is the journal's own socket (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _journal() -> logging.Handler | None:
    """systemd-python's handler; None where it is not installed: priorities still arrive, fields do not."""
    try:
        from systemd.journal import JournalHandler, send
    except ImportError:
        return None

    def with_fields(text: str, /, **fields: Any) -> None:
        kept = {name: value for name, value in fields.items() if name.isupper() and name not in ("CODE_ARGS",)}
        send("\n".join(shown(line) for line in text.split("\n")), **kept)

    class Handler(JournalHandler):  # type: ignore[misc]
        """Knows of syslog's notice, and adds the stage."""

        map_priority = staticmethod(priority)

        def emit(self, record: logging.LogRecord) -> None:
            """Hand a line to the journal."""
            vars(record).update(fields_of(record))
            super().emit(record)

    handler: logging.Handler = Handler(sender_function=with_fields, SYSLOG_IDENTIFIER="eggwatch")
    handler.setFormatter(_Plain())
    return handler
