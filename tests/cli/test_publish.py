"""eggwatch publish: copy, wait, say what became of each file."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest

from eggwatch.cli.publish import copy_in, upload_of
from eggwatch.config.loading import load
from eggwatch.store.state.lock import Lock
from tests.archive_factory import sdist, wheel
from tests.cli.conftest import BROKEN
from tests.cli.program import Site
from tests.running import until


def test_without_a_daemon_it_does_the_round_itself(site: Site) -> None:
    """Everything is published when it returns, the pages are current, and the drop folder is empty again."""
    files = [site.build(sdist()), site.build(wheel())]
    done = site.call("publish", *files, "--json")
    assert [(row["file"], row["installable"]) for row in done.rows] == [(str(file), True) for file in files]
    assert done.code == 0
    assert site.call("verify").code == 0
    assert not list(site.drop.glob("*.whl"))


def test_several_at_once_do_the_round_for_each_other(site: Site) -> None:
    """Three commands on an index that was never opened: each file is published, by whoever gets the lock."""
    files = [site.build(sdist("demo", f"{number}.0")) for number in range(3)]
    ended = [(*one.communicate(timeout=60), one.returncode) for one in [site.start("publish", file) for file in files]]
    assert [code for _, _, code in ended] == [0] * 3, ended
    assert not list(site.drop.glob("*.tar.gz"))


def test_where_another_configuration_publishes_it_does_not_wait_for_a_daemon(site: Site) -> None:
    """Nor do other commands: nobody works on this index, however long they wait."""
    (spool := site.public / ".eggwatch").mkdir(mode=0o700, parents=True)
    other = Lock(site.base / "other")
    other.take_folder(spool)
    with closing(other):
        done = site.call("publish", site.build(wheel()))
        assert done.code == 1 and f"into {site.public} and uses another STATE" in done.err
        assert "waits in the drop folder, and no daemon is running" in done.out
        for command in (["run", "--once"], ["yank", "demo"]):
            done = site.call(*command)
            assert done.code == 3 and f"into {site.public} and uses another STATE" in done.err


def test_its_copy_can_be_read_by_the_daemon(site: Site) -> None:
    """Whatever the umask of the uploader."""
    config = load(site.config).indexes["main"]
    mask = os.umask(0o077)
    try:
        copy_in(upload_of(site.build(sdist()), config), config)
    finally:
        os.umask(mask)
    assert (site.drop / "demo-1.0.tar.gz").stat().st_mode & 0o777 == 0o644


def test_when_it_is_terminated_it_leaves_no_copy(site: Site) -> None:
    """SIGTERM in the middle of a large file: the exit status is that of Ctrl-C, and the drop folder as it was."""
    large = site.base / "demo-1.0.tar.gz"
    with large.open("wb") as file:
        file.truncate(1 << 29)
    command = site.start("publish", large)
    until("the copy has begun", lambda: list(site.drop.glob(".eggwatch-copy-*")))
    command.send_signal(signal.SIGTERM)
    command.communicate(timeout=60)
    assert (command.returncode, list(site.drop.iterdir())) == (130, [])


def test_with_a_daemon_it_waits_for_its_verdicts(site: Site) -> None:
    """The daemon does the work; what was refused is said with its reasons, and the exit status is 1."""
    with site.daemon():
        done = site.call("publish", site.build(sdist()), site.build(BROKEN), "--json")
        good, bad = done.rows
        assert (done.code, good["installable"], bad["installable"]) == (1, True, False)
        assert bad["event"]["event"] == "rejected" and bad["event"]["flaws"]
        assert site.filenames("demo") == ["demo-1.0.tar.gz"]


def test_a_refusal_is_1_with_every_reason(site: Site) -> None:
    """A refused file: exit status 1, and the text names the codes."""
    done = site.call("publish", site.build(BROKEN))
    assert done.code == 1
    assert done.out.startswith(f"{site.base}/dist/{BROKEN[0]}: rejected at ")
    assert "not-a-gzip" in done.out


def test_known_bytes_are_0(filled: Site) -> None:
    """The same file once more is installable already: exit status 0, no event."""
    before = filled.events()
    assert filled.call("publish", filled.build(sdist("demo", "1.0"))).code == 0
    assert filled.events() == before


def test_other_bytes_under_a_published_name_are_1(filled: Site) -> None:
    """A published name with other bytes is refused, although a file of that name can be installed."""
    file = filled.build(sdist("demo", "1.0", files={"other.py": b"x = 1\n"}))
    done = filled.call("publish", file)
    assert (done.code, "file-exists" in done.out) == (1, True), done


def test_a_relative_name_is_meant_by_its_bytes_too(filled: Site) -> None:
    """A bare filename in the working folder is a file and no spec: other bytes are refused, and that is the answer."""
    filled.build(sdist("demo", "1.0", files={"other.py": b"x = 1\n"}), ".")
    done = filled.call("publish", "demo-1.0.tar.gz")
    assert (done.code, "file-exists" in done.out) == (1, True), done


@pytest.mark.parametrize("name", ["notes.txt", "demo-1.0.zip", ".hidden-1.0.tar.gz"])
def test_what_is_no_upload_is_not_copied(site: Site, name: str) -> None:
    """Another format is not taken: exit status 1, a sentence, and nothing in the drop folder."""
    done = site.call("publish", site.build((name, b"hello")))
    assert (done.code, "not accepted" in done.out) == (1, True)
    assert not (site.drop / name).exists()


def test_a_missing_file_is_2_and_nothing_is_copied(site: Site) -> None:
    """One missing file: exit status 2, and the others stay where they are."""
    done = site.call("publish", site.build(sdist()), "absent.whl")
    assert (done.code, "absent.whl" in done.err) == (2, True)
    assert list(site.drop.iterdir()) == []


@pytest.mark.root
def test_why_nobody_publishes_the_files_is_said_once(filled: Site) -> None:
    os.chown(filled.state, 65534, 65534)
    done = filled.call("publish", filled.build(sdist("new")), filled.build(wheel("new")))
    assert (done.code, done.err.count("can't publish the files itself")) == (1, 1), done


def test_a_missing_drop_folder_is_2(site: Site) -> None:
    """Without its drop folder nothing can be published, and none is made."""
    site.drop.rmdir()
    done = site.call("publish", site.build(sdist()))
    assert (done.code, str(site.drop) in done.err) == (2, True)
    assert not site.drop.exists()


def test_a_timeout_is_4(site: Site) -> None:
    """A daemon that does not answer in time: exit status 4, and the upload stays for it."""
    with site.daemon() as daemon:
        daemon.send_signal(signal.SIGSTOP)
        try:
            done = site.call("publish", site.build(sdist()), "--timeout", "200ms")
            assert (done.code, done.err.count("not installable yet")) == (4, 1), done
        finally:
            daemon.send_signal(signal.SIGCONT)
        assert site.call("wait", "demo==1.0").code == 0


def test_a_verdict_is_printed_also_after_a_timeout(site: Site) -> None:
    """An upload that is not finished in time does not hide what became of the others."""
    known, (name, data) = site.build(sdist()), wheel("other")
    with site.daemon():
        assert site.call("publish", known).code == 0
        done = site.call("publish", site.build((name, data[:200])), known, "--timeout", "1s", "--json")
    assert ([row["installable"] for row in done.rows], done.code) == ([None, True], 4), done


def test_the_original_is_untouched(site: Site) -> None:
    """`publish` copies: the built file stays, and the published one is another inode."""
    file = site.build(sdist())
    site.call("publish", file)
    published = site.public / "files/demo/demo-1.0.tar.gz"
    assert file.read_bytes() == published.read_bytes()
    assert file.stat().st_ino != published.stat().st_ino


def test_a_name_as_long_as_names_can_be_gets_its_verdict(site: Site) -> None:
    """A name of 255 bytes is copied in and refused like any other."""
    name = "é" * 122 + "-1.tar.gz"
    assert len(name.encode()) == 253
    done = site.call("publish", site.build((name, sdist()[1])))
    assert (done.code, "filename-too-long" in done.out) == (1, True), done
