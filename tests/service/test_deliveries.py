"""The courier: outages, refusals, kills, stops; nothing is lost and one way holds up no other."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from unittest import mock

from eggwatch.policy import retries
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.notifiers.receiving import free_port, http_server, smtp_server
from tests.running import until
from tests.service.news import GOOD, ME, configured, hook_table, letters_of, mail_table, state_of


def test_what_happened_while_nobody_carried_is_told_later(tmp_path: Path) -> None:
    """`run --once` tells it in the end; with nobody listening it waits for the next courier, under the same key."""
    site, port = Site(tmp_path), free_port()
    configured(site, hook_table(f"http://127.0.0.1:{port}"))
    site.put(GOOD)
    assert site.call("run", "--once").code == 0, "news that could not be told are no fault of the round"
    assert state_of(site)["webhook.one"]["failures"] == 1
    with http_server(port) as hooks:
        assert site.call("notify", "--once").code == 0
        (key,) = hooks.keys
        assert key.startswith("main-1-")
        assert site.call("notify", "--once").code == 0
        assert hooks.keys == [key], "told once"


def test_an_outage_is_waited_out_with_growing_pauses_and_one_way_holds_up_no_other(tmp_path: Path) -> None:
    """500, 503, a closed connection: the same key each time; meanwhile mail goes out."""
    with smtp_server() as (mailbox, port), http_server() as hooks:
        hooks.answers = [500, 503, 429]
        site = Site(tmp_path)
        configured(site, mail_table(port) + hook_table(hooks.url))
        with mock.patch.object(retries, "PAUSES", (0.05, 0.1)):
            site.put(GOOD)
            assert site.call("run", "--once").code == 0
            assert len(mailbox.messages) == 2
            until("told", lambda: site.call("notify", "--once").code == 0)
        assert len(set(hooks.keys)) == 1
        assert len(hooks.keys) == 4


def test_what_will_never_be_taken_is_put_aside_and_can_be_tried_again(tmp_path: Path) -> None:
    """400 is an answer about the message; the next events are not held up, and `notify --retry` brings it."""
    with http_server() as hooks:
        hooks.answers = [400]
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url))
        site.put(GOOD)
        site.put(sdist("other"))
        assert site.call("run", "--once").code == 0
        until("both", lambda: site.call("notify", "--once").code == 0 and len(hooks.requests) == 2)
        (letter,) = letters_of(site)
        assert "400" in letter["error"]
        assert site.call("notify", "--retry").code == 0
        assert letters_of(site) == []
        assert hooks.keys[2] == hooks.keys[0] == letter["key"]


def test_after_a_long_outage_news_are_put_aside_one_a_try(tmp_path: Path) -> None:
    with mock.patch.object(retries, "PAUSES", (0.01,)):
        site = Site(tmp_path)
        configured(site, hook_table(f"http://127.0.0.1:{free_port()}", 'give-up-after = "10ms"\n'))
        site.put(GOOD)
        site.put(sdist("other"))
        site.call("run", "--once")
        until("put aside", lambda: site.call("notify", "--once").code == 1 and len(letters_of(site)) == 2)
    assert state_of(site)["webhook.one"]["cursor"] == 2


def test_a_refused_address_does_not_keep_the_others_from_their_mail(tmp_path: Path) -> None:
    with smtp_server() as (mailbox, port):
        mailbox.refuses[f"{ME}@example.com"] = "550 no such user here"
        site = Site(tmp_path)
        configured(site, mail_table(port))
        site.put(GOOD)
        assert site.call("run", "--once").code == 0
        assert [to for to, _ in mailbox.messages] == [["team@example.com"]]
        (letter,) = letters_of(site)
        assert letter["error"] == f"{ME}@example.com: 550 no such user here"


def test_a_courier_killed_between_delivery_and_its_note_tells_again_with_the_same_key(tmp_path: Path) -> None:
    """SIGKILL while the server has the request and has not answered."""
    with http_server() as hooks:
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url, 'timeout = "1h"\n'))
        site.put(GOOD)
        with mock.patch("eggwatch.service.courier.Courier.deliver_once", return_value=True):
            assert site.call("run", "--once").code == 0
        hooks.held = threading.Event()
        courier = site.start("notify")
        until("the request", lambda: hooks.requests)
        courier.kill()
        courier.communicate()
        hooks.held.set()
        hooks.held = None
        assert site.run("notify", "--once").code == 0
        assert len(hooks.keys) == 2
        assert len(set(hooks.keys)) == 1


def test_a_daemon_killed_after_the_commit_tells_when_it_is_back(tmp_path: Path) -> None:
    """Its courier ends with it, and the next one goes on from its own cursor."""
    with http_server() as hooks:
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url))
        hooks.answers = [503]
        process = site.start("run")
        try:
            site.put(GOOD)
            until("committed", lambda: site.events())
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.communicate()
        with site.daemon():
            until("told", lambda: "webhook.one" in state_of(site) and state_of(site)["webhook.one"]["cursor"] == 1)
        assert len(set(hooks.keys)) == 1


def test_the_courier_of_a_killed_daemon_ends_too(tmp_path: Path) -> None:
    site = Site(tmp_path)
    configured(site, hook_table("http://127.0.0.1:9/"))
    process = site.start("run", start_new_session=True)
    try:
        until("a courier", lambda: (site.state / "news" / "lock").exists() and _holder(site))
        pid = _holder(site)
        process.send_signal(signal.SIGKILL)
        until("its end", lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))
    finally:
        process.kill()
        process.communicate()


def _holder(site: Site) -> int:
    text = (site.state / "news" / "lock").read_text()
    return int(json.loads(text)["pid"]) if text.strip() else 0


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_one_courier_at_a_time(tmp_path: Path) -> None:
    """The second ends with 3; `--retry` asks the one that is at work."""
    with http_server() as hooks:
        hooks.answers = [400]
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url))
        with site.daemon() as daemon:
            site.put(GOOD)
            until("put aside", lambda: letters_of(site))
            assert site.call("notify", "--once").code == 3
            assert site.call("notify", "--retry").code == 0
            until("arrived", lambda: not letters_of(site))
            assert daemon.is_running()


def test_the_daemon_starts_its_courier_anew_and_tells_when_it_can_t(tmp_path: Path) -> None:
    """Something that only a person can mend: the index goes on, and `status` says what is missing."""
    site = Site(tmp_path)
    configured(site, mail_table(free_port()))
    (site.state / "news" / "state.json").mkdir(parents=True)
    with site.daemon() as daemon:
        daemon.wait_for("not started again before a reload")
        site.put(GOOD)
        until("published all the same", lambda: site.filenames("demo"))
        until("told", lambda: "delivers mails" in site.call("status", "--json").row["faults"].get("news", ""))


def test_where_it_can_not_be_read_what_was_told_a_round_is_good_and_nothing_is_told_again(tmp_path: Path) -> None:
    """Everything since the subscription was set up would be; a courier says so and ends."""
    with http_server() as hooks:
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url))
        site.put(GOOD)
        assert site.call("run", "--once").code == 0
        kept = site.state / "news" / "state.json"
        kept.unlink()
        kept.mkdir()
        site.put(sdist("other"))
        done = site.call("run", "--once")
        assert (done.code, f"Is a directory: {kept}" in done.err) == (0, True), done
        assert site.call("notify", "--once").code == 2
        assert len(hooks.keys) == 1


def test_a_courier_that_has_lost_its_cursors_tells_nothing_that_was_told_before_the_last_start(tmp_path: Path) -> None:
    """The daemon notes how far it was whenever an index is opened: thousands of mails would follow."""
    with http_server() as hooks:
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url))
        for name in ("one", "two", "three"):
            if name == "three":
                (site.state / "news" / "state.json").unlink()
            site.put(sdist(name))
            assert site.call("run", "--once").code == 0
        assert [body["project"] for body in hooks.bodies] == ["one", "two", "two", "three"]


def test_a_stop_waits_for_no_slow_server(tmp_path: Path) -> None:
    """SIGTERM ends daemon and courier before it answers; what was under way is told by the next."""
    with http_server() as hooks:
        hooks.held = threading.Event()
        site = Site(tmp_path)
        configured(site, hook_table(hooks.url, 'timeout = "1h"\n'))
        with site.daemon() as daemon:
            site.put(GOOD)
            until("the request", lambda: hooks.requests)
            daemon.stop()
            assert not hooks.held.is_set(), "the server has not answered"
        hooks.held.set()
        hooks.held = None
        assert site.call("notify", "--once").code == 0
        assert len(set(hooks.keys)) == 1
