"""The samples of contrib/uploads, as shipped, in real servers: uploads are published, and nobody else's to touch."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.contrib.booting import CLONE
from tests.contrib.uploading import LABELS, SAMPLES, UIDS, WAYS, Rsync, Samba, Ssh, Tool, Way, add_accounts
from tests.running import until
from tests.uploaders.accounts import ALICE, CAPABILITIES, EGGWATCH, Machine, make_folders
from tests.uploaders.accounts import machine as new_machine
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running
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
def daemon(machine: Machine) -> Iterator[IndexDaemon]:
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
def get_way(machine: Machine, daemon: IndexDaemon) -> Iterator[Callable[[str], Way]]:
    """`get_way(name)`: a way into the drop folder, whose server is started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def get(name: str) -> Way:
            folder = machine.base / name
            folder.mkdir(exist_ok=True)  # where the server is not installed, each test asks again
            folder.chmod(0o755)
            return stack.enter_context(WAYS[name](machine, folder, daemon))

        yield get


@pytest.fixture
def way(request: pytest.FixtureRequest, get_way: Callable[[str], Way]) -> Way:
    """The way that a test names."""
    return get_way(str(request.param))


every_way = pytest.mark.parametrize("way", WAYS, indirect=True)


def archive(folder: Path, project: str, keep: int | None = None) -> tuple[Path, bytes]:
    """A wheel that all may read; only its first `keep` bytes, if that is given."""
    name, data = wheel_of(project, 60_000)
    (folder / name).write_bytes(data[:keep])
    (folder / name).chmod(0o644)
    return folder / name, data[:keep]


@pytest.mark.parametrize(
    ("way", "label"), [(way, label) for way, labels in LABELS.items() for label in labels], indirect=["way"]
)
def test_an_upload_is_published_and_its_account_s(daemon: IndexDaemon, way: Way, label: str, tmp_path: Path) -> None:
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


def refused(daemon: IndexDaemon, way: Way, folder: Path) -> str:
    """Let the first account upload what is refused; answers with its name."""
    name = f"junk_{time.monotonic_ns()}-1.0-py3-none-any.whl"
    (folder / name).write_bytes(b"no archive at all" * 99)
    way.upload(LABELS_FIRST[type(way).__name__], way.accounts[0], folder / name).ends_well()
    until("the refusal", lambda: daemon.events_of(name, "rejected"))
    until("its receipt", lambda: daemon.receipt(name))
    return name


LABELS_FIRST = {"Ssh": "sftp put", "Rsync": "rsync", "Samba": "put"}


@every_way
def test_an_uploader_reads_receipts_and_reasons(daemon: IndexDaemon, way: Way, tmp_path: Path) -> None:
    name = refused(daemon, way, tmp_path)
    for answer in (f"receipts/{name}.txt", f"rejected/{name}.reason.txt", f"rejected/{name}.reason.json", "README.txt"):
        for account in way.accounts:
            target = tmp_path / f"{account}-answer"
            way.fetch(account, answer, target).ends_well()
            assert target.read_bytes() == (daemon.drop / answer).read_bytes()
            target.unlink()


@every_way
def test_nobody_writes_among_the_answers(daemon: IndexDaemon, way: Way, tmp_path: Path) -> None:
    name = refused(daemon, way, tmp_path)
    source, _ = archive(tmp_path, "planted")
    before = listing(daemon.drop)
    for tool in way.tries_answers(way.accounts[1], name, source):
        tool.is_refused()
        assert listing(daemon.drop) == before, tool


@contextmanager
def unfinished(daemon: IndexDaemon, way: Way, folder: Path) -> Iterator[Path]:
    """An upload of the first account's that stays in the drop folder, as its end is missing."""
    source, _ = archive(folder, f"mine-{time.monotonic_ns()}", keep=30_000)
    way.upload(LABELS_FIRST[type(way).__name__], way.accounts[0], source).ends_well()
    try:
        until("it is unfinished", lambda: "the end of the file is missing" in daemon.reason_for(source.name))
        yield daemon.drop / source.name
    finally:
        for name in daemon.lying():
            (daemon.drop / name).unlink()


@pytest.mark.parametrize("way", [name for name in WAYS if name != "shell"], indirect=True)
def test_nobody_reads_an_upload_of_another_account(daemon: IndexDaemon, way: Way, tmp_path: Path) -> None:
    """Over a shell the modes decide, which each account chooses for its files."""
    with unfinished(daemon, way, tmp_path) as upload:
        for tool in way.reads(way.accounts[1], upload.name, tmp_path / "got"):
            tool.is_refused()
            assert not (tmp_path / "got").exists() or not (tmp_path / "got").stat().st_size, tool


@pytest.mark.parametrize("way", ["rsyncd", "samba"], indirect=True)
def test_an_upload_is_stored_for_its_owner_alone(daemon: IndexDaemon, way: Way, tmp_path: Path) -> None:
    """Whatever mode it had at home."""
    with unfinished(daemon, way, tmp_path) as upload:
        assert upload.stat().st_mode & 0o7777 == 0o600


@every_way
def test_nobody_changes_an_upload_of_another_account(daemon: IndexDaemon, way: Way, tmp_path: Path) -> None:
    """It can't be renamed, replaced, removed, altered or linked to."""
    with unfinished(daemon, way, tmp_path) as upload:
        before, data = upload.stat(), upload.read_bytes()
        longer, _ = archive(tmp_path, "longer", keep=50_000)
        for tool in way.tries(way.accounts[1], upload.name, longer):
            tool.is_refused()
            after = upload.stat()
            assert upload.read_bytes() == data, tool
            assert (after.st_ino, after.st_mode, after.st_nlink) == (before.st_ino, before.st_mode, 1), tool


def test_a_folder_by_scp_is_published_and_stays_for_its_owner_to_remove(
    daemon: IndexDaemon, get_way: Callable[[str], Way], tmp_path: Path
) -> None:
    """scp -r gives its folders the mode that they had, which takes the daemon's right to empty them."""
    way = get_way("sftp")
    assert isinstance(way, Ssh)
    (tmp_path / "dist").mkdir(mode=0o755)
    source, data = archive(tmp_path / "dist", "by-folder")
    way.scp("dora", "-r", source.parent, "h:").ends_well()
    daemon.wait_published(source.name, time.time())
    daemon.assert_published_once(source.name, data)
    until("it is told", lambda: "delete it yourself" in daemon.reason_for(f"dist/{source.name}"))
    way.sftp("dora", f"rm /drop/dist/{source.name}", "rmdir /drop/dist").ends_well()
    daemon.wait_empty()


@pytest.fixture
def sftp_only(get_way: Callable[[str], Way]) -> Ssh:
    """Accounts of the sample for sshd."""
    way = get_way("sftp")
    assert isinstance(way, Ssh)
    return way


def test_an_sftp_account_runs_no_command(daemon: IndexDaemon, sftp_only: Ssh, tmp_path: Path) -> None:
    """Not by ssh, scp -O or rsync, with a terminal or without; an account with a shell does on the same server."""
    source, _ = archive(tmp_path, "by-a-command")
    marks = [daemon.drop / "mark", daemon.drop / source.name]
    for options in ((), ("-T",), ("-tt",)):
        done = sftp_only.ssh("dora", *options, "h", f"id; touch {daemon.drop}/mark; touch /drop/mark").run()
        assert "uid=" not in done.stdout
    assert "PTY allocation request failed" in sftp_only.ssh("dora", "-tt", "h").run().stderr
    sftp_only.scp("dora", "-O", source, "h:/drop/").is_refused()
    sftp_only.rsync("dora", source, "h:/drop/").is_refused()
    assert not [mark for mark in marks if mark.exists()]
    assert f"uid={ALICE}" in sftp_only.ssh("alice", "h", "id").run().stdout


def test_an_sftp_account_forwards_nothing(sftp_only: Ssh, tmp_path: Path) -> None:
    """Neither to a port behind the server, nor from one of its own, nor by a socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.5)
    with closing(listener):
        there = f"127.0.0.1:{listener.getsockname()[1]}"
        sftp_only.ssh("dora", "-W", there, "h").is_refused()
        with pytest.raises(TimeoutError):
            listener.accept()
        sftp_only.ssh("dora", "-o", "ExitOnForwardFailure=yes", "-N", "-R", f"0:{there}", "h").is_refused()
        over_socket = f"{tmp_path}/socket:{there}"
        sftp_only.ssh("dora", "-o", "ExitOnForwardFailure=yes", "-N", "-R", over_socket, "h").is_refused()
        with subprocess.Popen(
            [*map(str, sftp_only.ssh("alice", "-W", there, "h").argv)], stdin=subprocess.DEVNULL
        ) as able:
            listener.settimeout(10)
            listener.accept()[0].close()
            able.terminate()


def test_an_sftp_account_does_not_leave_its_root(daemon: IndexDaemon, sftp_only: Ssh, tmp_path: Path) -> None:
    """/etc is not there, not above it either, and not through a link."""
    for path in ("/etc/passwd", "../../../etc/passwd", str(daemon.drop), "/proc/self/root/etc/passwd"):
        sftp_only.sftp("dora", f"get {path} {tmp_path}/got").is_refused()
    try:
        sftp_only.sftp("dora", "ln -s /etc/passwd link", f"get link {tmp_path}/got").is_refused()
    finally:
        (daemon.drop / "link").unlink(missing_ok=True)
    assert not (tmp_path / "got").exists()
    sftp_only.sftp("dora", "mkdir /planted").is_refused()


def test_an_sftp_account_has_the_keys_that_the_administrator_put_and_no_others(
    machine: Machine, sftp_only: Ssh, tmp_path: Path
) -> None:
    """The key of the tests is good for all other accounts of the server."""
    key = machine.base / "sftp" / "keys" / "erik"
    key.rename(tmp_path / "key")
    sftp_only.sftp("erik", "ls").is_refused()
    shutil.copy(tmp_path / "key", key)


def test_an_sftp_account_stores_for_itself_alone_where_no_acl_says_who_reads(
    daemon: IndexDaemon, sftp_only: Ssh, tmp_path: Path
) -> None:
    """The kernel leaves the umask out of account in a folder with a default ACL, as the drop folder is."""
    source, _ = archive(tmp_path, "private")
    plain = daemon.base / "plain"
    plain.mkdir()
    plain.chmod(0o1777)
    sftp_only.sftp("dora", f"put {source} /plain/").ends_well()
    assert (plain / source.name).stat().st_mode & 0o7777 == 0o600


@pytest.fixture
def rsyncd(get_way: Callable[[str], Way]) -> Rsync:
    """The sample for rsyncd, without TLS."""
    way = get_way("rsyncd")
    assert isinstance(way, Rsync)
    return way


@pytest.mark.parametrize(
    ("account", "password"),
    [("alice", "wrong"), ("alice", "secret-of-bob"), ("carol", None), ("root", None), ("eggwatch", "wrong")],
)
def test_rsyncd_lets_nobody_in_but_uploaders_with_their_password(
    rsyncd: Rsync, tmp_path: Path, account: str, password: str | None
) -> None:
    """carol and root have one, but are not of the group."""
    source, _ = archive(tmp_path, "by-a-stranger")
    for module in ("drop/", "answers/"):
        assert "auth failed" in rsyncd.rsync(account, source, module, password=password).is_refused()


def test_rsyncd_shows_answers_and_nothing_else(daemon: IndexDaemon, rsyncd: Rsync, tmp_path: Path) -> None:
    """No uploads, no refused archives, no list of modules, nothing above."""
    name = refused(daemon, rsyncd, tmp_path)
    target = tmp_path / "answers"
    with unfinished(daemon, rsyncd, tmp_path):
        rsyncd.rsync("bob", "-r", "answers/", target).ends_well()
    got = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert {f"receipts/{name}.txt", f"rejected/{name}.reason.txt", "README.txt"} <= got
    assert not [path for path in got if path.endswith(".whl")]
    assert Tool(argv=["rsync", f"rsync://127.0.0.1:{rsyncd.port}/"]).run().stdout == ""
    for path in ("../../etc/passwd", "../public/index.html"):
        rsyncd.rsync("bob", f"answers/{path}", tmp_path / "got").is_refused()
        assert not (tmp_path / "got").exists()


def test_nothing_comes_out_of_the_module_that_is_uploaded_to(
    daemon: IndexDaemon, rsyncd: Rsync, tmp_path: Path
) -> None:
    """Not even one's own; and --delete takes away nothing that waits."""
    with unfinished(daemon, rsyncd, tmp_path) as upload:
        assert "write only" in rsyncd.rsync("alice", f"drop/{upload.name}", tmp_path / "got").is_refused()
        assert "write only" in rsyncd.rsync("alice", "drop/").is_refused()
        (tmp_path / "empty").mkdir()
        assert "refuse --delete" in rsyncd.rsync("alice", "-r", "--delete", f"{tmp_path}/empty/", "drop/").is_refused()
        assert upload.exists()


def test_a_folder_by_rsync_leaves_file_by_file(daemon: IndexDaemon, rsyncd: Rsync, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir(mode=0o755)
    source, data = archive(tmp_path / "dist", f"by-rsync-folder-{time.monotonic_ns()}")
    rsyncd.rsync("alice", "-a", source.parent, "drop/").ends_well()
    daemon.wait_published(source.name, time.time())
    daemon.assert_published_once(source.name, data)
    daemon.wait_empty()


def test_rsyncd_is_reached_from_this_machine_alone() -> None:
    """It encrypts nothing: what comes from elsewhere comes through stunnel or ssh."""
    assert "\naddress = 127.0.0.1\n" in (SAMPLES / "rsyncd.conf").read_text()


@pytest.fixture
def samba(get_way: Callable[[str], Way]) -> Samba:
    """The sample for samba."""
    way = get_way("samba")
    assert isinstance(way, Samba)
    return way


def test_samba_lets_nobody_in_but_uploaders(samba: Samba) -> None:
    """No guests, nobody outside of the group, no wrong password, and nothing that is not encrypted."""
    samba.smbclient("alice", "ls").run().check_returncode()
    assert "tree connect failed" in samba.smbclient("carol", "ls").is_refused()
    command = samba.smbd.command("ls", account="alice")
    for user in (["-U", "alice%wrong"], ["-N"]):
        place = command.index("-U")
        Tool(argv=[*command[:place], *user, *command[place + 2 :]]).is_refused()
    Tool(argv=[*command, "--max-protocol=SMB2_10"]).is_refused()  # which can only sign


def test_samba_shows_an_account_its_own_uploads_alone(
    daemon: IndexDaemon, machine: Machine, samba: Samba, tmp_path: Path
) -> None:
    """And a link, which only an account with a shell can make, leads nowhere."""
    with unfinished(daemon, samba, tmp_path) as upload:
        machine.run(ALICE, "ln", "-s", "/etc/passwd", daemon.drop / "link")
        listings = {account: samba.smbclient(account, "ls").run().stderr for account in samba.accounts}
        assert upload.name in listings["alice"]
        assert upload.name not in listings["bob"]
        assert all("receipts" in listing and "README.txt" in listing for listing in listings.values())
        samba.smbclient("alice", "get link got", tmp_path).is_refused()


def test_samba_takes_nothing_that_only_a_desktop_needs(daemon: IndexDaemon, samba: Samba, tmp_path: Path) -> None:
    for name in ("._demo-1.0-py3-none-any.whl", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"of a desktop")
        samba.smbclient("alice", f"put {name}", tmp_path).is_refused()
    assert daemon.lying() == []


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder and below, as inode and change time of each file."""
    return {str(path): (path.stat().st_ino, path.stat().st_ctime_ns) for path in folder.rglob("*") if path.is_file()}
