"""The courier: what nobody can see yet is not told, and is told as soon as somebody can; nothing is told in a loop."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from eggwatch.cli import notify
from eggwatch.config.loading import load
from eggwatch.errors import LockHeldError
from eggwatch.model.news import Notice
from eggwatch.notifiers import NeverDelivered
from eggwatch.policy import retries
from eggwatch.service import courier
from eggwatch.service.courier import LONGEST_WAIT, LOOK_SECONDS, Route
from eggwatch.store import durable
from eggwatch.store.state.catalog import Reader
from eggwatch.store.state.cursors import DAEMON, FOLDER
from eggwatch.store.state.deliveries import RETRY, Deliveries
from eggwatch.store.state.lock import Lock
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.running import until
from tests.service.news import configured, hook_table, letters_of, mail_table, state_of


class Ear:
    """Hears what is told, and raises what it was made with."""

    def __init__(self, *raised: Exception) -> None:
        self.heard: list[int] = []
        self._raised = list(raised)

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Take it."""
        self.heard += [notice.serial for notice in notices]
        if self._raised:
            raise self._raised.pop(0)


def route_to(ear: Ear, site: Site, more: str = "", *uploads: tuple[str, bytes]) -> Route:
    """The way of the news of some published uploads to an ear."""
    site.write_config()
    configured(site, hook_table("http://127.0.0.1:9/", more))
    for upload in uploads or (sdist(),):
        site.put(upload)
        assert site.call("run", "--once", "--without-news").code == 0
    config, deliveries = load(site.config).indexes["main"], Deliveries(site.state)
    deliveries.cursors.open(["webhook.one"])
    return Route(config, config.subscriptions[0], ear, deliveries)


def full(operation: str, _: str) -> None:
    """No byte can be written."""
    if operation == "write":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_news_wait_for_their_page_although_the_ledger_does_not_grow_meanwhile(tmp_path: Path) -> None:
    """The event is committed before its page is published: a look in between must not be the last one."""
    ear = Ear()
    route = route_to(ear, Site(tmp_path))
    with mock.patch.object(Reader, "is_visible", return_value=False):
        assert route.step() == LOOK_SECONDS, "a page may be long in coming"
        assert ear.heard == []
    route.step()
    assert ear.heard == [1]
    route.step()
    assert ear.heard == [1], "told once"


def test_a_courier_that_has_to_wait_for_the_daemon_looks_now_and_then(tmp_path: Path) -> None:
    """A subscription begins where the daemon first saw it, and none may run for weeks."""
    ear, site = Ear(), Site(tmp_path)
    route = route_to(ear, site)
    (site.state / FOLDER / DAEMON).unlink()
    assert route.step() == LOOK_SECONDS
    assert ear.heard == []


def step_on_a_full_disk(route: Route) -> None:
    """Begin where nothing is to be told yet; then there is no room, three times."""
    with mock.patch.object(Reader, "is_visible", return_value=False):
        route.step()
    with durable.observed(full):
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                route.step()


def test_on_a_full_disk_nothing_is_told_twice(tmp_path: Path) -> None:
    """Where it can't be written down that something was told, nothing more is told; later it is written down."""
    ear, site = Ear(), Site(tmp_path)
    route = route_to(ear, site, "", sdist(), sdist("other"))
    step_on_a_full_disk(route)
    assert ear.heard == [1]
    route.step()
    assert ear.heard == [1, 2]
    assert state_of(site)["webhook.one"]["cursor"] == 2


def test_what_is_refused_on_a_full_disk_is_put_aside_later_and_not_sent_again(tmp_path: Path) -> None:
    """Of a mail that one reader's server refuses, the others have had theirs."""
    ear, site = Ear(NeverDelivered("no such user here")), Site(tmp_path)
    route = route_to(ear, site)
    step_on_a_full_disk(route)
    route.step()
    assert ear.heard == [1]
    assert [letter["error"] for letter in letters_of(site)] == ["no such user here"]


def test_an_error_that_nobody_has_expected_is_an_outage_and_holds_up_the_news_no_longer(tmp_path: Path) -> None:
    """As of a mail template that divides by a size which is not there; `status` shows it."""
    ear, site = Ear(TypeError("unsupported operand")), Site(tmp_path)
    with mock.patch.object(retries, "PAUSES", (0.0,)):
        route = route_to(ear, site, 'give-up-after = "0s"\n', sdist(), sdist("other"))
        route.step()
        assert state_of(site)["webhook.one"]["error"] == "TypeError: unsupported operand"
        route.step()
    assert ear.heard == [1, 2]
    assert [(letter["serial"], letter["error"]) for letter in letters_of(site)] == [
        (1, "TypeError: unsupported operand")
    ]


def test_a_courier_that_can_not_write_tells_nothing_however_often_it_is_started(tmp_path: Path) -> None:
    """As on a disk that the kernel has made read-only."""
    ear, site = Ear(), Site(tmp_path)
    with mock.patch.object(Reader, "is_visible", return_value=False):
        route_to(ear, site).step()
    for _ in range(2):
        route = route_to(ear, site, "", sdist("other"))
        with durable.observed(full), pytest.raises(OSError, match="No space left"):
            route.step()
    assert ear.heard == []


def test_a_request_for_a_retry_waits_on_a_disk_that_is_read_only(tmp_path: Path) -> None:
    """There, unlink(2) fails whether there is one or not."""

    def read_only(operation: str, _: str) -> None:
        if operation == "unlink":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with durable.observed(read_only):
        assert not Deliveries(tmp_path).is_asked_to_retry()


def test_a_digest_is_not_put_together_all_day_and_does_not_wait_for_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """Events, or the digest before, are of the future then, perhaps by years; it is looked again after a minute."""
    ear, site = Ear(), Site(tmp_path)
    configured(site, mail_table(9, 'digest = "1d"\n'))
    site.put(sdist())
    assert site.call("run", "--once", "--without-news").code == 0
    config, deliveries = load(site.config).indexes["main"], Deliveries(site.state)
    digest = next(one for one in config.subscriptions if one.name == "digest")
    deliveries.cursors.open([digest.name])
    route = Route(config, digest, ear, deliveries)
    route.step()
    assert ear.heard == [], "a day is not over"
    with mock.patch.object(Reader, "open", side_effect=AssertionError):
        route.step()
    later = mock.Mock(time=lambda: 1e9, monotonic=lambda: time.monotonic() + LONGEST_WAIT)
    with mock.patch.object(courier, "time", later):
        route.step()
    assert ear.heard == [1]


def test_a_courier_that_begins_on_a_full_disk_begins_again_later(tmp_path: Path) -> None:
    """systemd does not start it again after the exit status of a wrong configuration, and a disk mostly has room."""
    site = Site(tmp_path)
    configured(site, hook_table("http://127.0.0.1:9/"))
    site.state.mkdir()
    selection: Any = SimpleNamespace(all=lambda: list(load(site.config).indexes.values()))
    ended: Any = SimpleNamespace(stop=Event(), reload=Event(), have_come=lambda: False)
    held = LockHeldError("the end of this test")
    no_room = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        mock.patch.object(notify, "_Wishes", return_value=ended),
        mock.patch.object(notify, "RETRY_SECONDS", 0.0),
        mock.patch.object(Lock, "acquire", side_effect=[no_room, held]),
        pytest.raises(LockHeldError),
    ):
        notify._carry(selection, until_eof=False)


class Slow(Ear):
    """Answers when it is told to."""

    def __init__(self, *raised: Exception) -> None:
        super().__init__(*raised)
        self.answered = Event()

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Take it, and wait."""
        super().deliver(notices)
        self.answered.wait()


def courier_to(ear: Ear, site: Site) -> courier.Courier:
    """All that a site has to tell, to an ear."""
    with mock.patch.object(courier, "messenger_of", return_value=ear):
        return courier.Courier(load(site.config).indexes["main"], Deliveries(site.state))


def test_what_a_stopped_courier_is_still_delivering_is_the_last_of_it(tmp_path: Path) -> None:
    """After a reload another one is at work in the same process: it would tell all the rest, too, and note it."""
    ear, site = Slow(), Site(tmp_path)
    with mock.patch.object(Reader, "is_visible", return_value=False):
        route_to(ear, site, "", sdist(), sdist("other")).step()
    old = courier_to(ear, site)
    old.start()
    until("it is being delivered", lambda: ear.heard)
    old.stop(0.0)
    ear.answered.set()
    until("its threads have ended", lambda: not old.is_alive())
    assert ear.heard == [1]
    assert state_of(site)["webhook.one"]["cursor"] == 0


def test_two_requests_for_a_retry_are_carried_out_one_after_the_other(tmp_path: Path) -> None:
    """As by cron, while a server takes its time: nothing is sent twice at once, and threads do not pile up."""
    ear, site = Slow(NeverDelivered("no")), Site(tmp_path)
    route_to(ear, site).step()
    working = courier_to(ear, site)
    for _ in range(2):
        Deliveries(site.state).ask_to_retry()
        working.look_around()
        until("it is sent", lambda: ear.heard == [1, 1])
    ear.answered.set()
    until("it has arrived", lambda: letters_of(site) == [])
    until("the second is carried out", lambda: working.look_around() or not (site.state / FOLDER / RETRY).exists())
    assert ear.heard == [1, 1]
