"""Events and their JSON; times."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.model.events import Event, EventKind, seconds_of, timestamp
from eggwatch.model.verdicts import Flaw, Level


def test_times_are_rfc_3339_in_utc_with_microseconds() -> None:
    """The form that docs/contract.rst asks for, and the way back."""
    assert timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert timestamp(1_700_000_000.5) == "2023-11-14T22:13:20.500000Z"
    first = "0001-01-01T00:00:00.000000Z"  # a wrong time, but one that a record of another index may have
    assert timestamp(seconds_of(first)) == first
    assert seconds_of("2023-11-14T22:13:20.500000Z") == 1_700_000_000.5
    assert seconds_of("2023-11-14T23:13:20+01:00") == 1_700_000_000


@given(st.floats(0, 4e9))
def test_times_sort_as_text(seconds: float) -> None:
    """Later moments are greater texts, so that events can be compared without parsing."""
    assert timestamp(seconds) <= timestamp(seconds + 1e-5)
    assert abs(seconds_of(timestamp(seconds)) - seconds) < 2e-6


EVENT = Event(
    kind=EventKind.REJECTED,
    at=timestamp(0),
    project="demo",
    filename="demo-1.0.tar.gz",
    path="t\udcff/demo-1.0.tar.gz",
    uid=1000,
    flaws=(Flaw(code="x", subject="s\x00", message="m", level=Level.WARN), Flaw(code="y", subject="", message="")),
)


def test_an_event_has_every_key_absent_is_null() -> None:
    """docs/contract.rst: the keys are always there."""
    data = EVENT.as_json()
    keys = "at event project version filename sha256 size uploader uid actor reason flaws"
    assert data.keys() >= {*keys.split(), "name", "requires_python", "metadata_sha256"}
    assert data["version"] is None and data["schema"] == 1 and data["event"] == "rejected"
    assert data["flaws"][0] == {"code": "x", "level": "warn", "subject": "s\x00", "message": "m"}


def test_an_event_comes_back_from_its_json() -> None:
    """Also through text, with names that are no UTF-8; unknown keys of later versions are left aside."""
    data = json.loads(json.dumps({**EVENT.as_json(), "invented": 1, "serial": 7}))
    assert Event.from_json(data) == EVENT


@pytest.mark.parametrize("data", [{}, {"event": "x"}, {"event": "x", "at": "y", "flaws": [{}]}])
def test_what_is_no_event_is_an_error(data: dict[str, object]) -> None:
    """Missing keys are a KeyError or ValueError, never a half event."""
    with pytest.raises((KeyError, ValueError)):
        Event.from_json(data)


def test_a_level_that_is_missing_refuses() -> None:
    """A flaw without a level counts in full."""
    assert Flaw.from_json({"code": "x", "subject": "s", "message": "m"}).level is Level.REFUSE
