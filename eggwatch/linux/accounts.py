"""Who the uploader is: the owner of the dropped file, or the account named by its folder; and groups of accounts."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from eggwatch.model.names import shown
from eggwatch.model.sightings import Sighting

ACCOUNT = re.compile(r"\w[\w.@+-]{0,63}\$?")
"""Matches folder names that can be account names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploader:
    """An account by its current name, and its uid if it is one of this machine; None if unknown.

    `doubt` says why another account may have written the file, so that its owner proves nothing.
    """

    name: str | None = None
    uid: int | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """The stat results of an open upload, and of the folders on its path, the outermost first.

    Each folder was opened from the one before, and the file from the last of them.
    """

    file: os.stat_result
    folders: tuple[os.stat_result, ...] = ()


_WRITABLE = stat.S_IWGRP | stat.S_IWOTH

Identify = Callable[[Sighting, Traces], Uploader]


def account_name(uid: int) -> str:
    """The account's current name, which a page can show, else `uid:1043`."""
    try:
        return shown(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"uid:{uid}"


def run_as_owner(folder: Path) -> str:
    """The remedy if an account may not do something to a folder of the index: the command as its owner."""
    try:
        name = account_name(os.stat(folder).st_uid)
    except OSError:
        return "Run it as the account that the daemon runs as, by 'sudo -u ACCOUNT eggwatch …'."
    if name.startswith("uid:"):
        name = f"'#{name.removeprefix('uid:')}'"
    return f"Run it as the account that owns the index: sudo -u {name} eggwatch …"


def by_owner(_: Sighting, traces: Traces) -> Uploader:
    """The account that owns the file (`identity = "owner"`)."""
    uid = traces.file.st_uid
    return Uploader(name=account_name(uid), uid=uid, doubt=_doubt(traces.file))


def _doubt(file: os.stat_result) -> str | None:
    """The group bits of the mode are also the mask of an access control list (acl(5)).

    An account that may write to a file may also link it (proc(5), protected_hardlinks), even in a sticky folder.
    """
    if file.st_mode & _WRITABLE:
        return f"others may write to it (mode {stat.S_IMODE(file.st_mode):04o})"
    if file.st_nlink > 1:
        return "it has a second name (a hard link), which another account may have given it"
    return None


def others_who_may_write(file: os.stat_result) -> str | None:
    """Which accounts other than the owner may write to a file by its mode; None if there are none."""
    if file.st_mode & stat.S_IWOTH:
        return f"anybody (mode {stat.S_IMODE(file.st_mode):04o})"
    if not file.st_mode & stat.S_IWGRP:
        return None
    return f"a member of the group {group_name(file.st_gid)} (mode {stat.S_IMODE(file.st_mode):04o})"


def by_folder(sighting: Sighting, traces: Traces) -> Uploader:
    """The account that DROP/<account>/… is named after (`identity = "folder"`).

    None for a file in DROP itself, and if the folder belongs to an account other than that.
    """
    folder, slash, _ = sighting.path.partition("/")
    if not slash or ACCOUNT.fullmatch(folder) is None:
        return Uploader()
    uid = uid_of(folder)
    if traces.folders[0].st_uid not in (uid, os.geteuid(), 0):
        return Uploader()
    return Uploader(name=folder, uid=uid)


HTTP_FOLDER = "http"
"""The folder in DROP for uploads over HTTP, with a subfolder for each user."""
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""Matches names of users of uploads over HTTP, which are also names of folders."""


def through_door(account: str | None, otherwise: Identify) -> Identify:
    """The user of DROP/http/USER/ if the HTTP server has stored the file; else the uploader as for other files.

    `account` is the HTTP server's; None is the daemon's own. The folder is only trusted if it and the file belong to
    this account, and no other account may write there or has linked the file.
    """

    def identify(sighting: Sighting, traces: Traces) -> Uploader:
        if (user := door_user(sighting.path)) is None or not is_of_door(account, traces):
            return otherwise(sighting, traces)
        return Uploader(name=user, uid=uid_of(user), doubt=_doubt(traces.file))

    return identify


def door_user(path: str) -> str | None:
    """The user of an upload over HTTP, from its path in the drop folder; None if it did not come over HTTP."""
    folder, user, name = [*path.split("/"), "", ""][:3]
    is_of_door = folder == HTTP_FOLDER and path.count("/") == 2 and bool(name)
    return user if is_of_door and USER.fullmatch(user) else None


def is_of_door(account: str | None, traces: Traces) -> bool:
    """Whether file and folders belong to the HTTP server's account (None: our own), and no other may write to them."""
    uid = os.geteuid() if account is None else uid_of(account)
    return all(one.st_uid == uid and not one.st_mode & _WRITABLE for one in (*traces.folders, traces.file))


def uid_of(name: str) -> int | None:
    """The uid of an account; None if it does not exist."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


IDENTITIES: dict[str, Identify] = {"owner": by_owner, "folder": by_folder}
"""Functions that identify the uploader, by the value of `identity` in the configuration."""


def group_ids_of(uid: int) -> frozenset[int]:
    """The groups that processes of an account get."""
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return frozenset()
    return frozenset(os.getgrouplist(account.pw_name, account.pw_gid))


def groups_of(uid: int | None) -> frozenset[str]:
    """The names of all groups of an account, with its primary group; empty if the account does not exist."""
    names = set()
    for gid in frozenset() if uid is None else group_ids_of(uid):
        with suppress(KeyError):
            names.add(grp.getgrgid(gid).gr_name)
    return frozenset(names)


def has_account(name: str) -> bool:
    """Whether the account exists."""
    return uid_of(name) is not None


def gid_of(name: str) -> int | None:
    """The gid of a group; None if it does not exist."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def group_name(gid: int) -> str:
    """The group's current name, else its gid."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
