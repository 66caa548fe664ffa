"""The units: installed, started, and checked to keep running."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from eggwatch.errors import InstallationError
from eggwatch.setup import files
from eggwatch.setup.drop_ins import ACCOUNT, NAME, Service
from eggwatch.setup.machine import Machine, Step
from eggwatch.setup.paths import Places

DAEMON = "eggwatch.service"
HTTP = "eggwatch-http.service"
WANTED = (DAEMON, "eggwatch-news.service", "eggwatch-verify.timer", "eggwatch-http.socket")
"""The units that setup enables if they are needed; the administrator enables the backup when its disk is mounted."""
SUFFIXES = (".service", ".timer", ".socket")
CATALOG = "eggwatch.catalog"
PROOF = 1.0
"""Seconds that the daemon has to keep running after it is ready."""
JOURNAL_LINES = 20
UNTIL = "and wait until its first round is done"


def noted_account(places: Places) -> str:
    """The account in the daemon's drop-in, from an earlier setup."""
    try:
        text = (places.units / f"{DAEMON}.d" / NAME).read_text()
    except OSError:
        return ACCOUNT
    match = re.search(r"^User=(.+)$", text, re.M)
    return match[1] if match else ACCOUNT


def unit_names(shipped: dict[str, bytes]) -> list[str]:
    """The units among the files of a version."""
    return sorted(name for name in shipped if name.endswith(SUFFIXES))


def needed(shipped: dict[str, bytes], services: list[Service]) -> dict[str, bytes]:
    """The files of a version, without those of the HTTP server if it is not used."""
    if any(service.of_http() for service in services):
        return shipped
    return {name: data for name, data in shipped.items() if "http" not in name}


def told_journal(steps: Iterator[Step], machine: Machine) -> Iterator[Step]:
    """Steps that update the explanations of `journalctl -x`, if they differ."""
    todo = list(steps)
    yield from todo
    if todo:
        again = ("journalctl", "--update-catalog")
        yield Step(what="update the journal's catalog (journalctl --update-catalog)", do=lambda: machine.run(*again))


def reloaded(machine: Machine) -> Step:
    """A step that has systemd read the units again."""
    return Step(what="systemctl daemon-reload", do=lambda: machine.run("systemctl", "daemon-reload"))


def stopped(names: list[str], machine: Machine, *instances: str) -> Step:
    """A step that stops and disables units; `instances` are patterns of others that are only stopped."""

    def stop() -> None:
        if machine.is_booted_by_systemd:
            machine.run("systemctl", "stop", *names, *instances)
        machine.run("systemctl", "--quiet", "disable", *names)

    return Step(what=f"stop and disable {', '.join(names)}", do=stop)


class Units:
    """The units of one version, on this machine."""

    def __init__(self, places: Places, machine: Machine, shipped: dict[str, bytes]) -> None:
        self._places, self._machine, self._shipped = places, machine, shipped
        self.wanted = [name for name in WANTED if name in shipped]

    def there(self, services: list[Service]) -> Iterator[Step]:
        """Each unit and its drop-ins."""
        for name in unit_names(self._shipped):
            yield from files.written(self._places.units / name, self._shipped[name])
        for service in services:
            for unit, text in service.drop_ins().items():
                stem, mark, _ = unit.partition("@")
                if (f"{stem}@.service" if mark else unit) in self._shipped:
                    yield from files.written(self._places.units / f"{unit}.d" / NAME, text.encode())

    def others_gone(self, before: dict[str, bytes]) -> Iterator[Step]:
        """Units of the previous version that this one does not have, or that the configuration no longer needs."""
        names = sorted(set(unit_names(before)) - set(self._shipped))
        there = [name for name in names if "@" not in name and (self._places.units / name).exists()]
        if there:
            yield stopped(there, self._machine)
        for name in names:
            yield from files.removed(self._places.units / f"{name}.d" / NAME)
            yield from files.removed(self._places.units / name)

    def explained(self) -> Iterator[Step]:
        """The explanations of `journalctl -x`, if this version has them."""
        if CATALOG in self._shipped:
            yield from told_journal(files.written(self._places.catalog, self._shipped[CATALOG]), self._machine)

    def enabled(self) -> Iterator[Step]:
        """Enable the units, so that they start at boot."""
        missing = [unit for unit in self.wanted if self._machine.says("systemctl", "is-enabled", unit) != "enabled"]
        if missing:
            yield Step(
                what=f"enable {' and '.join(missing)}",
                do=lambda: self._machine.run("systemctl", "--quiet", "enable", *missing),
            )


class Life:
    """The running units."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def running(self, home: Path, wanted: list[str], *, changed: bool) -> Iterator[Step]:
        """Start the daemons of the version in `home`, or restart them if units have changed or another version runs."""
        if not self._machine.is_booted_by_systemd:
            return
        if changed or self._show("NeedDaemonReload") == "yes":
            yield reloaded(self._machine)
            changed = True
        for unit in (DAEMON, *self._instances(), *([HTTP] if WANTED[-1] in wanted else [])):
            yield from self._up_to_date(unit, home, changed=changed)
        others = [unit for unit in wanted if unit != DAEMON and self._show("ActiveState", unit) != "active"]
        if others:
            yield Step(
                what=f"start {' and '.join(others)}", do=lambda: self._machine.run("systemctl", "start", *others)
            )

    def _instances(self) -> list[str]:
        """Restart running units only, as an administrator may have stopped the others."""
        which = ("--plain", "--no-legend", "--state=active", "eggwatch@*.service")
        listed = self._machine.says("systemctl", "list-units", *which)
        return [line.split()[0] for line in listed.splitlines()]

    def _up_to_date(self, unit: str, home: Path, *, changed: bool) -> Iterator[Step]:
        if self._show("MainPID", unit) not in ("", "0") and (changed or not self._runs_from(home, unit)):
            yield Step(what=f"restart {unit}, {UNTIL}", do=lambda: self.bring_up(unit))
        elif self._show("ActiveState", unit) != "active":
            yield Step(what=f"start {unit}, {UNTIL}", do=lambda: self.bring_up(unit))

    def bring_up(self, unit: str) -> None:
        """Start or restart a daemon; raises InstallationError with the last lines of the journal if it ends.

        Always by `restart`: while systemd tries another version again and again, `start` would join one of its tries.
        """
        begun = int(time.time())
        ready = self._machine.grants("systemctl", "restart", unit)
        life = self._show("MainPID", unit), self._show("NRestarts", unit)
        end = time.monotonic() + PROOF
        while ready and time.monotonic() < end:
            time.sleep(0.1)
            ready = (self._show("MainPID", unit), self._show("NRestarts", unit)) == life
        if not ready:
            said = [f"{unit} does not start. Its last log lines:", *self._last_words(unit, begun)]
            raise InstallationError("\n  ".join(said))

    def _last_words(self, unit: str, since: int) -> list[str]:
        self._machine.says("journalctl", "--sync")
        lines = (f"--lines={JOURNAL_LINES}", f"--since=@{since}")
        return self._machine.says("journalctl", "--no-pager", "-o", "cat", "-u", unit, *lines).splitlines()

    def _runs_from(self, home: Path, unit: str) -> bool:
        """Whether a daemon runs with the interpreter of a version."""
        pid = self._show("MainPID", unit)
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return words[0].startswith(f"{home}/".encode())

    def _show(self, name: str, unit: str = DAEMON) -> str:
        return self._machine.says("systemctl", "show", "--value", f"--property={name}", unit)
