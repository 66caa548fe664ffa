"""Accounts without rights: they read everything that is public, daemon up or down, and change nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, nullcontext

import pytest

from eggwatch.store.state.catalog import Reader
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site, run_as_nobody
from tests.laws.at_work import (
    quick_folder,
    snapshot,
)
from tests.running import until

ONE, TWO, WHEEL = sdist("demo", "1.0"), sdist("demo", "2.0"), wheel("demo", "1.0")
BROKEN = ("demo-3.0.tar.gz", b"no archive at all" * 50)


@pytest.fixture
def open_site() -> Iterator[Site]:
    """An index that other accounts can reach, with one published, one yanked and one refused file."""
    with quick_folder() as base:
        base.chmod(0o755)
        site = Site(base)
        for upload in (ONE, WHEEL, sdist("other"), BROKEN):
            site.put(upload)
        assert site.run("run", "--once").code == 1
        assert site.run("yank", "other").code == 0
        yield site


def assert_answers(site: Site, *questions: tuple[tuple[str, ...], int, str]) -> None:
    """An account without rights gets these exit codes and texts."""
    for question, done in zip(questions, run_as_nobody(site, *(words for words, _, _ in questions)), strict=True):
        assert done.code == question[1], (question, done)
        assert question[2] in done.out, (question, done)


def assert_readable(site: Site, *, running: bool) -> None:
    """All commands that only read answer an account without rights."""
    assert_answers(
        site,
        (("list",), 0, "other  1.0"),
        (("list", "other"), 0, "other-1.0.tar.gz (yanked)\n"),
        (("show", "demo==1.0"), 0, "demo-1.0-py3-none-any.whl"),
        (("wait", "demo==1.0", "--timeout", "0"), 0, "installable"),
        (("wait", "demo==3.0", "--timeout", "0"), 1, "rejected"),
        (("history",), 0, "demo-3.0.tar.gz"),
        (("status",), 0, "daemon running" if running else "no daemon is running"),
        (("verify",), 0, "sound"),
    )


@pytest.mark.root
def test_another_account_reads_while_nobody_runs(open_site: Site) -> None:
    """list, show, wait, history, status and verify work for an account without rights, with no daemon."""
    assert_readable(open_site, running=False)


@pytest.mark.root
def test_another_account_reads_while_a_daemon_runs(open_site: Site) -> None:
    """The same commands beside a daemon, and they see what it publishes."""
    with open_site.daemon():
        assert_readable(open_site, running=True)
        open_site.put(TWO)
        assert_answers(open_site, (("wait", "demo==2.0"), 0, "installable"))
    assert_readable(open_site, running=False)


@pytest.mark.root
def test_another_account_reads_after_a_daemon_was_killed(open_site: Site) -> None:
    """A killed daemon leaves a write-ahead log; readers without the right to write still get their answers."""
    with open_site.daemon() as daemon:
        open_site.put(TWO)
        until("the page", lambda: TWO[0] in open_site.filenames("demo"))
        until("an empty drop", lambda: not list(open_site.drop.glob("*.tar.gz")))
        until("current front pages", lambda: shows_all(open_site))
        daemon.kill()
        assert_readable(open_site, running=False)


def shows_all(site: Site) -> bool:
    """Whether root and landing page show what the project pages do: else a killed daemon leaves damage behind."""
    with closing(Reader.open(site.state / "catalog.sqlite3")) as reader:
        return reader.meta("root_serial") == reader.number("root_wanted")


@pytest.mark.root
@pytest.mark.parametrize(
    "running", [pytest.param(False, marks=pytest.mark.long), True], ids=["daemon down", "daemon up"]
)
def test_where_others_may_not_enter_state_they_still_get_answers(open_site: Site, running: bool) -> None:
    """list, show, wait and status answer from PUBLIC and the receipts; history says 2 and what to do."""
    os.chmod(open_site.state, 0o700)
    with open_site.daemon() if running else nullcontext():
        os.chmod(open_site.state, 0o700)
        assert_answers(
            open_site,
            (("list",), 0, "other  1.0"),
            (("show", "demo"), 0, "demo-1.0.tar.gz"),
            (("wait", "demo==1.0", "--timeout", "0"), 0, "installable"),
            (("wait", BROKEN[0], "--timeout", "0"), 1, "rejected"),
            (("status",), 0, "main"),
        )
        (done,) = run_as_nobody(open_site, ("history",))
        assert (done.code, done.out) == (2, "")
        assert "sudo -u" in done.err


@pytest.mark.root
def test_another_account_can_change_nothing(open_site: Site) -> None:
    """Commands that write end with 2 and the remedy for an account that may not."""
    before = snapshot(open_site.public), open_site.events()
    for done in run_as_nobody(open_site, ("run", "--once"), ("yank", "demo"), ("remove", "demo"), ("rebuild",)):
        assert done.code == 2, done
        assert "sudo -u" in done.err or "owner" in done.err
    assert (snapshot(open_site.public), open_site.events()) == before


def test_status_json_in_public_names_no_accounts_and_no_waiting_files(open_site: Site) -> None:
    """PUBLIC/status.json is for monitors: it names neither accounts nor files that wait."""
    with open_site.daemon():
        until("the file", (open_site.public / "status.json").exists)
        text = (open_site.public / "status.json").read_text()
        assert "waiting" not in json.loads(text)
        assert "root" not in text and "uploader" not in text
