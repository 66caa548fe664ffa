"""Yank, unyank and remove over HTTP, from the upload door to a daemon at work."""

from __future__ import annotations

import errno
import json
import os
import pwd
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from eggwatch.config.loading import load
from eggwatch.readers.local import IndexReader
from eggwatch.store import durable
from eggwatch.store.drop.door_orders import DoorOrders
from eggwatch.store.drop.folder import Drop
from eggwatch.store.durable import OURS
from eggwatch.store.state.orders import OrderBox, hold, read_awaited
from eggwatch.webserver.orders import Orders
from eggwatch.webserver.users import User
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.laws.at_work import quick_folder
from tests.running import Daemon, until

ALICE, BOB = User(name="alice"), User(name="bob")
TOKEN = User(name="alice", token="1f00ba47", projects=("acme-*",), actions=("upload", "yank", "remove"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An index where alice has uploaded acme-tool and demo, and owns all of acme-*."""
    site = Site(tmp_path, uploads="{ anonymous = true }", owners='{ "acme-*" = ["alice"] }')
    (site.drop / "http").mkdir()
    for upload in (sdist("acme-tool", "1.0"), sdist("acme-tool", "2.0"), sdist("demo", "1.0")):
        site.put(upload, "http/alice")
    assert site.call("run", "--once").code == 0
    return site


@pytest.fixture
def daemon(site: Site) -> Iterator[Daemon]:
    with site.daemon() as daemon:
        yield daemon


def order(site: Site, user: User, action: str, spec: str, **fields: str) -> dict[str, Any] | None:
    orders = Orders(IndexReader(config=load(site.config).indexes["main"]))
    return orders.obeyed({":action": action, "spec": spec, **fields}, user)


def left(site: Site) -> list[str]:
    """What lies in the folders of orders."""
    folders = (site.drop / "http/.orders", site.drop / "http", site.state / "orders")
    return [name for folder in folders for name in os.listdir(folder) if "order" in name or "http-" in name]


@pytest.mark.usefixtures("daemon")
def test_an_owner_yanks_and_takes_it_back(site: Site) -> None:
    told = order(site, ALICE, "yank", "acme-tool==1.0", reason="broken")
    assert told is not None and (told["changed"], told["matched"]) == (["acme_tool-1.0.tar.gz"], 1)
    assert [file["yanked"] for file in site.page("acme-tool")["files"]] == ["broken", False]
    event = site.events()[-1]
    assert (event["event"], event["actor"], event["reason"]) == ("yanked", "alice", "broken")
    told = order(site, ALICE, "unyank", "acme-tool")
    assert told is not None and told["changed"] == ["acme_tool-1.0.tar.gz"]
    until("nothing is left of them", lambda: left(site) == [".orders"])


@pytest.mark.usefixtures("daemon")
def test_a_dry_run_changes_nothing(site: Site) -> None:
    told = order(site, ALICE, "yank", "acme-tool", dry_run="1")
    assert told is not None and len(told["changed"]) == 2
    assert [file["yanked"] for file in site.page("acme-tool")["files"]] == [False, False]


@pytest.mark.usefixtures("daemon")
def test_only_owners_may_and_else_who_uploaded_the_first_file(site: Site) -> None:
    """`owners` come first; a project that they do not name is its first uploader's."""
    for spec in ("acme-tool", "demo", "demo-1.0.tar.gz", "no-such-project"):
        told = order(site, BOB, "yank", spec)
        assert told is not None and (told["forbidden"], told["changed"]) == (True, []), spec
    told = order(site, ALICE, "yank", "demo")
    assert told is not None and told["changed"] == ["demo-1.0.tar.gz"]


@pytest.mark.usefixtures("daemon")
def test_a_login_may_do_only_what_it_is_for(site: Site) -> None:
    """A password does not remove; a token is for its projects, and for what it was created for."""
    for user, action, spec in ((ALICE, "remove", "demo"), (TOKEN, "yank", "demo"), (ALICE, "unblock", "demo")):
        told = order(site, user, action, spec)
        assert told is not None and told["forbidden"] is True, (action, spec)
    told = order(site, TOKEN, "remove", "acme-tool==1.0")
    assert told is not None and told["changed"] == ["acme_tool-1.0.tar.gz"] and "elsewhere" not in told
    assert site.filenames("acme-tool") == ["acme_tool-2.0.tar.gz"]


def test_what_is_no_spec_is_told(site: Site) -> None:
    told = order(site, ALICE, "yank", "../etc")
    assert told is not None and "not a project" in told["error"]


def test_without_a_daemon_there_is_no_answer_and_nothing_is_left(site: Site) -> None:
    assert order(site, ALICE, "yank", "demo") is None
    assert left(site) == [".orders"]


@pytest.mark.usefixtures("daemon")
def test_an_order_that_can_t_be_deleted_is_worth_nothing_after_its_answer(site: Site) -> None:
    """A daemon that started again would carry it out once more, for as long as the server runs."""

    def fail(operation: str, subject: str) -> None:
        if operation == "unlink" and subject.endswith(".json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with durable.observed(fail):
        told = order(site, ALICE, "yank", "acme-tool==1.0")
    assert told is not None and told["changed"] == ["acme_tool-1.0.tar.gz"]
    (path,) = (site.drop / "http/.orders").iterdir()
    with path.open("rb") as left_behind:
        assert read_awaited(left_behind.fileno()) is None


def as_account(uid: int, work: Callable[[], object]) -> object:
    """What `work` answers in a process of that account; all that it imports is there already."""
    readable, writable = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(writable, json.dumps(work()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts may enter; pytest's own are closed."""
    with quick_folder() as folder:
        folder.chmod(0o755)
        yield folder


@pytest.mark.root
def test_a_door_with_an_account_of_its_own_is_believed_and_no_other(open_folder: Path) -> None:
    """It writes to its own folder and reads the answers, and has no other right."""
    site = Site(open_folder, uploads='{ account = "nobody" }')
    door, nobody, other = site.drop / "http", pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("daemon").pw_uid
    for folder in (door, door / "alice"):
        folder.mkdir()
        os.chown(folder, nobody, -1)
    os.chown(site.put(sdist("demo", "1.0"), "http/alice"), nobody, -1)
    with site.daemon():
        until("demo", lambda: site.filenames("demo"))
        assert site.events()[0]["uploader"] == "alice"
        told = as_account(nobody, lambda: order(site, ALICE, "yank", "demo"))
        assert isinstance(told, dict) and told["changed"] == ["demo-1.0.tar.gz"]
        with pytest.raises(ValueError, match="Expecting value"):  # it can't even leave one
            as_account(other, lambda: order(site, ALICE, "unyank", "demo"))
    assert [file["yanked"] for file in site.page("demo")["files"]] == [True]


def leave(site: Site, number: str, data: object, mode: int = 0o644) -> int:
    """An order of somebody's, who waits for its answer."""
    folder = site.drop / "http/.orders"
    folder.mkdir(exist_ok=True)
    fd = os.open(folder / f".{number}", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    hold(fd)
    os.write(fd, json.dumps(data).encode())
    os.fchmod(fd, mode)
    os.rename(folder / f".{number}", folder / f"{number}.json")
    return fd


FORGED = {"verb": "yank", "spec": "demo", "user": "alice", "actor": "root"}


@pytest.mark.parametrize("how", ["writable for others", "a second name", "of another account", "nobody waits"])
def test_orders_that_may_not_be_the_door_s_are_not_carried_out(site: Site, daemon: Daemon, how: str) -> None:
    fd = leave(site, "http-1", FORGED, 0o666 if how == "writable for others" else 0o644)
    path = site.drop / "http/.orders/http-1.json"
    if how == "a second name":
        os.link(path, site.drop / "http/.orders/.2")
    elif how == "of another account":
        if os.geteuid() != 0:
            pytest.skip("needs root")
        os.chown(path, 65534, 65534)
    elif how == "nobody waits":
        os.close(fd)
    told = order(site, ALICE, "yank", "acme-tool==1.0")  # comes later, and is carried out
    assert told is not None and told["changed"]
    assert [file["yanked"] for file in site.page("demo")["files"]] == [False]
    assert ("ignored" in daemon.log) is (how != "nobody waits")


@pytest.mark.parametrize(
    "forged",
    [
        {**FORGED, "verb": "unblock"},
        {**FORGED, "verb": "round"},
        {**FORGED, "user": "../root"},
        {**FORGED, "user": None},
        {**FORGED, "verb": "remove", "now": True, "block": True, "user": "bob"},
        ["yank"],
    ],
)
@pytest.mark.usefixtures("daemon")
def test_the_door_can_order_nothing_else_nor_in_another_s_name(site: Site, forged: object) -> None:
    fd = leave(site, "http-1", forged)
    answer = site.state / "orders/http-1.answer.json"
    told = json.loads(until("an answer", lambda: answer.exists() and answer.read_bytes()))
    os.close(fd)
    assert (told["changed"], bool(told["error"])) == ([], True)
    assert site.filenames("demo") == ["demo-1.0.tar.gz"]
    assert all(event["event"] == "admitted" for event in site.events())


@pytest.mark.parametrize("number", ["x" * 250, "http-" + "1" * 245])
def test_no_name_in_its_folder_stops_the_daemon(site: Site, daemon: Daemon, number: str) -> None:
    """Not even one that leaves no room for the name of its answer."""
    order(site, ALICE, "yank", "acme-tool", dry_run="1")
    odd = site.drop / f"http/.orders/{number}.json"
    odd.touch()
    odd.chmod(0o666)
    for action in ("yank", "unyank"):  # the first has it seen, the second that it is gone
        told = order(site, ALICE, action, "acme-tool==1.0")
        assert told is not None and told["changed"], action
        odd.unlink(missing_ok=True)
    assert "retrying" not in daemon.log


def test_a_folder_that_can_t_be_read_for_a_moment_has_no_order_carried_out_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is its answer lost; and the administrator is told, once."""
    config = load(site.config).indexes["main"]
    orders = DoorOrders(Drop(config.drop, config.formats), None, site.state / "orders", OURS)
    fd = leave(site, "http-1", FORGED)
    (one,) = orders.pending()
    orders.begin(one, serial=0)
    orders.answer(one.number, {"changed": []})
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", mock.Mock(side_effect=OSError(errno.EMFILE, os.strerror(errno.EMFILE))))
        assert [orders.pending() for _ in range(3)] == [[]] * 3
    assert orders.pending() == [] and (site.state / "orders/http-1.answer.json").exists()
    assert [record.levelname for record in caplog.records if "can't be read" in record.message] == ["WARNING"]
    os.close(fd)


def test_no_name_in_its_folder_touches_the_answer_to_another_order(site: Site) -> None:
    """That of a command on this machine lies beside those to the door."""
    config = load(site.config).indexes["main"]
    given = OrderBox(config.state)
    given.prepare()
    answer = given.folder / "00000000000000000001-0badcafe.answer.json"
    orders = DoorOrders(Drop(config.drop, config.formats), None, given.folder, OURS)
    os.close(leave(site, "00000000000000000001-0badcafe", FORGED, 0o666))
    answer.touch()
    assert orders.pending() == []
    (site.drop / "http/.orders/00000000000000000001-0badcafe.json").unlink()
    assert orders.pending() == [] and answer.exists()
