"""eggwatch yank, unyank, remove --url: by a real server and a real daemon, with a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from eggwatch.store.state.tokens import new_secret
from tests.archive_factory import sdist
from tests.cli.program import Done, Site
from tests.running import until
from tests.webserver.door import Door, open_door


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """An index with demo and acme-tool, both uploaded by alice."""
    site = Site(tmp_path / "site", uploads="{}", owners='{ "acme-*" = ["alice"] }')
    for upload in (sdist("acme-tool", "1.0"), sdist("acme-tool", "2.0"), sdist("demo", "1.0")):
        site.put(upload, "http/alice")
    assert site.call("run", "--once").code == 0
    with open_door(tmp_path / "site", uploads="{}", owners='{ "acme-*" = ["alice"] }') as door:
        yield door


def token(door: Door, user: str, *may: str) -> str:
    options = [word for action in may for word in ("--may", action)]
    return str(door.site.call("token", "create", "--user", user, "--json", *options).row["token"])


@pytest.fixture
def afar(tmp_path: Path) -> Site:
    """A machine without any index."""
    return Site(tmp_path / "afar", bare=True)


def give(afar: Site, door: Door, secret: str, *words: str) -> Done:
    return afar.call(*words, "--url", door.url, env={"EGGWATCH_TOKEN": secret})


def test_orders_from_afar_say_and_do_what_they_do_on_the_machine(door: Door, afar: Site) -> None:
    secret = token(door, "alice", "yank", "remove")
    done = give(afar, door, secret, "yank", "acme-tool==1.0", "--reason", "broken")
    assert (done.code, done.out) == (0, "yank acme_tool-1.0.tar.gz\n"), done
    assert [file["yanked"] for file in door.site.page("acme-tool")["files"]] == ["broken", False]
    again = give(afar, door, secret, "yank", "acme-tool==1.0")
    assert (again.code, again.out) == (0, "Nothing to change, already done (1 file).\n")
    assert again.out == door.site.call("yank", "acme-tool==1.0").out
    dry = give(afar, door, secret, "remove", "demo", "--dry-run")
    assert (dry.code, dry.out.splitlines()[0]) == (0, "would remove demo-1.0.tar.gz")
    row = give(afar, door, secret, "remove", "demo", "--json").row
    assert (row["order"], row["spec"], row["changed"]) == ("remove", "demo", ["demo-1.0.tar.gz"])
    assert door.site.filenames("demo") == []
    assert [event["actor"] for event in door.site.events()[-2:]] == ["alice", "alice"]


def test_who_may_not_is_told_so_and_nothing_changes(door: Door, afar: Site) -> None:
    bob, upload_only = token(door, "bob", "yank"), token(door, "alice")
    foreign = give(afar, door, bob, "yank", "demo")
    assert (foreign.code, "demo is not yours" in foreign.out) == (1, True), foreign
    limited = give(afar, door, upload_only, "yank", "demo")
    assert (limited.code, "This login is not for yank" in limited.out) == (1, True), limited
    assert "It is for upload. Ask the administrator" in limited.out, limited
    revoked = token(door, "alice", "yank")
    assert door.site.call("token", "revoke", revoked).code == 0
    gone = give(afar, door, revoked, "yank", "demo")
    assert (gone.code, "revoked" in gone.err, revoked in gone.err) == (1, True, False), gone
    assert [file["yanked"] for file in door.site.page("demo")["files"]] == [False]


def test_a_password_in_the_url_is_not_supported_and_not_shown(afar: Site) -> None:
    for command, scheme in (("yank", "http"), ("remove", "ftp"), ("wait", "http"), ("list", "https")):
        done = afar.call(
            command, "demo", "--url", f"{scheme}://alice:secret@127.0.0.1:1/", env={"EGGWATCH_TOKEN": new_secret()}
        )
        assert (done.code, "a user or a password" in done.err, "secret" in done.out + done.err) == (2, True, False), (
            done
        )


def test_what_matches_nothing_is_1(door: Door, afar: Site) -> None:
    done = give(afar, door, token(door, "alice", "yank"), "yank", "acme-tool==9.9")
    assert (done.code, done.out) == (1, "No published file matches acme-tool==9.9.\n")


def test_a_token_comes_from_a_file_too_and_is_never_shown(door: Door, afar: Site) -> None:
    file = afar.base / "token"
    file.write_text(token(door, "alice", "yank") + "\n")
    assert afar.call("yank", "demo", "--url", door.url, "--token-file", file).code == 0
    file.write_text("a password by mistake")
    done = afar.call("yank", "demo", "--url", door.url, "--token-file", file)
    assert (done.code, "not a token" in done.err, "mistake" in done.err) == (2, True, False)
    assert "EGGWATCH_TOKEN" in afar.call("yank", "demo", "--url", door.url).err


def test_without_a_daemon_it_is_4_and_without_a_server_2(door: Door, afar: Site) -> None:
    secret = token(door, "alice", "yank")
    door.daemon.stop()
    done = give(afar, door, secret, "yank", "demo")
    assert (done.code, "daemon" in done.err) == (4, True), done
    door.server.stop()
    assert give(afar, door, secret, "yank", "demo").code == 2


def test_only_files_that_were_listed_before_the_question_are_removed(
    door: Door, afar: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the machine itself: what is published meanwhile stays."""

    def confirm(*_: object, **__: object) -> None:
        door.site.put(sdist("acme-tool", "3.0"), "http/alice")
        until("it is published", lambda: len(door.site.filenames("acme-tool")) == 3)

    monkeypatch.setattr("sys.stdin", mock.Mock(isatty=lambda: True))
    monkeypatch.setattr("click.confirm", confirm)
    done = give(afar, door, token(door, "alice", "remove"), "remove", "acme-tool")
    assert done.code == 0, done
    assert done.out.splitlines()[4:6] == ["remove acme_tool-1.0.tar.gz", "remove acme_tool-2.0.tar.gz"]
    assert door.site.filenames("acme-tool") == ["acme_tool-3.0.tar.gz"]


def test_what_only_the_machine_itself_may_do_is_refused(afar: Site) -> None:
    secret = "eggwatch_00000000_" + "0" * 64
    done = afar.call("remove", "demo", "--now", "--url", "http://127.0.0.1:1/", env={"EGGWATCH_TOKEN": secret})
    assert (done.code, "--now and --block" in done.err) == (2, True)
