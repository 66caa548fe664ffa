"""What is told of an event, in one line and as JSON."""

from __future__ import annotations

import pytest

from eggwatch.model.events import Event, EventKind
from eggwatch.model.news import ANNOUNCED, Notice, headline, of_removal
from eggwatch.model.verdicts import Flaw, Level

AT = "2026-01-02T03:04:05.000000Z"
FLAWS = (
    Flaw(code="a", subject="s", message="m"),
    Flaw(code="b", subject="s", message="m", level=Level.WARN),
    Flaw(code="a", subject="t", message="m"),
)


def event(kind: str, **values: object) -> Event:
    """An event of demo 1.0."""
    return Event(kind=EventKind(kind), at=AT, project="demo", filename="demo-1.0.tar.gz", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (event("admitted", uploader="alice"), "demo-1.0.tar.gz was published, uploaded by alice"),
        (event("rejected", uploader="bob", flaws=FLAWS), "demo-1.0.tar.gz was rejected, uploaded by bob: a"),
        (event("yanked", actor="root", reason="broken"), "demo-1.0.tar.gz was yanked by root: broken"),
        (event("unyanked", actor="root"), "demo-1.0.tar.gz is no longer yanked by root"),
        (event("removed", uploader="bob"), "demo-1.0.tar.gz was removed"),
        (event("quarantined"), "demo-1.0.tar.gz is damaged and was removed from the pages"),
        (Event(kind=EventKind.REMOVED, at=AT, project="demo"), "demo was removed"),
        (Event(kind=EventKind.REMOVED, at=AT), "something was removed"),
    ],
)
def test_a_headline_says_what_has_happened_and_by_whom(happened: Event, expected: str) -> None:
    assert headline(happened) == expected


def test_a_headline_has_no_control_characters() -> None:
    assert "\x1b" not in headline(event("yanked", reason="\x1b[31m"))


def test_every_kind_that_is_told_has_a_headline() -> None:
    assert all(headline(event(kind)) for kind in ANNOUNCED)


def test_a_notice_is_the_event_with_its_key_its_index_and_a_text() -> None:
    notice = Notice(key="main-7-ab", index="main", serial=7, event=event("admitted"), index_url="http://h/simple/")
    data = notice.as_json()
    assert (data["key"], data["serial"], data["index"], data["event"]) == ("main-7-ab", 7, "main", "admitted")
    assert data["text"] == "demo-1.0.tar.gz was published"
    assert data["schema"] == 1


def test_a_removal_says_how_long_the_bytes_can_be_had() -> None:
    """They are kept for a while, or deleted at once; the name may be blocked for good."""
    later = event("removed", bytes_until="2026-01-09T03:04:05.000000Z")
    assert of_removal(later) == "; it can be downloaded until 2026-01-09T03:04:05Z"
    assert (
        of_removal(event("removed", bytes_until=AT, blocked=True))
        == "; the file was deleted at once, and it is blocked"
    )
    assert of_removal(event("removed")) == of_removal(event("yanked", bytes_until=AT)) == ""
