"""The surroundings of an index: the daemon's process, its unit, its account. Collected once, for all checks."""

from __future__ import annotations

import grp
import itertools
import os
import pwd
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.loading import SYSTEM_FILE
from eggwatch.linux.access import Account
from eggwatch.linux.accounts import account_name, group_ids_of
from eggwatch.linux.capabilities import CAPABILITIES
from eggwatch.model.status import Status
from eggwatch.readers.local import IndexReader
from eggwatch.readers.missing import Absence
from eggwatch.readers.status import idleness, standing
from eggwatch.store.state.lock import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to fix; `remedy` is a command to copy, or a sentence if no command can do it."""

    where: str | Path
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Something that cannot be checked on this machine or by this account."""

    where: str | Path
    reason: str


CheckOutcome = Finding | Unchecked


class NobodyKnownError(Exception):
    """Raised by a check that needs the daemon's account, if that is not known."""


PROC, SYSTEMD = Path("/proc"), Path("/run/systemd/system")
PROPERTIES = (
    "LoadState", "ActiveState", "ExecStart", "User", "Group", "SupplementaryGroups", "AmbientCapabilities",
    "CapabilityBoundingSet", "ProtectSystem", "ProtectHome", "ReadWritePaths", "StateDirectory", "BindPaths",
    "PrivateNetwork",
)  # fmt: skip
PATIENCE = 10.0
HTTP_UNITS = ("eggwatch-http.socket", "eggwatch-http.service")
"""The units of the HTTP server, if `setup` has installed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A loaded service and its properties, as `systemctl show` writes them."""

    name: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One index and its surroundings.

    `daemon` is the pid of the lock's holder, `command` its command line; `account` is the one that it runs as, or
    would; each is None (or empty) if unknown. `last_event_at` is RFC 3339, `now` in seconds since the epoch.
    """

    config: IndexConfig
    source: Path | None = None
    account: Account | None = None
    daemon: int | None = None
    command: str = ""
    unit: Unit | None = None
    http_units: tuple[Unit, ...] = ()
    status: Status = field(default_factory=Status)
    sees_lock: bool = True
    last_event_at: str | None = None
    absences: tuple[Absence, ...] = ()
    """Missing parts of the index itself, and whether uploads are waiting without a daemon."""
    now: float = field(default_factory=time.time)
    systemd: Path = SYSTEMD

    @property
    def known_account(self) -> Account:
        """The daemon's account, for checks that cannot run without it."""
        if self.account is None:
            raise NobodyKnownError
        return self.account

    @property
    def restart(self) -> str:
        """The command that restarts the daemon."""
        return (
            "restart the daemon: stop it, and start it again"
            if self.unit is None
            else f"systemctl restart {self.unit.name}"
        )

    @property
    def folders(self) -> dict[str, Path]:
        """PUBLIC, STATE and DROP, by their settings."""
        return {"drop": self.config.drop, "public": self.config.public, "state": self.config.state}


def surroundings_of(config: IndexConfig, source: Path | None) -> Environment:
    """Collect the surroundings of one index."""
    reader = IndexReader(config=config)
    daemon, command = _daemon(config, reader) or (None, "")
    unit = _unit(source, daemon)
    events, status = reader.last_events(1), reader.status() or Status()
    absences = [one for one in reader.missing() if one.what != "drop"]  # doctor has a check for it
    if daemon is None:
        absences += idleness(config, standing(config).status, now=time.time())
    return Environment(
        config=config,
        source=source,
        absences=tuple(absences),
        account=_account(config, daemon, unit),
        daemon=daemon,
        command=command,
        unit=unit,
        http_units=tuple(filter(None, map(_shown, HTTP_UNITS))) if SYSTEMD.is_dir() else (),
        status=status,
        sees_lock=reader.sees_lock(),
        last_event_at=events[0][1].at if events else status.last_event_at,
    )


def _daemon(config: IndexConfig, reader: IndexReader) -> tuple[int, str] | None:
    holder = Lock(config.state / "lock").holder()
    if holder is None or not reader.sees_lock() or not reader.is_running() or not (PROC / str(holder[0])).exists():
        return None
    return holder


def _account(config: IndexConfig, daemon: int | None, unit: Unit | None) -> Account | None:
    """The account of the running daemon, else of its unit, else the owner of STATE."""
    if daemon is not None:
        return of_process(daemon)
    if unit is not None:
        return of_unit(unit)
    try:
        owner = os.stat(config.state).st_uid
    except OSError:
        return None
    return Account(name=account_name(owner), uid=owner, gids=group_ids_of(owner), whence=f"the owner of {config.state}")


def of_process(pid: int) -> Account | None:
    """The account of a process, with its actual groups and capabilities."""
    try:
        text = (PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    uid, gid = int(fields["Uid"].split()[1]), int(fields["Gid"].split()[1])
    bits = int(fields["CapPrm"], 16)
    return Account(
        name=account_name(uid),
        uid=uid,
        gids=frozenset([gid, *map(int, fields["Groups"].split())]),
        capabilities=frozenset(name for name, bit in CAPABILITIES.items() if bits >> bit & 1),
        whence=f"process {pid}",
    )


def of_unit(unit: Unit) -> Account | None:
    """The account of a unit, with its groups and capabilities; None if it does not exist."""
    properties = unit.properties
    name = properties.get("User") or "root"
    try:
        uid = pwd.getpwnam(name).pw_uid
        more = {grp.getgrnam(group).gr_gid for group in properties.get("SupplementaryGroups", "").split()}
    except KeyError:
        return None
    given = {word.upper() for word in properties.get("AmbientCapabilities", "").split()}
    return Account(
        name=name,
        uid=uid,
        gids=group_ids_of(uid) | more,
        capabilities=frozenset(given & CAPABILITIES.keys()) if uid else frozenset(CAPABILITIES),
        whence=unit.name,
    )


def _unit(source: Path | None, daemon: int | None) -> Unit | None:
    """The service that runs the index, or would; None without systemd, or if there is none."""
    if not SYSTEMD.is_dir():
        return None
    if daemon is not None:
        own = _unit_of(daemon)
        unit = None if own is None else _shown(own)
        # A daemon that was started by hand, in a session of sshd or cron, does not belong to a unit of eggwatch.
        return unit if unit is not None and configuration_of(unit) is not None else None
    if source is None:
        return None
    units = (_shown(name) for name in ["eggwatch.service", f"eggwatch@{source.stem}.service"])
    return next((unit for unit in units if unit and _is_same(configuration_of(unit), source)), None)


def configuration_of(unit: Unit) -> Path | None:
    """The configuration of a unit, by default that in /etc/eggwatch; None if the unit does not run eggwatch."""
    match = re.search(r"argv\[\]=(.*?) ; ", unit.properties.get("ExecStart", ""))
    words = match[1].split() if match else []
    if "run" not in words or ("eggwatch" not in words[0].rpartition("/")[2] and "eggwatch" not in words):
        return None
    named = [word.removeprefix("--config=") for word in words if word.startswith("--config=")]
    named += [after for before, after in itertools.pairwise(words) if before == "--config"]
    return Path(named[0]) if named else SYSTEM_FILE


def _is_same(one: Path | None, other: Path) -> bool:
    return one is not None and one.resolve() == other.resolve()


def _unit_of(pid: int) -> str | None:
    try:
        text = (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return None
    return next(iter(re.findall(r"/([^/\n]+\.service)$", text, re.MULTILINE)), None)


def _shown(name: str) -> Unit | None:
    try:
        done = subprocess.run(
            ["systemctl", "show", name, *(f"--property={one}" for one in PROPERTIES)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    properties = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    return Unit(name=name, properties=properties) if properties.get("LoadState") == "loaded" else None
