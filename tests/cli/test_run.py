"""eggwatch run: one round, the daemon, its signals and its lock."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.conftest import BROKEN
from tests.cli.program import Site
from tests.running import until


def test_once_publishes_what_lies_there(site: Site) -> None:
    """All published: exit status 0, current pages, and an empty drop folder."""
    site.put(sdist())
    site.put(wheel(), "team/a")
    done = site.call("run", "--once")
    assert (done.code, done.out) == (0, "2 published, 0 known, 0 rejected, 0 unfinished\n")
    assert site.filenames("demo") == ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert [path for path in site.drop.rglob("demo*") if "receipts" not in path.parts] == []
    assert (site.drop / "team" / "a").is_dir(), "emptied folders stay"
    assert site.call("verify").code == 0


def test_once_over_an_empty_drop_makes_the_pages(site: Site) -> None:
    """The root's six forms and the landing page exist from the first round on, also when nothing is published."""
    assert site.call("run", "--once").code == 0
    names = ["index.html", "index.v1_html", "index.v1_json"]
    assert sorted(path.name for path in (site.public / "simple").iterdir()) == sorted(
        [*names, *(f"{name}.gz" for name in names)]
    )
    assert (site.public / "index.html").exists()


def test_once_tells_known_refused_and_unfinished(site: Site) -> None:
    """1 when something was refused or is unfinished; `--json` counts and names them."""
    site.put(sdist())
    assert site.call("run", "--once").code == 0
    site.put(sdist())
    row = site.call("run", "--once", "--json").row
    assert (row["index"], row["published"], row["known"], row["refused"], row["unfinished"]) == ("main", 0, 1, 0, [])
    site.put(BROKEN)
    done = site.call("run", "--once", "--json")
    assert (done.code, done.row["refused"]) == (1, 1)
    assert (site.drop / "rejected" / BROKEN[0]).read_bytes() == BROKEN[1]
    name, data = wheel()
    site.put((name, data[:-40]))
    done = site.call("run", "--once", "--json")
    assert (done.code, done.row["refused"], done.row["unfinished"]) == (1, 0, [name])
    assert (site.drop / name).exists()


def test_once_waits_out_linger_once_for_all(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Originals linger; one round waits for that once, however many files there are, and then they are gone."""
    site = Site(tmp_path, linger='"1s"')
    for number in range(5):
        site.put(sdist(f"demo{number}"))
    begun = time.monotonic()
    assert site.call("run", "--once").code == 0
    assert time.monotonic() - begun > 0.9
    assert not list(site.drop.glob("demo*"))


def test_once_beside_a_daemon_asks_it(site: Site) -> None:
    """With a daemon alive the same command gives the same answer, and the daemon did the work."""
    with site.daemon() as daemon:
        site.put(sdist())
        done = site.call("run", "--once", "--json")
        assert done.code == 0, done
        assert done.row["unfinished"] == []
        assert site.filenames("demo") == ["demo-1.0.tar.gz"]
        site.put(BROKEN)
        done = site.call("run", "--once", "--json")
        assert done.code in (0, 1)
        until("the refusal", lambda: (site.drop / "rejected" / BROKEN[0]).exists())
        assert "1 published" not in daemon.log


def test_once_beside_a_daemon_counts_only_its_own_round(site: Site) -> None:
    """What the daemon has seen before is not told again."""
    with site.daemon():
        for _ in range(2):
            site.put(sdist())
            until("an empty drop folder", lambda: not [name for name in os.listdir(site.drop) if "demo" in name])
            until("nothing hidden", lambda: not list(site.drop.glob(".eggwatch-*")))
        assert site.call("run", "--once").out == "0 published, 0 known, 0 rejected, 0 unfinished\n"


def test_the_same_bytes_again_and_again_leave_no_fault_behind(site: Site) -> None:
    """They may come while a copy of them is on its way out, hidden under the name that they will get."""
    with site.daemon():
        for _ in range(10):
            site.put(sdist())
            until("its turn", lambda: not (site.drop / sdist()[0]).exists())
        until("nothing hidden", lambda: not list(site.drop.glob(".eggwatch-*")))
        until("no fault", lambda: site.call("status").code == 0)


def test_a_terabyte_under_a_hidden_name_holds_nothing_up(filled: Site) -> None:
    """Anybody can make such a file: it is not read, but told of, or given the name that it claims; the rest goes on."""
    first = filled.events()[0]
    for name in (".eggwatch-1-00000000", f".eggwatch-1-{first['sha256'][:8]}"):
        (filled.drop / name).touch()
        os.truncate(filled.drop / name, 1 << 40)
    filled.put(sdist("fresh"))
    with filled.daemon():
        until("the next upload", lambda: filled.filenames("fresh"))
        status = until("status.json", lambda: json.loads((filled.state / "status.json").read_bytes()))
    assert any("unknown event" in reason for reason in status["faults"].values())
    assert (filled.drop / first["filename"]).stat().st_size == 1 << 40


def test_a_command_leaves_a_true_status_behind(filled: Site) -> None:
    """Also after a daemon that was killed: status.json tells monitors what is so."""
    text = '{"schema": 1, "ready": true, "serial": 1, "files": 99, "projects": 99}'
    for folder in (filled.state, filled.public):
        (folder / "status.json").write_text(text)
    assert filled.call("yank", "demo==1.0").code == 0
    for folder in (filled.state, filled.public):
        state = json.loads((folder / "status.json").read_bytes())
        assert (state["ready"], state["files"], state["projects"]) == (False, 4, 2)
        assert state["serial"] == filled.events()[-1]["serial"]


def test_once_beside_a_stopped_daemon_is_4(site: Site) -> None:
    """A daemon that does not answer: exit status 4."""
    with site.daemon() as daemon:
        daemon.send_signal(signal.SIGSTOP)
        try:
            assert site.call("run", "--once", "--timeout", "200ms").code == 4
        finally:
            daemon.send_signal(signal.SIGCONT)


def test_a_second_daemon_is_3_and_names_the_first(site: Site) -> None:
    """Somebody else holds the lock: exit status 3 with pid and command."""
    with site.daemon() as daemon:
        done = site.call("run")
        assert done.code == 3
        assert str(daemon.pid) in done.err and "run" in done.err
        assert site.call("rebuild").code == 3
        site.put(sdist())
        until("the first goes on", lambda: site.filenames("demo"))


def test_a_killed_daemon_leaves_no_lock(site: Site) -> None:
    """The kernel takes the lock back, whatever the lock file says."""
    with site.daemon() as daemon:
        daemon.kill()
        assert (site.state / "lock").read_text() != ""
        site.put(sdist())
        assert site.call("run", "--once").code == 0


def test_a_look_at_the_lock_never_keeps_a_writer_out(filled: Site) -> None:
    """`status` and `wait` look at the lock all the time; a daemon or command that wants it gets it all the same."""
    import threading

    from eggwatch.store.state.lock import Lock

    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            Lock(filled.state / "lock").is_held()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(300):
            lock = Lock(filled.state / "lock")
            lock.acquire()
            lock.release()
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_ends_with_0(site: Site, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C: what is in hand is finished, the pages are current, exit status 0 within ten seconds."""
    with site.daemon() as daemon:
        for count in range(10):
            site.put(sdist(f"demo{count}"))
        daemon.stop(number)
    assert site.call("verify").code == 0
    assert not [path for path in (site.state).iterdir() if path.name.endswith(("-wal", "-shm"))]


def test_a_daemon_ends_while_it_waits_for_an_end(site: Site) -> None:
    """An unfinished upload holds nobody up: it stays in the drop folder."""
    name, data = sdist()
    with site.daemon() as daemon:
        site.put((name, data[:-20]))
        until("it was read", lambda: "defer" in daemon.log)
        daemon.stop()
    assert (site.drop / name).exists()


def test_one_index_that_can_not_be_opened_holds_up_no_other(site: Site) -> None:
    """Its ledger is damaged: that is told again and again, the other is served, and `rebuild` mends it meanwhile."""
    (site.base / "second" / "drop").mkdir(parents=True)
    one = site.config.read_text()
    second = Site(site.base / "second", bare=True)
    second.write_config(one)
    second.put(sdist())
    assert second.call("run", "--once").code == 0
    ledger = second.state / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(b"admitted", b"ADMITTED"))
    (second.state / "catalog.sqlite3").unlink()
    site.write_config(
        one + one.replace("[index.main]", "[index.second]").replace('= "', '= "second/').replace("second/0s", "0s")
    )
    with site.daemon() as daemon:
        assert "[second]" in daemon.log and "eggwatch rebuild" in daemon.log
        site.put(sdist("other"))
        until("the page", lambda: site.filenames("other"))
        assert site.call("rebuild", "--index", "second").code == 0
        second.put(sdist("demo", "2.0"))
        until("it goes on", lambda: len(second.filenames("demo")) == 2)


def test_modes_are_what_the_contract_says_whatever_the_umask(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """PUBLIC 0755/0644, archives 0444, the spool 0700, STATE 0755/0644, under an umask of 077 and of 000."""
    for umask in (0o077, 0o000):
        site = Site(tmp_path / f"{umask:o}", url='"https://packages.example.com/"')
        site.put(wheel())
        site.put(BROKEN)
        done = site.run("run", "--once", preexec_fn=lambda mask=umask: os.umask(mask))
        assert done.code == 1
        modes = {
            str(path.relative_to(site.base)): path.stat().st_mode & 0o7777
            for root in (site.public, site.state, site.drop)
            for path in (root, *root.rglob("*"))
            if path != site.drop and not path.is_relative_to(site.public / ".eggwatch" / "pages")
        }
        wheel_path = "public/files/demo/demo-1.0-py3-none-any.whl"
        assert modes.pop("public/.eggwatch") == 0o700
        assert modes.pop("state/lock.owner") == 0o600
        assert modes.pop(wheel_path) == 0o444
        assert modes[f"{wheel_path}.metadata"] == 0o644
        refused = modes.pop(f"drop/rejected/{BROKEN[0]}")
        assert refused
        for path, mode in modes.items():
            assert mode == (0o755 if (site.base / path).is_dir() else 0o644), (path, oct(mode))


def test_mode_narrows_public_and_state(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """`mode = "0640"`: pages and state 0640, archives 0440, folders 0750."""
    site = Site(tmp_path, mode='"0640"')
    site.put(wheel())
    assert site.call("run", "--once").code == 0
    for root in (site.public, site.state):
        for path in (root, *root.rglob("*")):
            if ".eggwatch" in path.parts or path.name == "lock.owner":
                continue
            archive = path.suffix == ".whl"
            wanted = 0o750 if path.is_dir() else 0o440 if archive else 0o640
            assert path.stat().st_mode & 0o7777 == wanted, path


def test_mode_narrows_a_public_folder_that_is_served_at_once(tmp_path: Path) -> None:
    """The embedded server, which needs the folder first, makes it as everybody else."""
    site = Site(tmp_path, mode='"0640"')
    with site.daemon("--serve", "0"):
        assert site.public.stat().st_mode & 0o7777 == 0o750


def test_files_in_public_that_are_not_ours_are_left_alone(site: Site) -> None:
    """robots.txt and the like are neither changed nor reported."""
    site.public.mkdir()
    (site.public / "robots.txt").write_text("User-agent: *\n")
    site.put(sdist())
    assert site.call("run", "--once").code == 0
    assert (site.public / "robots.txt").read_text() == "User-agent: *\n"
    assert site.call("verify").code == 0


def test_two_file_systems_inside_public_are_2(site: Site) -> None:
    """files/ on another file system than the spool: an error at start that says so."""
    shm = "/dev/shm"
    if not os.path.isdir(shm) or os.stat(shm).st_dev == os.stat(site.base).st_dev:
        pytest.skip("needs a second file system")
    import tempfile

    with tempfile.TemporaryDirectory(dir=shm) as other:
        site.public.mkdir()
        (site.public / "files").symlink_to(other)
        done = site.call("run", "--once")
        assert (done.code, "two file systems" in done.err) == (2, True)


def test_the_readme_in_the_drop_says_what_to_do(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """DROP/README.txt: what to copy, where answers lie, the pip line, whom to ask; somebody else's is left alone."""
    site = Site(tmp_path / "a", contact='"ask@example.com"', url='"https://packages.example.com/"')
    site.call("run", "--once")
    text = (site.drop / "README.txt").read_text()
    assert all(part in text for part in ("pip install -i https://packages.example.com/simple/", "ask@example.com"))
    assert "rejected/" in text and "receipts/" in text
    other = Site(tmp_path / "b")
    (other.drop / "README.txt").write_text("Please wash your hands.\n")
    other.call("run", "--once")
    assert (other.drop / "README.txt").read_text() == "Please wash your hands.\n"


def test_with_several_indexes_every_line_names_its_own(site: Site) -> None:
    """From the first look to the last, in text and in the fields of JSON lines; with one index no line does."""
    one = site.config.read_text()
    site.put(sdist("alone"))
    assert "[main] claim" not in site.call("run", "--once").err
    (site.base / "second").mkdir()
    two = "".join(
        line.replace(' = "', ' = "second/', 1) if line.startswith(("drop", "public", "state")) else line
        for line in one.replace("[index.main]", "[index.second]").splitlines(keepends=True)
    )
    site.write_config(one + two)
    for folder in (site.drop, site.base / "second/drop"):
        folder.mkdir(exist_ok=True)
        name, data = sdist("demo")
        (folder / name).write_bytes(data)
    with site.daemon("--log-format", "json") as daemon:
        for index in ("main", "second"):
            daemon.wait_for(rf"\[{index}\] announce demo-1.0.tar.gz was published")
    rows = [json.loads(line) for line in daemon.log.splitlines() if line.startswith("{")]
    told = [row for row in rows if row.get("stage")]
    assert {row["index"] for row in told} == {"main", "second"}
    assert all(row["message"].startswith(f"[{row['index']}] {row['stage']} ") for row in told), told
