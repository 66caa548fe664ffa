"""eggwatch doctor"""

from __future__ import annotations

import sys

import click

from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say
from eggwatch.doctor import CHECKS, Reported, examine
from eggwatch.doctor.environment import Finding, Unchecked, surroundings_of
from eggwatch.model.counting import counted


@click.command()
@index_options
@json_option
def doctor(selection: Selection, as_json: bool) -> None:
    """Check the surroundings of each index, and say how to fix what is wrong. Changes nothing.

    Accounts and rights, the drop folder's mode and ACLs, disks, inotify, the clock, capabilities, the unit, mail. As
    root it sees all of it; what another account may not look at is reported as not checked. `check` judges local files
    before they are published; `verify` looks at what is published, and `status` at what is being done.

    \b
    Examples:
      sudo eggwatch doctor
      eggwatch doctor --json
    Exit status: 0 nothing was found, 1 something is to be fixed,
      2 the configuration is wrong.
    """
    config = selection.load()
    found = False
    for index in config.indexes.values():
        reported = examine(surroundings_of(index, config.source))
        found = found or any(isinstance(one.outcome, Finding) for one in reported)
        _print_json(index.name, reported) if as_json else _say(index.name, reported)
    sys.exit(1 if found else 0)


def _print_json(name: str, reported: list[Reported]) -> None:
    findings = [
        {"check": one.check, "where": one.outcome.where, "problem": one.outcome.problem, "remedy": one.outcome.remedy}
        for one in reported
        if isinstance(one.outcome, Finding)
    ]
    unchecked = [
        {"check": one.check, "where": one.outcome.where, "reason": one.outcome.reason}
        for one in reported
        if isinstance(one.outcome, Unchecked)
    ]
    row = {"index": name, "sound": not findings, "checks": list(CHECKS), "findings": findings}
    print_json({**row, "unchecked": unchecked})


def _say(name: str, reported: list[Reported]) -> None:
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
    say(f"{name}: {count} ({len(CHECKS)} checks{more})")
