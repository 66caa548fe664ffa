"""eggwatch repair"""

from __future__ import annotations

import sys

import click

from eggwatch import repair as repairing
from eggwatch.cli.finding_lines import group_of, grouped, line_of, verbose_option
from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import Ticker, json_option, print_json, say
from eggwatch.cli.upkeep import steps_of
from eggwatch.config import IndexConfig
from eggwatch.model.counting import counted
from eggwatch.repair import Mended


@click.command()
@index_options
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@verbose_option
def repair(selection: Selection, dry_run: bool, as_json: bool, verbose: bool) -> None:
    """Mend what 'eggwatch verify' finds.

    Altered and missing pages are rendered again. An archive with other bytes than were published is quarantined:
    it leaves the pages, and its bytes are kept in PUBLIC/.eggwatch/quarantine/; the right bytes, dropped again,
    restore it with its upload-time. An archive that is missing is not touched: put it back from a backup.

    Looks without the lock, so the daemon may run; if there is something to mend, stop it first.

    \b
    Example:  eggwatch repair --dry-run
    Exit status: 0 all is sound now, 1 something is left to you (with --dry-run:
      something is wrong), 3 a daemon runs.
    """
    log_to_stderr(verbose=False, quiet=True)
    results = [_repair(config, dry_run=dry_run, as_json=as_json, verbose=verbose) for config in selection.all()]
    sys.exit(0 if all(results) else 1)


def _repair(config: IndexConfig, *, dry_run: bool, as_json: bool, verbose: bool) -> bool:
    ticker = Ticker("looked at", total=steps_of(config))
    findings = repairing.look(config, ticker)
    ticker.done()
    mended = repairing.plan(findings) if dry_run or not findings else repairing.mend(config, findings)
    if as_json:
        print_json({"index": config.name, "dry_run": dry_run, "findings": [_row(one) for one in mended]})
    else:
        _say(config, mended, dry_run=dry_run, verbose=verbose)
    return not findings if dry_run else all(one.done for one in mended)


def _row(one: Mended) -> dict[str, object]:
    return {**one.finding.as_json(), "done": one.done, "what": one.what}


def _group_of(one: Mended) -> tuple[str, ...]:
    return (*group_of(one.finding), one.what)


def _say(config: IndexConfig, mended: list[Mended], *, dry_run: bool, verbose: bool) -> None:
    for group in [[one] for one in mended] if verbose else grouped(mended, _group_of):
        one = group[0]
        would = "would " if dry_run and one.done else ""
        more = "" if one.done else f": {one.finding.remedy}"
        say(f"{line_of([one.finding for one in group])}\n  {would}{one.what}{more}")
    left = sum(not one.done for one in mended)
    verdict = "sound" if not mended else f"{counted(len(mended), 'finding')}, {left} left to you"
    say(f"{config.name}: {verdict}")
