"""Checks the surroundings of an index: accounts, folders, disks, kernel, units, servers. Nothing is ever changed.

Each check is a small function in the table CHECKS. (`check` is for local files, `verify` for published ones.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eggwatch.doctor import configuration, folders, machine, service, uploads
from eggwatch.doctor.environment import CheckOutcome, Environment, Finding, NobodyKnownError, Unchecked
from eggwatch.errors import FolderError

Check = Callable[[Environment], Iterator[CheckOutcome]]

CHECKS: dict[str, Check] = {
    "index": service.index,
    "names": configuration.names,
    "logins": configuration.logins,
    "libraries": service.libraries,
    "drop-there": folders.drop_is_there,
    "way": folders.way,
    "drop-mode": folders.drop_mode,
    "drop-acl": folders.drop_acl,
    "drop-access": folders.drop_access,
    "drop-file-system": machine.drop_file_system,
    "owners": folders.owners,
    "writers": folders.writers,
    "web": folders.web,
    "writable": machine.writable,
    "linking": machine.linking,
    "space": machine.space,
    "inotify": machine.inotify,
    "clock": machine.clock,
    "capabilities": service.capabilities,
    "unit": service.unit,
    "daemon": service.life,
    "http": uploads.server,
    "metrics": service.textfile,
    "mail": configuration.mail,
    "webhooks": configuration.webhooks,
}
"""Every check by its name, in the order of the report."""

OF_DROP = frozenset(("drop-mode", "drop-acl", "drop-access", "drop-file-system", "inotify", "capabilities", "http"))
"""Checks that are skipped without the drop folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One result, with the name of its check."""

    check: str
    outcome: CheckOutcome


def examine(around: Environment) -> list[Reported]:
    """Run all checks of one index in their order; what this account may not examine is reported as unchecked."""
    reported: list[Reported] = []
    for name, check in CHECKS.items():
        if not (name in OF_DROP and _is_missing_drop(reported)):
            reported += [
                Reported(check=name, outcome=one) for one in _outcomes(check, around) if not _is_reported(reported, one)
            ]
    return reported


def _is_reported(reported: list[Reported], outcome: CheckOutcome) -> bool:
    """True if the same remedy has been reported already."""
    return isinstance(outcome, Finding) and any(
        isinstance(one.outcome, Finding) and one.outcome.remedy == outcome.remedy for one in reported
    )


def _is_missing_drop(reported: list[Reported]) -> bool:
    return any(one.check == "drop-there" and isinstance(one.outcome, Finding) for one in reported)


def _outcomes(check: Check, around: Environment) -> Iterator[CheckOutcome]:
    try:
        yield from check(around)
    except NobodyKnownError:
        yield Unchecked(where=around.config.state, reason="it is not known which account the daemon runs as")
    except FolderError as error:
        yield Unchecked(where=around.config.drop, reason=error.message)
    except OSError as error:
        where = str(error.filename) if error.filename is not None else str(around.config.state)
        yield Unchecked(where=where, reason=error.strerror or str(error))
