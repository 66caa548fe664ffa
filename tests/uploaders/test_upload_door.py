"""The upload door under an account of its own: only this account is believed when it says who has uploaded."""

from __future__ import annotations

import base64
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from passlib.hash import bcrypt

from tests.http_asking import Reply, ask
from tests.running import Daemon, until
from tests.uploaders.accounts import ALICE, BOB, CAPABILITIES, DOOR, EGGWATCH, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
from tests.webserver.door import fields_of, multipart, url_of

pytestmark = [pytest.mark.parts, pytest.mark.root]

PASSWORDS = {name: f"{name}'s secret" for name in ("alice", "bob", "dora")}
"""Of users, of whom dora has no account on the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An index whose web server runs as an account of its own, and uploads to it over HTTP."""

    daemon: IndexDaemon
    url: str

    def post(self, user: str, file: tuple[str, bytes]) -> Reply:
        """What a user is answered."""
        body, kind = multipart(fields_of(file), file)
        secret = base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()
        return ask(self.url, "/legacy/", "POST", body, Content_Type=kind, Authorization=f"Basic {secret}")

    @property
    def folder(self) -> Path:
        """The door's own folder."""
        return self.daemon.drop / "http"


def new_index(machine: Machine, name: str) -> Path:
    """The folders of the documentation, and a file of passwords for the door alone."""
    base = machine.base / f"{name}-{time.monotonic_ns()}"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    users = base / "htpasswd"
    users.write_text("".join(f"{user}:{bcrypt.using(rounds=4).hash(secret)}\n" for user, secret in PASSWORDS.items()))
    os.chown(users, DOOR, DOOR)
    users.chmod(0o400)
    return base


def settings_of(base: Path) -> dict[str, str]:
    uploads = f'{{ users = "{base}/htpasswd", account = "eggwatch-http" }}'
    return {"linger": '"300ms"', "uploads": uploads, "owners": '{ "guarded*" = ["alice"], "grouped*" = ["@packages"] }'}


def serve_of(machine: Machine, base: Path) -> Daemon:
    command = [sys.executable, "-m", "eggwatch", "--config", base / "eggwatch.toml", "serve", "--listen", "0"]
    return Daemon([*machine.as_account(DOOR), *command], cwd=base)


@pytest.fixture
def upload(machine: Machine) -> Iterator[Upload]:
    base = new_index(machine, "door")
    (base / "drop" / "http").mkdir()
    os.chown(base / "drop" / "http", DOOR, DOOR)
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    with running(base, prefix=prefix, **settings_of(base)) as daemon, serve_of(machine, base) as server:
        yield Upload(daemon=daemon, url=url_of(server))
        daemon.wait_empty()
        assert "not removed" not in daemon.log, daemon.log


def uploader_of(daemon: IndexDaemon, name: str) -> tuple[str | None, int | None]:
    (event,) = until(
        f"an event of {name}\n{daemon.log}", lambda: [*daemon.events_of(name), *daemon.events_of(name, "rejected")]
    )
    return event["uploader"], event["uid"]


def test_who_has_logged_in_is_the_uploader(upload: Upload) -> None:
    """With the uid of the account of that name, where there is one; nothing of it stays, though the folder is not the
    daemon's."""
    for user, uid in (("alice", ALICE), ("dora", None)):
        name, data = wheel_of(f"of-{user}")
        assert upload.post(user, (name, data)).status == 200
        upload.daemon.assert_published_once(name, data)
        assert uploader_of(upload.daemon, name) == (user, uid)


def test_owners_are_users_of_the_door_and_groups_those_of_accounts(upload: Upload) -> None:
    """The same table of rights for both doors: 403 with the reason."""
    assert upload.post("alice", wheel_of("guarded")).status == 200
    for user, project in (("bob", "guarded"), ("dora", "grouped")):
        reply = upload.post(user, wheel_of(project, version="2.0"))
        assert (reply.status, "not-owner" in reply.reason) == (403, True), reply
    assert upload.post("bob", wheel_of("grouped")).status == 200


def test_no_other_account_can_put_anything_into_the_door_s_folder(upload: Upload, machine: Machine) -> None:
    """It can neither write, link nor move a file there, nor remove the folder."""
    upload.post("alice", wheel_of("first"))
    name, data = wheel_of("guarded")
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    machine.run(BOB, "cp", machine.base / name, upload.daemon.drop / ".notes")
    for command in (
        f"cp {machine.base / name} {upload.folder}/alice/{name}",
        f"ln {upload.daemon.drop}/.notes {upload.folder}/alice/{name}",
        f"mkdir {upload.folder}/alice2",
        f"mv {upload.folder} {upload.daemon.drop}/.other",
        f"mv {upload.folder}/alice {upload.daemon.drop}/alice",
        f"ls {upload.folder}/.arriving/x; touch {upload.folder}/.arriving/x",
    ):
        assert machine.fails(BOB, "sh", "-c", command), command
    machine.run(BOB, "rm", upload.daemon.drop / ".notes")


@pytest.mark.parametrize("project", ["demo", "guarded"])
def test_what_a_killed_door_has_left_goes_when_it_is_back_also_where_the_daemon_may_not(
    machine: Machine, project: str
) -> None:
    """It is published, or rejected, without the door; the daemon here has no right to remove it."""
    base = new_index(machine, "killed")
    (base / "drop" / "http").mkdir()
    os.chown(base / "drop" / "http", DOOR, DOOR)
    with running(base, prefix=machine.as_account(EGGWATCH), **settings_of(base)) as daemon:
        with serve_of(machine, base) as server, ThreadPoolExecutor() as pool:
            os.kill(daemon.pid, signal.SIGSTOP)
            reply = pool.submit(Upload(daemon=daemon, url=url_of(server)).post, "bob", wheel_of(project))
            lying = until("it lies there", lambda: list(daemon.drop.glob("http/bob/*.whl")))
            server.kill()
            os.kill(daemon.pid, signal.SIGCONT)
            assert isinstance(reply.exception(), OSError)
        assert uploader_of(daemon, lying[0].name) == ("bob", BOB)
        assert lying[0].exists()
        with serve_of(machine, base):
            until("it is gone", lambda: not lying[0].exists())
        daemon.wait_empty()


def test_folders_that_another_account_makes_name_nobody(machine: Machine) -> None:
    """Before the door has one: files in bob's http/alice/ are bob's, even with the door's own file name."""
    base = new_index(machine, "forged")
    name, data = wheel_of("guarded")
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    with running(base, prefix=prefix, **settings_of(base)) as daemon:
        forged = daemon.drop / "http" / "alice"
        machine.run(BOB, "sh", "-c", f"mkdir -p {forged} && cp {machine.base / name} {forged}")
        assert uploader_of(daemon, name) == ("bob", BOB)
        daemon.assert_not_published(name)
        # A file of the door's in a folder of bob's, as where the kernel lets him link it there.
        other, more = wheel_of("guarded-two")
        machine.run(BOB, "sh", "-c", f"chmod 755 {daemon.drop}/http {forged}")
        (base / other).write_bytes(more)
        os.chown(base / other, DOOR, DOOR)
        (base / other).rename(forged / other)
        assert uploader_of(daemon, other) == ("eggwatch-http", DOOR)
        daemon.assert_not_published(other)


@pytest.mark.parametrize("taken", ["mkdir http", "mkdir away && ln -s away http", "touch http"])
def test_a_folder_that_is_not_the_door_s_is_never_used(machine: Machine, taken: str) -> None:
    """503 with the reason; nothing is stored in a folder of another account."""
    base = new_index(machine, "taken")
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    machine.run(BOB, "sh", "-c", f"cd {base}/drop && {taken}")
    with running(base, prefix=prefix, **settings_of(base)) as daemon, serve_of(machine, base) as server:
        reply = Upload(daemon=daemon, url=url_of(server)).post("alice", wheel_of("guarded"))
        assert (reply.status, "http" in reply.reason) == (503, True), reply
        assert [path for path in daemon.lying() if path.endswith(".whl")] == []


def test_a_door_of_another_account_than_the_daemon_believes_does_not_open(machine: Machine) -> None:
    """Exit status 2 at the start, with a remedy; otherwise every upload would belong to the door's account."""
    base = new_index(machine, "stranger")
    with running(base, prefix=machine.as_account(EGGWATCH, *CAPABILITIES), **settings_of(base)) as daemon:
        done = machine.eggwatch(BOB, "--config", base / "eggwatch.toml", "serve", "--listen", "0")
        assert (done.returncode, "accepts only those of eggwatch-http" in done.stderr) == (2, True), done.stderr
        assert re.search(r'account = "bob"', done.stderr)
        assert daemon.events() == []
