"""eggwatch yank, unyank, remove: with and without a daemon."""

from __future__ import annotations

import getpass
import json
import signal
import sqlite3
from functools import partial

import pytest

from eggwatch.config.loading import load
from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.orders import OrderBox
from eggwatch.writer.index import opened_index
from eggwatch.writer.orders import carry_out
from tests.archive_factory import sdist
from tests.cli.conftest import Call
from tests.cli.program import Site
from tests.running import until


def yanked(site: Site, project: str = "demo") -> dict[str, object]:
    """The `yanked` of each file on a page."""
    return {file["filename"]: file["yanked"] for file in site.page(project)["files"]}


def test_yank_and_unyank(filled: Site, order: Call) -> None:
    """A version is yanked with its reason, shown so, and taken back; the events say who."""
    done = order("yank", "demo==1.0", "--reason", "breaks on 3.13")
    assert (done.code, done.err) == (0, "")
    assert done.out == "yank demo-1.0-py3-none-any.whl\nyank demo-1.0.tar.gz\n"
    assert yanked(filled) == {
        "demo-1.0-py3-none-any.whl": "breaks on 3.13",
        "demo-1.0.tar.gz": "breaks on 3.13",
        "demo-2.0.tar.gz": False,
    }
    assert order("unyank", "demo-1.0.tar.gz").code == 0
    assert yanked(filled)["demo-1.0.tar.gz"] is False
    events = filled.events()[-3:]
    assert [event["event"] for event in events] == ["yanked", "yanked", "unyanked"]
    assert {event["actor"] for event in events} == {getpass.getuser()}
    assert [event["reason"] for event in events] == ["breaks on 3.13", "breaks on 3.13", None]


def test_what_can_not_be_written_is_2_with_a_sentence(filled: Site) -> None:
    """The system's refusal names the path, without a traceback; the next command brings the order to its end."""
    page = filled.public / "simple/demo/index.html"
    page.unlink()
    page.mkdir()
    done = filled.run("yank", "demo")
    assert done.code == 2
    assert done.err.startswith("eggwatch: ") and "Is a directory" in done.err and "again" in done.err
    page.rmdir()
    assert filled.call("run", "--once").code == 0
    assert set(yanked(filled).values()) == {True}
    assert filled.call("verify").code == 0


def test_a_full_disk_is_2_and_costs_no_catalog(filled: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite says of a full disk is no damage: a sentence, and the catalog stays where it is."""

    def find_no_room(_: Catalog) -> bool:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as full:
        full.setattr(Catalog, "is_sound", find_no_room)
        done = filled.call("yank", "demo")
    assert (done.code, done.out) == (2, "")
    assert "disk is full" in done.err
    assert not list(filled.state.glob("catalog.sqlite3.damaged-*"))
    assert filled.call("yank", "demo").code == 0


def test_yank_without_a_reason(filled: Site, order: Call) -> None:
    """Without --reason the JSON page says true."""
    assert order("yank", "demo-2.0.tar.gz").code == 0
    assert yanked(filled)["demo-2.0.tar.gz"] is True


def test_remove_takes_files_off_the_page_and_keeps_the_bytes_for_a_while(filled: Site, order: Call) -> None:
    """Removed files leave the page at once; their bytes stay for the grace period; their names are remembered."""
    assert order("remove", "demo", "--reason", "contained a password").code == 0
    page = filled.page("demo")
    assert page["files"] == [] and page["versions"] == []
    assert len(page["_removed"]) == 3
    assert (filled.public / "files/demo/demo-1.0.tar.gz").exists()
    assert "demo" in filled.call("list").out
    assert filled.call("verify").code == 0


def test_dry_run_changes_nothing(filled: Site, order: Call) -> None:
    """--dry-run says what would change, and the ledger stays as it is."""
    before = filled.events()
    for verb in ("yank", "remove"):
        done = order(verb, "demo==1.0", "--dry-run")
        assert done.code == 0
        assert done.out.startswith(f"would {verb} demo-1.0-py3-none-any.whl\nwould {verb} demo-1.0.tar.gz\n")
    row = order("yank", "demo==1.0", "--dry-run", "--json").row
    assert (row["dry_run"], row["serials"], row["error"]) == (True, [], None) and len(row["changed"]) == 2
    assert filled.events() == before


def test_json_tells_what_changed(filled: Site, order: Call) -> None:
    """`--json`: the order, its spec, what it changed, how many files it meant, and the serials."""
    row = order("yank", "demo==2.0", "--json").row
    assert {key: row[key] for key in ("order", "spec", "dry_run", "changed", "matched")} == {
        "order": "yank",
        "spec": "demo==2.0",
        "dry_run": False,
        "changed": ["demo-2.0.tar.gz"],
        "matched": 1,
    }
    assert row["serials"] == [filled.events()[-1]["serial"]]


def test_what_is_so_already_is_0_without_an_event(filled: Site, order: Call) -> None:
    """The same order twice: the second changes nothing, says so, and ends with 0."""
    assert order("yank", "demo==2.0", "--reason", "old").code == 0
    before = filled.events()
    done = order("yank", "demo==2.0", "--reason", "old")
    assert (done.code, "Nothing to change" in done.out) == (0, True)
    assert order("unyank", "demo==1.0").code == 0
    assert filled.events() == before


@pytest.mark.parametrize("spec", ["absent", "demo==9", "demo-9.tar.gz"])
def test_what_is_not_there_is_1(filled: Site, spec: str) -> None:
    """No file matches: exit status 1, and no project is made of it."""
    for verb in ("yank", "unyank", "remove"):
        done = filled.call(verb, spec)
        assert (done.code, "No published file matches" in done.out) == (1, True)
    assert filled.page("absent") == {}


def test_a_removed_file_can_be_neither_yanked_nor_removed_again(filled: Site) -> None:
    """What is gone matches nothing."""
    assert filled.call("remove", "other").code == 0
    assert filled.call("remove", "other").code == 1
    assert filled.call("yank", "other").code == 1


@pytest.mark.parametrize("spec", ["demo==", "demo==1.x.y", "../demo", "demo 1.0", "demo\x1b[2J", "demo-1.0.whl"])
def test_a_spec_that_means_nothing_is_2(filled: Site, spec: str) -> None:
    """No project, no project==version and no filename: a usage error, printed without control characters."""
    done = filled.call("yank", spec)
    assert (done.code, done.out) == (2, "")
    assert "\x1b" not in done.err


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[31mred", "nul\x00"])
def test_a_reason_is_one_printable_line(filled: Site, reason: str) -> None:
    """Control characters in a reason are a usage error."""
    assert filled.call("yank", "demo", "--reason", reason).code == 2


def test_a_daemon_that_does_not_answer_is_4(filled: Site) -> None:
    """The command ends with 4 after its timeout; its order is withdrawn, and not carried out later."""
    with filled.daemon() as daemon:
        daemon.send_signal(signal.SIGSTOP)
        try:
            done = filled.call("yank", "other", "--timeout", "200ms")
            assert (done.code, "has not answered" in done.err, "withdrawn" in done.err) == (4, True, True)
        finally:
            daemon.send_signal(signal.SIGCONT)
        assert filled.call("yank", "demo").code == 0
        assert yanked(filled, "other") == {"other-1.0.tar.gz": False}
    assert waiting(filled) == []


def waiting(site: Site) -> list[str]:
    """What lies in the box of orders, but for what is not quite given yet."""
    return sorted(path.name for path in (site.state / "orders").iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_order_ends_with_the_command_that_gave_it(filled: Site, number: signal.Signals) -> None:
    """Interrupted or killed while it waits: nothing is carried out later, whoever comes."""
    with filled.daemon() as daemon:
        daemon.send_signal(signal.SIGSTOP)
        # A shell that put the tests into the background has SIGINT ignored.
        order = filled.start("remove", "other", preexec_fn=partial(signal.signal, number, signal.SIG_DFL))
        until("it is given", lambda: waiting(filled))
        order.send_signal(number)
        assert order.wait(20) != 0
        daemon.send_signal(signal.SIGCONT)
        assert filled.call("yank", "demo").code == 0
        assert filled.filenames("other") == ["other-1.0.tar.gz"]
    assert waiting(filled) == []


def test_orders_at_once_without_a_daemon_are_all_carried_out(filled: Site) -> None:
    """Whoever gets the lock does what all wait for; each gets its answer, and nothing is left."""
    orders = [filled.start("unyank" if number % 2 else "yank", "demo") for number in range(5)]
    rounds = [filled.start("run", "--once"), filled.start("remove", "other")]
    ended = [(*one.communicate(timeout=60), one.returncode) for one in [*orders, *rounds]]
    assert [code for _, _, code in ended] == [0] * 7, ended
    assert filled.filenames("other") == []
    assert waiting(filled) == []
    assert filled.call("verify").code == 0


def test_a_command_outlives_the_daemon_that_it_waits_for(filled: Site) -> None:
    """The daemon is killed while it is asked: the command does the work itself."""
    with filled.daemon() as daemon:
        daemon.send_signal(signal.SIGSTOP)
        orders = [filled.start("remove", "other"), filled.start("run", "--once")]
        until("they are given", lambda: len(waiting(filled)) == 2)
        daemon.kill()
        ended = [(*one.communicate(timeout=60), one.returncode) for one in orders]
        assert [code for _, _, code in ended] == [0, 0], ended
        assert filled.filenames("other") == []


def test_an_index_that_was_never_opened_takes_orders_at_once(site: Site) -> None:
    """No daemon ever ran: no command stumbles over what another one is just making."""
    ended = [(*one.communicate(timeout=60), one.returncode) for one in [site.start("run", "--once") for _ in range(4)]]
    assert [code for _, _, code in ended] == [0] * 4, ended


def test_what_a_killed_writer_had_done_is_answered_and_not_done_again(filled: Site) -> None:
    """Killed between doing and answering: the next one tells what was done, also if the file may return meanwhile."""
    config = load(filled.config).indexes["main"]
    box = OrderBox(filled.state)
    with box.giving({"verb": "remove", "spec": "other", "actor": "tester"}) as given:
        with opened_index(config) as index:
            (order,) = index.orders.pending()
            index.orders.begin(order, serial=index.pipeline.components.ledger.end.serial)
            carry_out(index.pipeline, order.data)
        filled.put(sdist("other", requires_python=">=3.8"))
        before = filled.events()
        assert filled.call("yank", "demo==2.0").code == 0
        answer = {"changed": ["other-1.0.tar.gz"], "matched": 1, "serials": [before[-1]["serial"]]}
        assert answer.items() <= (given.answer() or {}).items()
    assert [event["event"] for event in filled.events()[len(before) :]] == ["yanked"]
    assert waiting(filled) == []


def test_a_round_counts_only_its_own(filled: Site) -> None:
    """`run --once` beside others: each is told what came while it was asked for."""
    filled.put(sdist("demo", "3.0"))
    rows = [
        json.loads(one.communicate(timeout=60)[0]) for one in [filled.start("run", "--once", "--json") for _ in "ab"]
    ]
    assert sum(row["published"] for row in rows) == 1


def test_the_person_behind_sudo_is_the_actor(filled: Site) -> None:
    """With sudo the event names who gave the order, not root."""
    filled.call("yank", "other", env={"SUDO_USER": "alice"})
    assert filled.events()[-1]["actor"] == "alice"


def test_an_order_publishes_before_it_returns(filled: Site, order: Call) -> None:
    """Root, landing and project page are current when an order has been carried out."""
    assert order("remove", "other").code == 0
    assert filled.call("verify").code == 0


def test_a_yank_survives_what_happens_to_other_files(filled: Site) -> None:
    """Another upload to the project leaves the yank as it is."""
    filled.call("yank", "demo==1.0", "--reason", "old")
    filled.put(sdist("demo", "3.0"))
    assert filled.call("run", "--once").code == 0
    assert yanked(filled)["demo-1.0.tar.gz"] == "old"
