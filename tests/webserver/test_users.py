"""Who may upload: passwords as htpasswd and libpass write them, tokens, the web server's word, nobody in particular."""

from __future__ import annotations

import builtins
import logging
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from passlib.hash import argon2, bcrypt

from eggwatch.config.uploads import Anonymous, UploadDoor
from eggwatch.errors import ConfigurationError
from eggwatch.store.state.tokens import new_secret
from eggwatch.webserver import attempts, passwords
from eggwatch.webserver.attempts import Attempts
from eggwatch.webserver.users import Refused, User, Users
from tests.running import until_files_get_later_times
from tests.webserver.logins import NOW, Door, basic, status

ALICE = bcrypt.using(rounds=4).hash("secret")
BOB = argon2.using(rounds=1, memory_cost=64).hash("other")


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path, f"alice:{ALICE}\nbob:{BOB}\n")


@pytest.mark.parametrize(("user", "right", "wrong"), [("alice", "secret", "Secret"), ("bob", "other", "other ")])
def test_a_password_lets_its_user_in_and_another_does_not(door: Door, user: str, right: str, wrong: str) -> None:
    assert door.basic(user, right) == User(name=user)
    assert status(door.basic(user, wrong)) == HTTPStatus.UNAUTHORIZED
    assert status(door.basic(user, "")) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parts
@pytest.mark.skipif(shutil.which("htpasswd") is None, reason="needs htpasswd")
@pytest.mark.parametrize("password", ["geheim", "schlüssel", "long" * 30])
def test_what_htpasswd_writes_is_understood(tmp_path: Path, password: str) -> None:
    """bcrypt reads 72 bytes, in Apache too; some clients send Latin-1."""
    line = subprocess.run(
        ["htpasswd", "-nbBC", "4", "alice", password], capture_output=True, text=True, check=True
    ).stdout
    door = Door(tmp_path, f"# users\n\n{line.strip()}\n")
    assert door.basic("alice", password) == User(name="alice")
    assert door.ask(basic("alice", password, "latin-1")) == User(name="alice")
    assert status(door.basic("alice", password[1:])) == 401


@pytest.mark.parts
@pytest.mark.skipif(shutil.which("htpasswd") is None, reason="needs htpasswd")
@pytest.mark.parametrize(
    ("option", "kind"), [("-m", "MD5"), ("-s", "SHA-1"), ("-2", "SHA-256"), ("-5", "SHA-512"), ("-p", "neither bcrypt")]
)
def test_weak_hashes_of_htpasswd_are_refused_with_the_remedy(tmp_path: Path, option: str, kind: str) -> None:
    command = ["htpasswd", "-nb", option, "alice", "secret"]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    with pytest.raises(ConfigurationError) as error:
        Door(tmp_path, f"bob:{BOB}\n{line}\n")
    assert "line 2: alice" in str(error.value) and kind in str(error.value)
    assert "htpasswd -BC 12 FILE alice" in str(error.value)
    assert line.partition(":")[2] not in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("alice", "line 1: is not 'user:hash'"),
        (f"al ice:{ALICE}", "line 1: a user name has"),
        (f"../x:{ALICE}", "line 1: a user name has"),
        (f"{'a' * 65}:{ALICE}", "line 1: a user name has"),
        (f"alice:{ALICE[:20]}", "line 1: alice: the hash is damaged"),
        ("alice:$argon2id$x", "line 1: alice: the hash is damaged"),
    ],
    ids=("no colon", "a blank", "a path", "too long", "cut short", "no hash"),
)
def test_lines_by_which_nobody_can_log_in_are_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="who can't log in") as error:
        Door(tmp_path, f"{line}\n")
    assert said in str(error.value)


def test_a_file_that_is_missing_is_an_error_that_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="htpasswd -BC 12 -c"):
        Users(UploadDoor(users=tmp_path / "none"), tmp_path, tmp_path / "tokens.json")


def test_nobody_is_told_to_make_a_file_that_only_can_not_be_read(tmp_path: Path) -> None:
    """With -c, htpasswd empties the file."""
    with pytest.raises(ConfigurationError, match="can't be read") as error:
        Users(UploadDoor(users=tmp_path), tmp_path, tmp_path / "tokens.json")
    assert "htpasswd" not in error.value.remedy


def test_without_the_extra_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("passlib"):
            raise ImportError(name)
        return real(name, *more)

    passwords._context.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError) as error:
        Door(tmp_path, f"alice:{ALICE}\n")
    assert "pip install 'eggwatch[uploads]'" in str(error.value)
    assert status(Door(tmp_path).ask()) == 403  # tokens alone need none of it


def test_a_change_of_the_file_counts_at_once(door: Door) -> None:
    assert door.basic("alice", "secret") == User(name="alice")
    until_files_get_later_times(door.file)
    door.file.write_text(f"bob:{BOB}\ncarol:{ALICE}\n")
    assert status(door.basic("alice", "secret")) == 401
    assert door.basic("carol", "secret") == User(name="carol")
    door.file.unlink()
    assert status(door.basic("carol", "secret")) != 200


def test_a_line_that_went_bad_shuts_out_its_user_alone(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    until_files_get_later_times(door.file)
    door.file.write_text(f"alice:$apr1$xyz$abc\nbob:{BOB}\n")
    assert door.basic("bob", "other") == User(name="bob")
    assert status(door.basic("alice", "secret")) == 401
    assert "line 1: alice" in caplog.text and "$apr1$" not in caplog.text


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that a password was really compared with."""
    compared: list[str] = []
    real = passwords.is_password

    def counting(password: bytes, stored: str) -> bool:
        compared.append(stored)
        return real(password, stored)

    monkeypatch.setattr(passwords, "is_password", counting)
    return compared


def test_a_password_that_was_right_is_hashed_once_in_some_minutes(door: Door, hashed: list[str]) -> None:
    for _ in range(50):
        assert door.basic("alice", "secret") == User(name="alice")
    assert len(hashed) == 1
    assert status(door.basic("alice", "wrong")) == 401
    door.now += passwords.VERIFIED_SECONDS
    assert door.basic("alice", "secret") == User(name="alice")
    assert len(hashed) == 3


def test_uploads_at_once_have_their_password_hashed_once(door: Door, hashed: list[str]) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: door.basic("alice", "secret"), range(50)))
    assert set(answers) == {User(name="alice")}
    assert len(hashed) == 1


def test_guesses_at_once_are_no_more_than_one_after_the_other(door: Door) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: status(door.basic("alice", f"wrong{number}")), range(50)))
    assert answers.count(401) == attempts.OF_USER.failures and answers.count(429) == 50 - attempts.OF_USER.failures


def test_who_is_unknown_costs_as_much_as_who_is_known(door: Door, hashed: list[str]) -> None:
    known, unknown = door.basic("alice", "wrong"), door.basic("mallory", "wrong")
    assert known == unknown
    assert hashed == [ALICE, ALICE]
    assert status(door.basic("mallory", "secret")) == 401


def test_the_password_of_another_user_looks_like_any_wrong_one(door: Door, hashed: list[str]) -> None:
    """It takes as long as others also if that user has just logged in: the limit of failures is another name's."""
    assert door.basic("alice", "secret") == User(name="alice")
    for number, password in enumerate(("secret", "secret", "wrong")):
        assert status(door.basic(f"mallory{number}", password)) == 401
    assert len(hashed) == 4
    door.now += passwords.VERIFIED_SECONDS
    assert status(door.basic("mallory", "secret")) == 401
    assert door.basic("alice", "secret") == User(name="alice")
    assert len(hashed) == 6


def test_passwords_that_were_right_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_VERIFIED", 3)
    verifier = passwords.Verifier()
    for number in range(5):
        stored = bcrypt.using(rounds=4).hash(f"pass{number}")
        assert verifier.is_right(f"pass{number}".encode(), stored, NOW)
    assert len(verifier._right_at) == 3
    assert not any(b"pass" in mark for mark in verifier._right_at)


@pytest.mark.parametrize("hostile", ["a\0b", "x" * 5000, "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")])
def test_passwords_that_no_hash_takes_are_wrong(door: Door, hostile: str) -> None:
    assert status(door.basic("alice", hostile)) == 401
    assert status(door.basic("bob", hostile)) == 401


@pytest.mark.parametrize("header", ["", "Basic", "Basic ???", "Basic YWxpY2U=", "Digest username=alice", "Negotiate x"])
def test_a_header_that_says_nothing_is_answered_with_how_to_log_in(door: Door, header: str) -> None:
    answer = door.ask(header)
    assert status(answer) == 401
    assert isinstance(answer, Refused) and "__token__" in answer.message


def test_names_that_can_not_be_a_folder_are_refused(door: Door) -> None:
    for name in ("../alice", ".alice", "a/b", "a b", "a" * 65, "ali\nce"):
        assert status(door.basic(name, "secret")) == 403


# The web server's word, and no login at all


def test_remote_user_is_believed_where_it_is_configured_and_never_as_a_header(tmp_path: Path) -> None:
    door = Door(tmp_path, remote_user=True)
    assert door.ask(REMOTE_USER="alice@EXAMPLE.COM") == User(name="alice@EXAMPLE.COM")
    assert status(door.ask(REMOTE_USER="EXAMPLE\\alice")) == 403
    assert status(door.ask(HTTP_REMOTE_USER="alice")) == 401
    assert status(Door(tmp_path).ask(REMOTE_USER="alice")) == 403


def test_without_users_nothing_is_accepted_and_the_answer_says_how_to_add_one(tmp_path: Path) -> None:
    for answer in (Door(tmp_path).ask(), Door(tmp_path).basic("alice", "secret")):
        assert status(answer) == 403
        assert isinstance(answer, Refused) and "eggwatch token create" in answer.message


@pytest.mark.parametrize(
    ("anonymous", "environ", "taken"),
    [
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1"}, True),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "::1"}, True),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "::ffff:127.0.0.1"}, True),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "::ffff:192.0.2.1"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "192.0.2.1"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1:51324"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "unknown"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1, 127.0.0.1"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "[::1]:443"}, True),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": "127.0.0.1", "HTTP_VIA": "1.1 proxy"}, False),
        (Anonymous.LOOPBACK, {"REMOTE_ADDR": ""}, False),
        (Anonymous.EVERYWHERE, {"REMOTE_ADDR": "192.0.2.1"}, True),
        (Anonymous.NOWHERE, {"REMOTE_ADDR": "127.0.0.1"}, False),
    ],
)
def test_anonymous_uploads_come_from_this_machine_unless_it_says_everywhere(
    tmp_path: Path, anonymous: Anonymous, environ: dict[str, str], taken: bool
) -> None:
    door = Door(tmp_path, f"alice:{ALICE}\n", anonymous=anonymous)
    anybody = User(name="anonymous", actions=("upload",))
    assert (door.ask(**environ) == anybody) is taken
    assert (door.basic("mypi", "ignored", **environ) == anybody) is taken
    assert status(door.basic("alice", "wrong", **environ)) == 401
    assert door.basic("alice", "secret", **environ) == User(name="alice")


def test_nobody_logs_in_as_anonymous_where_strangers_upload_under_that_name(tmp_path: Path) -> None:
    """Else what strangers have uploaded could be yanked by him."""
    text = f"anonymous:{ALICE}\n"
    assert status(Door(tmp_path, text, anonymous=Anonymous.LOOPBACK).basic("anonymous", "secret")) == 403
    assert Door(tmp_path, text).basic("anonymous", "secret") == User(name="anonymous")


def test_a_body_is_stored_only_for_who_may_have_logged_in(door: Door) -> None:
    secret = door.token()
    for header in (basic("alice", "whatever"), f"Bearer {secret}", basic("__token__", secret)):
        assert door.users.may_log_in(header)
    for header in ("", "x", basic("stranger", "secret"), f"Bearer {new_secret()}"):
        assert not door.users.may_log_in(header)


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:8080"])
def test_a_web_page_can_upload_by_nobody_s_browser(tmp_path: Path, origin: str) -> None:
    """Browsers send forms across sites, with the password that they know, and say where the page is from."""
    door = Door(tmp_path, f"alice:{ALICE}\n", anonymous=Anonymous.LOOPBACK)
    assert status(door.ask(REMOTE_ADDR="127.0.0.1", HTTP_ORIGIN=origin)) == 403
    assert status(door.basic("alice", "secret", HTTP_ORIGIN=origin)) == 403


# Attempts to log in are slowed


def fail(door: Door, times: int, user: str = "alice", **environ: str) -> User | Refused:
    for _ in range(times):
        answer = door.basic(user, "wrong", **environ)
    return answer


def test_after_some_failures_a_user_has_to_wait_and_then_may_try_again(door: Door, hashed: list[str]) -> None:
    assert status(fail(door, attempts.OF_USER.failures)) == 401
    answer = door.basic("alice", "secret")
    assert status(answer) == 429
    assert isinstance(answer, Refused) and answer.retry_after == attempts.OF_USER.seconds
    assert len(hashed) == attempts.OF_USER.failures  # nothing was compared any more
    door.now += attempts.OF_USER.seconds
    assert door.basic("alice", "secret") == User(name="alice")


def test_an_address_that_tries_many_names_has_to_wait(door: Door) -> None:
    for number in range(attempts.OF_ADDRESS.failures):
        assert status(door.basic(f"user{number}", "wrong")) == 401
    assert status(door.basic("bob", "other")) == 429
    assert door.basic("bob", "other", REMOTE_ADDR="192.0.2.2") == User(name="bob")


def test_who_has_logged_in_from_his_address_is_not_kept_out_by_others(door: Door) -> None:
    """Neither by guesses at his password from elsewhere, nor by those at others' from his own address."""
    assert door.basic("alice", "secret") == User(name="alice")
    for number in range(5):
        fail(door, 20, REMOTE_ADDR=f"203.0.113.{number}")
    fail(door, 50, user="bob")
    assert status(door.basic("alice", "secret", REMOTE_ADDR="203.0.113.9")) == 429
    assert door.basic("alice", "secret") == User(name="alice")
    assert status(fail(door, 20)) == 429  # his own failures count


def test_tokens_are_never_slowed(door: Door) -> None:
    secret = door.token()
    fail(door, 50)
    assert isinstance(door.basic("ci", secret), User)


def test_behind_a_web_server_on_this_machine_its_clients_are_told_apart(door: Door) -> None:
    through = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.0.0.1, 198.51.100.7"}
    for number in range(attempts.OF_ADDRESS.failures):
        door.basic(f"user{number}", "wrong", **through)
    assert status(door.basic("bob", "other", **through)) == 429
    assert status(door.basic("bob", "other", REMOTE_ADDR="198.51.100.7")) == 429
    assert isinstance(door.basic("bob", "other", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.8"), User)
    claimed = {"REMOTE_ADDR": "198.51.100.7", "HTTP_X_FORWARDED_FOR": "198.51.100.9"}
    assert status(door.basic("bob", "other", **claimed)) == 429  # only a neighbour's word counts


def test_addresses_of_one_network_of_ipv6_count_as_one(door: Door) -> None:
    for number in range(attempts.OF_ADDRESS.failures):
        door.basic(f"user{number}", "wrong", REMOTE_ADDR=f"2001:db8::{number:x}")
    assert status(door.basic("bob", "other", REMOTE_ADDR="2001:db8::ffff:1")) == 429
    assert isinstance(door.basic("bob", "other", REMOTE_ADDR="2001:db8:0:1::1"), User)


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::5%" + "x" * 9000, "2001:db8::/64"),
        ("::1%eth0", "::1"),
        ("192.0.2.1:51324", "192.0.2.1"),
        ("[2001:db8::5]:443", "2001:db8::/64"),
        ("<script>", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_an_address_is_told_in_one_short_way(told: str, address: str) -> None:
    assert attempts.address_of({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": told}) == address


def test_what_is_remembered_of_attempts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST", 100)
    counted = Attempts()
    for number in range(1000):
        counted.failed(f"user{number}", f"192.0.2.{number}", NOW)
        counted.succeeded(f"user{number}", f"192.0.2.{number}")
    assert len(counted._forgiven_at) <= 100 and len(counted._familiar) <= 100


def test_a_clock_that_is_set_back_keeps_nobody_out_for_long(door: Door) -> None:
    fail(door, 10)
    door.now -= 86400
    answer = door.basic("alice", "secret")
    assert isinstance(answer, Refused) and (answer.retry_after or 0) <= attempts.OF_USER.seconds


def test_nothing_secret_is_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = door.token()
    door.basic("alice", "a-wrong-password")
    door.basic("my-password-in-the-wrong-field", "x")
    door.basic(secret, "x")
    door.basic("ci", secret)
    door.basic("__token__", secret[:-1] + "g")
    fail(door, 30)
    assert "log-in of alice from 192.0.2.1 failed" in caplog.text
    for word in ("a-wrong-password", "my-password", secret[20:], ALICE):
        assert word not in caplog.text
