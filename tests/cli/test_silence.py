"""When nothing works, `status`, `doctor` and `wait` say so with 1, and the reason stands first."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from eggwatch.model.events import timestamp
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.http_serving import served
from tests.running import until


def state_lost(site: Site) -> None:
    """The disk of STATE is not mounted."""
    shutil.rmtree(site.state)


def ledger_lost(site: Site) -> None:
    """Somebody has deleted the ledger."""
    (site.state / "ledger.jsonl").unlink()


def ledger_old(site: Site) -> None:
    """An older ledger was put back."""
    ledger = site.state / "ledger.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))


def ledger_old_and_catalog_lost(site: Site) -> None:
    """An empty ledger was put there, and there is no catalog."""
    for path in site.state.glob("catalog.sqlite3*"):
        path.unlink()
    (site.state / "ledger.jsonl").write_bytes(b"")


def public_lost(site: Site) -> None:
    """PUBLIC is not there."""
    shutil.rmtree(site.public)


def public_empty(site: Site) -> None:
    """The disk of PUBLIC is not mounted: an empty folder is in its place."""
    shutil.rmtree(site.public)
    site.public.mkdir()


def simple_lost(site: Site) -> None:
    """Somebody has deleted simple/."""
    shutil.rmtree(site.public / "simple")


def simple_emptied(site: Site) -> None:
    """And somebody what is in it."""
    shutil.rmtree(site.public / "simple")
    (site.public / "simple").mkdir()


def project_lost(site: Site) -> None:
    """The folder of one project is gone."""
    shutil.rmtree(site.public / "simple" / "demo")


def files_lost(site: Site) -> None:
    """The archives are gone."""
    shutil.rmtree(site.public / "files")


def files_emptied(site: Site) -> None:
    """Or are not mounted."""
    shutil.rmtree(site.public / "files")
    (site.public / "files").mkdir()


def drop_lost(site: Site) -> None:
    """There is no drop folder."""
    shutil.rmtree(site.drop)


HARM: list[tuple[Callable[[Site], None], str]] = [
    (state_lost, "ledger"),
    (ledger_lost, "ledger"),
    (ledger_old, "ledger"),
    (ledger_old_and_catalog_lost, "ledger"),
    (public_lost, "public"),
    (public_empty, "public"),
    (simple_lost, "pages"),
    (simple_emptied, "pages"),
    (project_lost, "pages"),
    (files_lost, "files"),
    (files_emptied, "files"),
    (drop_lost, "drop"),
]


@pytest.mark.parametrize(("harm", "what"), HARM, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_lost_is_told_first_with_1(filled: Site, harm: Callable[[Site], None], what: str) -> None:
    """Without a daemon: by `status`, in its text and in JSON, and by `doctor`."""
    assert filled.call("status").code == 0
    harm(filled)
    done = filled.call("status")
    assert (done.code, done.out.splitlines()[1].startswith(f"  problem: {what}: ")) == (1, True), done.out
    row = filled.call("status", "--json")
    assert (row.code, list(row.row)[:3], next(iter(row.row["faults"]))) == (1, ["schema", "index", "faults"], what)
    doctor = filled.call("doctor", "--json").row
    assert {"index", "drop-there"} & {one["check"] for one in doctor["findings"]}, doctor


@pytest.mark.parametrize(
    ("harm", "remedy"),
    [
        (simple_lost, ["run", "--once"]),
        (simple_emptied, ["run", "--once"]),
        (project_lost, ["repair"]),
        (ledger_lost, ["rebuild"]),
        (ledger_old, ["rebuild"]),
        (state_lost, ["rebuild"]),
        (ledger_old_and_catalog_lost, ["rebuild"]),
    ],
    ids=lambda value: getattr(value, "__name__", value[0] if isinstance(value, list) else value),
)
def test_the_remedy_that_is_named_helps(filled: Site, harm: Callable[[Site], None], remedy: list[str]) -> None:
    """The command stands in the text, and after it all is well."""
    harm(filled)
    assert f"'eggwatch {' '.join(remedy)}'" in filled.call("status").out
    assert filled.call(*remedy).code == 0
    assert filled.call("status").code == 0 == filled.call("verify").code


def test_the_daemon_itself_tells_monitors_what_is_lost(filled: Site) -> None:
    """In `faults_count`; also when another upload has brought the root page back, all is well only after the remedy."""
    with filled.daemon():
        simple_lost(filled)
        filled.put(sdist("more"))
        path = filled.public / "status.json"
        until("it is told", lambda: json.loads(path.read_text())["faults_count"])
    assert "'eggwatch repair'" in filled.call("status").out
    assert filled.call("repair").code == 0 == filled.call("status").code


def test_what_is_lost_under_a_daemon_is_told_at_once(filled: Site) -> None:
    """simple/ deleted, then files/, then the ledger, while it runs and before it has noticed."""
    with filled.daemon() as daemon:
        assert filled.call("status").code == 0
        daemon.send_signal(signal.SIGSTOP)
        for harm, what in ((project_lost, "pages"), (simple_lost, "pages"), (files_emptied, "files")):
            harm(filled)
            done = filled.call("status", "--json")
            assert (done.code, what in done.row["faults"], done.row["running"]) == (1, True, True), harm
        (filled.state / "ledger.jsonl").unlink()
        assert next(iter(filled.call("status", "--json").row["faults"])) == "ledger"
        daemon.kill()


@pytest.mark.parametrize("harm", [state_lost, ledger_lost])
def test_a_history_that_is_lost_is_not_shown_as_an_empty_one(filled: Site, harm: Callable[[Site], None]) -> None:
    harm(filled)
    done = filled.call("history")
    assert (done.code, done.out, "eggwatch rebuild" in done.err) == (2, "", True)


def test_uploads_that_wait_for_a_daemon_are_1(filled: Site) -> None:
    """Nobody is at work: `status` and `doctor` name the cause and what to do; with nothing to do all is well."""
    assert (filled.call("status").code, filled.call("wait", "demo").code) == (0, 0)
    filled.put(sdist("late"))
    done = filled.call("status")
    assert done.code == 1
    reason = done.out.splitlines()[1]
    assert "no daemon is running, and 1 upload in the drop folder waits" in reason and "Start it" in reason
    assert "no daemon is running" in filled.call("status", "--json").row["faults"]["daemon"]
    findings = filled.call("doctor", "--json").row["findings"]
    assert [one["check"] for one in findings if "no daemon is running" in one["problem"]] == ["index"]
    filled.put(sdist("later"))
    assert "2 uploads in the drop folder wait" in filled.call("status").out
    with filled.daemon():
        assert filled.call("wait", "late").code == 0
        assert filled.call("status").code == 0


def test_a_killed_daemon_leaves_no_lock_behind(filled: Site) -> None:
    """STATE/lock still names it, and an upload waits: 1."""
    with filled.daemon() as daemon:
        daemon.kill()
    assert (filled.state / "lock").read_text() != ""
    filled.put(sdist("late"))
    assert "no daemon is running, and" in filled.call("status").out


def test_a_daemon_that_hangs_is_told(filled: Site) -> None:
    """It holds the lock, and its last word is old."""
    with filled.daemon() as daemon:
        daemon.send_signal(signal.SIGSTOP)
        path = filled.state / "status.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "at": "2026-01-01T00:00:00.000000Z"}))
        done = filled.call("status")
        assert (done.code, "has not reported for" in done.out.splitlines()[1]) == (1, True), done.out
        daemon.kill()


def test_wait_without_a_daemon_is_1_soon(filled: Site) -> None:
    """Nothing will come of waiting, also where nothing lies in the drop folder yet."""
    done = filled.call("wait", "absent==1.0", "--timeout", "1h")
    assert (done.code, "no daemon is running" in done.out) == (1, True)


def changed(site: Site, **values: Any) -> None:
    """What the last status in PUBLIC says."""
    path = site.public / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


LONG_AGO = {"at": "2026-01-01T00:00:00.000000Z"}


@pytest.mark.parametrize(
    ("told", "waits", "status"),
    [
        ({"running": False, "ready": False}, 1, 0),
        ({"running": False, "ready": False, "queue_length": 2}, 1, 1),
        ({"running": True, "ready": True, **LONG_AGO}, 1, 1),
        ({"running": True, "ready": True}, 4, 0),
        ({"running": True, "ready": False, "faults_count": 1}, 4, 1),
    ],
)
def test_from_afar_the_last_word_of_a_daemon_tells(filled: Site, told: dict[str, Any], waits: int, status: int) -> None:
    """Stopped in order, or silent for long: `wait --url` is 1; `status --url` is 1 if that keeps anything waiting."""
    changed(filled, **{"at": timestamp(time.time()), **told})
    with served(filled.public) as url:
        assert filled.call("wait", "absent", "--url", url, "--timeout", "2500ms").code == waits
        done = filled.call("status", "--url", url, "--json")
        assert (done.code, bool(done.row["problems"])) == (status, bool(status))


def test_a_stop_in_order_is_told_to_monitors(filled: Site) -> None:
    """`running` in PUBLIC/status.json: a daemon goes on after this was written."""
    path = filled.public / "status.json"
    with filled.daemon():
        assert json.loads(path.read_text())["running"] is True
    assert json.loads(path.read_text())["running"] is False
