"""Checks of DROP, PUBLIC and STATE: their existence, owners and permissions."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from eggwatch.doctor.environment import CheckOutcome, Environment, Finding, Unchecked
from eggwatch.linux.access import (
    ENTER,
    READ,
    WRITE,
    Account,
    access_acl,
    acl_of,
    by_acl,
    closed_on_the_way,
    granting,
    is_granted,
    is_shared,
    may,
    names_somebody,
)
from eggwatch.linux.accounts import account_name, gid_of, group_ids_of, group_name
from eggwatch.model.instructions import account_word, shell_word

ALL = READ | WRITE | ENTER
OURS = (
    ".", ".eggwatch", "files", "simple", "ledger.jsonl", "catalog.sqlite3", "lock", "orders", "status.json",
    "tokens.json",
)  # fmt: skip
"""What the daemon creates in PUBLIC and STATE, at the top level."""


def quoted(path: Path) -> str:
    """A path quoted for a shell."""
    return shell_word(str(path))


def drop_is_there(around: Environment) -> Iterator[CheckOutcome]:
    """The drop folder exists: the daemon never creates it, as its disk may not be mounted."""
    drop = around.config.drop
    try:
        is_folder = stat.S_ISDIR(os.stat(drop).st_mode)
    except FileNotFoundError:
        yield Finding(where=drop, problem="the drop folder does not exist; is its disk mounted?", remedy=_making(drop))
        return
    if not is_folder:
        yield Finding(
            where=drop, problem="is not a folder", remedy=f"mv {quoted(drop)} {quoted(drop)}.old && {_making(drop)}"
        )


def _making(drop: Path) -> str:
    """The command for a sticky and set-gid folder, with the uploaders' group of docs/accounts.rst if it exists."""
    group = "-g packages " if gid_of("packages") is not None else ""
    return f"install -d {group}-m 3770 {quoted(drop)}"


def way(around: Environment) -> Iterator[CheckOutcome]:
    """The daemon's account can enter the folders above its own."""
    account = around.known_account
    ways = {closed: folder for folder in around.folders.values() if (closed := closed_on_the_way(account, folder))}
    for closed, folder in ways.items():
        problem = f"{account.name} ({account.whence}) can't pass through it to {folder}"
        yield Finding(where=closed, problem=problem, remedy=granting(account, closed, ENTER))


def drop_mode(around: Environment) -> Iterator[CheckOutcome]:
    """A drop folder that several people use is sticky and set-gid, unless a server stores all files as one account.

    Not a mirror: people replace and remove files there, also those of others.
    """
    drop = around.config.drop
    status = os.stat(drop)
    if around.config.is_mirror or around.config.identity == "folder" or not is_shared(status):
        return
    wrongs = []
    if not status.st_mode & stat.S_ISVTX:
        wrongs.append(("+t", "is not sticky: people can replace and remove what others have just uploaded"))
    if status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_ISGID:
        wrongs.append(("g+s", "is not set-gid: folders that people create in it do not belong to its group"))
    if wrongs:
        modes = ",".join(mode for mode, _ in wrongs)
        problem = "; ".join(problem for _, problem in wrongs)
        yield Finding(where=drop, problem=problem, remedy=f"chmod {modes} {quoted(drop)}")


def drop_acl(around: Environment) -> Iterator[CheckOutcome]:
    """The default ACL lets the daemon empty folders that people create, whatever their umask; it empties no mirror."""
    drop, account = around.config.drop, around.known_account
    status = os.stat(drop)
    by_power = account.uid == 0 or "CAP_DAC_OVERRIDE" in (account.capabilities or ())
    if by_power or around.config.is_mirror or around.config.identity == "folder" or not is_shared(status):
        return
    try:
        acl = acl_of(drop, "default")
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        yield Unchecked(where=drop, reason="its file system does not support ACLs")
        return
    if not acl or not by_acl(account, acl, ALL, gid=status.st_gid):
        yield Finding(
            where=drop,
            problem=f"has no default ACL for {account.name}, which can't empty the folders that people create in it",
            remedy=f"setfacl -m d:u:{account_word(account.name)}:rwx {quoted(drop)}",
        )


def drop_access(around: Environment) -> Iterator[CheckOutcome]:
    """The daemon's account can read, write and enter DROP; it writes nothing into a mirror."""
    drop, account = around.config.drop, around.known_account
    status, acl = os.stat(drop), access_acl(drop)
    if around.config.is_mirror:
        if not is_granted(account, status, acl, READ | ENTER):
            problem = f"{account.name} ({account.whence}) may not read and enter it"
            yield Finding(where=drop, problem=problem, remedy=granting(account, drop, READ | ENTER))
    elif not is_granted(account, status, acl, ALL):
        yield _no_access(account, drop, status, around.restart)


def _no_access(account: Account, drop: Path, status: os.stat_result, restart: str) -> Finding:
    group = group_name(status.st_gid)
    by_group = status.st_mode >> 3 & ALL == ALL
    if by_group and status.st_gid not in account.gids:
        if status.st_gid in group_ids_of(account.uid):
            problem = f"{account.name} has become a member of {group} since the daemon was started"
            return Finding(where=drop, problem=problem, remedy=restart)
        problem = f"{account.name} ({account.whence}) is not in its group {group} and can't remove uploads from it"
        remedy = f"usermod --append --groups {group} {account.name}, and restart the daemon"
        return Finding(where=drop, problem=problem, remedy=remedy)
    problem = f"{account.name} ({account.whence}) may not read, write and enter it"
    return Finding(where=drop, problem=problem, remedy=granting(account, drop, ALL))


def owners(around: Environment) -> Iterator[CheckOutcome]:
    """PUBLIC, STATE and their contents belong to the daemon's account."""
    account = around.known_account
    for folder in (around.config.public, around.config.state):
        yield from _owner_of(folder, account)


def _owner_of(folder: Path, account: Account) -> Iterator[CheckOutcome]:
    if not folder.exists():
        above = next(parent for parent in folder.parents if parent.exists())
        if not may(account, above, WRITE | ENTER):
            problem = f"does not exist, and {account.name} may not create it in {above}"
            yield Finding(
                where=folder, problem=problem, remedy=f"install -d -o {account_word(account.name)} {quoted(folder)}"
            )
        return
    foreign = {name: uid for name in OURS if (uid := _owner(folder / name)) not in (None, account.uid)}
    if foreign:
        name, uid = next(iter(foreign.items()))
        where = folder if name == "." else folder / name
        problem = f"belongs to {account_name(uid or 0)}, and the daemon runs as {account.name} ({account.whence})"
        owner = account_word(account.name) if account.name.startswith("uid:") else f"{account.name}:"
        remedy = f"chown -R {owner} {quoted(folder)}"
        yield Finding(where=where, problem=problem, remedy=remedy)


def _owner(path: Path) -> int | None:
    try:
        return os.stat(path, follow_symlinks=False).st_uid
    except FileNotFoundError:
        return None


def writers(around: Environment) -> Iterator[CheckOutcome]:
    """Only the daemon's account can write to PUBLIC, STATE, the configuration and the passwords."""
    passwords = None if around.config.uploads is None else around.config.uploads.users
    for file in (around.source, passwords):
        if file is not None and (open_to := _open_to(file, 0)):
            yield _too_open(file, open_to, f"chmod go-w {quoted(file)}")
    allowed = around.config.mode & 0o022
    for folder in (around.config.public, around.config.state):
        for name in OURS:
            if open_to := _open_to(folder / name, allowed):
                where = folder if name == "." else folder / name
                yield _too_open(where, open_to, f"chmod -R go-w {quoted(folder)}")
                break


def _open_to(path: Path, allowed: int) -> str | None:
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode & 0o022 & ~allowed
    except FileNotFoundError:
        return None
    return ("everybody" if mode & 0o002 else "its group") if mode else None


def _too_open(where: Path, open_to: str, remedy: str) -> Finding:
    return Finding(where=where, problem=f"{open_to} may write to it and bypass all rules", remedy=remedy)


def web(around: Environment) -> Iterator[CheckOutcome]:
    """A web server, which has its own account, can read the published pages."""
    public, group = around.config.public, around.config.group
    gid = None if group is None else gid_of(group)
    reader = Account(name="others", uid=-1, gids=frozenset() if gid is None else frozenset((gid,)))
    if any(word.partition("=")[0] == "--serve" for word in around.command.split()):  # the daemon serves them itself
        return
    for folder in [*reversed(public.parents), public, public / "simple", public / "files"]:
        wanted = ENTER if folder in public.parents else READ | ENTER
        if folder.exists() and not may(reader, folder, wanted) and not names_somebody(access_acl(folder), ENTER):
            yield _unseen(around, folder, "x" if wanted == ENTER else "rx")
            return


def _unseen(around: Environment, folder: Path, wanted: str) -> Finding:
    group, verb = around.config.group, "pass through" if wanted == "x" else "read"
    return Finding(
        where=folder,
        problem=f"{f'the group {group}' if group else 'others'} can't {verb} it: a web server can't show the pages",
        remedy=f"setfacl -m g:{group}:{wanted} {quoted(folder)}" if group else f"chmod o+{wanted} {quoted(folder)}",
    )
