"""What uploaders can do so that this account may read what is theirs: the advice that really helps.

The kernel looks at one class only (path_resolution(7)): who is in the file's group is not helped by rights for others.
"""

from __future__ import annotations

import os
import stat
import struct

from eggwatch.linux.accounts import account_name
from eggwatch.model.instructions import account_word, shell_word
from eggwatch.store.durable import Place

_NAMED_USER = 0x02
"""The tag of a named account in an ACL (acl(5))."""


def advice(place: Place, path: str) -> str:
    """The command with which this account can read a file, or enter a folder and remove its files."""
    try:
        status = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    except OSError:
        return "ask the administrator"
    if stat.S_ISDIR(status.st_mode):
        if status.st_mode & 0o070 != 0o070 and _by_group(status, place):
            return f"chmod g+rwx {shell_word(path)}"
        return f"setfacl -m u:{account_word(account_name(os.geteuid()))}:rwx {shell_word(path)}"
    mode = stat.S_IMODE(status.st_mode)
    wanted = mode | (0o040 if _by_group(status, place) else 0o044)
    if status.st_uid == os.geteuid():
        wanted = mode | 0o400
    return _otherwise() if wanted == mode else f"chmod {wanted:o} {shell_word(path)}"


def _by_group(status: os.stat_result, place: Place) -> bool:
    """Whether the rights of the group are those that count: by the group itself, or as the mask of an ACL."""
    return status.st_gid in {os.getegid(), *os.getgroups()} or _is_named(place)


def _is_named(place: Place) -> bool:
    try:
        data = os.getxattr(f"/proc/self/fd/{place.folder}/{place.name}", "system.posix_acl_access")
    except OSError:
        return False
    entries = struct.iter_unpack("<HHI", data[4:]) if len(data) % 8 == 4 else ()
    return any((tag, uid) == (_NAMED_USER, os.geteuid()) and perm & 4 for tag, perm, uid in entries)


def _otherwise() -> str:
    name = account_name(os.geteuid())
    return f"its mode lets {name} read it, so that something else forbids it: ask the administrator"
