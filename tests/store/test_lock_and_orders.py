"""The lock of one writer, and the box through which orders reach it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eggwatch.errors import FolderError, LockHeldError, TimeoutReachedError
from eggwatch.store.durable import Permissions
from eggwatch.store.lock import Lock
from eggwatch.store.orders import OrderBox


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    """A lock that nobody has."""
    return Lock(tmp_path / "lock")


def test_a_lock_is_held_by_one(lock: Lock) -> None:
    """The second is told who has the first: pid and command."""
    assert not lock.is_held() and lock.holder() is None
    lock.acquire()
    assert lock.is_held()
    with pytest.raises(LockHeldError, match=f"Process {os.getpid()} ") as caught:
        Lock(lock.path).acquire()
    assert caught.value.exit_code == 3
    assert Path(sys.argv[0]).name in str(caught.value)
    lock.release()
    assert not lock.is_held()
    Lock(lock.path).acquire()


def test_looking_is_not_taking(lock: Lock) -> None:
    """Any number of looks; the lock can be had right after each."""
    for _ in range(3):
        assert not lock.is_held()
        lock.acquire()
        lock.release()


def test_a_look_makes_no_file(lock: Lock) -> None:
    """Readers write nothing."""
    assert not lock.is_held()
    assert not lock.path.exists()


def test_readers_never_keep_a_writer_out(lock: Lock) -> None:
    """While others look all the time, the lock is had at once."""
    lock.acquire()
    lock.release()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            Lock(lock.path).is_held()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            lock.acquire()
            lock.release()
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_look_sees_a_writer_beside_other_looks(lock: Lock) -> None:
    """A held lock is seen as held every time."""
    lock.acquire()
    assert all(Lock(lock.path).is_held() for _ in range(50))


def test_the_kernel_takes_it_back(lock: Lock) -> None:
    """A killed holder leaves its text, and no lock."""
    code = "import sys; from pathlib import Path; from eggwatch.store.lock import Lock; Lock(Path(sys.argv[1])).acquire(); print(flush=True); sys.stdin.read()"  # noqa: E501
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(lock.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    assert lock.is_held()
    found = lock.holder()
    assert found is not None and found[0] == holder.pid
    holder.kill()
    holder.communicate()
    lock.acquire()
    found = lock.holder()
    assert found is not None and found[0] == os.getpid()


def test_children_do_not_inherit_it(lock: Lock) -> None:
    """A child that outlives us does not hold it."""
    lock.acquire()
    code = "import sys; print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
    )
    assert child.stdout is not None
    child.stdout.readline()  # its exec is over: only that closes what it may not have
    lock.release()
    Lock(lock.path).acquire()
    child.communicate(b"")


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"pid": "x", "command": 1}'])
def test_nonsense_in_the_file_is_nobody(lock: Lock, text: str) -> None:
    """The text is for people; the kernel knows who holds it."""
    lock.path.write_text(text)
    assert lock.holder() is None
    lock.acquire()


def test_a_lock_file_that_is_a_link_is_refused(lock: Lock, tmp_path: Path) -> None:
    """Its target is not written to."""
    (tmp_path / "target").write_text("precious")
    lock.path.symlink_to(tmp_path / "target")
    with pytest.raises(FolderError, match="sudo -u"):
        lock.acquire()
    assert (tmp_path / "target").read_text() == "precious"


def test_its_mode_is_as_configured(tmp_path: Path) -> None:
    """Others must be able to look, as far as `mode` lets them."""
    for mode in (0o644, 0o640):
        lock = Lock(tmp_path / f"{mode:o}", Permissions(file=mode))
        lock.acquire()
        assert lock.path.stat().st_mode & 0o777 == mode
        lock.release()


@pytest.fixture
def box(tmp_path: Path) -> OrderBox:
    """An empty box."""
    box = OrderBox(tmp_path)
    box.prepare()
    return box


def test_orders_come_in_their_order_and_are_answered_once(box: OrderBox) -> None:
    """Sent, pending, answered, taken away."""
    first, second = box.send({"verb": "yank", "spec": "demo"}), box.send({"verb": "round"})
    assert box.pending() == [(first, {"verb": "yank", "spec": "demo"}), (second, {"verb": "round"})]
    box.answer(first, {"changed": []})
    assert [number for number, _ in box.pending()] == [second]
    assert box.wait(first, seconds=0) == {"changed": []}
    assert [path.name for path in box.folder.iterdir()] == [f"{second}.json"]


def test_an_answer_that_does_not_come_is_a_timeout(box: OrderBox) -> None:
    """The order stays."""
    number = box.send({"verb": "round"})
    begun = time.monotonic()
    with pytest.raises(TimeoutReachedError) as caught:
        box.wait(number, seconds=0.1)
    assert 0.1 <= time.monotonic() - begun < 5 and caught.value.exit_code == 4
    assert [name for name, _ in box.pending()] == [number]


def test_an_answer_that_comes_later_is_waited_for(box: OrderBox) -> None:
    """As long as there is time."""
    number = box.send({"verb": "round"})
    threading.Timer(0.1, box.answer, (number, {"done": 1})).start()
    assert box.wait(number, seconds=20) == {"done": 1}


@pytest.mark.parametrize("text", ["", "not json", "[1]", "null", '"x"'])
def test_nonsense_is_an_empty_order(box: OrderBox, text: str) -> None:
    """Whoever carries orders out answers it like any other wrong one."""
    (box.folder / "1.json").write_text(text)
    (box.folder / ".2.json.new").write_text("half")
    (box.folder / "README").write_text("hello")
    assert box.pending() == [("1", {})]


def test_answers_that_nobody_came_for_are_dropped(box: OrderBox) -> None:
    """After an hour, at the next start."""
    for name, age in (("old", 7200), ("new", 10)):
        path = box.folder / f"{name}.answer.json"
        path.write_text("{}")
        os.utime(path, (time.time() - age,) * 2)
    box.prepare()
    assert [path.name for path in box.folder.iterdir()] == ["new.answer.json"]


def test_a_box_that_is_not_there_is_empty_and_an_error_to_send_to(tmp_path: Path) -> None:
    """No daemon ever ran here: the remedy is named."""
    box = OrderBox(tmp_path / "absent")
    assert box.pending() == []
    with pytest.raises(FolderError, match="the account that the daemon runs as"):
        box.send({"verb": "round"})


def test_files_in_the_box_have_the_configured_mode(tmp_path: Path) -> None:
    """Orders are readable for whoever may read STATE, whatever the umask."""
    mask = os.umask(0o077)
    try:
        box = OrderBox(tmp_path, Permissions(file=0o640, folder=0o750))
        box.prepare()
        number = box.send({"verb": "round"})
    finally:
        os.umask(mask)
    assert box.folder.stat().st_mode & 0o777 == 0o750
    assert (box.folder / f"{number}.json").stat().st_mode & 0o777 == 0o640
    assert json.loads((box.folder / f"{number}.json").read_text()) == {"verb": "round"}
