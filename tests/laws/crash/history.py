"""A history of twelve steps, played by an index that may die at any moment and goes on where it was.

What uploaders and administrators do is durable when it is done and is never done twice; what the index does
about it is on trial.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from eggwatch.config.index_config import IndexConfig
from eggwatch.intake import retire
from eggwatch.model.events import Entry, timestamp
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.pipeline.root_pages import InlineRenderer
from eggwatch.pipeline.root_renderer import SpawnedRenderer
from eggwatch.store import durable
from eggwatch.store.drop.retiring import Departure, Hidden, RetireOutcome
from eggwatch.writer import ask as asking
from eggwatch.writer.ask import ask
from eggwatch.writer.folders import permissions_of
from eggwatch.writer.index import Index, open_index
from eggwatch.writer.orders import finish_begun, obey
from eggwatch.writer.status import StatusFile, state_of
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import START, InlineInspectors
from tests.laws.crash.places import Place

SECONDS_A_STEP = 10.0
LONG_AFTER = 1000.0
"""Seconds by which the clock jumps before the last step: every grace is over then."""
SETTLE = 0.3
"""What waits for longer than this is not waited for."""


@functools.cache
def archives() -> dict[str, tuple[str, bytes]]:
    """(filename, bytes) of everything that is uploaded."""
    good = {"alpha": wheel("alpha", "1.0"), "beta": wheel("Beta.Pkg", "2.0")}
    good |= {"alpha-sdist": sdist("alpha", "1.1", metadata_extra="Requires-Dist: beta-pkg\n")}
    good |= {"gamma": wheel("gamma", "1.0"), "delta": wheel("delta", "1.0"), "epsilon": sdist("epsilon", "0.1")}
    others = {f"{name}-other": wheel(name, "1.0", files={f"{name}/x.py": b"1\n"}) for name in ("alpha", "delta")}
    filename, data = good["gamma"]
    broken = {
        "gamma-broken": (filename, data.replace(b"gamma/__init__.py", b"gamma/__main__.py", 1)),
        "gamma-broken-again": (filename, data.replace(b"gamma/__init__.py", b"gamma/__mine__.py", 1)),
    }
    return good | others | broken


class Journal:
    """What has been done, in the world that no crash touches."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self) -> list[str]:
        """Everything noted so far."""
        return self._path.read_text().splitlines() if self._path.exists() else []

    def has(self, line: str) -> bool:
        """Whether this was noted."""
        return line in self.lines()

    def note(self, line: str) -> None:
        """Note something, lasting."""
        with self._path.open("a") as file:
            file.write(line + "\n")


class Recorder:
    """A notifier that remembers what it was told, outside."""

    name = "recorder"

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)

    def tell(self, entry: Entry) -> None:
        """Write down one event."""
        durable.changing("tell", self.name)
        self._journal.note(json.dumps({"serial": entry.serial, "sha256": entry.sha256}))


def make_last(path: Path) -> None:
    """Sync a file or folder, as an uploader's own tool may do."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def deliver(drop: Path, path: str, data: bytes) -> None:
    """What an uploader does: a whole file, renamed into place; durable when this returns."""
    target = drop / path
    folders = [folder for folder in target.parents if folder.is_relative_to(drop)]
    target.parent.mkdir(exist_ok=True, parents=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    make_last(part)
    os.replace(part, target)
    for folder in folders:
        make_last(folder)


class Player:
    """Plays the history in a place, from wherever it was left."""

    def __init__(self, place: Place, *, workers: bool = False) -> None:
        self.place, self.config = place, place.config
        self.journal = Journal(place.outside / "journal")
        self.number = 1
        self._index: Index | None = None
        self._rounds_hidden = 0
        self._workers = workers
        self._overwriting: tuple[str, int, Callable[[], None]] | None = None
        self._watch_hiding()

    def now(self) -> float:
        """The clock of this history: it stands still within a step."""
        late = LONG_AFTER if self.number == len(STEPS) else 0.0
        return START + SECONDS_A_STEP * self.number + late

    def play(self, steps: int) -> None:
        """The next steps that have not been done yet; of one that was interrupted, the rest."""
        done = sum(self.journal.has(f"{number} rested") for number in range(1, len(STEPS) + 1))
        self.number = done
        for self.number, step in list(enumerate(STEPS, 1))[done : done + steps]:
            step(self)
            self._rest()
            self.journal.note(f"{self.number} rested")
        self._rest()  # a start looks at what is there, also when nobody does anything any more
        self.close()

    def _rest(self) -> None:
        self.work()
        self._tell_status()
        self.remember_pages()

    # What the index does.

    @property
    def index(self) -> Index:
        """The index, opened if it is not."""
        if self._index is None:
            self._index = self._open()
        return self._index

    def _open(self) -> Index:
        """As a daemon begins."""
        index = self._assemble()
        finish_begun(index.pipeline, index.orders)
        index.pipeline.recover()
        return index

    @contextmanager
    def _opened(self, _: IndexConfig) -> Iterator[Index]:
        """As a command opens an index, and closes it in order."""
        index = self._assemble()
        yield index
        index.close()

    def _assemble(self) -> Index:
        opened = open_index(self.config, now=self.now, renderer=SpawnedRenderer if self._workers else InlineRenderer)
        components = opened.pipeline.components
        components = replace(components, notifiers=[*components.notifiers, Recorder(self.place.outside / "told")])
        if not self._workers:
            components = replace(components, inspectors=InlineInspectors())
        return replace(opened, pipeline=Pipeline(components, self.config))

    def work(self) -> None:
        """What the daemon does until nothing is left to do."""
        pipeline = self.index.pipeline
        while True:
            pipeline.round(wait=0.02)
            pipeline.round(set())
            self._count_hidden_rounds()
            for order in self.index.orders.pending():
                obey(pipeline, self.index.orders, order)
            due = pipeline.next_due()
            if not pipeline.is_working() and (due is None or due > time.monotonic() + SETTLE):
                break
            # As the daemon does: until the pipeline has something to do.
            time.sleep(max(0.0, min((due or 0.0) - time.monotonic(), 0.02)))
        pipeline.finish()

    def _count_hidden_rounds(self) -> None:
        """An original that is overwritten stays hidden for a few rounds: by the clock each run would be another one."""
        self._rounds_hidden -= 1
        if self._rounds_hidden <= 0:
            retire.HIDDEN_SECONDS = 0.0

    def _tell_status(self) -> None:
        pipeline = self.index.pipeline
        file = StatusFile(self.config.state, self.config.public, permissions_of(self.config))
        file.write_now(state_of(pipeline, ready=True, watching=None), at=timestamp(self.now()))

    def close(self) -> None:
        """Stop in order."""
        if self._index is not None:
            self._index.close()
            self._index = None

    # What people do.

    def once(self, what: str, action: Callable[[], None]) -> None:
        """Something that people do once, also if the index dies meanwhile."""
        line = f"{self.number} {what}"
        if not self.journal.has(line):
            action()
            self.journal.note(line)

    def upload(self, key: str, *, folder: str = "") -> None:
        """Put an archive into the drop folder."""
        filename, data = archives()[key]
        self.once(f"uploaded {key}", lambda: deliver(self.config.drop, folder + filename, data))

    def overwrite(self, key: str, first: str, *, rounds: int) -> None:
        """Upload over `first` while that is hidden on its way out; later, if a crash came before.

        It stays hidden for so many rounds more: the new upload may have its verdict before the old one is gone.
        """
        filename, data = archives()[key]
        action = functools.partial(self.once, f"uploaded {key}", lambda: deliver(self.config.drop, filename, data))
        self._overwriting = (archives()[first][0], rounds, action)
        self.work()
        self._overwriting = None
        action()

    def _watch_hiding(self) -> None:
        retire.HIDDEN_SECONDS = 0.0
        hide = retire.retiring.hide

        def watched(drop: Any, departure: Departure) -> Hidden | RetireOutcome:
            hidden = hide(drop, departure)
            if self._overwriting is not None and departure.path == self._overwriting[0] and isinstance(hidden, Hidden):
                _, self._rounds_hidden, action = self._overwriting
                self._overwriting = None
                retire.HIDDEN_SECONDS = 3600.0 if self._rounds_hidden else 0.0
                action()
            return hidden

        retire.retiring.hide = watched

    def order(self, verb: str, spec: str, reason: str) -> None:
        """Give an order and wait for the answer. Its giver dies with the index: then it is given again."""
        if self.journal.has(f"{self.number} answered"):
            return
        order = {"verb": verb, "spec": spec, "reason": reason, "actor": "tester"}
        with self.index.orders.giving(order) as given:
            self.work()
            answer = given.answer()
        self.journal.note(f"{self.number} answered")
        assert answer is not None and "error" not in answer, answer

    def command(self, verb: str, spec: str, reason: str) -> None:
        """The same while no daemon runs: the command takes the lock, and does the work itself.

        Not for removals: it is by the ctime of an original, which this history's clock knows nothing of, that one
        which a power cut has brought back to the drop folder is known to be older than its removal.
        """
        if self.journal.has(f"{self.number} answered"):
            return
        self.close()
        order = {"verb": verb, "spec": spec, "reason": reason, "actor": "tester"}
        with mock.patch.object(asking, "opened_index", self._opened):
            answer = ask(self.config, order, seconds=0.0)
        self.journal.note(f"{self.number} answered")
        assert "error" not in answer, answer

    def remember_pages(self) -> None:
        """What a reader holds who looked at the end of this step: (path below PUBLIC, sha256) of every link."""
        from tests.laws.crash.reader import links_of

        held = [[str(path.relative_to(self.config.public)), sha256] for path, sha256 in links_of(self.config.public)]
        (self.place.outside / "held.json").write_text(json.dumps(held))


# The history. Each step is done by people; afterwards the index works until it is at rest.


def first_upload(player: Player) -> None:
    """A wheel of a new project, in a folder of its own."""
    player.upload("alpha", folder="team/")


def several_uploads(player: Player) -> None:
    """An sdist of the same project, and a wheel of another one."""
    player.upload("alpha-sdist")
    player.upload("beta")


def refused_and_overwritten(player: Player) -> None:
    """A broken wheel, and while it is on its way to rejected/ another broken one of that name."""
    player.upload("gamma-broken")
    player.overwrite("gamma-broken-again", "gamma-broken", rounds=3)


def mended(player: Player) -> None:
    """A good wheel under the refused name."""
    player.upload("gamma")


def name_used_again(player: Player) -> None:
    """Other bytes under a published name: refused."""
    player.upload("alpha-other")


def repeated(player: Player) -> None:
    """The published bytes once more."""
    player.upload("alpha")


def overwritten(player: Player) -> None:
    """A wheel, and while it is on its way out other bytes over it."""
    player.upload("delta")
    player.overwrite("delta-other", "delta", rounds=0)


def yanked(player: Player) -> None:
    """A project is yanked."""
    player.command("yank", "beta-pkg", "breaks")


def removed(player: Player) -> None:
    """A file is removed."""
    player.order("remove", archives()["alpha-sdist"][0], "by mistake")


def returned(player: Player) -> None:
    """It comes back within its grace."""
    player.upload("alpha-sdist")


def removed_again(player: Player) -> None:
    """And is removed again, right after it came."""
    player.order("remove", archives()["alpha-sdist"][0], "for good")


def grace_is_over(player: Player) -> None:
    """The daemon is started anew long after, and somebody uploads something."""
    player.close()
    player.upload("epsilon")


STEPS: tuple[Callable[[Player], None], ...] = (
    first_upload,
    several_uploads,
    refused_and_overwritten,
    mended,
    name_used_again,
    repeated,
    overwritten,
    yanked,
    removed,
    returned,
    removed_again,
    grace_is_over,
)
