"""The lock of one writer, and the box through which orders reach it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eggwatch.errors import FolderError, LockHeldError
from eggwatch.store.durable import Permissions
from eggwatch.store.state.lock import Lock
from eggwatch.store.state.orders import OrderBox, PendingOrder


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    """A lock that is free."""
    return Lock(tmp_path / "lock")


def test_a_lock_is_held_by_one(lock: Lock) -> None:
    """The error of the second names the holder: pid and command."""
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
    """It can be tested any number of times, and taken right afterwards."""
    for _ in range(3):
        assert not lock.is_held()
        lock.acquire()
        lock.release()


def test_a_look_makes_no_file(lock: Lock) -> None:
    """Readers write nothing."""
    assert not lock.is_held()
    assert not lock.path.exists()


def test_readers_never_keep_a_writer_out(lock: Lock) -> None:
    """While others test it continuously, it is taken at once."""
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
    """After a kill, the holder's text is left, but not the lock."""
    code = "import sys; from pathlib import Path; from eggwatch.store.state.lock import Lock; Lock(Path(sys.argv[1])).acquire(); print(flush=True); sys.stdin.read()"  # noqa: E501
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


@pytest.mark.parametrize("how", [fcntl.LOCK_SH, fcntl.LOCK_EX], ids=["shared", "alone"])
def test_whoever_may_only_look_can_not_keep_a_writer_out(lock: Lock, how: int) -> None:
    """Any account can lock a file that it can read, so the lock is on a private file."""
    lock.acquire()
    lock.release()
    fd = os.open(lock.path, os.O_RDONLY)
    fcntl.flock(fd, how)
    try:
        lock.acquire()
        assert lock.is_held()
        with pytest.raises(LockHeldError, match=f"Process {os.getpid()} "):
            Lock(lock.path).acquire()
    finally:
        os.close(fd)
    owner = lock.path.with_name("lock.owner")
    assert owner.stat().st_mode & 0o777 == 0o600


@pytest.mark.root
def test_what_root_makes_belongs_to_the_account_of_the_index(tmp_path: Path) -> None:
    """Its daemon must be able to take the lock, and to read the order."""
    os.chown(tmp_path, 65534, -1)
    lock, box = Lock(tmp_path / "lock"), OrderBox(tmp_path)
    lock.acquire()
    (tmp_path / "orders").mkdir()
    os.chown(tmp_path / "orders", 65534, -1)
    with box.giving({"verb": "round"}):
        made = [*tmp_path.iterdir(), *box.folder.iterdir()]
        assert len(made) == 4 and {path.stat().st_uid for path in made} == {65534}
    lock.release()


def test_a_dead_process_is_not_named_as_the_holder(lock: Lock) -> None:
    """The lock is taken a moment before the new holder's name is written."""
    lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    lock.path.write_text(json.dumps({"pid": child.pid, "command": "eggwatch run"}))
    with pytest.raises(LockHeldError, match="Another process is using"):
        Lock(lock.path).acquire()


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
    """Given, pending, begun, answered, and deleted when their sender ends."""
    with box.giving({"verb": "yank", "spec": "demo"}) as first, box.giving({"verb": "round"}) as second:
        orders = box.pending()
        assert orders == [
            PendingOrder(number=first.number, data={"verb": "yank", "spec": "demo"}),
            PendingOrder(number=second.number, data={"verb": "round"}),
        ]
        assert box.begin(orders[0], serial=7)
        assert box.pending() == orders[1:]
        assert first.answer() is None and not first.withdraw()
        box.answer(first.number, {"changed": []})
        assert first.answer() == {"changed": []}
        assert [path.suffixes for path in sorted(box.folder.iterdir())] == [[".answer", ".json"], [".json"]]
    assert list(box.folder.iterdir()) == []


def test_an_order_may_name_all_files_of_a_large_project(box: OrderBox) -> None:
    """As a removal does that was confirmed at a terminal."""
    order = {"verb": "remove", "spec": "demo", "only": [f"demo-1.0.dev{number}.tar.gz" for number in range(10_000)]}
    with box.giving(order):
        (pending,) = box.pending()
        assert pending.data == order


def test_an_order_that_was_taken_back_is_not_begun(box: OrderBox) -> None:
    """A sender that gives up knows that its order will not be carried out."""
    with box.giving({"verb": "remove", "spec": "demo"}) as given:
        (order,) = box.pending()
        assert given.withdraw()
        assert not box.begin(order, serial=0)
        assert box.pending() == []


def killed_while_waiting(box: OrderBox) -> None:
    """An order whose giver is killed while it waits."""
    code = "import sys, json; from pathlib import Path; from eggwatch.store.state.orders import OrderBox\nwith OrderBox(Path(sys.argv[1])).giving({'verb': 'remove'}): print(flush=True); sys.stdin.read()"  # noqa: E501
    giver = subprocess.Popen(
        [sys.executable, "-c", code, str(box.folder.parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert giver.stdout is not None
    giver.stdout.readline()
    assert len(box.pending()) == 1
    giver.kill()
    giver.communicate()


def test_an_order_whose_giver_is_gone_is_dropped(box: OrderBox, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning; it is never carried out later."""
    killed_while_waiting(box)
    assert len(list(box.folder.iterdir())) == 1
    assert box.pending() == []
    assert list(box.folder.iterdir()) == [] and "its sender is no longer waiting" in caplog.text


def test_what_a_dead_writer_had_begun_comes_first(box: OrderBox, tmp_path: Path) -> None:
    """With the serial of the ledger's end at that time."""
    with box.giving({"verb": "yank"}), box.giving({"verb": "remove"}) as later:
        other = OrderBox(tmp_path)
        assert other.begin(other.pending()[1], serial=12)
        first, second = box.pending()
        assert (first.number, first.after) == (later.number, 12) and second.after is None
        assert box.begin(first, serial=99)
        box.answer(first.number, {})
        assert later.answer() == {}


def test_an_answer_without_a_reader_is_not_written(box: OrderBox) -> None:
    """If the sender ends while its order is carried out, nothing is left of it."""
    with box.giving({"verb": "round"}) as given:
        assert box.begin(box.pending()[0], serial=1)
    box.answer(given.number, {"done": 1})
    assert list(box.folder.iterdir()) == []


def test_an_order_that_can_be_seen_is_whole(box: OrderBox) -> None:
    """An incomplete order has another name, and its sender has locked it from the start."""
    (box.folder / ".2.json.new").write_text("half")
    assert box.pending() == []


@pytest.mark.parametrize("text", ["", "not json", "[1]", "null", '"x"', "[" * 100_000])
def test_nonsense_is_nobodys_order(box: OrderBox, text: str) -> None:
    """No sender waits for it: it is deleted, and the orders after it are carried out."""
    (box.folder / "1.json").write_text(text)
    (box.folder / "README").write_text("hello")
    with box.giving({"verb": "round"}) as given:
        assert [order.number for order in box.pending()] == [given.number]
    assert [path.name for path in box.folder.iterdir()] == ["README"]


def test_nonsense_that_somebody_waits_for_is_an_empty_order(box: OrderBox) -> None:
    """It is answered like any other invalid order."""
    with box.giving({"verb": "round"}) as given:
        (box.folder / f"{given.number}.json").write_text("[" * 100_000)
        assert box.pending() == [PendingOrder(number=given.number, data={})]


def test_odd_entries_are_set_aside(box: OrderBox, caplog: pytest.LogCaptureFixture) -> None:
    """A folder, a link or a FIFO under the name of an order: a warning, once, and the others are carried out."""
    (box.folder / "1-a.json").mkdir()
    (box.folder / "2.json").symlink_to("absent")
    os.mkfifo(box.folder / "3.json")
    with box.giving({"verb": "round"}) as given:
        for _ in range(2):
            assert [order.number for order in box.pending()] == [given.number]
    assert sorted(path.name for path in box.folder.iterdir()) == [".odd-1-a.json", ".odd-2.json", ".odd-3.json"]
    assert len(caplog.records) == 3


def test_answers_that_nobody_came_for_are_dropped(box: OrderBox) -> None:
    """After an hour, at the next start; other files are kept."""
    (box.folder / "folder.answer.json").mkdir()
    os.utime(box.folder / "folder.answer.json", (0, 0))
    for name, age in (("old", 7200), ("new", 10)):
        path = box.folder / f"{name}.answer.json"
        path.write_text("{}")
        os.utime(path, (time.time() - age,) * 2)
    box.prepare()
    assert sorted(path.name for path in box.folder.iterdir()) == ["folder.answer.json", "new.answer.json"]


def test_a_box_that_is_not_there_is_empty_and_made_by_the_first_order(tmp_path: Path) -> None:
    """No daemon ever ran here."""
    box = OrderBox(tmp_path)
    assert box.pending() == []
    with box.giving({"verb": "round"}):
        assert len(box.pending()) == 1


def test_a_box_that_can_not_be_made_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """The account is named."""
    (tmp_path / "orders").symlink_to("nowhere")
    with pytest.raises(FolderError, match="sudo -u"), OrderBox(tmp_path).giving({}):
        pass


def test_files_in_the_box_have_the_configured_mode(tmp_path: Path) -> None:
    """Orders are readable for whoever may read STATE, whatever the umask."""
    mask = os.umask(0o077)
    try:
        box = OrderBox(tmp_path, Permissions(file=0o640, folder=0o750))
        box.prepare()
        with box.giving({"verb": "round"}) as given:
            path = box.folder / f"{given.number}.json"
            assert path.stat().st_mode & 0o777 == 0o640
            assert json.loads(path.read_text()) == {"verb": "round"}
    finally:
        os.umask(mask)
    assert box.folder.stat().st_mode & 0o777 == 0o750
