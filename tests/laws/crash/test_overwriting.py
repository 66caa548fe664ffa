"""An uploader overwrites his file while the judged original is being retired: at no moment is the new one lost."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eggwatch.store import durable
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render, quick_folder
from tests.laws.crash.history import archives, deliver
from tests.laws.crash.rest import kept
from tests.running import until


@pytest.fixture
def index() -> Iterator[IndexAtWork]:
    """An index at work."""
    with quick_folder() as base, IndexAtWork(base) as work:
        yield work


Overwrite = Callable[[Path, bytes], None]


def by_a_new_file(path: Path, data: bytes) -> None:
    """As rsync, sftp -P and most browsers do: written beside it, renamed over it."""
    deliver(path.parent, path.name, data)


def in_place(path: Path, data: bytes) -> None:
    """As scp and cp do: opened, cut to nothing, written. The opening waits while we hold a lease."""
    _write_beside_us(path, lambda: path.write_bytes(data))


def in_place_without_cutting(path: Path, data: bytes) -> None:
    """As samba and dd conv=notrunc do: opened, written from the start, cut at the end."""

    def write() -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, data)
        os.ftruncate(fd, len(data))
        os.close(fd)

    _write_beside_us(path, write)


def _write_beside_us(path: Path, write: Callable[[], object]) -> None:
    """Go on when another thread has written, or waits for our lease (proc(5), /proc/locks)."""
    inode = path.stat().st_ino if path.exists() else None
    writer = threading.Thread(target=write)
    writer.start()
    waiting = re.compile(rf"LEASE +BREAKING .*:{inode} ")
    until("written, or waiting", lambda: not writer.is_alive() or waiting.search(Path("/proc/locks").read_text()))


class Meanwhile:
    """Overwrites a file right before an operation on it, once."""

    def __init__(self, operation: str, mark: str, action: Callable[[], None]) -> None:
        self._operation, self._mark, self._action = operation, mark, action
        self.done = False

    def __call__(self, operation: str, subject: str) -> None:
        """An operation is about to happen."""
        if not self.done and operation == self._operation and self._mark in subject:
            self.done = True
            self._action()


MOMENTS = {
    "before it is hidden": ("rename", " -> .eggwatch-"),
    "before it goes": ("unlink", "(as .eggwatch-"),
    "while it is forgotten": ("sqlite-commit", ""),
}


@pytest.mark.parametrize("overwrite", [by_a_new_file, in_place, in_place_without_cutting])
@pytest.mark.parametrize("moment", sorted(MOMENTS))
@pytest.mark.parametrize("first", ["delta", "gamma-broken"])
def test_an_overwriting_upload_has_its_verdict(
    index: IndexAtWork, first: str, moment: str, overwrite: Overwrite
) -> None:
    """Whatever the moment and the manner, the second upload is published or refused and kept, and the first was too."""
    second = {"delta": "delta-other", "gamma-broken": "gamma"}[first]
    (filename, old), (_, new) = archives()[first], archives()[second]
    path = index.config.drop / filename
    index.put(filename, old)
    operation, mark = MOMENTS[moment]
    meanwhile = Meanwhile(operation, mark, lambda: overwrite(path, new))
    with durable.observed(meanwhile):
        until("the second upload has its verdict", lambda: index.work() or (_judged(index, new) and not index.lying()))
    assert meanwhile.done
    assert _judged(index, old) or operation == "sqlite-commit", "the first upload was judged before it was overwritten"
    assert_equals_fresh_render(index.config)
    # What the uploader replaced before it was hidden is his own doing; everything else that was refused is kept.
    refused = {event["sha256"] for event in index.events() if event["event"] == "rejected"}
    if moment != "before it goes":
        refused.discard(hashlib.sha256(old).hexdigest())
    for sha256 in refused:
        assert any(sha256[:12] in line and "explained" in line for line in kept(index.config.drop))


def _judged(index: IndexAtWork, data: bytes) -> bool:
    return any(event["sha256"] == hashlib.sha256(data).hexdigest() for event in index.events())


def test_the_receipt_of_the_last_verdict_stays(index: IndexAtWork) -> None:
    """A refused file that is overwritten by a good one before it left: the receipt says PUBLISHED, and goes on so."""
    filename, broken = archives()["gamma-broken"]
    index.put(filename, broken)
    good = Meanwhile("rename", " -> .eggwatch-", lambda: deliver(index.config.drop, filename, archives()["gamma"][1]))
    with durable.observed(good):
        until("both have left", lambda: index.work() or not index.lying())
    assert index.index is not None
    index.index.pipeline.finish()
    receipt = (index.config.drop / "receipts" / f"{filename}.txt").read_text()
    assert receipt.startswith(f"{filename}: PUBLISHED")
