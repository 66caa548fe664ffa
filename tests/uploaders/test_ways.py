"""The way that a file comes by, and who runs the daemon: the second table of docs/accounts.rst, as it is measured."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.accounts import ALICE, Machine
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon
from tests.uploaders.servers import Smbd, Sshd, running_smbd, running_sshd
from tests.uploaders.test_privileges import DOCUMENTATION, LEAVES, STAYS, UNREAD, WAYS, running_as

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

LIKE_0640 = tuple(outcomes[0] for _, _, _, outcomes in WAYS.values())
"""By the first table: what becomes of a file of mode 0640, which has the drop folder's group."""
FOREIGN_GROUP = (LEAVES, LEAVES, LEAVES, STAYS, UNREAD, UNREAD)


@dataclass(frozen=True, kw_only=True)
class Servers:
    """What Alice's tools talk to, and where the files lie that she uploads."""

    machine: Machine
    ssh: Sshd
    smb: Smbd
    home: Path


Upload = Callable[[Servers, Path, Path], object]


def by_samba(at: Servers, source: Path, _: Path) -> None:
    """smbclient, into the share."""
    command = at.smb.command(f"lcd {source.parent}; put {source.name}", account="alice")
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def by_shell(line: str) -> Upload:
    """A line of Alice's shell on the server."""
    return lambda at, source, drop: at.machine.run(ALICE, "sh", "-c", f"umask 027; {line} {source} {drop}/")


UPLOADS: dict[str, tuple[Upload, tuple[str, ...]]] = {
    "scp": (lambda at, source, drop: at.ssh.scp(source, f"h:{drop}/"), LIKE_0640),
    "scp -O": (lambda at, source, drop: at.ssh.scp("-O", source, f"h:{drop}/"), LIKE_0640),
    "sftp": (lambda at, source, drop: at.ssh.sftp(f"put {source} {drop}/"), LIKE_0640),
    "rsync": (lambda at, source, drop: at.ssh.rsync(source, f"h:{drop}/"), LIKE_0640),
    "smb": (by_samba, LIKE_0640),
    "cp": (by_shell("cp"), LIKE_0640),
    "mv": (by_shell("mv"), FOREIGN_GROUP),
}


def table() -> str:
    """The table as it stands in the documentation: a row for each way of running, a column for each way of coming."""
    head = ["the daemon runs as", *UPLOADS]
    rows = [[way, *(outcomes[row] for _, outcomes in UPLOADS.values())] for row, way in enumerate(WAYS)]
    widths = [max(len(row[number]) for row in [head, *rows]) for number in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    first = "  ".join(text.ljust(width) for text, width in zip(head, widths, strict=True)).rstrip()
    rule = "  ".join("=" * width for width in widths)
    return "\n".join([rule, first, rule, *lines, rule])


def test_the_documentation_has_the_table_of_ways() -> None:
    """Row by row, word by word."""
    assert table() in DOCUMENTATION.read_text("utf-8")


@pytest.fixture(params=WAYS)
def daemon(machine: Machine, request: pytest.FixtureRequest) -> Iterator[IndexDaemon]:
    """A daemon that runs in one of the ways."""
    with running_as(machine, request.param) as daemon:
        yield daemon


@pytest.fixture
def servers(daemon: IndexDaemon, machine: Machine) -> Iterator[Servers]:
    """sshd with umask 027, smbd with similar masks, and Alice's home."""
    folder = machine.base / f"servers-{time.monotonic_ns()}"
    for path in (folder, folder / "sshd", folder / "smbd", folder / "home"):
        path.mkdir()
        path.chmod(0o755)
    os.chown(folder / "home", ALICE, ALICE)
    masks = "create mask = 0640\n"
    with (
        running_sshd(folder / "sshd", prefix=[*machine.enter, "sh", "-c", 'umask 027; exec "$@"', "sh"]) as ssh,
        running_smbd(folder / "smbd", str(daemon.drop), prefix=machine.enter, accounts=["alice"], more=masks) as smb,
    ):
        yield Servers(machine=machine, ssh=ssh.by("alice"), smb=smb, home=folder / "home")


def test_it_makes_no_difference_by_which_way_a_file_comes(
    daemon: IndexDaemon, servers: Servers, request: pytest.FixtureRequest
) -> None:
    """Owner, mode and group decide. They are the same, except for files that are moved in with another group."""
    row = list(WAYS).index(request.node.callspec.params["daemon"])
    for label, (upload, outcomes) in UPLOADS.items():
        name, data = wheel_of("by-" + re.sub(r"\W+", "-", label).strip("-").lower(), 30_000)
        source = servers.home / name
        source.write_bytes(data)
        source.chmod(0o640 if label == "mv" else 0o644)
        os.chown(source, ALICE, ALICE)
        upload(servers, source, daemon.drop)
        if outcomes[row] is UNREAD:
            until(f"{label}: why it waits", lambda name=name: "chmod 644" in daemon.reason_for(name))
            daemon.assert_not_published(name)
            continue
        daemon.wait_published(name, time.time())
        assert [(event["uploader"], event["uid"]) for event in daemon.events_of(name)] == [("alice", ALICE)], label
        if outcomes[row] is LEAVES:
            until(f"{label}: leaves\n{daemon.log}", lambda name=name: not (daemon.drop / name).exists())
        else:
            until(f"{label}: stays", lambda name=name: "delete it yourself" in daemon.reason_for(name))
    servers.machine.run(ALICE, "sh", "-c", f"find {daemon.drop} -mindepth 1 -user alice -delete")
    daemon.wait_empty()
