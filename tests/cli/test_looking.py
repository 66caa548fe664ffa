"""eggwatch list, show, history, status: read only, without the lock."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eggwatch.model.events import timestamp
from tests.archive_factory import sdist
from tests.cli.conftest import BROKEN
from tests.cli.program import Site
from tests.running import until

EVENT_KEYS = {
    "serial", "at", "event", "project", "version", "filename", "sha256", "size", "uploader", "uid", "actor", "reason",
    "flaws",
}  # fmt: skip
"""docs/contract.rst: the keys of an event; there may be more, none may be missing."""


def test_list_prints_projects_and_files(filled: Site) -> None:
    """Projects by name; with one of them, however it is spelled, its files by version and filename."""
    day = filled.events()[0]["at"][:10]
    assert filled.call("list").out == f"demo   2.0  {day}\nother  1.0  {day}\n"
    assert filled.call("list", "Demo").out == "demo-1.0-py3-none-any.whl\ndemo-1.0.tar.gz\ndemo-2.0.tar.gz\n"
    assert [row["project"] for row in filled.call("list", "--json").rows] == ["demo", "other"]
    (row,) = filled.call("list", "other", "--json").rows
    assert row["schema"] == 1
    assert (row["filename"], row["requires-python"]) == ("other-1.0.tar.gz", ">=3.8")


def test_a_yanked_newest_version_is_marked(filled: Site) -> None:
    """In `list`, in its JSON and on the landing page: only where nothing else is left to install."""
    assert filled.call("yank", "demo==2.0").code == filled.call("yank", "other", "--reason", "broken").code == 0
    demo, other = filled.call("list").out.splitlines()
    assert demo.startswith("demo   1.0  ") and "yanked" not in demo and other.endswith("  (yanked)")
    rows = {row["project"]: (row["version"], row["yanked"]) for row in filled.call("list", "--json").rows}
    assert rows == {"demo": ("1.0", False), "other": ("1.0", True)}
    for page in ("index.html", "projects/index.html"):  # among the newest, and among all
        assert (filled.public / page).read_text().count("(yanked)") == 1
    assert filled.call("unyank", "other").code == 0 and "yanked" not in filled.call("list").out
    assert filled.call("verify").code == 0


def test_yanking_again_keeps_the_reason_unless_there_is_a_new_one(filled: Site) -> None:
    filled.call("yank", "other", "--reason", "broken")
    for more, reason in (([], "broken"), (["--reason", "worse"], "worse"), ([], "worse")):
        assert filled.call("yank", "other", *more).code == 0
        assert filled.page("other")["files"][0]["yanked"] == reason


def test_a_project_without_files_is_listed_by_its_name(filled: Site) -> None:
    filled.call("remove", "other")
    assert filled.call("list").out.splitlines()[1] == "other"


def test_list_of_an_empty_index_is_empty(site: Site) -> None:
    """Nothing published: no line, exit status 0."""
    assert site.call("run", "--once").code == 0
    done = site.call("list")
    assert (done.code, done.out) == (0, "")


def test_what_is_not_there_is_1(filled: Site) -> None:
    """An unknown project, version or file: exit status 1 and where to look."""
    absent = (["list", "absent"], ["list", ""], ["list", "demo/"], ["show", "absent"], ["show", "demo==9"])
    for command in (*absent, ["show", "demo-9.tar.gz"]):
        done = filled.call(*command)
        assert (done.code, done.out) == (1, "")
        assert "eggwatch list" in done.err


def test_show_tells_everything_about_a_file(filled: Site) -> None:
    """Size, hash, time, uploader, requires-python, yanks; by project, version or filename."""
    filled.call("yank", "other", "--reason", "old & bad")
    text = filled.call("show", "other").out
    name = pwd.getpwuid(os.geteuid()).pw_name
    assert all(part in text for part in ("other-1.0.tar.gz", "sha256", f"by {name}", ">=3.8", "old & bad"))
    assert [row["filename"] for row in filled.call("show", "demo==1.0", "--json").rows] == [
        "demo-1.0-py3-none-any.whl",
        "demo-1.0.tar.gz",
    ]
    assert filled.call("show", "Demo-1.0.tar.gz", "--json").row["filename"] == "demo-1.0.tar.gz"


def test_json_has_the_same_keys_for_all_files(filled: Site) -> None:
    """What a file has not is null; so is what only some removed files have."""
    filled.call("remove", "other")
    wheels, sdists, removed = (
        filled.call("show", spec, "--json").row for spec in ("demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "other")
    )
    assert wheels.keys() == sdists.keys() and (wheels["removed"], sdists["core-metadata"]) == (False, None)
    assert [row.keys() for row in filled.call("list", "demo", "--json").rows] == [wheels.keys()] * 3
    assert (removed["removed"], removed["blocked"]) == (True, False) and "bytes-until" in removed


def test_show_tells_what_was_removed(filled: Site) -> None:
    """Removed names are shown with the time of their removal."""
    filled.call("remove", "demo==1.0")
    rows = filled.call("show", "demo", "--json").rows
    assert [(row["filename"], row["removed"]) for row in rows] == [
        ("demo-2.0.tar.gz", False),
        ("demo-1.0-py3-none-any.whl", True),
        ("demo-1.0.tar.gz", True),
    ]
    assert filled.call("show", "demo-1.0.tar.gz").code == 0


def test_history_has_the_keys_of_the_contract(filled: Site) -> None:
    """`history --json`: one event a line, in order, with all keys; absent is null; times in UTC with microseconds."""
    filled.call("yank", "demo==2.0", "--reason", "old")
    rows = filled.call("history", "--json").rows
    assert [row["event"] for row in rows] == ["admitted"] * 4 + ["rejected", "yanked"] or len(rows) == 6
    assert [row["serial"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        assert row["schema"] == 1
        assert row.keys() >= EVENT_KEYS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["at"])
    (refusal,) = [row for row in rows if row["event"] == "rejected"]
    assert refusal["filename"] == BROKEN[0]
    assert refusal["flaws"][0].keys() == {"code", "level", "subject", "message"}
    assert (rows[-1]["actor"], rows[-1]["reason"], rows[-1]["uid"]) != (None, None, None)
    assert rows[0]["actor"] is None and rows[0]["reason"] is None and rows[0]["uid"] == os.geteuid()


def test_history_is_the_ledger(filled: Site) -> None:
    """What `history` prints is what the ledger holds."""
    assert [{**row, "prev": event["prev"]} for row, event in zip(
        filled.call("history", "--json").rows, filled.events(), strict=True
    )] == filled.events()  # fmt: skip


def test_history_filters(filled: Site) -> None:
    """By project (normalised), uploader, and time: from --since on, before --until."""
    events = filled.events()
    count = len(events)
    own = pwd.getpwuid(os.geteuid()).pw_name

    def serials(*options: str) -> list[int]:
        done = filled.call("history", "--json", *options)
        assert done.code == 0, done
        return [row["serial"] for row in done.rows]

    assert serials("--project", "Other") == [event["serial"] for event in events if event["project"] == "other"]
    assert serials("--uploader", own) == list(range(1, count + 1))
    assert serials("--uploader", "nobody-of-that-name") == []
    assert serials("--since", events[2]["at"]) == list(range(3, count + 1))
    assert serials("--until", events[2]["at"]) == [1, 2]
    assert serials("--since", events[1]["at"], "--until", events[3]["at"]) == [2, 3]
    assert serials("--since", "1h") == list(range(1, count + 1))
    assert serials("--until", "1h") == []
    assert serials("--since", "2100-01-01") == []
    assert serials("--since", "1d", "--project", "absent") == []


def test_history_understands_other_time_zones(filled: Site) -> None:
    """A time with an offset is the same moment as in UTC."""
    event = filled.events()[2]
    local = event["at"].replace("Z", "+00:00")
    assert filled.call("history", "--since", local).out == filled.call("history", "--since", event["at"]).out


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "2d3h", "", "99999999999999d", "2026-01-01Tx"])
def test_a_wrong_time_is_2(filled: Site, moment: str) -> None:
    """What is not a time is a usage error, with the grammar."""
    for option in ("--since", "--until"):
        done = filled.call("history", option, moment)
        assert (done.code, "2026-11-22" in done.err) == (2, True), done


def test_history_follow_prints_events_as_they_become_visible(site: Site) -> None:
    """`--follow` prints what is there, then each new event once, until it is ended."""
    site.put(sdist("demo", "1.0"))
    with site.daemon():
        until("the first", lambda: site.filenames("demo"))
        following = site.start("history", "--follow", "--json")
        try:
            assert following.stdout is not None
            assert json.loads(following.stdout.readline())["filename"] == "demo-1.0.tar.gz"
            site.put(sdist("demo", "2.0"))
            row = json.loads(following.stdout.readline())
            assert (row["filename"], row["serial"]) == ("demo-2.0.tar.gz", 2)
            assert row["filename"] in site.filenames("demo")
            site.call("yank", "demo")
            rows = [json.loads(following.stdout.readline()) for _ in range(2)]
            assert [row["event"] for row in rows] == ["yanked", "yanked"]
        finally:
            following.terminate()
            following.communicate(timeout=10)


def test_history_follow_ends_when_until_is_reached(filled: Site) -> None:
    """With --until, --follow ends when that moment has passed: nothing more can be told."""
    moment = timestamp(time.time() + 2)
    done = filled.run("history", "--follow", "--until", moment)
    assert (done.code, timestamp(time.time()) >= moment) == (0, True)
    assert done.out == filled.call("history").out


def test_a_reader_that_has_had_enough_ends_us_quietly(filled: Site) -> None:
    """`eggwatch history | head -1` ends with 0 and without a word on standard error."""
    command = f"{shlex.quote(os.sys.executable)} -m eggwatch history --json | head -1"  # type: ignore[attr-defined]
    done = subprocess.run(["sh", "-c", command], cwd=filled.base, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


def test_status_without_a_daemon(filled: Site) -> None:
    """No daemon: it says so, counts what is published, and lists what lies in the drop folder with a remark."""
    filled.put(sdist("demo", "3.0"))
    for name in ("notes.txt", "holiday.zip", "._demo-1.0.whl", ".hidden", "demo.tar.gz.part"):
        (filled.drop / name).write_text("hello")
    row = filled.call("status", "--json").row
    assert (row["index"], row["running"], list(row["faults"])) == ("main", False, ["daemon"])
    reasons = {waiting["path"]: waiting["reason"] for waiting in row["waiting"]}
    assert reasons.keys() == {"demo-3.0.tar.gz", "notes.txt", "holiday.zip", "._demo-1.0.whl"}
    assert "Mac" in reasons["._demo-1.0.whl"] and "does not accept zip archives" in reasons["holiday.zip"]
    text = filled.call("status").out
    assert "no daemon is running" in text and "demo-3.0.tar.gz" in text


def test_status_counts_what_commands_have_done_since_the_last_daemon(filled: Site) -> None:
    """A daemon's numbers are not repeated once `yank`, `remove`, `import` or `run --once` have gone on without it."""
    with filled.daemon():
        pass
    filled.call("remove", "other")
    row = filled.call("status", "--json").row
    assert (row["projects"], row["files"], row["serial"]) == (2, 3, filled.events()[-1]["serial"])


def test_status_without_a_daemon_knows_what_became_of_a_file(filled: Site) -> None:
    """A file that the last daemon could not finish is listed with what it said of it, until somebody changes it."""
    path = filled.put(("cut-1.0.tar.gz", sdist("cut", "1.0")[1][:100]))
    assert filled.call("run", "--once").code == 1
    (row,) = filled.call("status", "--json").row["waiting"]
    assert row == {"path": "cut-1.0.tar.gz", "reason": "deferred: The gzip stream ends in the middle."}
    path.write_bytes(b"anew")
    (row,) = filled.call("status", "--json").row["waiting"]
    assert row["reason"] == "waiting for the daemon"


def test_status_with_a_daemon(filled: Site) -> None:
    """A daemon: its pid, what is published, and what waits and why."""
    (filled.drop / "notes.txt").write_text("hello")
    with filled.daemon() as daemon:
        row = until("its status", lambda: _ready(filled))
        assert (row["running"], row["pid"], row["projects"], row["files"]) == (True, daemon.pid, 2, 4)
        assert [waiting["path"] for waiting in row["waiting"]] == ["notes.txt"]
        assert row["faults"] == {}
        assert f"pid {daemon.pid}" in filled.call("status").out
    row = filled.call("status", "--json").row
    assert (row["running"], row["projects"]) == (False, 2)


def _ready(site: Site) -> dict[str, object] | None:
    row = site.call("status", "--json").row
    return row if row.get("ready") and row["waiting"] else None


def test_status_after_a_killed_daemon_tells_nothing_that_is_old(filled: Site) -> None:
    """A killed daemon's status file is not believed: no daemon, and no pid of it."""
    with filled.daemon() as daemon:
        until("its status", lambda: filled.call("status", "--json").row.get("ready"))
        daemon.kill()
        row = filled.call("status", "--json").row
        assert row["running"] is False
        assert "daemon running" not in filled.call("status").out


def test_status_names_files_that_can_not_be_read(filled: Site) -> None:
    """Links and other things that are no files are listed with what they are."""
    (filled.drop / "link-1.0.tar.gz").symlink_to("/etc/passwd")
    os.mkfifo(filled.drop / "pipe-1.0.tar.gz")
    reasons = {row["path"]: row["reason"] for row in filled.call("status", "--json").row["waiting"]}
    assert "symbolic link" in reasons["link-1.0.tar.gz"]
    assert "not a regular file" in reasons["pipe-1.0.tar.gz"]


def test_readers_take_no_lock_and_write_nothing(filled: Site) -> None:
    """Reading commands work while somebody else is the writer, and leave every file of the index as it was."""
    before = _stamps(filled.base)
    for command in (["list"], ["show", "demo"], ["history"], ["status"], ["verify"], ["wait", "demo"]):
        assert filled.call(*command).code == 0
    after = _stamps(filled.base)
    after.pop(str(filled.state / "verified.json"))  # when `verify` looked: nothing of the index
    assert {path: stamp for path, stamp in after.items() if "catalog" not in path} == {
        path: stamp for path, stamp in before.items() if "catalog" not in path
    }


def _stamps(base: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in base.rglob("*") if path.is_file()}


def test_a_reader_who_has_had_enough_is_no_error(filled: Site) -> None:
    """`history | head -1`: exit status 0, and nothing on standard error; `--help | true` likewise."""
    for command in (("history",), ("history", "--follow"), ("history", "--json"), ("--help",), ("--version",)):
        process = filled.start(*command)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        if "--follow" in command:
            filled.put(sdist("demo", "7.0"))
            assert filled.call("run", "--once").code == 0
        assert (process.wait(30), process.stderr.read()) == (0, "")
        process.stderr.close()


def test_a_name_that_is_no_utf8_is_shown_in_json(site: Site) -> None:
    r"""As \xNN, never as half a surrogate pair."""
    name, data = sdist("demo", "1.0")
    folder = site.drop / os.fsdecode(b"d\xff")
    folder.mkdir()
    (folder / name).write_bytes(data[: len(data) // 2])
    done = site.call("run", "--once", "--json")
    assert done.row["unfinished"] == [f"d\\xff/{name}"], done
    assert "\\ud" not in done.out + (site.state / "status.json").read_text()


def test_events_are_shown_only_when_their_page_is_visible(filled: Site) -> None:
    """An event whose page is not published yet is not in `history`."""
    import sqlite3

    with sqlite3.connect(filled.state / "catalog.sqlite3") as catalog:
        catalog.execute("UPDATE projects SET page_serial = NULL WHERE project = 'other'")
    catalog.close()
    path = filled.public / "simple/other/index.v1_json"
    page = json.loads(path.read_bytes())
    page["meta"]["_last-serial"] = 0
    path.write_text(json.dumps(page))
    assert "other" not in filled.call("history").out


def test_a_moment_ago_is_relative_to_now(filled: Site) -> None:
    """`--since 2s` is about the last two seconds."""
    now = time.time()
    rows = filled.call("history", "--json", "--since", "2s").rows
    assert all(row["at"] >= timestamp(now - 2.5) for row in rows)


def test_a_closed_standard_output_is_no_fault(site: Site) -> None:
    """As some starters of programs leave it: nothing is said, and nothing is raised."""
    command = [sys.executable, "-m", "eggwatch", "--config", str(site.config), "list"]
    shell = ["sh", "-c", f"exec {shlex.join(command)} >&-"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=30)
    assert "Traceback" not in done.stderr and done.returncode in (0, 1)
