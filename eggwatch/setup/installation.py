"""Plans and carries out everything that is needed to run eggwatch on this machine, and undoes it after a failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eggwatch.config import loading
from eggwatch.config.extras import modules_of_extras
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.settings import sample
from eggwatch.errors import ConfigurationError, InstallationError
from eggwatch.setup import files, system_packages
from eggwatch.setup.drop_ins import HTTP_ACCOUNT, Service, refuse_hidden
from eggwatch.setup.folders import account_there, folders_there, primary_group, refuse_anothers
from eggwatch.setup.interpreter import Interpreter
from eggwatch.setup.machine import Machine, Step
from eggwatch.setup.paths import Places
from eggwatch.setup.services import DAEMON, HTTP, Life, Units, needed, noted_account
from eggwatch.setup.source import Source
from eggwatch.setup.versions import Versions

Tell = Callable[[str], None]
FOLDERS = {"drop": Path("/srv/drop"), "public": Path("/srv/eggwatch"), "state": Path("/var/lib/eggwatch")}
NEEDED = {DAEMON, "sysusers.conf", "tmpfiles.conf"}
NEWER = "Choose a newer one by --from."
PROGRAMS = ("systemctl", "systemd-sysusers", "systemd-tmpfiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options; None if not given."""

    drop: Path | None = None
    public: Path | None = None
    state: Path | None = None
    account: str | None = None
    url: str | None = None

    def folder(self, name: str) -> Path | None:
        """One of the three folders."""
        wanted: Path | None = getattr(self, name)
        return None if wanted is None else wanted.absolute()

    def folders(self) -> dict[str, Path]:
        """All three; the defaults are those of the sample."""
        return {name: self.folder(name) or default for name, default in FOLDERS.items()}


class Installation:
    """Plans the steps from the machine and the options, and carries them out."""

    def __init__(self, *, places: Places, machine: Machine, interpreter: Interpreter) -> None:
        self._places, self._machine, self._interpreter = places, machine, interpreter
        self.versions = Versions(places, machine)
        self._systemd_python = system_packages.SystemdPython(machine, self.versions)
        self._life = Life(machine)
        self._notes: list[str] = []

    def plan(self, source: Source, wish: Wish) -> list[Step]:
        """The steps in order; empty if nothing has to be done."""
        self._refuse_what_is_impossible()
        services = self._services(wish)
        home, shipped = self.versions.home_of(source, self._interpreter), needed(source.shipped(), services)
        if not shipped.keys() >= NEEDED:
            raise InstallationError(f"{source} has no units: it is older than this command.", remedy=NEWER)
        current = self.versions.current()
        modules = modules_of_extras(index for service in services for index in service.indexes)
        units = Units(self._places, self._machine, shipped)
        steps = [
            *system_packages.whole_python(self._interpreter, self._machine),
            *self.versions.built(source, self._interpreter),
            *self.versions.with_extras(home, source, self._interpreter, modules),
            *self._systemd_python.there(self._interpreter, home),
            *account_there(shipped["sysusers.conf"], services[0].account, self._places.accounts, self._machine),
            *folders_there(shipped["tmpfiles.conf"], services, self._machine),
            *self._http_there(shipped, services),
            *self._configured(wish),
        ]
        about_units = [*units.there(services), *units.others_gone({} if current is None else current.shipped())]
        steps += [*about_units, *units.explained(), *self.versions.in_use(home)]
        for path, target in {self._places.command: self._places.program, **self._places.shared}.items():
            steps += files.linked(path, str(target))
        steps += [*units.enabled(), *self._life.running(home, units.wanted, changed=bool(about_units))]
        return [*steps, *self.versions.forgotten(home)]

    def _http_there(self, shipped: dict[str, bytes], services: list[Service]) -> Iterator[Step]:
        """Account and folders of the HTTP server, if the configuration and the version have one."""
        servers = [server for service in services if (server := service.of_http())]
        if HTTP in shipped and servers:
            sample, path = shipped["sysusers-http.conf"], self._places.http_accounts
            yield from account_there(sample, HTTP_ACCOUNT, path, self._machine)
            yield from folders_there(shipped["tmpfiles-http.conf"], servers, self._machine)
        self._notes = [
            f"[index.{index.name}.uploads] names no account. For a separate HTTP server, "
            f'add account = "{HTTP_ACCOUNT}", and run this again.'
            for service in services
            for index in service.indexes
            if index.uploads is not None and index.uploads.account is None
        ]

    def take(self, steps: list[Step], tell: Tell) -> None:
        """Carry out the steps; if the new version does not start, restore the old one."""
        before, previous = self.versions.current(), self.versions.previous()
        try:
            take(steps, tell)
        except InstallationError as error:
            if before is None or self.versions.current() == before:
                raise
            tell(f"{error.message}\n")
            try:
                take(self.plan(before, Wish()), tell)
            finally:
                self.versions.remember(previous)
            raise InstallationError(f"That version does not work here; {before.version} runs again.") from error

    def notes(self) -> list[str]:
        """Notes to print at the end."""
        notes = [*filter(None, [self._systemd_python.lacking]), *self._notes]
        if not self._machine.is_booted_by_systemd:
            notes.append(f"systemd does not run here: nothing was started. It starts {DAEMON} at the next boot.")
        return notes

    def _refuse_what_is_impossible(self) -> None:
        for program in PROGRAMS:
            if not self._machine.has(program):
                raise InstallationError(
                    f"{program} is missing: eggwatch is installed as a systemd service.",
                    remedy="Without systemd: 'eggwatch init', then 'eggwatch run' under your service supervisor.",
                )
        self.versions.refuse_what_is_not_ours()

    def _services(self, wish: Wish) -> list[Service]:
        """The daemon of eggwatch.toml, and one for each other configuration beside it."""
        account = wish.account or noted_account(self._places)
        if account == "root":
            raise ConfigurationError("eggwatch does not run as root.", remedy="Name another account by --user.")
        group = primary_group(account)
        found = [(self._places.configuration, self._indexes(wish))]
        for path in sorted(self._places.configurations.glob("*.toml")):
            if path != self._places.configuration:
                found.append((path, tuple(loading.load(path).indexes.values())))
        refuse_hidden(index for _, indexes in found for index in indexes)
        services = [Service(file=path, indexes=indexes, account=account, group=group) for path, indexes in found]
        refuse_anothers(services)
        return services

    def _indexes(self, wish: Wish) -> tuple[IndexConfig, ...]:
        """The indexes of the existing configuration, which must match the options, or those of a new one."""
        path = self._places.configuration
        if path.exists():
            indexes = tuple(loading.load(path).indexes.values())
            refuse_another_wish(path, indexes, wish)
            return indexes
        folders = wish.folders()
        begun = loading.from_folders(folders["drop"], folders["public"], folders["state"])
        return tuple(begun.indexes.values())

    def _configured(self, wish: Wish) -> Iterator[Step]:
        path = self._places.configuration
        if not path.exists():
            url = {} if wish.url is None else {"url": wish.url}
            folders = {name: str(folder) for name, folder in wish.folders().items()}
            yield from files.written(path, sample({**folders, **url}).encode())


def take(steps: list[Step], tell: Tell) -> None:
    """Print each step, and carry it out."""
    for step in steps:
        tell(step.what)
        step.do()


def refuse_another_wish(path: Path, indexes: tuple[IndexConfig, ...], wish: Wish) -> None:
    """Raises ConfigurationError if a requested folder or URL differs from the existing configuration."""
    if wish.url is not None and [wish.url] != [index.url for index in indexes]:
        raise ConfigurationError(
            f"{path} already exists and does not contain url = {wish.url}.",
            remedy="Change it there, run 'systemctl reload eggwatch', and 'eggwatch setup' without --url.",
        )
    for name in FOLDERS:
        wanted = wish.folder(name)
        there = [getattr(index, name) for index in indexes]
        if wanted is not None and [os.path.realpath(wanted)] != [os.path.realpath(folder) for folder in there]:
            raise ConfigurationError(
                f"{path} already exists and contains {name} = {', '.join(map(str, there))}, not {wanted}.",
                remedy=f"Change it there, and run 'eggwatch setup' again without --{name}.",
            )
