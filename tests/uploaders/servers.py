"""A real sshd and a real smbd on 127.0.0.1, each with everything it needs in a folder of its own."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.running import Done, run_tool

SFTP_SERVER = next(
    (path for path in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server") if Path(path).exists()),
    "internal-sftp",
)


def need(*programs: str) -> None:
    """Skip the test where a program is missing."""
    for program in programs:
        if shutil.which(program) is None and not Path(program).exists():
            pytest.skip(f"{program} is not installed")


@contextlib.contextmanager
def serving(make_command: Callable[[int], list[str]], folder: Path) -> Iterator[int]:
    """Run a server in the foreground on a free port below the ephemeral ones; ends it by its pid."""
    for _ in range(20):
        port = random.SystemRandom().randrange(20000, 32000)
        with (folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                make_command(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an smbd that ends ends its process group, which must not be ours
            )
        until("a server that answers", lambda p=process, q=port: p.poll() is not None or _answers(q), seconds=20)
        if process.poll() is None:
            break
    else:
        raise AssertionError((folder / "server.log").read_text())
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running sshd, and how its clients are called; the host is `h`."""

    config: Path
    account: str = "root"

    def by(self, account: str) -> Sshd:
        """The same server, and clients that log in as another account."""
        return replace(self, account=account)

    @property
    def ssh(self) -> str:
        """What rsync takes after -e."""
        return f"ssh -F {self.config} -l {self.account}"

    def scp(self, *arguments: str | Path) -> Done:
        """scp, without a message."""
        return run_tool(*self.scp_command(*arguments))

    def scp_command(self, *arguments: str | Path) -> list[str]:
        """The command of an scp."""
        return ["scp", "-F", str(self.config), "-o", f"User={self.account}", *map(str, arguments)]

    def rsync(self, *arguments: str | Path) -> Done:
        """rsync over ssh, without a message."""
        return run_tool("rsync", "-e", self.ssh, *arguments)

    def sftp(self, *commands: str) -> Done:
        """sftp with a batch; quiet, because it would echo the batch."""
        batch = "".join(f"@{line}\n" for line in commands)
        options = ("-q", "-F", self.config, "-o", f"User={self.account}", "-b", "-")
        return run_tool("sftp", *options, "h", stdin=batch)


@contextlib.contextmanager
def running_sshd(folder: Path, *, prefix: Sequence[str] = (), include: Path | None = None) -> Iterator[Sshd]:
    """sshd with a key that every account may log in with; `prefix` are the words before its command.

    `include` is read first, as distributions do with /etc/ssh/sshd_config.d.
    """
    need("/usr/sbin/sshd", "ssh-keygen", "ssh")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copyfile(folder / "client.pub", folder / "authorized_keys")

    def command(port: int) -> list[str]:
        (folder / "sshd_config").write_text(
            (f"Include {include}\n" if include else "")
            + f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nStrictModes no\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nPermitRootLogin yes\nPasswordAuthentication no\n"
            f"MaxStartups 200\nMaxSessions 200\nPrintMotd no\nSubsystem sftp {SFTP_SERVER}\n"
            # bash reads the account's ~/.bashrc first, which may say or change anything.
            f"SetEnv HOME={folder}\n"
        )
        return [*prefix, "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]

    with serving(command, folder) as port:
        key = (folder / "host.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
        config = folder / "ssh_config"
        config.write_text(
            f"Host h\nHostName 127.0.0.1\nPort {port}\nIdentityFile {folder}/client\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n"
            "BatchMode yes\nControlMaster no\nControlPath none\nSendEnv none\n"
        )
        yield Sshd(config=config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smbd:
    """A running smbd with one share, `drop`."""

    config: Path
    port: int

    def command(self, commands: str, *, account: str = "root") -> list[str]:
        """The command of an smbclient that runs `commands` in the share."""
        place = ["-s", str(self.config), "-p", str(self.port), "-U", f"{account}%pw"]
        return ["smbclient", "-E", *place, "//127.0.0.1/drop", "-c", commands]


@contextlib.contextmanager
def running_smbd(
    folder: Path, drop: Path | str, *, prefix: Sequence[str] = (), accounts: Sequence[str] = ("root",), more: str = ""
) -> Iterator[Smbd]:
    """smbd that shares one folder with some accounts; `prefix` are the words before its commands, `more` its lines."""
    share = f"[drop]\npath = {drop}\nread only = no\n{more}"
    with running_smbd_with(folder, share, prefix=prefix, accounts=accounts) as smbd:
        yield smbd


@contextlib.contextmanager
def running_smbd_with(
    folder: Path, shares: str, *, prefix: Sequence[str] = (), accounts: Sequence[str] = ("root",)
) -> Iterator[Smbd]:
    """smbd with these sections of a configuration for shares; one is called `drop`."""
    need("smbd", "smbclient", "smbpasswd")
    config = folder / "smb.conf"

    def command(port: int) -> list[str]:
        folders = ("private", "lock", "state", "cache", "ncalrpc", "pid")
        for name in folders:
            (folder / name).mkdir(exist_ok=True)
        config.write_text(
            "[global]\nserver role = standalone server\nworkgroup = W\nmap to guest = never\n"
            f"private dir = {folder}/private\nlock directory = {folder}/lock\nstate directory = {folder}/state\n"
            f"cache directory = {folder}/cache\nncalrpc dir = {folder}/ncalrpc\npid directory = {folder}/pid\n"
            f"log file = {folder}/smb.log\nsmb ports = {port}\nbind interfaces only = yes\ninterfaces = 127.0.0.1\n"
            "disable netbios = yes\nload printers = no\nprinting = bsd\nprintcap name = /dev/null\n"
            "disable spoolss = yes\nserver min protocol = SMB2\nclient min protocol = SMB2\n"
            f"{shares}"
        )
        for account in accounts:
            subprocess.run(
                [*prefix, "smbpasswd", "-c", str(config), "-a", "-s", account],
                input="pw\npw\n",
                text=True,
                check=True,
                capture_output=True,
            )
        return [*prefix, "smbd", "--foreground", "--no-process-group", "-s", str(config)]

    with serving(command, folder) as port:
        yield Smbd(config=config, port=port)
