"""Writes docs/uploading-clients.rst: how each client ends in each situation, and what it prints.

`python -m docs.uploading` makes it of docs/uploading-seen.json, which tests/webserver/test_clients.py records; one test
compares that file with what clients do, another the page with that file.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SEEN = ROOT / "docs/uploading-seen.json"
PAGE = ROOT / "docs/uploading-clients.rst"

Seen = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By client and situation: the exit status, and the lines that were printed."""

SITUATIONS = {
    "success": ("upload", "The file is new and valid."),
    "repeat": ("again", "The same bytes are already published."),
    "conflict": ("other bytes", "Different bytes are published under this filename."),
    "rejected": ("rejected", "The archive breaks two rules of the index."),
    "wrong_password": ("password", "The password is wrong."),
    "forbidden": ("forbidden", "The project belongs to another user."),
    "too_large": ("too large", "The file is larger than ``max-file-size``."),
    "restarting": (
        "restart",
        "The first answer is 503, because no daemon is running; then one is started.",
    ),
    "slow_link": ("slow link", "The connection transfers 50 KiB per second."),
}
"""By situation: the title of its column, and what it means."""
SAYS_NOTHING = ("success", "repeat", "slow_link")
"""Situations in which clients print nothing but their progress."""
OLDEST, NEWEST = "distutils, Python 2.7", "uv"

HEAD = """\
What upload clients print
=========================

.. Made by ``python -m docs.uploading`` from ``docs/uploading-seen.json``; do not edit.

The output of each client in each situation, recorded by tests with real clients, a real daemon and ``eggwatch serve``.
Hosts, times and hashes are replaced, progress bars are left out, and long lines are wrapped. :doc:`uploading` explains
how to set up a client, and what to do about an error.

"""


def page(seen: Seen) -> str:
    """The page."""
    return HEAD + "\n".join(_page(seen)) + "\n"


def _page(seen: Seen) -> Iterator[str]:
    yield from _chapter("Exit statuses")
    yield from (f"* **{name}**: {meaning}" for name, meaning in SITUATIONS.values())
    yield ""
    yield "0 means that the file can be installed now. Other statuses come with the message of the index (see below)."
    yield ""
    yield from _table(seen)
    yield from _chapter("The oldest and the newest client, side by side")
    yield "The same archive, rejected for the same two reasons."
    yield ""
    yield from _side_by_side(seen)
    for situation, (_, meaning) in SITUATIONS.items():
        if situation not in SAYS_NOTHING:
            yield from _chapter(meaning.rstrip("."))
            yield from _printed(seen, situation)


def _chapter(title: str) -> Iterator[str]:
    yield from (title, "-" * len(title), "")


def _table(seen: Seen) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "")
    yield from _row(["client", *(name for name, _ in SITUATIONS.values())])
    for clients, statuses in _grouped(seen, lambda one: tuple(one[situation]["exit"] for situation in SITUATIONS)):
        yield from _row([clients, *map(str, statuses)])
    yield ""


def _row(cells: Sequence[str]) -> Iterator[str]:
    for number, cell in enumerate(cells):
        yield f"   {'- ' if number else '* - '}{cell}" if not number else f"     - {cell}"


def _grouped(seen: Seen, what: Callable[[Mapping[str, Mapping[str, Any]]], Any]) -> Iterator[tuple[str, Any]]:
    """The clients that have the same value of `what`, with this value."""
    groups: dict[Any, list[str]] = {}
    for client, situations in seen.items():
        groups.setdefault(what(situations), []).append(client)
    yield from ((_names(clients), same) for same, clients in groups.items())


def _names(clients: Sequence[str]) -> str:
    """`distutils, Python 2.7 and 3.6; uv`."""
    versions: dict[str, list[str]] = {}
    for client in clients:
        kind, _, version = client.partition(", Python ")
        versions.setdefault(kind, []).append(version)
    return "; ".join(f"{kind} (Python {', '.join(of)})" if of[0] else kind for kind, of in versions.items())


def _side_by_side(seen: Seen) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "")
    yield from _row([OLDEST, NEWEST])
    for number, client in enumerate((OLDEST, NEWEST)):
        yield f"   {'  - ' if number else '* - '}::"
        yield ""
        yield from (f"           {line}" for line in _wrapped(seen[client]["rejected"]["printed"], 54))
        yield ""


def _printed(seen: Seen, situation: str) -> Iterator[str]:
    """The output in one situation, once for all clients that print the same."""
    for clients, (status, lines) in _grouped(
        seen, lambda one: (one[situation]["exit"], tuple(one[situation]["printed"]))
    ):
        yield f"{clients}: exit status {status}{' ::' if lines else ', and nothing is printed.'}"
        yield ""
        yield from (f"    {line}" for line in _wrapped(lines, 110))
        yield ""


def _wrapped(lines: Sequence[str], width: int) -> Iterator[str]:
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()))
        yield from textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(SEEN.read_text("utf-8"))), "utf-8")
