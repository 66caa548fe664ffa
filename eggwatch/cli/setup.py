"""eggwatch setup: installs, upgrades, rolls back and uninstalls the systemd service."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from eggwatch.cli.addresses import ask_for_url, machine_name, setting_of_url
from eggwatch.cli.next_steps import after_setup
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import say
from eggwatch.config.loading import load
from eggwatch.errors import ConfigurationError, InstallationError
from eggwatch.setup.find_source import Finder, running_checkout
from eggwatch.setup.installation import Installation, Wish, take
from eggwatch.setup.interpreter import find_interpreter
from eggwatch.setup.machine import Machine, Step, alone
from eggwatch.setup.paths import Places
from eggwatch.setup.source import Source
from eggwatch.setup.uninstall import Removal, what_stays
from eggwatch.setup.versions import Versions


@click.command()
@index_options
@click.option(
    "--user", metavar="NAME", help="The account that the daemon runs as; created if missing.  [default: eggwatch]"
)
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    help="What to install: checkout, wheel, folder of wheels, or requirement for pip.",
)
@setting_of_url
@click.option("--rollback", is_flag=True, help="Return to the previous version.")
@click.option("--uninstall", is_flag=True, help="Uninstall the program and its units; keep data and configuration.")
@click.option("--dry-run", is_flag=True, help="Only print the steps.")
def setup(
    selection: Selection,
    user: str | None,
    source: str | None,
    url: str | None,
    rollback: bool,
    uninstall: bool,
    dry_run: bool,
) -> None:
    """Install eggwatch on this machine as a systemd service, or upgrade it. Run as root.

    The program goes to /opt/eggwatch, its configuration to /etc/eggwatch, uploads to /srv/drop (--drop), what is
    published to /srv/eggwatch (--public), the ledger to /var/lib/eggwatch (--state). Each step is printed before it is
    done; what is already done is skipped. Without --from it installs what is running, such as this checkout. Without
    --url a first setup asks for the URL on a terminal, and elsewhere takes http:// and the name of this machine.

    Run it again after a change of folders in /etc/eggwatch/eggwatch.toml, and, from a newer source, to upgrade: if the
    new version does not start, the old one is restored.

    \b
    Examples:
      sudo eggwatch setup --dry-run
      sudo eggwatch setup --drop /data/incoming --from ./wheels
      sudo eggwatch setup --rollback
    Exit status: 0 done, or nothing to do; 1 something went wrong;
      2 usage or configuration; 3 another setup runs.
    """
    _refuse_contradictions(selection, (source is not None) + rollback + uninstall)
    if os.geteuid() != 0 and not dry_run:
        raise ConfigurationError("This installs for the whole machine.", remedy="Run it as root: sudo eggwatch setup …")
    os.umask(0o022)  # the service's account has to read the program, whatever root's own umask
    if uninstall:
        _remove(dry_run=dry_run)
        return
    is_first = not Places().configuration.exists()
    if url is None and is_first:
        url = _url_of_this_machine(dry_run=dry_run)
    wish = Wish(drop=selection.drop, public=selection.public, state=selection.state, account=user, url=url)
    with tempfile.TemporaryDirectory(prefix="eggwatch-setup-") as scratch:
        _install(wish, source, Path(scratch), rollback=rollback, dry_run=dry_run)
    if is_first and not dry_run:
        index = next(iter(load(Places().configuration).indexes.values()))
        for line in after_setup(index):
            say(line)


def _refuse_contradictions(selection: Selection, tasks: int) -> None:
    if selection.config is not None or selection.index is not None:
        raise click.UsageError("setup always uses /etc/eggwatch; --config and --index do not apply.")
    if tasks > 1:
        raise click.UsageError("Choose one of --from, --rollback and --uninstall.")


def _url_of_this_machine(*, dry_run: bool) -> str | None:
    name = machine_name()
    found = None if name is None else f"http://{name}/"
    return found if dry_run else ask_for_url("URL that clients will use", found)


def _install(wish: Wish, named: str | None, scratch: Path, *, rollback: bool, dry_run: bool) -> None:
    places, machine = Places(), Machine()
    interpreter = find_interpreter(machine)
    installation = Installation(places=places, machine=machine, interpreter=interpreter)
    finder = Finder(places, machine, interpreter, scratch)
    source = _previous(installation) if rollback else finder.unnamed() if named is None else finder.named(named)
    steps = installation.plan(source, wish)
    if dry_run:
        _say_all(steps)
        return
    with alone():
        installation.take(steps, say)
    for note in installation.notes():
        say(note)
    say(f"{'Done' if steps else 'Nothing to do'}: eggwatch {source.version} is set up.")


def _previous(installation: Installation) -> Source:
    previous = installation.versions.previous()
    if previous is None:
        raise InstallationError("There is no previous version.")
    return previous


def _remove(*, dry_run: bool) -> None:
    places, machine = Places(), Machine()
    # What the installed version has brought, else the running one.
    there = Versions(places, machine).current() or running_checkout()
    steps = Removal(places, machine, {} if there is None else there.shipped()).plan()
    stays = what_stays(places)
    if dry_run:
        _say_all(steps)
        return
    with alone():
        take(steps, say)
    say("Data, configuration and account are still there. These commands would delete them for good:")
    for command in stays:
        say(f"  {command}")


def _say_all(steps: list[Step]) -> None:
    for step in steps:
        say(step.what)
    if not steps:
        say("Nothing to do.")
