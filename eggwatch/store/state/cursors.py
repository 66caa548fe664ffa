"""STATE/news/: how far each notifier has come in the ledger. Each file has one writer.

    daemon.json   the notifiers on this machine (receipts, journal), and where each subscription begins
    state.json    the subscriptions, which the courier delivers; see `deliveries`

They are not in the catalog, because that can be rebuilt from the ledger, which must not repeat notifications.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from dataclasses import replace as but
from pathlib import Path
from typing import Any

from eggwatch.errors import in_words
from eggwatch.policy.retries import Progress
from eggwatch.policy.subscriptions import is_outside
from eggwatch.store import durable
from eggwatch.store.durable import OURS, Permissions

log = logging.getLogger("eggwatch")

FOLDER, DAEMON, COURIER = "news", "daemon.json", "state.json"


class Cursors:
    """The progress of some notifiers; threads of its one writer may share it."""

    def __init__(self, state: Path, name: str, permissions: Permissions = OURS) -> None:
        """`name` is DAEMON or COURIER."""
        self.path = state / FOLDER / name
        self._state, self._permissions = state, permissions
        self._lock = threading.Lock()
        self._progress: dict[str, Progress] = {}

    def read(self) -> dict[str, Progress]:
        """What is kept of every notifier, as far as this account and the disk let it be read."""
        try:
            return self.kept()
        except OSError as error:
            log.warning("announce %s can't be read: %s", self.path, in_words(error))
            return {}

    def kept(self) -> dict[str, Progress]:
        """The same; OSError if there is a file that can't be read."""
        try:
            data = json.loads(self.path.read_bytes())
            return {str(name): _progress(values) for name, values in data["subscriptions"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("announce %s can't be read (%s): begun anew", self.path, in_words(error))
            return {}

    def open(self, names: Collection[str]) -> None:
        """Go on from what is kept; subscriptions that are not in `names` are forgotten, and begin anew if they return.

        OSError if the folder can't be made, or what is kept can't be read: nothing that was not told is left out.
        """
        durable.make_folders(self.path.parent, self._permissions)
        kept = self.kept()
        self._progress = {name: one for name, one in kept.items() if name in names or not is_outside(name)}

    def begin(self, names: Collection[str], *, end: int) -> None:
        """Open the cursors of a ledger that ends at a serial: new ones begin there, and none is further.

        A subscription begins where the courier was, should its file be lost.
        """
        self.open(names)
        kept = self._progress or _of_earlier_version(self._state)
        told = {name: one.cursor for name, one in Cursors(self._state, COURIER).read().items()}
        begun = {name: Progress(cursor=end) for name in names} | {
            name: but(one, cursor=min(max(one.cursor, told.get(name, 0)), end)) for name, one in kept.items()
        }
        if begun != self.read():
            self._progress = {}
            self.keep(begun)
        self._progress = begun

    def of(self, name: str) -> Progress | None:
        """How far a notifier has come; None if it has never begun."""
        with self._lock:
            return self._progress.get(name)

    def cursor(self, name: str) -> int:
        """The serial up to which a notifier has delivered everything."""
        progress = self.of(name)
        return 0 if progress is None else progress.cursor

    def keep(self, progress: Mapping[str, Progress]) -> None:
        """Remember how far notifiers have come. A power cut may bring back what was kept before, and nothing else."""
        with self._lock:
            kept = {**self._progress, **progress}
            rows = {name: asdict(one) for name, one in sorted(kept.items())}
            data = json.dumps({"schema": 1, "subscriptions": rows}, indent=1).encode() + b"\n"
            replace(self.path, data, self._permissions)
            self._progress = kept


def _progress(values: Mapping[str, Any]) -> Progress:
    known = {item.name for item in fields(Progress)}
    progress = Progress(**{key: value for key, value in values.items() if key in known})
    if not isinstance(progress.cursor, int):
        raise TypeError(f"a cursor is {progress.cursor!r}")
    return progress


def _of_earlier_version(state: Path) -> dict[str, Progress]:
    """What was kept before there was daemon.json: a table of the catalog, and STATE/cursors.json in a backup."""
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        kept = json.loads((state / "cursors.json").read_bytes())
        return {str(name): Progress(cursor=int(serial)) for name, serial in kept.items()}
    durable.changing("sqlite-open", state / "catalog.sqlite3")  # its write-ahead log may be made for it
    catalog = f"{(state / 'catalog.sqlite3').absolute().as_uri()}?mode=ro"
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(catalog, uri=True)) as connection:
        rows = connection.execute("SELECT notifier, serial FROM cursors")
        return {name: Progress(cursor=serial) for name, serial in rows}
    return {}


def replace(path: Path, data: bytes, permissions: Permissions) -> None:
    """Replace a file; after a power cut it is the old or the new one, and whole."""
    temporary = path.with_name(f".{path.name}.new")
    durable.write(temporary, data, permissions=permissions)
    durable.sync([temporary])
    durable.rename(temporary, path)


def read_all(state: Path) -> dict[str, Progress]:
    """The progress of every notifier; of a subscription that has begun the courier's word counts."""
    return Cursors(state, DAEMON).read() | Cursors(state, COURIER).read()


def copy(state: Path, target: Path, permissions: Permissions) -> None:
    """Copy all cursors to another state folder; those that are further there are kept, so that nothing is repeated."""
    told = read_all(state)
    copied = Cursors(target, DAEMON, permissions)
    copied.open(told)
    later = {name: max(one.cursor, copied.cursor(name)) for name, one in told.items()}
    copied.keep({name: Progress(cursor=cursor) for name, cursor in later.items()})
