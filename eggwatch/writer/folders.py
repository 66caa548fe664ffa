"""The folders of an index and their modes; the drop folder is only furnished, never made."""

from __future__ import annotations

import logging
import os

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import ConfigurationError, FolderError
from eggwatch.linux.accounts import gid_of, run_as_owner
from eggwatch.notifiers.readme import readme_text
from eggwatch.store import durable
from eggwatch.store.drop.answers import Answers
from eggwatch.store.durable import PRIVATE, Permissions
from eggwatch.store.state.lock import Lock

log = logging.getLogger("eggwatch")


def permissions_of(config: IndexConfig) -> Permissions:
    """Modes and group of files in PUBLIC and STATE; accounts that may read its files may enter a folder."""
    gid = None if config.group is None else gid_of(config.group)
    if config.group is not None and gid is None:
        raise ConfigurationError(
            f"[index.{config.name}] group: there is no group {config.group!r}.", remedy="Create it with groupadd."
        )
    return Permissions(file=config.mode, folder=config.mode | 0o100 | (config.mode & 0o444) >> 2, gid=gid)


def make_folders(config: IndexConfig, permissions: Permissions) -> None:
    """Make STATE and PUBLIC if they are missing; DROP only without a configuration."""
    for folder in (config.state, config.public, *([config.drop] if config.makes_folders else [])):
        try:
            durable.make_folders(folder, permissions)
        except OSError as error:
            raise FolderError(
                f"{folder} can't be made: {error.strerror}.", remedy="Make it, or run as its owner."
            ) from error


def taken_lock(config: IndexConfig, permissions: Permissions) -> Lock:
    """The lock of an index, taken, with its spool: another configuration may name the same PUBLIC."""
    make_folders(config, permissions)
    lock = Lock(config.state / "lock", permissions)
    lock.acquire()
    try:
        _check_owner(config)
        spool = config.public / ".eggwatch"
        durable.make_folders(spool, PRIVATE)
        lock.take_folder(spool)
    except BaseException:
        lock.release()
        raise
    return lock


def _check_owner(config: IndexConfig) -> None:
    """Root would leave folders of its own in another account's index: its daemon couldn't go on."""
    if os.geteuid() == 0 and os.stat(config.state).st_uid != 0:
        raise FolderError(
            f"{config.state} belongs to another account, which could not change what root makes in it.",
            remedy=run_as_owner(config.state),
        )


def prepare_drop(config: IndexConfig, answers: Answers) -> None:
    """Leave README.txt and the folders of answers in the drop; where that can't be, the rest goes on."""
    try:
        answers.prepare()
        answers.write_readme(readme_text(config.index_url, config.upload_address, contact=config.contact))
    except FolderError:  # it is not there, which every look at it says
        return
    except OSError as error:
        log.warning("sight    %s: %s", config.drop, error)
