"""Log lines: for a person, as JSON, and with priorities for whoever collects standard error."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from eggwatch.cli import logs
from eggwatch.cli.logs import (
    REPEAT_SECONDS,
    Repeats,
    _JsonLine,
    _OneLine,
    _Plain,
    _Prefixed,
    log_as,
    log_to_stderr,
    priority,
)
from eggwatch.errors import FolderError
from eggwatch.notifiers.journal import NOTICE
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.running import until


def record(level: int, message: str, *arguments: object) -> logging.LogRecord:
    """A line of the log."""
    return logging.LogRecord("eggwatch", level, "file", 1, message, arguments, None)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger, as it was afterwards."""
    logger = logging.getLogger("eggwatch")
    before, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = before
    logger.setLevel(level)


def test_json_lines_have_stage_and_the_fields_of_an_event(tmp_path: Path) -> None:
    """Every line of the daemon's standard error is one object; the event's has the fields of `history --json`."""
    site = Site(tmp_path)
    with site.daemon("--log-format", "json") as daemon:
        site.put(sdist("demo"))
        until("announced", lambda: '"stage": "announce"' in daemon.log)
    lines = [json.loads(line) for line in daemon.log.splitlines() if line.startswith("{")]
    stages = [line["stage"] for line in lines if "stage" in line and "demo" in line["message"]]
    assert stages == ["claim", "inspect", "judge", "admit", "publish", "announce"], "one line a stage"
    (event,) = [line for line in lines if line.get("event")]
    expected = {"event": "admitted", "project": "demo", "version": "1.0", "filename": "demo-1.0.tar.gz", "serial": "1"}
    assert expected.items() <= event.items()
    assert len(event["sha256"]) == 64


def test_a_line_that_repeats_is_counted_and_said_again_with_its_number() -> None:
    repeats, clock = Repeats(), mock.patch.object(logs.time, "monotonic")
    with clock as now:
        now.return_value = 1000.0
        first = [repeats.filter(record(logging.ERROR, "the disk %s", "is full")) for _ in range(3)]
        now.return_value += REPEAT_SECONDS
        again = record(logging.ERROR, "the disk %s", "is full")
        assert (first, repeats.filter(again)) == ([True, False, False], True)
        assert again.getMessage() == "the disk is full (repeated 2 times)"


def test_what_is_no_warning_and_what_tells_of_an_event_is_never_left_out() -> None:
    repeats = Repeats()
    event = record(logging.CRITICAL, "announce demo is damaged")
    vars(event)["EGGWATCH_EVENT"] = "quarantined"
    for line in (record(logging.INFO, "claim"), event):
        assert [repeats.filter(line) for _ in range(2)] == [True, True]


def test_so_many_different_lines_are_all_said() -> None:
    """The memory for repeats is bounded; what does not fit into it is said each time."""
    repeats = Repeats()
    assert all(repeats.filter(record(logging.WARNING, f"number {number}")) for number in range(1000))


def test_priorities_are_those_of_syslog() -> None:
    """An alert on `err` and above meets damage and faults, and no refusal."""
    levels = (logging.DEBUG, logging.INFO, NOTICE, logging.WARNING, logging.ERROR, logging.CRITICAL)
    assert [priority(level) for level in levels] == [7, 6, 5, 4, 3, 2]


def test_without_a_journal_library_each_line_begins_with_its_priority() -> None:
    """As sd-daemon(3) has it, a traceback's lines too."""
    try:
        raise ValueError("oops")
    except ValueError:
        line = logging.LogRecord("eggwatch", logging.ERROR, "file", 1, "held", (), sys.exc_info())
    text = _Prefixed().format(line)
    assert text.startswith("<3>held\n<3>    Traceback")
    assert all(part.startswith("<3>") for part in text.split("\n"))


def test_auto_is_text_where_standard_error_is_no_journal(logger: logging.Logger) -> None:
    stream = io.StringIO()
    with mock.patch.object(sys, "stderr", stream):
        log_as("auto", verbose=False)
        logger.info("ready")
    assert stream.getvalue().endswith(" ready\n")


def test_errors_of_the_system_are_told_in_words(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Where and why, without the number."""
    log_to_stderr()
    logger.error("announce %s: %s", "x", OSError(30, "Read-only file system", "/srv/drop/x"))
    said = capsys.readouterr().err
    assert "announce x: Read-only file system: /srv/drop/x" in said and "Errno" not in said


HOSTILE = [
    "a\n12:00:00 publish  forged",
    "a\r12:00:00 publish  forged",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "a\u202egnp.exe",
    "a\u2066b\u2069",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "a\u200bb\u200d\ufeff\u2060",
    "\udcff\udc80",
    "\ud800",
    "a\x00b\x7f",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("formatter", [_OneLine(), _Prefixed(), _Plain(), _JsonLine()])
def test_no_name_makes_a_line_or_moves_the_cursor(formatter: logging.Formatter, name: str) -> None:
    """Whatever part of the program writes the line, and however the name came into it."""
    error = FolderError(f"{name} is gone", remedy="Look.")
    records = [
        logging.LogRecord("eggwatch", logging.INFO, "file", 1, "announce %s: %s", (name, error), None),
        logging.LogRecord("eggwatch", logging.INFO, "file", 1, f"announce {name}", (), None),
        logging.LogRecord("eggwatch", logging.INFO, "file", 1, "announce %(name)s", ({"name": name},), None),
    ]
    for record in records:
        text = formatter.format(record)
        assert text.isprintable() and text.encode().decode() == text, ascii(text)


@pytest.mark.parametrize("formatter", [_OneLine(), _Prefixed(), _Plain()])
def test_a_traceback_is_set_in_and_says_no_more_than_it_is(formatter: logging.Formatter) -> None:
    """An inspector's, too: what it names is foreign."""
    record = logging.LogRecord("eggwatch", logging.ERROR, "file", 1, "inspect  %s: held", ("x",), None)
    record.traceback = "Traceback\n  File\nValueError: a\x1b[2J\u2028b"
    first, *others = formatter.format(record).split("\n")
    assert first.endswith("inspect  x: held") and len(others) == 4
    assert all(line.isprintable() and "    " in line for line in others)
