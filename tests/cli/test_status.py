"""eggwatch status: queue, lag, disks, watcher, cursors, last events; with a daemon, after one, and from PUBLIC."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.events import seconds_of
from tests.archive_factory import sdist
from tests.cli.program import Site, run_as_nobody
from tests.running import until

BEGUN = time.time()
"""Before any upload of these tests."""

LIVE = ("pid", "account", "privileges", "watcher")


def truncated(name: str) -> tuple[str, bytes]:
    """An upload whose end is missing."""
    filename, data = sdist(name, "1.0")
    return filename, data[:100]


def row_of(site: Site, **wanted: Any) -> dict[str, Any] | None:
    """The status, once it is so."""
    row = site.call("status", "--json").row
    return row if all(row.get(key) == value for key, value in wanted.items()) else None


def test_a_daemon_tells_queue_watcher_disks_cursors_and_lag(filled: Site) -> None:
    """An upload that can't be published yet is in the queue with its reason and since when; it makes no lag."""
    begun = time.time()
    filled.put(truncated("cut"))
    with filled.daemon():
        row = until("the queue", lambda: row_of(filled, ready=True, queue_length=1))
        (queued,) = row["queue"]
        assert (queued["path"], queued["stage"]) == ("cut-1.0.tar.gz", "unfinished")
        assert "end" in queued["reason"]
        assert begun - 2 < seconds_of(queued["since"]) < time.time()
        assert row["oldest_waiting_seconds"] is None
        assert row["watcher"] == {"mode": "events", "reason": None}
        assert (row["cursors"], row["behind"]) == (
            dict.fromkeys(("receipts", "journal"), row["serial"]),
            {"receipts": 0, "journal": 0},
        )
        assert row["disk_free"].keys() == {"public", "state", "drop"}
        assert all(free > row["min_free"] for free in row["disk_free"].values())
        assert row["news"] == {}
        text = filled.call("status").out
    assert "queue: 0 in progress, 0 waiting, 1 unfinished\n" in text
    assert f"(since {queued['since']})" in text
    assert "watching: inotify" in text and "receipts: up to date" in text
    assert "free for public: " in text


def test_the_last_events_are_told_newest_last(filled: Site) -> None:
    """A handful, as `history` tells them; and how long the last publication took."""
    row = filled.call("status", "--json").row
    history = filled.call("history", "--json").rows
    assert [event["serial"] for event in row["last_events"]] == [1, 2, 3, 4, 5]
    assert row["last_events"][-1].items() >= {key: history[-1][key] for key in ("at", "event", "filename")}.items()
    assert row["last_event_at"] == history[-1]["at"]
    assert 0 < row["last_publish_seconds"] <= time.time() - BEGUN
    assert filled.call("status").out.count("\n  event ") == 5


def test_events_that_can_not_be_seen_yet_are_not_told(filled: Site) -> None:
    """An event shows only when its page is visible, also in `status`."""
    import sqlite3

    with sqlite3.connect(filled.state / "catalog.sqlite3") as catalog:
        catalog.execute("UPDATE projects SET page_serial = NULL WHERE project = 'other'")
    catalog.close()
    assert "other" not in json.dumps(filled.call("status", "--json").row["last_events"])


def test_uploads_that_wait_for_the_disk_make_lag(filled: Site) -> None:
    """A whole upload that can't be taken for want of room has an age, told also in PUBLIC, without its name."""
    filled.settings["min-free"] = '"900TiB"'
    filled.write_config()
    filled.put(sdist("late", "1.0"))
    with filled.daemon():
        row = until("its age", lambda: _aged(filled.call("status", "--json").row))
        assert [(one["path"], one["stage"]) for one in row["queue"]] == [("late-1.0.tar.gz", "waiting")]
        assert "less than min-free" in filled.call("status").out
        text = (filled.public / "status.json").read_text()
        public = json.loads(text)
    assert (public["queue_length"], public["oldest_waiting_seconds"] > 0, "late" in text) == (1, True, False)
    assert public["disk_free"]["public"] < public["min_free"]


def _aged(row: dict[str, Any]) -> dict[str, Any] | None:
    return row if (row["oldest_waiting_seconds"] or 0) > 0.5 else None


def test_public_status_has_what_a_monitor_needs(filled: Site) -> None:
    """Queue, lag, last event, last verify and disks, beside what it always had."""
    filled.call("verify")
    with filled.daemon():
        path = filled.public / "status.json"
        state = until("ready", lambda: _ready(path))
        assert state.keys() >= {"ready", "serial", "projects", "files", "pages_current", "pages_stale", "faults_count"}
        assert (state["queue_length"], state["oldest_waiting_seconds"]) == (0, None)
        assert state["last_event_at"] == filled.events()[-1]["at"]
        assert state["last_verify"]["findings"] == 0
        assert seconds_of(state["at"]) > seconds_of(state["last_verify"]["at"])
    assert _ready(path) is None


def _ready(path: Path) -> dict[str, Any] | None:
    state: dict[str, Any] = json.loads(path.read_bytes())
    return state if state["ready"] else None


def test_after_a_killed_daemon_no_live_fact_of_it_is_told(filled: Site) -> None:
    """The queue is what lies there now, the daemon's own facts are null, and disks are looked at anew."""
    filled.put(truncated("cut"))
    with filled.daemon() as daemon:
        until("the queue", lambda: row_of(filled, ready=True, queue_length=1))
        daemon.kill()
    (filled.drop / "cut-1.0.tar.gz").unlink()
    filled.put(sdist("new", "1.0"))
    row = filled.call("status", "--json").row
    assert {key: row[key] for key in LIVE} == dict.fromkeys(LIVE)
    assert (row["running"], row["ready"], row["in_hand"]) == (False, False, [])
    assert [(one["path"], one["stage"]) for one in row["queue"]] == [("new-1.0.tar.gz", "waiting")]
    assert row["oldest_waiting_seconds"] is not None
    assert row["behind"] == {"receipts": 0, "journal": 0}
    text = filled.call("status").out
    assert "no daemon is running" in text and "cut-1.0" not in text and "watching" not in text


def test_another_command_at_work_is_not_taken_for_the_daemon_that_was_killed(filled: Site) -> None:
    """Somebody holds the lock, and the status is of a process before: nothing live is told."""
    with filled.daemon() as daemon:
        until("its status", lambda: row_of(filled, ready=True))
        daemon.kill()
    from eggwatch.store.state.lock import Lock

    lock = Lock(filled.state / "lock")
    lock.acquire()
    row, text = filled.call("status", "--json").row, filled.call("status").out
    lock.release()
    assert (row["running"], row["pid"], row["ready"]) == (True, None, False)
    assert "another command is running" in text


def test_verify_leaves_its_time_and_findings(filled: Site) -> None:
    """`status` tells when `verify` last looked and what it came to; nothing of the index has changed."""
    assert filled.call("status", "--json").row["last_verify"] is None
    assert filled.call("verify").code == 0
    first = filled.call("status", "--json").row["last_verify"]
    (filled.public / "simple/demo/index.html").write_text("defaced")
    assert filled.call("verify").code == 1
    second = filled.call("status", "--json").row["last_verify"]
    assert (first["findings"], second["findings"]) == (0, 1)
    assert second["at"] > first["at"]
    assert f"last verified {second['at']}: 1 finding\n" in filled.call("status").out


@pytest.mark.root
def test_verify_by_an_account_that_may_not_write_leaves_nothing(filled: Site) -> None:
    """Whoever may only read can verify; of that nothing stays."""
    base = Path(f"/tmp/eggwatch-verify-{os.getpid()}")
    shutil.copytree(filled.base, base)
    try:
        base.chmod(0o755)
        site = Site(base)
        before = sorted(os.listdir(site.state))
        (done,) = run_as_nobody(site, ["verify"])
        assert (done.code, "sound" in done.out) == (0, True), done
        assert sorted(os.listdir(site.state)) == before
    finally:
        shutil.rmtree(base)


@pytest.mark.root
@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_an_account_that_may_not_enter_state_is_told_that_nobody_is_at_work(filled: Site, end: str) -> None:
    """By what PUBLIC tells: `status` and `wait` say 1, and nothing is read where nothing may be."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(filled.base, f"{folder}/site")
        for path in (Path(folder), Path(folder, "site")):
            path.chmod(0o755)
        site = Site(Path(folder, "site"))
        site.put(("new-1.0.tar.gz", b"x"))
        said = json.loads((site.public / "status.json").read_bytes())
        more = {"stopped": {"running": False}, "killed": {"running": True, "at": "2020-01-01T00:00:00.000000Z"}}
        (site.public / "status.json").write_text(json.dumps(said | more[end]))
        (site.state / "news").mkdir(exist_ok=True)
        site.state.chmod(0o700)
        commands = (["wait", "new", "--timeout", "20s"], ["wait", "broken==1.0"], ["status"], ["status", "--json"])
        waited, refused, told, row = run_as_nobody(site, *commands)
    assert (waited.code, "no daemon is running" in waited.out) == (1, True), waited
    assert (refused.code, "not-a-gzip" in refused.out) == (1, True), refused
    assert row.row.keys() == filled.call("status", "--json").row.keys()
    assert (told.code, "problem: daemon: " in told.out, "no daemon is running" in told.out) == (1, True, True), told
    assert "Errno" not in told.err and "begun anew" not in told.err
