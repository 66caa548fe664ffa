"""What an order means for the files of a project."""

from __future__ import annotations

import pytest

from eggwatch.model.releases import PublishedFile
from eggwatch.policy.orders import VERBS, Order, Remove, Unyank, Yank, events_of, matching, parse_spec

AT = "2026-01-01T00:00:00.000000Z"


def published(filename: str, version: str, yanked: str | None = None) -> PublishedFile:
    """A file on the page of demo."""
    return PublishedFile(filename=filename, version=version, sha256="a", size=1, upload_time=AT, yanked=yanked)


FILES = (
    published("demo-1.0.tar.gz", "1.0"),
    published("Demo-1.0-py3-none-any.whl", "1.0"),
    published("demo-2.tar.gz", "2"),
)


def named(spec: str) -> list[str]:
    """The files that a spec names."""
    parsed = parse_spec(spec)
    assert parsed is not None
    return [file.filename for file in matching(parsed, FILES)]


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
    (event,) = events_of(order("yank", "demo==2", "broken"), FILES, at=AT)
    assert (event.kind, event.filename, event.reason, event.actor) == ("yanked", "demo-2.tar.gz", "broken", "alice")


@pytest.mark.parametrize(
    ("verb", "reason", "yanked", "changes"),
    [
        ("yank", None, None, True),
        ("yank", None, "", False),
        ("yank", "new", "old", True),
        ("unyank", None, "old", True),
        ("unyank", None, None, False),
        ("remove", None, None, True),
    ],
)
def test_what_is_so_already_gives_no_event(verb: str, reason: str | None, yanked: str | None, changes: bool) -> None:
    """An order may be given twice."""
    events = events_of(order(verb, "demo", reason), [published("demo-1.0.tar.gz", "1.0", yanked)], at=AT)
    assert bool(events) is changes


def test_verbs_are_orders() -> None:
    """The command line's words."""
    assert {"yank": Yank, "unyank": Unyank, "remove": Remove} == VERBS
