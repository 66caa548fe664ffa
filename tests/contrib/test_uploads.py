"""The samples of contrib/uploads, as shipped, in real servers: published by the right name, and nobody else's to touch."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.contrib.booting import CLONE
from tests.contrib.uploading import LABELS, SAMPLES, UIDS, WAYS, Rsync, Samba, Ssh, Tool, Way, add_accounts
from tests.uploaders.accounts import ALICE, CAPABILITIES, EGGWATCH, Machine, make_folders
from tests.uploaders.accounts import machine as new_machine
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import Daemon, running, until
from tests.uploaders.servers import need
from tests.uploaders.test_local_tools import slug

pytestmark = [pytest.mark.parts, pytest.mark.root]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with accounts of its own, which are also those of the samples."""
    with new_machine() as machine:
        add_accounts(machine)
        yield machine


@pytest.fixture(scope="module")
def daemon(machine: Machine) -> Iterator[Daemon]:
    """A system user's daemon; in the machine its folders lie in /srv, where the samples look for the drop folder."""
    need("setfacl", "systemd-tmpfiles")
    base = machine.base / "srv"
    make_folders(base, owner=EGGWATCH, drop_owner=0)
    tmpfiles = ["systemd-tmpfiles", "--create", "--prefix=/srv/drop", str(CLONE / "contrib/systemd/tmpfiles.conf")]
    for command in (
        ["mount", "--bind", str(base), "/srv"],
        tmpfiles,
        ["setfacl", "-m", "g:packages-sftp:rwx", "/srv/drop"],
    ):
        subprocess.run([*machine.enter, *command], check=True)
    prefix = machine.as_account(EGGWATCH, *CAPABILITIES)
    with running(base, prefix=prefix, linger='"300ms"') as daemon:
        yield daemon
        daemon.wait_empty()


@pytest.fixture(scope="module")
def get_way(machine: Machine, daemon: Daemon) -> Iterator[Callable[[str], Way]]:
    """`get_way(name)`: a way into the drop folder, whose server is started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def get(name: str) -> Way:
            folder = machine.base / name
            folder.mkdir()
            folder.chmod(0o755)
            return stack.enter_context(WAYS[name](machine, folder, daemon))

        yield get


@pytest.fixture
def way(request: pytest.FixtureRequest, get_way: Callable[[str], Way]) -> Way:
    """The way that a test names."""
    return get_way(str(request.param))


every_way = pytest.mark.parametrize("way", WAYS, indirect=True)


def archive(folder: Path, project: str, keep: int | None = None) -> tuple[Path, bytes]:
    """A wheel that is only the uploader's own to read; only its first `keep` bytes, if that is given."""
    name, data = wheel_of(project, 60_000)
    (folder / name).write_bytes(data[:keep])
    (folder / name).chmod(0o644)
    return folder / name, data[:keep]


@pytest.mark.parametrize(
    ("way", "label"), [(way, label) for way, labels in LABELS.items() for label in labels], indirect=["way"]
)
def test_an_upload_is_published_and_its_account_s(daemon: Daemon, way: Way, label: str, tmp_path: Path) -> None:
    """By each of two accounts, whose client exits 0 and says nothing; then it leaves, from folders too."""
    for account in way.accounts:
        source, data = archive(tmp_path, f"{type(way).__name__}-{account}-{slug(label)}-{time.monotonic_ns()}")
        os.utime(source, (1577934245, 1577934245))
        way.upload(label, account, source).ends_well()
        daemon.wait_published(source.name, time.time())
        daemon.assert_published_once(source.name, data)
        (event,) = daemon.events_of(source.name)
        assert (event["uploader"], event["uid"]) == (account, UIDS[account])
    daemon.wait_empty()


def refused(daemon: Daemon, way: Way, folder: Path) -> str:
    """Let the first account upload what is refused; answers with its name."""
    name = f"junk_{time.monotonic_ns()}-1.0-py3-none-any.whl"
    (folder / name).write_bytes(b"PK\3\4 and nothing that an archive would have" * 99)
    way.upload(LABELS_FIRST[type(way).__name__], way.accounts[0], folder / name).ends_well()
    until("the refusal", lambda: daemon.events_of(name, "rejected"))
    until("its receipt", lambda: daemon.receipt(name))
    return name


LABELS_FIRST = {"Ssh": "sftp put", "Rsync": "rsync", "Samba": "put"}


@every_way
def test_an_uploader_reads_receipts_and_reasons(daemon: Daemon, way: Way, tmp_path: Path) -> None:
    name = refused(daemon, way, tmp_path)
    for answer in (f"receipts/{name}.txt", f"rejected/{name}.reason.txt", f"rejected/{name}.reason.json", "README.txt"):
        for account in way.accounts:
            target = tmp_path / f"{account}-answer"
            way.fetch(account, answer, target).ends_well()
            assert target.read_bytes() == (daemon.drop / answer).read_bytes()
            target.unlink()


@every_way
def test_nobody_writes_among_the_answers(daemon: Daemon, way: Way, tmp_path: Path) -> None:
    name = refused(daemon, way, tmp_path)
    source, _ = archive(tmp_path, "planted")
    before = listing(daemon.drop)
    for tool in way.tries_answers(way.accounts[1], name, source):
        tool.is_refused()
        assert listing(daemon.drop) == before, tool


@every_way
def test_nobody_can_touch_an_upload_of_another_account(daemon: Daemon, way: Way, tmp_path: Path) -> None:
    """An unfinished upload lies there; the other can't read, rename, replace, remove or alter it."""
    source, data = archive(tmp_path, f"mine-{time.monotonic_ns()}", keep=30_000)
    way.upload(LABELS_FIRST[type(way).__name__], way.accounts[0], source).ends_well()
    until("it is unfinished", lambda: "the end of the file is missing" in daemon.reason_for(source.name))
    upload = daemon.drop / source.name
    before = upload.stat()
    (tmp_path / "others").mkdir()
    others, _ = archive(tmp_path / "others", "others", keep=20_000)
    for tool in way.tries(way.accounts[1], source.name, others):
        tool.is_refused()
        assert upload.read_bytes() == data, tool
        assert (upload.stat().st_ino, upload.stat().st_mode) == (before.st_ino, before.st_mode), tool
    got = [path for path in tmp_path.rglob("*got*") if path.stat().st_size]
    assert got == []
    upload.unlink()
    for path in daemon.drop.glob("*.part"):
        path.unlink()
    daemon.wait_empty()


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder and below, as inode and change time of each file."""
    return {str(path): (path.stat().st_ino, path.stat().st_ctime_ns) for path in folder.rglob("*") if path.is_file()}
