"""Checks of the daemon and its unit: capabilities, write access, whether it is alive and of this version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from eggwatch import __version__
from eggwatch.config.extras import modules_of_extras
from eggwatch.doctor.environment import CheckOutcome, Environment, Finding, Unchecked
from eggwatch.doctor.folders import quoted
from eggwatch.linux.access import ENTER, WRITE, is_shared, may
from eggwatch.model.events import seconds_of
from eggwatch.model.instructions import account_word
from eggwatch.readers.status_fields import SILENCE

NEEDED = {
    "CAP_LEASE": "an upload is accepted only after it has not changed for a while",
    "CAP_DAC_READ_SEARCH": "what people upload with umask 077 can't be read",
    "CAP_FOWNER": "files of other accounts can't be removed from a sticky folder",
}
"""The consequence of each missing capability."""


def index(around: Environment) -> Iterator[CheckOutcome]:
    """The published tree and the ledger exist, and a daemon runs if uploads are waiting."""
    for one in around.absences:
        yield Finding(where=one.where, problem=one.problem, remedy=one.remedy)


def capabilities(around: Environment) -> Iterator[CheckOutcome]:
    """A daemon that is not root has the capabilities for files of other accounts."""
    account = around.known_account
    status = os.stat(around.config.drop)
    alone = not is_shared(status) or around.config.identity == "folder"
    if account.uid == 0 or alone:
        return
    if account.capabilities is None:
        yield Unchecked(where=account.name, reason="no daemon is running, and no unit gives it capabilities")
        return
    unneeded = {"CAP_FOWNER"} if around.config.is_mirror else set[str]()
    if lacking := [name for name in NEEDED if name not in account.capabilities | unneeded]:
        names = " ".join(lacking)
        unit_name = "eggwatch" if around.unit is None else around.unit.name
        yield Finding(
            where=account.whence,
            problem=f"{account.name} lacks {names}: {'; '.join(NEEDED[name] for name in lacking)}",
            remedy=f"systemctl edit {unit_name}: [Service] AmbientCapabilities={names} (docs/accounts.rst; or setpriv)",
        )


def unit(around: Environment) -> Iterator[CheckOutcome]:
    """The unit has not failed, and lets the daemon write to the configured folders."""
    if around.unit is None:
        why = "systemd does not run here" if not around.systemd.is_dir() else "no unit runs this configuration"
        yield Unchecked(where="systemd", reason=why)
        return
    name, properties = around.unit.name, around.unit.properties
    if properties.get("ActiveState") == "failed":
        yield Finding(where=name, problem="has failed", remedy=f"journalctl -u {name} -e; systemctl restart {name}")
    folders = dict(around.folders)
    if around.config.metrics is not None:
        folders["metrics"] = around.config.metrics.parent
    for setting, folder in folders.items():
        if not may_write(properties, folder):
            problem = f"may not write to {folder} ({setting})"
            remedy = f"systemctl edit {name}: [Service] ReadWritePaths={folder}, and restart it"
            yield Finding(where=name, problem=problem, remedy=remedy)


def may_write(properties: Mapping[str, str], folder: Path) -> bool:
    """Whether a unit with these properties sees a folder mounted writable (systemd.exec(5))."""
    if properties.get("ProtectSystem", "") != "strict":
        return True
    named = [path.lstrip("-+") for path in properties.get("ReadWritePaths", "").split()]
    named += [f"/var/lib/{name.partition(':')[0]}" for name in properties.get("StateDirectory", "").split()]
    named += [
        binding.lstrip("-").split(":")[1] for binding in properties.get("BindPaths", "").split() if ":" in binding
    ]
    return any(folder.is_relative_to(path) for path in named)


def life(around: Environment) -> Iterator[CheckOutcome]:
    """A running daemon updates its status, and is of the installed version."""
    status = around.status
    if not around.sees_lock:
        yield Unchecked(where=around.config.state, reason="this account can't see whether a daemon is running")
    if around.daemon is None or status.pid != around.daemon:
        return
    age = around.now - seconds_of(status.at) if status.at else 0.0
    if age > SILENCE:
        problem = f"process {around.daemon} holds the lock and has not reported for {age:.0f} s"
        yield Finding(where=around.config.state, problem=problem, remedy=around.restart)
    if status.eggwatch != __version__:
        problem = f"process {around.daemon} is eggwatch {status.eggwatch}, and {__version__} is installed"
        yield Finding(where=around.config.state, problem=problem, remedy=around.restart)


def libraries(around: Environment) -> Iterator[CheckOutcome]:
    """The libraries that the configuration needs are installed."""
    for extra, module in modules_of_extras([around.config]).items():
        if find_spec(module) is None:
            problem = f"the configuration needs {module}, which is not installed"
            yield Finding(where="Python", problem=problem, remedy=f"pip install 'eggwatch[{extra}]'")


def textfile(around: Environment) -> Iterator[CheckOutcome]:
    """The folder for node_exporter exists, and the daemon can write to it."""
    if around.config.metrics is None:
        return
    folder, account = around.config.metrics.parent, around.known_account
    if not folder.is_dir():
        problem = "the folder for metrics does not exist"
        yield Finding(
            where=folder, problem=problem, remedy=f"install -d -o {account_word(account.name)} {quoted(folder)}"
        )
    elif not may(account, folder, WRITE | ENTER):
        problem = f"{account.name} may not write metrics to it"
        yield Finding(
            where=folder, problem=problem, remedy=f"setfacl -m u:{account_word(account.name)}:rwx {quoted(folder)}"
        )
