"""Account, group and folders, as systemd's own tools make them from the samples.

Folders are created once; an existing one keeps its permissions. Nothing is installed in /etc/tmpfiles.d, because at
boot it would create a drop folder below a disk that is not mounted yet, and reset permissions.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import ConfigurationError
from eggwatch.linux.accounts import HTTP_FOLDER, account_name
from eggwatch.setup import files
from eggwatch.setup.drop_ins import ACCOUNT, Service, quoted
from eggwatch.setup.machine import Machine, Step

UPLOADERS = "packages"
SAMPLE_FOLDERS: dict[str, Callable[[IndexConfig], Path]] = {
    "/srv/drop": lambda index: index.drop,
    "/srv/drop/http": lambda index: index.drop / HTTP_FOLDER,
    "/srv/eggwatch": lambda index: index.public,
    "/var/lib/eggwatch": lambda index: index.state,
    "/var/lib/eggwatch/news": lambda index: index.state / "news",
}


def account_there(sample: bytes, account: str, path: Path, machine: Machine) -> Iterator[Step]:
    """The account, in the group of the uploaders; `path` is the file that describes it for systemd-sysusers."""
    text = sample.decode().replace(f" {ACCOUNT} ", f" {account} ").encode()
    yield from files.written(path, text)
    if not _is_member(account):
        yield Step(
            what=f"make the account {account}, and the group {UPLOADERS} that uploaders are in (systemd-sysusers)",
            do=lambda: machine.run("systemd-sysusers", path),
        )


def _is_member(account: str) -> bool:
    try:
        gid = pwd.getpwnam(account).pw_gid
        return grp.getgrnam(UPLOADERS).gr_gid in os.getgrouplist(account, gid)
    except KeyError:
        return False


def primary_group(account: str) -> str:
    """The group of an account; that of a new account has the same name."""
    try:
        return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name
    except KeyError:
        return account


def folders_there(sample: bytes, services: list[Service], machine: Machine) -> Iterator[Step]:
    """Steps that create missing folders, with the permissions of the sample."""
    done: set[str] = set()
    for service in services:
        for path, lines in _lines_of(sample.decode(), service).items():
            if path not in done and is_nobodys(Path(path)):
                yield _made(path, lines, machine)
            done.add(path)


def refuse_anothers(services: list[Service]) -> None:
    """ConfigurationError if a folder that daemon or HTTP server have to write to belongs to another account."""
    for service in services:
        for folder in (folder for index in service.indexes for folder in (index.public, index.state)):
            _refuse_anothers(folder, service.account, "the daemon", "; or choose --user")
        if (server := service.of_http()) is not None:
            for index in server.indexes:
                _refuse_anothers(index.drop / HTTP_FOLDER, server.account, "the HTTP server", "")


def _refuse_anothers(folder: Path, account: str, who: str, otherwise: str) -> None:
    if not is_nobodys(folder) and (owner := account_name(folder.stat().st_uid)) != account:
        there = f"Make the account if it is missing (useradd --system {account})"
        raise ConfigurationError(
            f"{folder} belongs to {owner}, and {who} is to run as {account}.",
            remedy=f"{there}, and give it the folder (chown -R {account}: {folder}){otherwise}.",
        )


def is_nobodys(path: Path) -> bool:
    """Whether a folder is missing, or empty and owned by root, as on a new disk."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return True
    return (status.st_uid, status.st_gid) == (0, 0) and set(os.listdir(path)) <= {"lost+found"}


def _made(path: str, lines: list[list[str]], machine: Machine) -> Step:
    mode, user, group = lines[0][2:5]
    given = "".join(f"{' '.join(line)}\n" for line in lines)
    more = ", and a default ACL for the daemon" if len(lines) > 1 else ""
    return Step(
        what=f"make {path} (mode {mode}, {user}:{group}{more})",
        do=lambda: machine.run("systemd-tmpfiles", "--create", "-", given=given),
    )


def _lines_of(sample: str, service: Service) -> dict[str, list[list[str]]]:
    """The sample's lines, by folder, for the folders and the account of a service."""
    lines: dict[str, list[list[str]]] = {}
    for line in sample.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        kind, path, mode, user, group, *rest = line.split(None, 6)
        rest = [part.replace(f":user:{ACCOUNT}:", f":user:{service.account}:") for part in rest]
        user = service.account if user == ACCOUNT else user
        group = service.group if group == ACCOUNT else group
        for folder in _folders(path, service):
            lines.setdefault(str(folder), []).append([kind, quoted(folder), mode, user, group, *rest])
    return lines


def _folders(path: str, service: Service) -> list[Path]:
    """The folders that replace a folder of the sample."""
    folder = SAMPLE_FOLDERS.get(path)
    return [Path(path)] if folder is None else [folder(index) for index in service.indexes]
