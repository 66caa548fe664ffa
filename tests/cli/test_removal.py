"""eggwatch remove and unblock: until when bytes can be had, bytes that go at once, and files that never return."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from eggwatch.writer import copies
from tests.archive_factory import sdist, wheel
from tests.cli.conftest import Call
from tests.cli.program import Done, Site, clean_environment
from tests.once import mostly_long

WHEEL, SDIST = wheel("demo", "1.0"), sdist("demo", "1.0")


def lying(site: Site) -> list[str]:
    """What lies in files/ of demo 1.0."""
    return sorted(path.name for path in (site.public / "files/demo").iterdir() if "-1.0" in path.name)


def upload(site: Site, archive: tuple[str, bytes]) -> Done:
    """Upload an archive and wait for its verdict."""
    return site.call("publish", site.build(archive))


def test_now_takes_the_bytes_and_the_metadata_at_once(filled: Site, order: Call) -> None:
    done = order("remove", "demo==1.0", "--now", "--reason", "holds a password")
    assert done.code == 0 and "deleted at once" in done.out and "upload the same file again" in done.out
    assert lying(filled) == [] and filled.filenames("demo") == ["demo-2.0.tar.gz"]
    assert [event["bytes_until"] == event["at"] for event in filled.events()[-2:]] == [True, True]
    assert filled.call("verify").code == 0


def test_without_now_it_says_until_when_the_bytes_can_be_had(filled: Site, order: Call) -> None:
    """In its text, in JSON, in the event, on the page, and in what `show` and `history` print of it."""
    row = order("remove", "demo-1.0.tar.gz", "--json").row
    until = row["bytes_until"]
    assert until == filled.events()[-1]["bytes_until"] == filled.page("demo")["_removed"][0]["bytes-until"]
    assert row["undo"].startswith("upload the same file again") and row["blocked"] is False
    for command in (["show", "demo-1.0.tar.gz"], ["history"]):
        assert f"can be downloaded until {until[:19]}Z" in filled.call(*command).out
    said = order("remove", "demo-1.0-py3-none-any.whl").out
    assert "can be downloaded until" in said and "--now" in said
    both = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert lying(filled) == sorted([*both, *(f"{name}.metadata" for name in both)])


def test_nobody_takes_the_bytes_away_while_nobody_is_at_work(filled: Site) -> None:
    """Without a daemon the grace ends, and the bytes stay: the command says so."""
    assert "until a daemon or the next command runs" in filled.call("remove", "other").out
    with filled.daemon():
        assert "until a daemon or the next command runs" not in filled.call("remove", "demo==2.0").out


def test_what_is_still_in_its_grace_goes_by_a_second_order(filled: Site, order: Call) -> None:
    """It keeps the reason of the first."""
    assert order("remove", "demo==1.0", "--reason", "holds a password").code == 0
    assert lying(filled) != []
    done = order("remove", "demo==1.0", "--now", "--block")
    assert (done.code, lying(filled)) == (0, [])
    done = upload(filled, SDIST)
    assert (done.code, "holds a password" in done.out) == (1, True)


def test_blocked_bytes_do_not_return_under_any_name(filled: Site, order: Call) -> None:
    """The uploader is told which file it was, why it was removed, and what to do."""
    assert order("remove", "demo-1.0.tar.gz", "--block", "--reason", "holds a password").code == 0
    for name in (SDIST[0], "demo-1.5.tar.gz", "Demo-1.0.tar.gz"):
        done = upload(filled, (name, SDIST[1]))
        assert (done.code, "blocked" in done.out, "holds a password" in done.out) == (1, True, True), done
    reason = (filled.drop / "rejected" / f"{SDIST[0]}.reason.txt").read_text()
    assert "[refuse] blocked" in reason and "increase the version" in reason
    assert upload(filled, sdist("demo", "1.0.1")).code == 0


def test_a_blocked_name_does_not_return_with_other_bytes(filled: Site) -> None:
    filled.call("remove", "demo-1.0.tar.gz", "--block")
    assert "blocked" in upload(filled, sdist("demo", "1.0", files={"other.py": b"1\n"})).out


def test_unblock_lets_it_return_with_its_first_upload_time(filled: Site, order: Call) -> None:
    before = {file["filename"]: file["upload-time"] for file in filled.page("demo")["files"]}
    assert "eggwatch unblock demo==1.0" in order("remove", "demo==1.0", "--now", "--block").out
    done = order("unblock", "demo==1.0")
    assert done.out == "unblock demo-1.0-py3-none-any.whl\nunblock demo-1.0.tar.gz\n" and done.code == 0
    assert upload(filled, SDIST).code == 0
    files = {file["filename"]: file["upload-time"] for file in filled.page("demo")["files"]}
    assert files[SDIST[0]] == before[SDIST[0]]
    assert [event["event"] for event in filled.events()[-3:]] == ["unblocked", "unblocked", "admitted"]
    assert order("unblock", "demo==1.0").code == 1
    assert filled.call("verify").code == 0


def lose_catalog(site: Site) -> None:
    """It is made anew from the ledger."""
    for path in site.state.glob("catalog.sqlite3*"):
        path.unlink()


def lose_ledger(site: Site) -> None:
    """`rebuild` learns from the pages."""
    shutil.rmtree(site.state)
    assert site.call("rebuild").code == 0


def restore(site: Site) -> None:
    """State and archives come out of a backup."""
    kept = site.base / "kept"
    assert site.call("backup", kept).code == 0
    assert not list((kept / "public/files/demo").glob("demo-1.0*"))
    for name in ("public", "state"):
        shutil.rmtree(site.base / name)
        shutil.copytree(kept / name, site.base / name)


def restart(site: Site) -> None:
    """A daemon that knows of nothing but what lies there."""
    with site.daemon():
        pass


@pytest.mark.parametrize("event", mostly_long((restart, lose_catalog, lose_ledger, restore), of=4))
def test_a_block_outlives(filled: Site, event: Callable[[Site], None]) -> None:
    """A lost catalog, a lost ledger, a restored backup, a new daemon; unblocked it may return after each of them."""
    filled.call("remove", "demo==1.0", "--now", "--block", "--reason", "holds a password")
    event(filled)
    assert upload(filled, SDIST).code == 1
    assert filled.call("unblock", "demo==1.0").code == 0
    event(filled)
    assert upload(filled, SDIST).code == 0


def test_an_import_does_not_bring_blocked_bytes_back(filled: Site) -> None:
    filled.call("remove", "demo-1.0.tar.gz", "--block")
    filled.build(SDIST, "stock")
    assert filled.call("import", filled.base / "stock").code == 1
    assert SDIST[0] not in filled.filenames("demo")


def test_what_lay_in_the_drop_folder_already_is_refused_too(filled: Site) -> None:
    """It is not left there as something to be copied once more."""
    filled.put(SDIST)
    filled.call("remove", "demo-1.0.tar.gz", "--block")
    assert filled.call("run", "--once").code == 1
    assert SDIST[0] not in filled.filenames("demo")


def test_copies_that_stay_are_named(filled: Site) -> None:
    """A refused upload of the same bytes under another name lies in rejected/, which is its uploader's."""
    assert upload(filled, ("demo-1.7.tar.gz", SDIST[1])).code == 1
    row = filled.call("remove", "demo-1.0.tar.gz", "--now", "--json").row
    assert row["elsewhere"] == [str(filled.drop / "rejected/demo-1.7.tar.gz")]
    assert "rejected/broken-1.0.tar.gz" not in str(filled.call("remove", "demo", "--now", "--json").row)


def test_copies_are_looked_for_once_and_only_those_of_their_size_are_read(
    filled: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many files are removed, and whatever lies in rejected/."""
    for data in (b"x" * 9, SDIST[1]):
        assert upload(filled, ("demo-1.7.tar.gz", data)).code == 1
    assert len(list((filled.drop / "rejected/earlier").glob("*.gz"))) == 1
    refused, listed, read = filled.drop / "rejected/demo-1.7.tar.gz", list[Path](), list[Path]()
    names_in, digest = copies._names_in, copies.digest
    monkeypatch.setattr(copies, "_names_in", lambda folder: listed.append(folder) or names_in(folder))
    monkeypatch.setattr(copies, "digest", lambda path: read.append(path) or digest(path))
    row = filled.call("remove", "demo", "--now", "--json").row
    assert (len(row["changed"]), row["elsewhere"]) == (3, [str(refused)])
    assert (len(listed), read) == (2, [refused])


def test_a_blocked_file_is_shown_so(filled: Site) -> None:
    filled.call("remove", "demo-1.0.tar.gz", "--block", "--reason", "holds a password")
    assert "blocked" in filled.call("show", "demo-1.0.tar.gz").out
    assert "blocked" in filled.call("history").out
    assert filled.call("show", "demo-1.0.tar.gz", "--json").row["blocked"] is True


def on_a_terminal(site: Site, answer: str, *arguments: str) -> tuple[int, str]:
    """A command whose person answers a question."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "eggwatch", "--config", str(site.config), *arguments]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=site.base, env=clean_environment({})
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    said = b""
    try:
        while data := os.read(ours, 4096):
            said += data
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return process.wait(30), said.decode()


def test_more_than_one_file_asks_on_a_terminal(filled: Site) -> None:
    """It names what goes and how it is undone; no is no."""
    code, said = on_a_terminal(filled, "n\n", "remove", "demo")
    assert code != 0 and len(filled.filenames("demo")) == 3
    assert "This removes 3 files:" in said and "  demo-2.0.tar.gz" in said and "To undo it:" in said
    assert on_a_terminal(filled, "y\n", "remove", "demo==1.0")[0] == 0
    assert filled.filenames("demo") == ["demo-2.0.tar.gz"]


@pytest.mark.parametrize("arguments", [["demo", "--yes"], ["demo==2.0"], ["demo", "--dry-run"]])
def test_nobody_is_asked_where_nothing_is_to_be_asked(
    filled: Site, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """With --yes, for one file, and where nothing goes."""
    monkeypatch.setattr("sys.stdin", mock.Mock(isatty=lambda: True))
    monkeypatch.setattr("click.confirm", mock.Mock(side_effect=AssertionError))
    assert filled.call("remove", *arguments).code == 0


def test_lines_that_block_are_of_a_newer_schema(filled: Site) -> None:
    """A version that knows no blocks says so, and does not publish what was blocked."""
    filled.call("remove", "other", "--block")
    filled.call("unblock", "other")
    filled.call("yank", "demo")
    assert [event["schema"] for event in filled.events()[-5:]] == [2, 2, 1, 1, 1]
    assert {row["schema"] for row in filled.call("history", "--json").rows} == {1}


@pytest.mark.parametrize(
    ("ordered", "answer"),
    [
        (["--now"], {"changed": ["demo-2.0.tar.gz"], "matched": 1, "serials": [9]}),
        (["--block"], {"changed": ["demo-2.0.tar.gz"], "matched": 1, "serials": [9]}),
        (["--now"], {"changed": [], "matched": 0, "serials": []}),
        (
            ["--now"],
            {"changed": ["demo-2.0.tar.gz"], "matched": 1, "blocked": False, "bytes_until": "2999-01-01T00:00:00Z"},
        ),
        (
            ["--block"],
            {"changed": ["demo-2.0.tar.gz"], "matched": 1, "blocked": False, "bytes_until": "2999-01-01T00:00:00Z"},
        ),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--dry-run"]])
def test_what_a_daemon_of_an_older_version_left_out_is_not_told_as_done(
    filled: Site, monkeypatch: pytest.MonkeyPatch, ordered: list[str], answer: dict[str, object], form: list[str]
) -> None:
    """It says 1, and what to do."""
    monkeypatch.setattr("eggwatch.cli.orders.ask", lambda *_, **__: answer)
    done = filled.call("remove", "demo==2.0", *ordered, *form)
    assert done.code == 1 and "running daemon is older" in done.out and "Restart it" in done.out
    assert "deleted at once" not in done.out and "unblock" not in done.out


def test_bytes_that_are_gone_are_not_said_to_be_had(filled: Site, order: Call) -> None:
    """Neither by a block that comes later, nor of the removal before the one that took them."""
    order("remove", "demo==2.0")
    order("remove", "demo==2.0", "--now")
    assert "can be downloaded until" not in filled.call("status").out
    said = order("remove", "demo==2.0", "--block").out
    assert "already been deleted" in said and "downloaded until" not in said
    for command in (["show", "demo==2.0"], ["status"]):
        assert "can be downloaded until" not in filled.call(*command).out
    assert filled.call("verify").code == 0


@pytest.mark.parametrize(
    ("ordered", "said"),
    [([], []), (["--now"], ["deleted at once"]), (["--now", "--block"], ["deleted at once", "They are blocked"])],
)
def test_the_question_says_what_cannot_be_undone(filled: Site, ordered: list[str], said: list[str]) -> None:
    """That bytes go at once, and that they are kept away."""
    asked = on_a_terminal(filled, "n\n", "remove", "demo==1.0", *ordered)[1]
    assert [words for words in ("deleted at once", "They are blocked") if words in asked] == said


@pytest.mark.parametrize("verb", ["yank", "remove", "unblock"])
def test_an_account_without_a_name_gives_orders_too(filled: Site, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """A container's uid has no line in passwd(5)."""
    monkeypatch.setattr("os.getuid", lambda: 3_999_999)
    monkeypatch.setattr("pwd.getpwuid", mock.Mock(side_effect=KeyError))
    environment = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "")
    done = filled.call(verb, "demo==2.0", env=environment)
    assert done.code == int(verb == "unblock") and "Traceback" not in done.err
    assert verb == "unblock" or filled.events()[-1]["actor"] == "uid:3999999"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a second file system")
@pytest.mark.parametrize("name", ["drop", "public", "state"])
def test_an_index_whose_folder_is_a_link_to_another_disk_is_ordered_about(filled: Site, name: str) -> None:
    """Each of the operator's folders may be one, and so may the folder of a backup."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        folder = filled.base / name
        shutil.copytree(folder, f"{elsewhere}/there", dirs_exist_ok=True)
        shutil.rmtree(folder)
        folder.symlink_to(f"{elsewhere}/there")
        (filled.base / "kept").symlink_to(elsewhere + "/kept")
        Path(elsewhere, "kept").mkdir()
        for command in (["remove", "demo==1.0"], ["backup", "kept"], ["run", "--once"]):
            done = filled.call(*command)
            assert done.code == 0, (command, done)
        assert filled.filenames("demo") == ["demo-2.0.tar.gz"]
