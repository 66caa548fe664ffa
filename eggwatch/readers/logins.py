"""Who can log in at the upload door of an index, as far as its files tell."""

from __future__ import annotations

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.uploads import Anonymous
from eggwatch.linux.accounts import has_account
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
    owners = {name for names in config.terms.owners.values() for name in names if not name.startswith("@")}
    unknown = sorted(name for name in owners if not has_account(name))
    users = known_users(config) if unknown else frozenset()
    return [name for name in unknown if name not in users]
