"""Which accounts, users and groups that a configuration names there are, as far as this machine and files tell."""

from __future__ import annotations

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.uploads import Anonymous
from eggwatch.linux.accounts import gid_of, has_account
from eggwatch.store.state.tokens import TokenFile

ANONYMOUS = "anonymous"
"""Whose uploads without a login are."""


def known_users(config: IndexConfig) -> frozenset[str]:
    """The users that have a password or a token. OSError if their file can't be read."""
    door = config.uploads
    if door is None:
        return frozenset()
    lines = () if door.users is None else door.users.read_bytes().decode("utf-8", "replace").splitlines()
    names = {line.partition(":")[0] for line in lines if ":" in line}
    names |= {token.user for token in TokenFile(config.state).read().values()}
    return frozenset(names if door.anonymous is Anonymous.NOWHERE else {*names, ANONYMOUS})


def unknown_owners(config: IndexConfig) -> list[str]:
    """The owners that are neither accounts of this machine nor users of the upload door; OSError as above.

    Where the web server in front logs them in, nobody here can tell.
    """
    if config.uploads is not None and config.uploads.remote_user:
        return []
    unknown = sorted(name for name in _owners(config) if not name.startswith("@") and not has_account(name))
    users = known_users(config) if unknown else frozenset()
    return [name for name in unknown if name not in users]


def unknown_groups(config: IndexConfig) -> list[str]:
    """The groups among the owners, and that of the files, that this machine does not have."""
    groups = {name.removeprefix("@") for name in _owners(config) if name.startswith("@")}
    groups |= set() if config.group is None else {config.group}
    return sorted(group for group in groups if gid_of(group) is None)


def _owners(config: IndexConfig) -> set[str]:
    return {name for names in config.terms.owners.values() for name in names}
