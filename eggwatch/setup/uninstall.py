"""Remove program, units and drop-ins; keep data, configuration and account."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Iterator

from eggwatch.config import loading
from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import EggwatchError
from eggwatch.setup import files
from eggwatch.setup.drop_ins import BACKUPS, HTTP_ACCOUNT, NAME
from eggwatch.setup.folders import UPLOADERS
from eggwatch.setup.machine import Machine, Step
from eggwatch.setup.paths import Places
from eggwatch.setup.services import noted_account, reloaded, stopped, told_journal, unit_names


class Removal:
    """Removes what setup has installed."""

    def __init__(self, places: Places, machine: Machine, shipped: dict[str, bytes]) -> None:
        self._places, self._machine, self._units = places, machine, unit_names(shipped)

    def plan(self) -> list[Step]:
        """The steps in order; the program is removed last, because it is running."""
        units = [*self._stopped(), *self._without_units()]
        if units and self._machine.is_booted_by_systemd:
            units.append(reloaded(self._machine))
        gone = [
            *files.removed(self._places.accounts),
            *files.removed(self._places.http_accounts),
            *told_journal(files.removed(self._places.catalog), self._machine),
        ]
        gone += self._without_program()
        return [*units, *gone]

    def _stopped(self) -> Iterator[Step]:
        there = [name for name in self._units if (self._places.units / name).exists()]
        plain = [name for name in there if "@" not in name]
        instances = sorted({path.name for path in self._places.units.glob("*.wants/eggwatch*@?*.service")})
        if there:
            yield stopped([*plain, *instances], self._machine, "eggwatch@*.service", "eggwatch-*@*.service")

    def _without_units(self) -> Iterator[Step]:
        for drop_in in sorted(self._places.units.glob(f"eggwatch*.service.d/{NAME}")):
            yield from files.removed(drop_in)
        for name in self._units:
            yield from files.removed(self._places.units / name)

    def _without_program(self) -> Iterator[Step]:
        for path in (self._places.command, *self._places.shared):
            yield from files.removed(path)
        home = self._places.home
        if home.exists():
            yield Step(what=f"remove {home}", do=lambda: shutil.rmtree(home))


def what_stays(places: Places) -> list[str]:
    """The commands that would delete the rest."""
    try:
        indexes: Iterable[IndexConfig] = loading.load(places.configuration).indexes.values()
    except EggwatchError:
        indexes = ()
    folders = [folder for index in indexes for folder in index.folders]
    there = [path for path in [*folders, places.configurations, BACKUPS] if path.exists()]
    # Drop-ins of the administrator, beside ours.
    there += [path.parent for path in sorted(path for path in places.units.glob("eggwatch*.d/*") if path.name != NAME)]
    deletions = [f"rm -r {shlex.quote(str(path))}" for path in dict.fromkeys(there)]
    accounts = [noted_account(places), *([HTTP_ACCOUNT] if places.http_accounts.exists() else [])]
    return [*deletions, *(f"userdel {account}" for account in accounts), f"groupdel {UPLOADERS}"]
