"""eggwatch yank, unyank, remove, unblock: orders to whoever is the writer of the index."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from eggwatch.cli.afar_orders import Afar, afar_options
from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import json_option, print_json, say
from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import OlderDaemonError
from eggwatch.linux.accounts import account_name
from eggwatch.model.counting import counted
from eggwatch.model.events import timestamp
from eggwatch.policy.orders import parse_spec
from eggwatch.store.state.lock import Lock
from eggwatch.writer.ask import ask

_OLDER = "The running daemon is older than this command, and does not support --now and --block."


Give = Callable[[dict[str, Any]], dict[str, Any]]
"""Has an order carried out, and answers as the writer does."""


def _order_command(verb: str, help_text: str, *options: Callable[..., Any]) -> click.Command:
    @_options
    def function(selection: Selection, spec: str, as_json: bool, timeout: str, **order: Any) -> None:
        afar = order.pop("afar", None)
        config = selection.one() if afar is None else None
        _run(config, {"verb": verb, "spec": spec, **order}, _giver(config, afar, timeout), as_json=as_json)

    for option in options:
        function = option(function)
    return click.command(verb, help=help_text)(click.argument("spec", metavar="SPEC")(function))


def _giver(config: IndexConfig | None, afar: Afar | None, timeout: str) -> Give:
    """Who gives an order to the writer of this machine's index, or to one on another."""
    if afar is not None:
        return afar.ask
    assert config is not None
    log_to_stderr(quiet=True)
    return lambda order: ask(config, {**order, "actor": actor()}, seconds=duration_option(timeout))


def _options(function: Any) -> Any:
    """What every order takes."""
    function = json_option(function)
    function = click.option("--timeout", default="5m", show_default=True, help="How long to wait for the daemon.")(
        function
    )
    function = click.option("--dry-run", is_flag=True, help="Only print what would change.")(function)
    function = click.option("--reason", help="The reason, shown in the history and in news.")(function)
    return index_options(function)


def _run(config: IndexConfig | None, order: dict[str, Any], give: Give, *, as_json: bool) -> None:
    """Have an order carried out, and end with 0, or with 1 if it matches nothing."""
    _check(order)
    answer = give(order)
    if not _is_understood(order, answer):
        answer = {**answer, "error": str(OlderDaemonError(_OLDER))}
    report(config, order, answer, as_json=as_json)
    sys.exit(0 if answer.get("matched") and not answer.get("error") else 1)


def _is_understood(order: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether an answer confirms --now and --block: a daemon of before they were there carries out the rest."""
    if not (order.get("now") or order.get("block")) or answer.get("error"):
        return True
    until = answer.get("bytes_until")
    is_gone = not (order["now"] and answer["changed"]) or (until is not None and until <= timestamp(time.time()))
    return answer.get("blocked") is order["block"] and is_gone


def _check(order: dict[str, Any]) -> None:
    if parse_spec(order["spec"]) is None:
        raise click.UsageError(f"{order['spec']!r} is not a project, project==version or filename.")
    if order["reason"] is not None and not order["reason"].isprintable():
        raise click.UsageError("The reason must be one line without control characters.")


def actor() -> str:
    """Who gives an order: the account behind sudo, if there is one."""
    return os.environ.get("SUDO_USER") or account_name(os.getuid())


def report(config: IndexConfig | None, order: dict[str, Any], answer: dict[str, Any], *, as_json: bool) -> None:
    """Print what an order changed, and of a removal until when the bytes can be had and how it is undone."""
    verb, spec, dry_run = order["verb"], order["spec"], order["dry_run"]
    undo = _undo(spec, answer) if verb == "remove" else None
    if as_json:
        more = {} if undo is None else {"undo": undo}
        told = {"order": verb, "spec": spec, "dry_run": dry_run, "serials": [], "error": None, **answer, **more}
        print_json(told)
        return
    if answer.get("error"):
        say(answer["error"])
    elif not answer["matched"]:
        say(f"No {'blocked' if verb == 'unblock' else 'published'} file matches {spec}.")
    elif not answer["changed"]:
        say(f"Nothing to change, already done ({counted(answer['matched'], 'file')}).")
    for filename in answer["changed"]:
        say(f"{'would ' if dry_run else ''}{verb} {filename}")
    if undo is not None and answer["changed"] and not answer.get("error"):
        _say_removal(config, order, answer)
        say(f"To undo it: {undo}")


def _say_removal(config: IndexConfig | None, order: dict[str, Any], answer: dict[str, Any]) -> None:
    if order["now"]:
        would = "would be" if order["dry_run"] else "are"
        say(f"The bytes {would} deleted at once; links on pages that were loaded before will be broken.")
    elif (until := answer.get("bytes_until")) and until <= timestamp(time.time()):
        say("The bytes have already been deleted.")
    elif until:
        is_at_work = config is None or Lock(config.state / "lock").is_held()
        sooner = "" if config is None else "; --now deletes them at once"
        late = "" if is_at_work else ", and then until a daemon or the next command runs"
        say(f"The bytes can be downloaded until {until[:19]}Z (grace){late}{sooner}.")
    for path in answer.get("elsewhere", []):
        say(f"The same bytes are also in {path}; delete that yourself if needed.")


def _undo(spec: str, answer: dict[str, Any]) -> str:
    """What takes a removal back."""
    again = "upload the same file again; it keeps its first upload time"
    return f"'eggwatch unblock {spec}', then {again}" if answer.get("blocked") else again


yank = _order_command(
    "yank",
    """Exclude files from installation unless pinned (PEP 592). Reversible.

    A file that is already yanked keeps its reason, unless --reason gives a new one.

    \b
    SPEC is a project, project==version or a filename.
    Examples:
      eggwatch yank demo==1.0 --reason "breaks on Python 3.13"
      eggwatch yank demo --url https://packages.example.com/ --token-file token
    """,
    afar_options,
)
unyank = _order_command(
    "unyank",
    """Undo a yank.

    \b
    Example:  eggwatch unyank demo==1.0
    """,
    afar_options,
)
unblock = _order_command(
    "unblock",
    """Allow files again that were removed with --block: the same bytes can then be uploaded and published.

    \b
    SPEC is a project, project==version or a filename.
    Example:  eggwatch unblock demo-1.0.tar.gz
    """,
)


@click.command()
@click.argument("spec", metavar="SPEC")
@click.option("--now", is_flag=True, help="Delete the files at once, without the grace period.")
@click.option("--block", is_flag=True, help="Reject these bytes, under any name, and this name from now on.")
@click.option("--yes", is_flag=True, help="Do not ask before more than one file is removed.")
@afar_options
@_options
def remove(
    selection: Selection, afar: Afar | None, spec: str, as_json: bool, timeout: str, yes: bool, **order: Any
) -> None:
    """Remove files from the pages; delete them after the grace period ('grace', 10 minutes).

    The filename is never used again for other bytes; the same bytes may return, unless --block keeps them away.
    With --now or --block it may be given once more, for what was removed already. Copies that others have are
    not reached: a password that was published is to be changed.

    On a terminal it asks before more than one file is removed.

    \b
    SPEC is a project, project==version or a filename.
    Examples:
      eggwatch remove demo-1.0.tar.gz --reason "was built from the wrong branch"
      eggwatch remove demo-1.0.tar.gz --now --block --reason "holds a password"
    """
    if afar is not None and (order["now"] or order["block"]):
        raise click.UsageError("--now and --block are only possible on the machine of the index, without --url.")
    config = selection.one() if afar is None else None
    given, give = {"verb": "remove", "spec": spec, **order}, _giver(config, afar, timeout)
    if not (yes or order["dry_run"] or as_json) and sys.stdin.isatty():
        given |= _confirmed(given, give)
    _run(config, given, give, as_json=as_json)


def _confirmed(order: dict[str, Any], give: Give) -> dict[str, Any]:
    """The files that a person has been shown and has agreed to, where it is more than one. click.Abort for a no."""
    _check(order)
    answer = give({**order, "dry_run": True})
    if not _is_understood(order, answer):
        raise OlderDaemonError(_OLDER)
    if len(answer["changed"]) < 2:
        return {}
    say(f"This removes {counted(len(answer['changed']), 'file')}:")
    for filename in answer["changed"]:
        say(f"  {filename}")
    if order["now"]:
        say("Their bytes are deleted at once.")
    if order["block"]:
        say("They are blocked: neither the files nor their names can be uploaded before 'eggwatch unblock'.")
    say(f"To undo it: {_undo(order['spec'], answer)}")
    click.confirm("Remove them?", abort=True)
    return {"only": answer["changed"]}
