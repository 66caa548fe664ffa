"""One table of rights for the drop folder and for HTTP: owners, groups, first uploaders; passwords and tokens."""

from __future__ import annotations

import getpass
import grp
import os
import signal
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from passlib.hash import bcrypt

from eggwatch.config.loading import load
from eggwatch.webserver.doors import doors_of
from eggwatch.webserver.server import Server
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.http_asking import Reply
from tests.running import until, until_files_get_later_times
from tests.webserver.door import Door, open_door

ME = getpass.getuser()
"""The account that copies into the drop folder here."""
PASSWORDS = {name: f"{name}-secret" for name in ("alice", "bob", ME)}


def write_passwords(base: Path, *names: str) -> Path:
    path = base / "htpasswd"
    path.write_text("".join(f"{name}:{bcrypt.using(rounds=4).hash(PASSWORDS[name])}\n" for name in names))
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    write_passwords(tmp_path, *PASSWORDS)
    return tmp_path


def upload(door: Door, file: tuple[str, bytes], user: str, secret: str | None = None) -> Reply:
    given = b64encode(f"{user}:{secret or PASSWORDS[user]}".encode()).decode()
    return door.upload(file, Authorization=f"Basic {given}")


def token(door: Door, user: str, *options: str) -> dict[str, Any]:
    return door.site.call("token", "create", "--user", user, "--json", *options).row


def uploaders(door: Door) -> list[tuple[str, str, str]]:
    return [(one["event"], one["filename"], one["uploader"]) for one in door.site.events()]


def copied(door: Door, file: tuple[str, bytes]) -> str:
    """What became of a file that this account has copied into the drop folder."""
    door.site.put(file)
    found = until("a verdict", lambda: [one for one in door.site.events() if one["filename"] == file[0]])
    return str(found[-1]["event"])


@pytest.fixture
def owned(base: Path) -> Iterator[Door]:
    """acme-* belongs to alice, to ci, and to a group of this account's."""
    owners = '{ "acme-*" = ["alice", "ci"], "ours-*" = ["@GROUP"] }'
    group = grp.getgrgid(os.getgid()).gr_name
    with open_door(base, uploads='{ users = "htpasswd" }', owners=owners.replace("GROUP", group)) as door:
        yield door


def test_owners_are_users_and_tokens_as_well_as_accounts(owned: Door) -> None:
    assert upload(owned, sdist("acme-tool", "1.0"), "alice").status == 200
    ci = token(owned, "ci")["token"]
    assert upload(owned, sdist("acme-tool", "1.1"), "__token__", ci).status == 200
    refused = upload(owned, sdist("acme-tool", "1.2"), "bob")
    assert (refused.status, b"not-owner" in refused.body, b"alice, ci" in refused.body) == (403, True, True), refused
    assert upload(owned, sdist("demo", "1.0"), "bob").status == 200  # nobody's
    assert copied(owned, sdist("acme-tool", "1.3")) == "rejected"
    assert uploaders(owned) == [
        ("admitted", "acme_tool-1.0.tar.gz", "alice"),
        ("admitted", "acme_tool-1.1.tar.gz", "ci"),
        ("rejected", "acme_tool-1.2.tar.gz", "bob"),
        ("admitted", "demo-1.0.tar.gz", "bob"),
        ("rejected", "acme_tool-1.3.tar.gz", ME),
    ]


def test_the_same_bytes_are_welcome_from_owners_only(owned: Door) -> None:
    """Who owns nothing is told what he is told of any other file, and not that this one is published."""
    file, other = sdist("acme-tool", "1.0"), sdist("acme-tool", "1.1")
    assert [upload(owned, file, "alice").status, upload(owned, file, "alice").status] == [200, 200]
    known, unknown = upload(owned, file, "bob"), upload(owned, other, "bob")
    assert (known.status, unknown.status, b"not-owner" in known.body) == (403, 403, True), known
    assert known.body.decode().replace(file[0], other[0]) == unknown.body.decode()
    ci = token(owned, "ci")["token"]
    assert upload(owned, file, "__token__", ci).status == 200


def test_of_two_who_upload_the_same_bytes_at_once_each_is_told_his_own_verdict(owned: Door) -> None:
    """The one without a right is rejected, and the owner's upload is published."""
    file = sdist("acme-tool", "1.0")
    with ThreadPoolExecutor() as pool:
        os.kill(owned.daemon.pid, signal.SIGSTOP)
        try:
            bob, alice = (pool.submit(upload, owned, file, user) for user in ("bob", "alice"))
            until("both wait", lambda: len(list(owned.site.drop.glob("http/[ab]*/*"))) == 2)
        finally:
            os.kill(owned.daemon.pid, signal.SIGCONT)
        assert (bob.result().status, alice.result().status) == (403, 200)


def test_a_user_who_is_an_account_is_in_its_groups(owned: Door) -> None:
    assert upload(owned, sdist("ours-tool", "1.0"), ME).status == 200
    assert upload(owned, sdist("ours-tool", "1.1"), "alice").status == 403
    assert copied(owned, sdist("ours-tool", "1.2")) == "admitted"


def test_the_first_uploader_owns_by_whichever_way_he_came(base: Path) -> None:
    with open_door(base, uploads='{ users = "htpasswd" }', first_uploader_owns="true") as door:
        assert upload(door, sdist("hers", "1.0"), "alice").status == 200
        assert upload(door, sdist("hers", "1.1"), "bob").status == 403
        assert upload(door, sdist("hers", "1.0"), "bob").status == 403
        assert upload(door, sdist("hers", "1.0"), "alice").status == 200
        assert copied(door, sdist("hers", "1.2")) == "rejected"
        assert upload(door, sdist("hers", "1.3"), "__token__", token(door, "alice")["token"]).status == 200
        assert copied(door, sdist("mine", "1.0")) == "admitted"
        assert upload(door, sdist("mine", "1.1"), "alice").status == 403
        assert upload(door, sdist("mine", "1.2"), ME).status == 200


def test_a_token_is_for_its_projects_and_never_more_than_its_user(owned: Door) -> None:
    narrow = token(owned, "alice", "--project", "acme-tool")["token"]
    wide = token(owned, "bob", "--project", "acme-*")["token"]
    assert upload(owned, sdist("acme-tool", "1.0"), "alice", narrow).status == 200
    other = upload(owned, sdist("acme-other", "1.0"), "alice", narrow)
    assert (other.status, b"This login may not upload to the project acme-other" in other.body) == (403, True), other
    assert b"It is for upload in acme-tool. Ask the administrator" in other.body, other
    assert upload(owned, sdist("acme-other", "1.0"), "bob", wide).status == 403
    yanking = token(owned, "alice", "--may", "yank")["token"]
    assert upload(owned, sdist("acme-tool", "1.1"), "alice", yanking).status == 403
    assert [one[1] for one in uploaders(owned)] == [
        "acme_tool-1.0.tar.gz",
        "acme_other-1.0.tar.gz",
    ]  # the rest is kept out


def test_what_is_revoked_or_changed_counts_from_the_next_request(owned: Door) -> None:
    ci = token(owned, "ci")
    assert upload(owned, sdist("acme-tool", "1.0"), "__token__", ci["token"]).status == 200
    assert owned.site.call("token", "list", "--json").row["last_used"] is not None
    assert owned.site.call("token", "revoke", ci["id"]).code == 0
    assert upload(owned, sdist("acme-tool", "1.1"), "__token__", ci["token"]).status == 401
    assert upload(owned, sdist("acme-tool", "1.1"), "alice").status == 200
    until_files_get_later_times(owned.site.base / "htpasswd")
    write_passwords(owned.site.base, "bob")
    assert upload(owned, sdist("acme-tool", "1.2"), "alice").status == 401


def test_guesses_are_told_to_wait_and_leave_nothing(owned: Door) -> None:
    replies = [upload(owned, sdist("acme-tool", "1.0"), "alice", f"guess{number}") for number in range(12)]
    assert [reply.status for reply in replies] == [401] * 10 + [429] * 2
    assert replies[0].headers["www-authenticate"] == 'Basic realm="pypi"'
    assert 0 < int(replies[-1].headers["retry-after"]) <= 15
    until("nothing lies there", lambda: not list(owned.site.drop.glob("http/*/*")))  # the answer may come before
    assert "guess" not in owned.server.log and "log-in of alice" in owned.server.log


def test_behind_a_web_server_on_this_machine_guesses_are_counted_by_its_clients(owned: Door) -> None:
    """As the samples for Apache, nginx and Caddy pass the address on."""

    def guess(number: int, address: str) -> int:
        given = b64encode(f"user{number}:x".encode()).decode()
        headers = {"Authorization": f"Basic {given}", "X_Forwarded_For": f"10.1.2.3, {address}"}
        return owned.upload(sdist("acme-tool", "1.0"), **headers).status

    assert [guess(number, "192.0.2.1") for number in range(21)] == [401] * 20 + [429]
    assert guess(1, "192.0.2.2") == 401


@pytest.mark.parametrize(("host", "is_warned"), [("192.0.2.1", True), ("127.0.0.1", False), ("localhost", False)])
def test_a_door_that_others_reach_without_encryption_is_warned_of_once(
    base: Path, host: str, is_warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(Site(base, uploads='{ users = "htpasswd" }').config)
    server = Server({"": base / "public"}, doors=doors_of(config, host))
    server.host = host
    server.start()
    server.show({"": base / "public"}, doors_of(config, host))
    server.stop()
    assert caplog.text.count("sent unencrypted") == int(is_warned)
