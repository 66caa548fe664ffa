"""Whoever may write to another's file may not publish in their name: where projects are owned, that is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import ALICE, BOB, CAPABILITIES, EGGWATCH, Machine, make_folders
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]


@pytest.fixture(params=["owners", pytest.param("first_uploader_owns", marks=pytest.mark.long)])
def daemon(machine: Machine, request: pytest.FixtureRequest) -> Iterator[IndexDaemon]:
    """A system user's daemon over the drop folder of the documentation, with a rule of each kind."""
    rule = {"owners": '{ "*" = ["alice"] }', "first_uploader_owns": "true"}[request.param]
    base = machine.base / f"index-{time.monotonic_ns()}"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    with running(base, prefix=prefix, linger='"300ms"', **{request.param: rule}) as daemon:
        yield daemon
        machine.run(ALICE, "sh", "-c", f"rm -f {daemon.drop}/notes.txt")
        daemon.wait_empty()


def payload(machine: Machine, project: str) -> tuple[str, bytes, Path]:
    """A wheel that everybody may read."""
    name, data = wheel_of(project, 100_000)
    (machine.base / name).write_bytes(data)
    (machine.base / name).chmod(0o644)
    return name, data, machine.base / name


def refusal(daemon: IndexDaemon, name: str) -> str:
    """What the receipt says of the only flaw."""
    (event,) = until(f"the refusal\n{daemon.log}", lambda: daemon.events_of(name, "rejected"))
    assert [flaw["code"] for flaw in event["flaws"]] == ["not-owner"]
    daemon.assert_not_published(name)
    return str(event["flaws"][0]["message"])


def test_a_second_name_of_a_file_that_bob_may_write_to_is_not_alice_s(daemon: IndexDaemon, machine: Machine) -> None:
    """Alice leaves notes with umask 002; Bob writes his wheel into them and links them under its name."""
    name, _, source = payload(machine, "linked")
    machine.run(ALICE, "sh", "-c", f"umask 002; echo notes > {daemon.drop}/notes.txt")
    machine.run(BOB, "sh", "-c", f"cd {daemon.drop}; cat {source} > notes.txt && ln notes.txt {name}")
    assert "others may write to it" in refusal(daemon, name)


def test_a_half_upload_that_bob_may_finish_is_not_alice_s(daemon: IndexDaemon, machine: Machine) -> None:
    """Her 0664 upload is not finished; Bob writes another wheel over it."""
    name, data, source = payload(machine, "taken-over")
    half = machine.base / "half"
    half.write_bytes(data[:50_000])
    half.chmod(0o644)
    machine.run(ALICE, "sh", "-c", f"umask 002; cat {half} > {daemon.drop / name}")
    until("it is known as unfinished", lambda: "the end of the file is missing" in daemon.reason_for(name))
    machine.run(BOB, "sh", "-c", f"cat {source} > {daemon.drop / name}")
    assert "(mode 0664)" in refusal(daemon, name)


def test_alice_is_told_what_to_do_and_it_helps(daemon: IndexDaemon, machine: Machine) -> None:
    """With umask 002 her own upload is refused; copied anew with umask 022 it is published as hers."""
    name, data, source = payload(machine, "honest")
    machine.run(ALICE, "sh", "-c", f"umask 002; cat {source} > {daemon.drop / name}")
    assert "'umask 022'" in refusal(daemon, name)
    daemon.wait_empty()
    machine.run(ALICE, "sh", "-c", f"umask 022; cat {source} > {daemon.drop / name}")
    daemon.wait_published(name, time.time())
    assert [event["uploader"] for event in daemon.events_of(name)] == ["alice"]
    assert (daemon.public / "files/honest" / name).read_bytes() == data


def test_where_nobody_owns_anything_umask_002_goes_on_as_ever(machine: Machine) -> None:
    """Published, and the event names the owner of the file."""
    base = machine.base / f"index-{time.monotonic_ns()}"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    name, _, source = payload(machine, "free")
    with running(base, prefix=machine.as_account(EGGWATCH, *CAPABILITIES), linger='"300ms"') as daemon:
        machine.run(ALICE, "sh", "-c", f"umask 002; cat {source} > {daemon.drop / name}")
        daemon.wait_published(name, time.time())
        assert [event["uploader"] for event in daemon.events_of(name)] == ["alice"]
        daemon.wait_empty()
