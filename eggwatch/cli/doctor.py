"""eggwatch doctor"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace

import click

from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say
from eggwatch.doctor import CHECKS, Reported, examine, served
from eggwatch.doctor.asking import ServedIndex
from eggwatch.doctor.environment import Finding, Unchecked, surroundings_of
from eggwatch.doctor.local import index_at
from eggwatch.errors import NoIndexError
from eggwatch.model.counting import counted
from eggwatch.readers.remote import RemoteReader


@click.command()
@index_options
@click.option("--url", metavar="URL", help="Check the web server at this URL instead, as installers see it.")
@json_option
def doctor(selection: Selection, url: str | None, as_json: bool) -> None:
    """Check the surroundings of each index, and say how to fix what is wrong. Changes nothing.

    Accounts and rights, the drop folder's mode and ACLs, disks, inotify, the clock, capabilities, the unit, mail. As
    root it sees all of it; what another account may not look at is reported as not checked. `check` judges local files
    before they are published; `verify` looks at what is published, and `status` at what is being done.

    With --url it asks a web server for pages, archives and what should be hidden, from any machine. Where the index
    that is shown there is configured (it has that `url`, or published those files), it is named, its pages are compared
    with the public folder, and the way of uploads is tried.

    \b
    Examples:
      sudo eggwatch doctor
      eggwatch doctor --json
      eggwatch doctor --url http://files.example.com/
    Exit status: 0 nothing was found, 1 something is to be fixed,
      2 the configuration is wrong, or the URL is not reached.
    """
    found = False
    for about, checks, reported in _around(selection) if url is None else [_in_front(selection, url)]:
        found = found or any(isinstance(one.outcome, Finding) for one in reported)
        _print_json(about, checks, reported) if as_json else _say(about, checks, reported)
    sys.exit(1 if found else 0)


Examined = tuple[dict[str, str | None], Collection[str], list[Reported]]
"""What was examined, by what checks, and what they reported."""


def _around(selection: Selection) -> Iterator[Examined]:
    config = selection.load()
    for index in config.indexes.values():
        yield {"index": index.name}, CHECKS, examine(surroundings_of(index, config.source))


def _in_front(selection: Selection, url: str) -> Examined:
    base = RemoteReader(url=url).base
    try:
        indexes = selection.all()
    except NoIndexError:
        indexes = []
    index = ServedIndex(base=base)
    local = index_at(index, indexes)
    about: dict[str, str | None] = {"index": None if local is None else local.name, "url": base}
    return about, served.CHECKS, served.examine_served(replace(index, local=local))


def _print_json(about: dict[str, str | None], checks: Collection[str], reported: list[Reported]) -> None:
    rows = {kind: [_row(one) for one in reported if isinstance(one.outcome, kind)] for kind in (Finding, Unchecked)}
    findings = rows[Finding]
    row = {**about, "sound": not findings, "checks": list(checks), "findings": findings}
    print_json({**row, "unchecked": rows[Unchecked]})


def _row(one: Reported) -> dict[str, str]:
    return {"check": one.check, **{name: str(text) for name, text in asdict(one.outcome).items()}}


def _say(about: dict[str, str | None], checks: Collection[str], reported: list[Reported]) -> None:
    findings = [one for one in reported if isinstance(one.outcome, Finding)]
    for one in findings:
        assert isinstance(one.outcome, Finding)
        say(f"{one.check}: {one.outcome.where}: {one.outcome.problem}\n  {one.outcome.remedy}")
    for one in reported:
        if isinstance(one.outcome, Unchecked):
            say(f"not checked: {one.check}: {one.outcome.where}: {one.outcome.reason}")
    count = counted(len(findings), "finding")
    left = len({one.check for one in reported if isinstance(one.outcome, Unchecked)})
    more = f", {left} not checked or not wholly" if left else ""
    say(f"{_subject(about)}: {count} ({len(checks)} checks{more})")


def _subject(about: dict[str, str | None]) -> str:
    index, url = about["index"], about.get("url")
    return f"{url} (index {index})" if url and index else str(url or index)
