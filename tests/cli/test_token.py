"""eggwatch token create, list, revoke."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from eggwatch.errors import FolderError
from eggwatch.store.state.tokens import PATTERN, TokenFile, TokenUses, digest, id_of
from tests.cli.program import Site
from tests.laws.at_work import quick_folder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.state.mkdir()
    site.public.mkdir()
    return site


def test_a_token_is_printed_once_and_stored_as_its_hash(site: Site) -> None:
    done = site.call("token", "create", "--user", "ci", "--project", "Acme_*", "--expires", "90d")
    secret = done.out.strip()
    assert (done.code, bool(PATTERN.fullmatch(secret))) == (0, True), done
    assert f"eggwatch token revoke {id_of(secret)}" in done.err
    (token,) = TokenFile(site.state).read().values()
    assert (token.user, token.projects, token.may, token.sha256) == ("ci", ("acme-*",), ("upload",), digest(secret))
    assert secret.rpartition("_")[2] not in (site.state / "tokens.json").read_text()
    assert secret not in site.call("token", "list").out
    assert "not configured: add the table [index.main.uploads]" in done.err
    with_door = Site(site.base, uploads="{}").call("token", "create", "--user", "ci")
    assert "not configured" not in with_door.err


def test_a_token_can_be_created_before_the_daemon_runs_for_the_first_time(tmp_path: Path) -> None:
    assert Site(tmp_path).call("token", "create", "--user", "ci").code == 0
    assert (tmp_path / "state/tokens.json").stat().st_mode & 0o777 == 0o644


def test_tokens_are_listed_with_their_last_use(site: Site) -> None:
    first = site.call("token", "create", "--user", "ci", "--project", "acme-*", "--json").row
    site.call("token", "create", "--user", "alice", "--may", "yank", "--may", "upload")
    TokenUses(site.drop / "http").note(first["id"], 1_800_000_000.0)
    rows = site.call("token", "list", "--json").rows
    assert [(row["user"], row["projects"], row["may"]) for row in rows] == [
        ("ci", ["acme-*"], ["upload"]),
        ("alice", [], ["upload", "yank"]),
    ]
    assert [row["last_used"] for row in rows] == ["2027-01-15T08:00:00.000000Z", None]
    assert all("token" not in row and "sha256" not in row for row in rows)
    lines = site.call("token", "list").out.splitlines()
    assert re.fullmatch(r"\w{8}  ci     acme-\*        upload        never expires  used 2027-01-15T08:00Z", lines[0])
    assert lines[1].endswith("  alice  all projects  upload, yank  never expires  never used")


def test_a_token_is_revoked_by_its_id_or_by_itself(site: Site) -> None:
    tokens = [site.call("token", "create", "--user", "ci", "--json").row for _ in range(3)]
    assert site.call("token", "revoke", tokens[0]["id"]).out == f"revoked {tokens[0]['id']}, of ci\n"
    assert site.call("token", "revoke", tokens[1]["token"], "--json").row["revoked"] is True
    again = site.call("token", "revoke", tokens[0]["id"])
    assert (again.code, "no such token" in again.out) == (1, True)
    assert list(TokenFile(site.state).read()) == [tokens[2]["id"]]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--user", "../x"],
        ["--user", "__token__"],
        ["--user", "ci", "--expires", "soon"],
        ["--user", "ci", "--project", "a b"],
        ["--user", "ci", "--may", "overwrite"],
        [],
    ],
)
def test_what_is_wrong_with_a_new_token_is_said_and_nothing_is_stored(site: Site, wrong: list[str]) -> None:
    done = site.call("token", "create", *wrong)
    assert (done.code, done.out) == (2, "")
    assert not (site.state / "tokens.json").exists()


def test_tokens_that_are_created_at_once_are_all_kept(site: Site) -> None:
    running = [site.start("token", "create", "--user", f"user{number}", "--json") for number in range(6)]
    secrets = [json.loads(process.communicate()[0])["token"] for process in running]
    assert set(TokenFile(site.state).read()) == {id_of(secret) for secret in secrets}


def test_a_damaged_file_is_an_error_with_a_remedy(site: Site) -> None:
    (site.state / "tokens.json").write_text("[]")
    done = site.call("token", "list")
    assert (done.code, "is damaged" in done.err, "backup" in done.err) == (2, True, True), done.err


@pytest.mark.root
def test_an_account_that_may_not_write_to_the_state_is_told_who_may() -> None:
    with quick_folder() as state:  # pytest's own folders are closed to others
        state.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(FolderError, match="Run it as the account that owns the index"):
                TokenFile(state).revoke("1f00ba47")
        finally:
            os.seteuid(0)
