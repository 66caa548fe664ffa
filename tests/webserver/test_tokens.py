"""API tokens: who they let in, until when, and what is noted of their use."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eggwatch.model.events import timestamp
from eggwatch.store import durable
from eggwatch.store.state.tokens import TokenFile, TokenUses, digest, id_of
from eggwatch.webserver.users import User
from tests.webserver.logins import NOW, Door, status


@pytest.mark.parametrize("user", ["__token__", "ci"])
def test_a_token_is_taken_as_a_password_and_as_bearer(tmp_path: Path, user: str) -> None:
    door = Door(tmp_path)
    secret = door.token(projects=("acme-*",))
    expected = User(name="ci", token=id_of(secret), projects=("acme-*",), actions=("upload",))
    assert door.basic(user, secret) == expected
    assert door.ask(f"Bearer {secret}") == expected
    assert (expected.may("acme-tool"), expected.may("demo"), expected.may("acme-tool", "yank")) == (True, False, False)


def test_a_token_is_no_good_for_another_user_nor_after_its_time_nor_once_revoked(tmp_path: Path) -> None:
    door = Door(tmp_path)
    secret = door.token(expires=timestamp(NOW + 60))
    assert status(door.basic("alice", secret)) == 401
    door.now = NOW + 59
    assert isinstance(door.basic("ci", secret), User)
    door.now = NOW + 60
    assert "expired" in str(door.basic("ci", secret))
    door.now = NOW
    assert TokenFile(tmp_path).revoke(str(id_of(secret)))
    assert status(door.basic("ci", secret)) == 401


def test_a_token_that_differs_in_one_character_is_wrong(tmp_path: Path) -> None:
    door = Door(tmp_path)
    secret = door.token()
    other = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    assert status(door.basic("__token__", other)) == 401
    assert status(door.ask(f"Bearer {other}")) == 401
    assert status(door.ask("Bearer nonsense")) == 401


def test_the_last_use_of_a_token_is_noted_at_most_once_a_minute(tmp_path: Path) -> None:
    door = Door(tmp_path)
    secret = door.token()
    token_id = str(id_of(secret))
    assert TokenUses(tmp_path / "http").all() == {}
    for seconds, noted in ((0, 0), (30, 0), (70, 70)):
        door.now = NOW + seconds
        assert isinstance(door.basic("ci", secret), User)
        assert TokenUses(tmp_path / "http").all() == {token_id: NOW + noted}


@pytest.mark.parametrize("where", ["http", "http/.tokens", "http/.tokens/ID"])
def test_no_link_leads_the_note_of_a_use_elsewhere(tmp_path: Path, where: str) -> None:
    """Uploaders may write to the drop folder, and can be there before the door is."""
    drop, theirs = tmp_path / "drop", tmp_path / "theirs"
    door = Door(drop)
    theirs.mkdir()
    secret = door.token()
    link = drop / where.replace("ID", str(id_of(secret)))
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(theirs / "new" if "ID" in where else theirs)
    assert isinstance(door.basic("ci", secret), User)
    assert not list(theirs.iterdir())


def test_the_last_use_can_be_read_by_who_lists_tokens_whatever_the_umask(tmp_path: Path) -> None:
    door = Door(tmp_path)
    secret = door.token()
    for umask in (0o077, 0o002):
        before = os.umask(umask)
        try:
            assert isinstance(door.basic("ci", secret), User)
        finally:
            os.umask(before)
        for folder in (tmp_path / "http", tmp_path / "http/.tokens"):
            assert folder.stat().st_mode & 0o777 == 0o755, folder
        shutil.rmtree(tmp_path / "http")
        door.now += 60


def test_the_secret_of_a_token_is_not_in_the_file(tmp_path: Path) -> None:
    secret = Door(tmp_path).token()
    text = (tmp_path / "tokens.json").read_text()
    assert secret.rpartition("_")[2] not in text and digest(secret) in text


def test_a_damaged_file_of_tokens_lets_nobody_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    door = Door(tmp_path)
    secret = door.token()
    (tmp_path / "tokens.json").write_text('{"tokens": [{"id": 1}]}')
    assert status(door.basic("ci", secret)) == 401
    assert "can't be read" in caplog.text


def test_a_power_cut_leaves_the_old_tokens_or_the_new_ones(tmp_path: Path) -> None:
    """The name is given only to what is on the disk: many file systems keep a new name before the bytes."""
    steps: list[tuple[str, str]] = []
    with durable.observed(lambda operation, subject: steps.append((operation, Path(subject).name))):
        Door(tmp_path).token()
    assert steps[-3:] == [("sync", ".tokens.json.new"), ("rename", "tokens.json"), ("sync", tmp_path.name)]


def test_a_moment_without_descriptors_shuts_nobody_out_for_longer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file looks the same afterwards. It is said once, however many try to log in."""
    door = Door(tmp_path)
    assert status(door.ask()) == 403
    secret = door.token()
    with no_descriptors():
        assert [status(door.basic("ci", secret)) for _ in range(3)] == [401] * 3
    assert isinstance(door.basic("ci", secret), User)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process can open nothing more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(lowest := os.open("/dev/null", os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.root
def test_tokens_that_root_creates_belong_to_the_owner_of_the_state(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    Door(tmp_path).token()
    assert {(tmp_path / name).stat().st_uid for name in ("tokens.json", "tokens.lock")} == {65534}
