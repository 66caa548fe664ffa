"""Creates the upload doors, checks their configuration, and describes them to browsers."""

from __future__ import annotations

import os

from trove_classifiers import sorted_classifiers

from eggwatch.config.index_config import Config, IndexConfig
from eggwatch.config.uploads import Anonymous, UploadDoor
from eggwatch.errors import ConfigurationError
from eggwatch.linux.accounts import account_name
from eggwatch.model.instructions import twine_upload
from eggwatch.webserver.attempts import is_loopback
from eggwatch.webserver.uploads import Door


def doors_of(config: Config, host: str) -> dict[str, Door]:
    """The upload doors of all indexes that accept uploads, by the path of the index.

    ConfigurationError if everyone could upload, unless only this machine can reach `host`; and if this process runs as
    an account whose uploads the daemon would not trust.
    """
    for index in config.indexes.values():
        if index.uploads is not None:
            _check_account(index, index.uploads)
    doors = {index.name: Door(index) for index in config.indexes.values() if index.uploads is not None}
    for name, door in doors.items():
        if door.settings.anonymous is Anonymous.LOOPBACK and host != "localhost" and not is_loopback(host):
            raise ConfigurationError(
                f"[index.{name}.uploads] accepts uploads from anybody, and {host} can be reached by others.",
                remedy='Add users, listen on 127.0.0.1, or set anonymous = "everywhere".',
            )
        door.sweep()
    return doors if len(config.indexes) > 1 else dict(zip([""], doors.values(), strict=False))


def _check_account(index: IndexConfig, uploads: UploadDoor) -> None:
    own, believed = account_name(os.geteuid()), uploads.account or _account_of_daemon(index)
    if believed not in (None, own):
        raise ConfigurationError(
            f"Uploads over HTTP are stored as {own}, but the daemon of {index.name} accepts only those of {believed}.",
            remedy=f'Set account = "{own}" in [index.{index.name}.uploads], or run the HTTP server as {believed}.',
        )


def _account_of_daemon(index: IndexConfig) -> str | None:
    """The owner of the spool; None if it does not exist yet."""
    try:
        return account_name(os.lstat(index.public / ".eggwatch").st_uid)
    except OSError:
        return None


def explanation(door: str, simple: str) -> str:
    """The text for browsers at the URL for uploads; `door` and `simple` are URLs."""
    return f"Upload packages here, for example by '{twine_upload(door)}'; install from {simple}\n"


def classifiers() -> str:
    """The list of classifiers that distutils and flit request."""
    return "".join(f"{one}\n" for one in sorted_classifiers)
