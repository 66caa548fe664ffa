"""Who may do what to a file, by owner, groups, mode and POSIX ACL (acl(5)), as the kernel would decide it."""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from eggwatch.model.instructions import account_word, shell_word

READ, WRITE, ENTER = 4, 2, 1
_OWNER, _USER, _GROUP, _NAMED_GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of a process: `capabilities` are names, None if unknown; `whence` is the source of all this."""

    name: str
    uid: int
    gids: frozenset[int]
    capabilities: frozenset[str] | None = None
    whence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AclEntry:
    """One entry of an ACL: `tag` and `perm` as the kernel stores them, `id` of a named user or group."""

    tag: int
    perm: int
    id: int


Acl = tuple[AclEntry, ...]


def decoded(data: bytes) -> Acl:
    """Parse an ACL from its extended attribute; raises ValueError for anything else."""
    if len(data) < 4 or len(data) % 8 != 4 or struct.unpack_from("<I", data)[0] != _VERSION:
        raise ValueError("no POSIX ACL")
    return tuple(AclEntry(tag=tag, perm=perm, id=id_) for tag, perm, id_ in struct.iter_unpack("<HHI", data[4:]))


def acl_of(path: Path, kind: str = "access") -> Acl:
    """The `access` or `default` ACL of a path, empty if it has none. OSError (EOPNOTSUPP) if there can be none."""
    try:
        return decoded(os.getxattr(path, f"system.posix_acl_{kind}"))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return ()
        raise


def access_acl(path: Path) -> Acl:
    """The access ACL of a path; empty also if the file system does not support ACLs."""
    try:
        return acl_of(path)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return ()
        raise


def is_granted(account: Account, status: os.stat_result, acl: Acl, wanted: int) -> bool:
    """Whether an account has all the wanted rights without capabilities; root always has."""
    if account.uid == 0:
        return True
    if account.uid == status.st_uid:
        return _holds(status.st_mode >> 6, wanted)
    if acl and status.st_mode & stat.S_IRWXG:  # the kernel ignores the ACL if its mask is empty
        return by_acl(account, acl, wanted, gid=status.st_gid)
    return _holds(status.st_mode >> 3 if status.st_gid in account.gids else status.st_mode, wanted)


def by_acl(account: Account, acl: Acl, wanted: int, *, gid: int) -> bool:
    """The rights that an ACL gives an account that does not own the file; `gid` is that of the file's group."""
    mask = next((entry.perm for entry in acl if entry.tag == _MASK), 7)
    named = [entry.perm for entry in acl if entry.tag == _USER and entry.id == account.uid]
    if named:
        return _holds(named[0] & mask, wanted)
    groups = [
        entry.perm
        for entry in acl
        if (entry.tag == _GROUP and gid in account.gids) or (entry.tag == _NAMED_GROUP and entry.id in account.gids)
    ]
    if groups:
        return any(_holds(perm & mask, wanted) for perm in groups)
    return any(_holds(entry.perm, wanted) for entry in acl if entry.tag == _OTHER)


def names_somebody(acl: Acl, wanted: int) -> bool:
    """Whether an ACL gives these rights to some named account or group."""
    mask = next((entry.perm for entry in acl if entry.tag == _MASK), 7)
    return any(_holds(entry.perm & mask, wanted) for entry in acl if entry.tag in (_USER, _NAMED_GROUP))


def _holds(bits: int, wanted: int) -> bool:
    return bits & wanted == wanted


def may(account: Account, path: Path, wanted: int) -> bool:
    """Whether an account has the wanted rights on a path itself, not on folders above it. OSError as by stat(2)."""
    return is_granted(account, os.stat(path), access_acl(path), wanted)


def closed_on_the_way(account: Account, path: Path) -> Path | None:
    """The first folder above a path that an account may not enter; None if there is none."""
    return next((folder for folder in reversed(path.parents) if not may(account, folder, ENTER)), None)


def granting(account: Account, path: Path, wanted: int) -> str:
    """The command that gives an account rights on a path, in the class (user, group, other) that applies to it."""
    status, acl = os.stat(path), access_acl(path)
    rights = "".join(letter for letter, bit in (("r", READ), ("w", WRITE), ("x", ENTER)) if wanted & bit)
    place = shell_word(str(path))
    if account.uid == status.st_uid:
        return f"chmod u+{rights} {place}"
    if acl or (wanted & WRITE and status.st_gid not in account.gids):
        return f"setfacl -m u:{account_word(account.name)}:{rights} {place}"
    return f"chmod {'g' if status.st_gid in account.gids else 'o'}+{rights} {place}"


def is_shared(status: os.stat_result) -> bool:
    """Whether others than the owner can write to a folder."""
    return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
