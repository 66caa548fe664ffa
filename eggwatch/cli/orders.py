"""eggwatch yank, unyank, remove: orders to whoever is the writer of the index."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any

import click

from eggwatch.asking import ask
from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say
from eggwatch.config import IndexConfig
from eggwatch.grammar import duration
from eggwatch.policy.orders import parse_spec


def _order_command(verb: str, help_text: str) -> click.Command:
    @click.command(verb, help=help_text)
    @click.argument("spec", metavar="SPEC")
    @index_options
    @click.option("--reason", help="Shown to whoever meets it.")
    @click.option("--dry-run", is_flag=True, help="Only say what would change.")
    @click.option("--timeout", default="5m", show_default=True, help="How long to wait for the daemon.")
    @json_option
    def command(
        selection: Selection, spec: str, reason: str | None, dry_run: bool, timeout: str, as_json: bool
    ) -> None:
        _run(selection.one(), verb, spec, reason=reason, dry_run=dry_run, timeout=timeout, as_json=as_json)

    return command


def _run(
    config: IndexConfig, verb: str, spec: str, *, reason: str | None, dry_run: bool, timeout: str, as_json: bool
) -> None:
    if parse_spec(spec) is None:
        raise click.UsageError(f"{spec!r} is no project, no project==version and no filename.")
    if reason is not None and not reason.isprintable():
        raise click.UsageError("The reason must be one line without control characters.")
    log_to_stderr(verbose=False, quiet=True)
    order = {"verb": verb, "spec": spec, "reason": reason, "actor": actor(), "dry_run": dry_run}
    answer = ask(config, order, seconds=duration_option(timeout))
    report(verb, spec, answer, dry_run=dry_run, as_json=as_json)
    sys.exit(0 if answer.get("matched") else 1)


def duration_option(text: str) -> float:
    """Seconds of a --timeout; `0` looks once."""
    if text == "0":
        return 0.0
    try:
        return duration(text)
    except ValueError as error:
        raise click.UsageError(f"--timeout {text!r} {error}") from error


def actor() -> str:
    """Who gives an order: the account behind sudo, if there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def report(verb: str, spec: str, answer: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """Print what an order changed."""
    if as_json:
        print_json({"order": verb, "spec": spec, "dry_run": dry_run, **answer})
        return
    if answer.get("error"):
        say(answer["error"])
    elif not answer["matched"]:
        say(f"No published file matches {spec}.")
    elif not answer["changed"]:
        say(f"Nothing to change: it is so already ({answer['matched']} files).")
    for filename in answer["changed"]:
        say(f"{'would ' if dry_run else ''}{verb} {filename}")


yank = _order_command(
    "yank",
    """Mark files as not to be installed unless pinned (PEP 592). Reversible.

    \b
    SPEC is a project, project==version or a filename.
    Example:  eggwatch yank demo==1.0 --reason "breaks on Python 3.13"
    """,
)
unyank = _order_command(
    "unyank",
    """Take a yank back.

    \b
    Example:  eggwatch unyank demo==1.0
    """,
)
remove = _order_command(
    "remove",
    """Take files off the pages, and their bytes away after the grace period.

    The filename is never used again for other bytes; the same bytes may return.

    \b
    Example:  eggwatch remove demo-1.0.tar.gz --reason "contained a password"
    """,
)
