"""Who was told what, beside the ledger: STATE/cursors.json, for a catalog that is made anew from the ledger.

`backup` and `rebuild` write it; without it a new catalog would have notifiers tell everything again.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from eggwatch.policy.subscriptions import is_outside
from eggwatch.store import durable
from eggwatch.store.durable import Permissions
from eggwatch.store.state.catalog import Catalog, Reader
from eggwatch.store.state.deliveries import cursors_in
from eggwatch.store.state.ledger import Position

log = logging.getLogger("eggwatch")

NAME = "cursors.json"


def read_from(catalog: Path) -> dict[str, int]:
    """Up to where each notifier has told, by the catalog at a path and what the courier keeps beside it."""
    return _read_from(catalog) | cursors_in(catalog.parent)


def _read_from(catalog: Path) -> dict[str, int]:
    try:
        reader = Reader.open(catalog)
    except sqlite3.Error:
        return {}
    try:
        return reader.cursors()
    except sqlite3.Error:
        return {}
    finally:
        reader.close()


def keep(state: Path, cursors: Mapping[str, int], permissions: Permissions) -> None:
    """Leave them in a state folder. What lies there of a later time stays: nobody is told anything twice."""
    before = _kept(state / NAME)
    latest = before | {name: max(serial, before.get(name, 0)) for name, serial in cursors.items()}
    if latest != before:
        durable.replace(state / NAME, json.dumps(latest).encode(), permissions)


def _kept(path: Path) -> dict[str, int]:
    """What lies there; nothing where that can't be read."""
    try:
        return {str(name): int(serial) for name, serial in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        log.warning("%s can't be read (%s): what was told already may be told again", path, error)
        return {}


def take_up(state: Path, catalog: Catalog, end: Position) -> None:
    """Let the notifiers of a new catalog go on where they were, as far as the ledger goes."""
    if catalog.cursors():
        return
    for name, serial in _kept(state / NAME).items():
        catalog.move_cursor(name, min(serial, end.serial))


def begin(catalog: Catalog, names: Sequence[str], end: Position) -> None:
    """Let notifiers that are new here begin with what happens from now on; forget subscriptions that are no more."""
    known = catalog.cursors()
    for name in names:
        if name not in known:
            catalog.move_cursor(name, end.serial)
    for name in sorted(known.keys() - set(names)):
        if is_outside(name):
            catalog.forget_cursor(name)
