"""What an order means for the files of a project."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eggwatch.model.releases import PublishedFile
from eggwatch.policy.orders import (
    VERBS,
    Held,
    Order,
    Remove,
    Unblock,
    Unyank,
    Yank,
    events_of,
    matching,
    parse_spec,
)

AT, UNTIL = "2026-01-01T00:00:00.000000Z", "2026-01-01T00:10:00.000000Z"


def published(filename: str, version: str, yanked: str | None = None, **more: Any) -> Held:
    """A file of demo, on its page or removed."""
    file = PublishedFile(filename=filename, version=version, sha256="a", size=1, upload_time=AT, yanked=yanked)
    return Held(file=file, **more)


FILES = (
    published("demo-1.0.tar.gz", "1.0"),
    published("Demo-1.0-py3-none-any.whl", "1.0"),
    published("demo-2.tar.gz", "2"),
)


def named(spec: str) -> list[str]:
    """The files that a spec names."""
    return [held.file.filename for held in matching(order("yank", spec), FILES)]


def order(verb: str, spec: str, reason: str | None = None) -> Order:
    """An order of somebody's."""
    parsed = parse_spec(spec)
    assert parsed is not None
    return VERBS[verb](spec=parsed, reason=reason, actor="alice")


@pytest.mark.parametrize("text", ["", "-", "demo==", "demo==one", "demo.whl", "x y", "demo-1.0-py3-none-any (1).whl"])
def test_what_names_nothing_is_no_spec(text: str) -> None:
    """Neither a project, nor a version of one, nor a filename."""
    assert parse_spec(text) is None


def test_a_spec_names_a_project_a_version_or_a_file() -> None:
    """Names and versions are compared normalised."""
    assert len(named("Demo")) == 3
    assert named("demo==1") == ["Demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert named("demo-1.0-py3-none-any.whl") == ["Demo-1.0-py3-none-any.whl"]


def test_an_order_gives_an_event_for_each_file_that_it_changes() -> None:
    """With actor and reason."""
    (event,) = events_of(order("yank", "demo==2", "broken"), FILES, at=AT, until=UNTIL)
    assert (event.kind, event.filename, event.reason, event.actor) == ("yanked", "demo-2.tar.gz", "broken", "alice")


@pytest.mark.parametrize(
    ("verb", "reason", "yanked", "changes"),
    [
        ("yank", None, None, True),
        ("yank", None, "", False),
        ("yank", "new", "old", True),
        ("yank", None, "old", False),
        ("yank", "old", "old", False),
        ("yank", "new", "", True),
        ("unyank", None, "old", True),
        ("unyank", None, None, False),
        ("remove", None, None, True),
    ],
)
def test_what_is_so_already_gives_no_event(verb: str, reason: str | None, yanked: str | None, changes: bool) -> None:
    """An order may be given twice."""
    files = [published("demo-1.0.tar.gz", "1.0", yanked)]
    events = events_of(order(verb, "demo", reason), files, at=AT, until=UNTIL)
    assert bool(events) is changes


def test_verbs_are_orders() -> None:
    """The command line's words."""
    assert {"yank": Yank, "unyank": Unyank, "remove": Remove, "unblock": Unblock} == VERBS


REMOVED = {"present": False, "bytes_until": "2026-01-01T00:05:00.000000Z"}


@pytest.mark.parametrize(
    ("now", "block", "held", "wanted"),
    [
        (False, False, {}, (UNTIL, None)),
        (True, False, {}, (AT, None)),
        (False, True, {}, (UNTIL, True)),
        (True, True, {}, (AT, True)),
        (False, False, REMOVED | {"lies": True}, None),
        (False, True, REMOVED | {"lies": True}, (REMOVED["bytes_until"], True)),
        (True, False, REMOVED | {"lies": True}, (AT, None)),
        (True, False, REMOVED, None),
        (True, False, REMOVED | {"lies": True, "bytes_until": AT}, None),
        (False, True, REMOVED | {"blocked": True}, None),
        (True, True, REMOVED | {"blocked": True, "lies": True}, (AT, True)),
    ],
)
def test_a_removal_says_until_when_the_bytes_stay_and_whether_they_return(
    now: bool, block: bool, held: dict[str, Any], wanted: tuple[str, bool | None] | None
) -> None:
    """Also of what was removed already: to be rid of its bytes at once, or to keep it away."""
    parsed = parse_spec("demo")
    assert parsed is not None
    given = Remove(spec=parsed, reason=None, actor="alice", now=now, block=block)
    events = events_of(given, [published("demo-1.0.tar.gz", "1.0", **held)], at=AT, until=UNTIL)
    assert [(event.bytes_until, event.blocked) for event in events] == ([] if wanted is None else [wanted])


def test_only_what_was_agreed_to_is_meant() -> None:
    """A file that came after the question is none of those."""
    parsed = parse_spec("demo")
    assert parsed is not None
    given = Remove(spec=replace(parsed, only=frozenset(["demo-2.tar.gz"])), reason=None, actor="alice")
    assert [held.file.filename for held in matching(given, FILES)] == ["demo-2.tar.gz"]
