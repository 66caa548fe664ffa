"""The samples of contrib/uploads in their real servers, and what an account's client would be told to do there."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.contrib.booting import CLONE
from tests.uploaders.accounts import Machine
from tests.uploaders.running import IndexDaemon
from tests.uploaders.servers import Smbd, Sshd, need, running_smbd_with, running_sshd, serving

SAMPLES = CLONE / "contrib" / "uploads"
DORA, ERIK, SFTP_ONLY = 5104, 5105, 5301
"""Two accounts without a shell, and their group."""
UIDS = {"alice": 5101, "bob": 5102, "dora": DORA, "erik": ERIK}


def sample(name: str, changed: dict[str, str]) -> str:
    """The sample as it is shipped, with ports and files of the test's own in place of the machine's."""
    text = (SAMPLES / name).read_text()
    for shipped, ours in changed.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    return text


def add_accounts(machine: Machine) -> None:
    """The accounts that the sample for sshd has the administrator make; seen in the machine alone."""
    for name, uid in (("dora", DORA), ("erik", ERIK)):
        for kind, line in (
            ("passwd", f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin"),
            ("shadow", f"{name}:*:19000:0:99999:7:::"),
            ("group", f"{name}:x:{uid}:"),
        ):
            with (machine.base / "private" / kind).open("a") as file:
                file.write(f"{line}\n")
    with (machine.base / "private" / "group").open("a") as file:
        file.write(f"packages-sftp:x:{SFTP_ONLY}:dora,erik\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A client's command, where it is given, and what it reads and finds in its environment."""

    argv: Sequence[str | Path]
    cwd: Path | None = None
    stdin: str = ""
    env: dict[str, str] = field(default_factory=dict)

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [str(word) for word in self.argv],
            cwd=self.cwd,
            input=self.stdin,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def ends_well(self) -> None:
        """Law 9: it exits 0 and says nothing, but for what some clients always say."""
        done = self.run()
        said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(ALWAYS_SAID)]
        assert (done.returncode, said) == (0, []), (said, self)

    def is_refused(self) -> str:
        """It fails, and this is what it says; smbclient exits 0 after some errors."""
        done = self.run()
        said = done.stdout + done.stderr
        assert done.returncode != 0 or "NT_STATUS_" in said, (self, done)
        return said


ALWAYS_SAID = ("putting file ", "getting file ", "verify depth is ")
"""What smbclient says of each file, and rsync-ssl of its openssl."""


class Way(Protocol):
    """A way into the drop folder: two accounts, and the commands of their clients."""

    accounts: tuple[str, str]

    def upload(self, label: str, account: str, source: Path) -> Tool:
        """An upload, as one of LABELS."""

    def fetch(self, account: str, answer: str, target: Path) -> Tool:
        """Bring a file below DROP to `target`."""

    def reads(self, account: str, name: str, target: Path) -> Iterator[Tool]:
        """All that an account could try to read the upload `name` of another into `target`."""

    def tries(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        """All that an account could try to change the upload `name` of another by `source`, a longer file."""

    def tries_answers(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        """All that an account could try with the receipts and reasons; `name` was refused."""


LABELS = {
    "shell": ["scp", "scp -p", "scp -O", "sftp put", "rsync -a"],
    "sftp": ["scp", "scp -p", "scp to the folder", "sftp put", "sftp put -p", "sftp put, rename", "sftp mkdir, put"],
    "rsyncd": ["rsync", "rsync -a", "rsync -tz", "rsync --inplace", "rsync --partial", "rsync --delay-updates"],
    "rsync-ssl": ["rsync", "rsync -a"],
    "samba": ["put", "mput", "put, rename", "put into a folder"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """sshd with the sample; `top` is what the drop folder is called there."""

    sshd: Sshd
    accounts: tuple[str, str]
    top: str

    def scp(self, account: str, *arguments: str | Path) -> Tool:
        """scp as an account."""
        return Tool(argv=self.sshd.by(account).scp_command(*arguments))

    def sftp(self, account: str, *commands: str) -> Tool:
        """A batch of sftp, which ends at the first command that fails."""
        options = ("-q", "-F", self.sshd.config, "-o", f"User={account}", "-b", "-")
        return Tool(argv=["sftp", *options, "h"], stdin="".join(f"@{line}\n" for line in commands))

    def ssh(self, account: str, *arguments: str) -> Tool:
        """ssh as an account."""
        return Tool(argv=["ssh", "-F", self.sshd.config, "-l", account, *arguments])

    def rsync(self, account: str, *arguments: str | Path) -> Tool:
        """rsync over ssh as an account."""
        return Tool(argv=["rsync", "-e", self.sshd.by(account).ssh, *arguments])

    def upload(self, label: str, account: str, source: Path) -> Tool:
        top, name = self.top, source.name
        if label.startswith("sftp"):
            puts = {
                "sftp put": [f"put {source} {top}/"],
                "sftp put -p": [f"put -p {source} {top}/"],
                "sftp put, rename": [f"put {source} {top}/{name}.part", f"rename {top}/{name}.part {top}/{name}"],
                "sftp mkdir, put": [f"mkdir {top}/of-{account}", f"put {source} {top}/of-{account}/"],
            }
            return self.sftp(account, *puts[label])
        if label.startswith("rsync"):
            return self.rsync(account, "-a", "--no-o", "--no-g", source, f"h:{top}/")
        is_short = label == "scp" and account not in ("alice", "bob")  # sftp-only accounts start in the drop folder
        options = [word for word in label.split() if word.startswith("-")]
        return self.scp(account, *options, source, "h:" if is_short else f"h:{top}/")

    def fetch(self, account: str, answer: str, target: Path) -> Tool:
        return self.sftp(account, f"get {self.top}/{answer} {target}")

    def reads(self, account: str, name: str, target: Path) -> Iterator[Tool]:
        yield self.sftp(account, f"get {self.top}/{name} {target}")
        yield self.scp(account, f"h:{self.top}/{name}", target)

    def tries(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        upload, other = f"{self.top}/{name}", f"{self.top}/other-1.0-py3-none-any.whl"
        yield self.sftp(account, f"rename {upload} {other}")
        yield self.sftp(account, f"put {source} {upload}")
        yield self.sftp(account, f"reput {source} {upload}")
        yield self.sftp(account, f"put {source} {other}.part", f"rename {other}.part {upload}")
        yield self.sftp(account, f"rm {other}.part", f"rm {upload}")
        yield self.sftp(account, f"ln {upload} {other}")
        yield self.sftp(account, f"chmod 666 {upload}")
        yield self.scp(account, source, f"h:{upload}")

    def tries_answers(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        for folder in ("receipts", "rejected"):
            yield self.sftp(account, f"put {source} {self.top}/{folder}/planted")
            yield self.sftp(account, f"ln -s /etc {self.top}/{folder}/planted")
            yield self.sftp(account, f"mkdir {self.top}/{folder}/planted")
            yield self.sftp(account, f"rename {self.top}/{folder} {self.top}/away")
        yield self.sftp(account, f"put {source} {self.top}/receipts/{name}.txt")
        yield self.sftp(account, f"rm {self.top}/rejected/{name}.reason.txt")
        yield self.sftp(account, f"rm {self.top}/rejected/{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rsync:
    """rsyncd with the sample, asked plainly or through stunnel with the sample for that."""

    port: int
    authority: Path | None = None
    accounts: tuple[str, str] = ("alice", "bob")

    def rsync(self, account: str, *arguments: str | Path, password: str | None = None) -> Tool:
        """rsync as an account; `drop/…` and `answers/…` are taken as paths of the server."""
        server = f"rsync://{account}@{'localhost' if self.authority else '127.0.0.1'}:{self.port}/"
        argv = [f"{server}{word}" if str(word).startswith(("drop/", "answers/")) else word for word in arguments]
        env = {"RSYNC_PASSWORD": f"secret-of-{account}" if password is None else password}
        if self.authority:
            env |= {"RSYNC_SSL_TYPE": "openssl", "RSYNC_SSL_CA_CERT": str(self.authority)}
        return Tool(argv=["rsync-ssl" if self.authority else "rsync", *argv], env=env)

    def upload(self, label: str, account: str, source: Path) -> Tool:
        return self.rsync(account, *label.split()[1:], source, "drop/")

    def fetch(self, account: str, answer: str, target: Path) -> Tool:
        return self.rsync(account, f"answers/{answer}", target)

    def reads(self, account: str, name: str, target: Path) -> Iterator[Tool]:
        for module in ("drop", "answers"):
            yield self.rsync(account, f"{module}/{name}", target)
            yield self.rsync(account, "--remove-source-files", f"{module}/{name}", target)

    def tries(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        for options in ((), ("--inplace",), ("--append",), ("--backup",), ("--backup", "--backup-dir=away")):
            yield self.rsync(account, *options, "--ignore-times", source, f"drop/{name}")
        empty = source.with_name("empty")
        empty.mkdir(exist_ok=True)
        yield self.rsync(account, "-r", "--delete", f"{empty}/", "drop/")

    def tries_answers(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        for module in ("drop", "answers"):
            yield self.rsync(account, source, f"{module}/receipts/{name}.txt")
            yield self.rsync(account, "--inplace", source, f"{module}/receipts/{name}.txt")
            yield self.rsync(account, source, f"{module}/rejected/planted")
        yield self.rsync(account, "--remove-source-files", f"answers/receipts/{name}.txt", f"{source}.got")
        yield self.rsync(account, f"answers/rejected/{name}", f"{source}.got")


@dataclass(frozen=True, slots=True, kw_only=True)
class Samba:
    """smbd with the sample."""

    smbd: Smbd
    accounts: tuple[str, str] = ("alice", "bob")

    def smbclient(self, account: str, commands: str, cwd: Path | None = None) -> Tool:
        """smbclient as an account; its files are looked for in `cwd`."""
        return Tool(argv=self.smbd.command(commands, account=account), cwd=cwd)

    def upload(self, label: str, account: str, source: Path) -> Tool:
        commands = {
            "put": "put {0}",
            "mput": "prompt off; mput {0}",
            "put, rename": "put {0} x.part; rename x.part {0}",
            "put into a folder": f"mkdir of-{account}; cd of-{account}; put {{0}}",
        }
        return self.smbclient(account, commands[label].format(source.name), source.parent)

    def fetch(self, account: str, answer: str, target: Path) -> Tool:
        return self.smbclient(account, f"get {answer.replace('/', chr(92))} {target.name}", target.parent)

    def reads(self, account: str, name: str, target: Path) -> Iterator[Tool]:
        yield self.smbclient(account, f"get {name} {target.name}", target.parent)

    def tries(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        for commands in (
            f"rename {name} other-1.0-py3-none-any.whl",
            f"put {source.name} {name}",
            f"reput {source.name} {name}",
            f"put {source.name} x.part; rename x.part {name} -f",
            f"rm x.part; rm {name}",
            f"setmode {name} +r",
        ):
            yield self.smbclient(account, commands, source.parent)

    def tries_answers(self, account: str, name: str, source: Path) -> Iterator[Tool]:
        for commands in (
            rf"put {source.name} receipts\planted",
            rf"put {source.name} rejected\planted",
            rf"put {source.name} receipts\{name}.txt",
            rf"rm rejected\{name}.reason.txt",
            rf"rm rejected\{name}",
            r"mkdir receipts\planted",
            "rename receipts away",
            "rename rejected away",
        ):
            yield self.smbclient(account, commands, source.parent)


@contextlib.contextmanager
def _sshd(machine: Machine, folder: Path) -> Iterator[Sshd]:
    keys = {"/etc/ssh/authorized_keys.d": str(folder / "keys")}
    (folder / "sample.conf").write_text(sample("sshd.conf", keys))
    (folder / "keys").mkdir()
    prefix = [*machine.enter, "sh", "-c", 'umask 022; exec "$@"', "sh"]
    with running_sshd(folder, prefix=prefix, include=folder / "sample.conf") as sshd:
        for account in ("dora", "erik"):
            shutil.copy(folder / "client.pub", folder / "keys" / account)
        yield sshd


@contextlib.contextmanager
def over_a_shell(machine: Machine, folder: Path, daemon: IndexDaemon) -> Iterator[Ssh]:
    """Accounts that may log in, on a server with the sample for those that may not."""
    with _sshd(machine, folder) as sshd:
        yield Ssh(sshd=sshd, accounts=("alice", "bob"), top=str(daemon.drop))


@contextlib.contextmanager
def over_sftp(machine: Machine, folder: Path, daemon: IndexDaemon) -> Iterator[Ssh]:
    """Accounts of the sample, which see /srv of the machine as /; the administrator has put keys for both."""
    with _sshd(machine, folder) as sshd:
        yield Ssh(sshd=sshd, accounts=("dora", "erik"), top="/drop")


@contextlib.contextmanager
def over_rsyncd(machine: Machine, folder: Path, daemon: IndexDaemon) -> Iterator[Rsync]:
    """The sample, with secrets also for accounts that are not of the group."""
    need("rsync")
    secrets = folder / "rsyncd.secrets"
    secrets.write_text("".join(f"{name}:secret-of-{name}\n" for name in ("alice", "bob", "carol", "eggwatch", "root")))
    secrets.chmod(0o600)
    (folder / "rsyncd.conf").write_text(sample("rsyncd.conf", {"/etc/rsyncd.secrets": str(secrets)}))
    command = [*machine.enter, "rsync", "--daemon", "--no-detach", f"--config={folder}/rsyncd.conf"]
    own = [f"--dparam={name}={folder}/{name}" for name in ("lockfile", "logfile")]
    with serving(lambda port: [*command, *own, f"--port={port}"], folder) as port:
        yield Rsync(port=port)


@contextlib.contextmanager
def over_tls(machine: Machine, folder: Path, daemon: IndexDaemon) -> Iterator[Rsync]:
    """stunnel before the rsync daemon, and rsync-ssl, which trusts its certificate alone."""
    need("stunnel", "rsync-ssl", "openssl")
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "files.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*make, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    both.chmod(0o600)

    def stunnel(port: int, behind: int) -> list[str]:
        ours = {"874\nconnect": f"127.0.0.1:{port}\nconnect", "127.0.0.1:873": f"127.0.0.1:{behind}"}
        (folder / "stunnel.conf").write_text(sample("stunnel.conf", {**ours, "/etc/stunnel/files.pem": str(both)}))
        return ["stunnel", str(folder / "stunnel.conf")]

    with (
        over_rsyncd(machine, folder, daemon) as plain,
        serving(lambda port: stunnel(port, plain.port), folder) as port,
    ):
        yield Rsync(port=port, authority=certificate)


@contextlib.contextmanager
def over_samba(machine: Machine, folder: Path, daemon: IndexDaemon) -> Iterator[Samba]:
    """The sample below the globals of a server that stands alone; carol has a password too."""
    accounts = ("alice", "bob", "carol")
    with running_smbd_with(folder, sample("smb.conf", {}), prefix=machine.enter, accounts=accounts) as smbd:
        yield Samba(smbd=smbd)


WAYS: dict[str, Callable[[Machine, Path, IndexDaemon], contextlib.AbstractContextManager[Way]]] = {
    "shell": over_a_shell,
    "sftp": over_sftp,
    "rsyncd": over_rsyncd,
    "rsync-ssl": over_tls,
    "samba": over_samba,
}
