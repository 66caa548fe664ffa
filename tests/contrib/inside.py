"""Inside the booted machine: what the stories see and do with. Only Python's own library is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.running import until

SHARE, DROP, PUBLIC = Path("/share"), Path("/srv/drop"), Path("/srv/eggwatch")
CONFIG = Path("/etc/eggwatch/eggwatch.toml")
LEDGER = Path("/var/lib/eggwatch/ledger.jsonl")
SSH = Path("/srv/ssh")

seen: dict[str, Any] = {}
"""What is judged outside."""


def run(*command: str) -> str:
    """A command's standard output and error, with its exit status in front if that is not 0."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    said = done.stdout + done.stderr
    return said if done.returncode == 0 else f"exit {done.returncode}: {said}"


def show(*names: str, unit: str = "eggwatch.service") -> dict[str, str]:
    """Properties of a unit."""
    out = run("systemctl", "show", unit, *(f"--property={name}" for name in names))
    return dict(line.partition("=")[::2] for line in out.splitlines())


def seconds_until(condition: Callable[[], object]) -> float:
    """The seconds until it is so; negative if it never is."""
    begun = time.monotonic()
    try:
        until("what the story waits for", condition, pause=0.02)
    except AssertionError:
        return -1.0
    return round(time.monotonic() - begun, 2)


def start_sshd() -> None:
    """A real sshd, and two colleagues who may log in."""
    SSH.mkdir()
    for name in ("host", "client"):
        seen["key"] = run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(SSH / name))
    shutil.copyfile(SSH / "client.pub", SSH / "authorized_keys")
    (SSH / "client").chmod(0o600)
    Path("/run/sshd").mkdir(exist_ok=True)
    (SSH / "config").write_text(
        f"Port 2222\nListenAddress 127.0.0.1\nHostKey {SSH}/host\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {SSH}/authorized_keys\nSubsystem sftp internal-sftp\n"
    )
    (SSH / "client_config").write_text(
        f"Host h\nHostName 127.0.0.1\nPort 2222\nIdentityFile {SSH}/client\nIdentitiesOnly yes\nBatchMode yes\n"
        "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
    )
    seen["sshd"] = run("/usr/sbin/sshd", "-f", str(SSH / "config"))
    for account in ("alice", "bob"):
        # '*': no password, but not locked either.
        seen[f"account {account}"] = run("useradd", "--create-home", "--password", "*", account)


def upload(account: str, filename: str, folder: str = "", mode: int = 0o600) -> str:
    """An account copies a file to the drop folder by scp; answers with what its tools said."""
    private = SSH / filename
    shutil.copyfile(SHARE / "uploads" / filename, private)
    private.chmod(mode)
    target = DROP / folder
    made = run("ssh", "-F", f"{SSH}/client_config", f"{account}@h", f"umask 077; mkdir -p {target}") if folder else ""
    return made + run("scp", "-q", "-p", "-F", f"{SSH}/client_config", str(private), f"{account}@h:{target}/")


def published(filename: str) -> bool:
    """Whether a file is on its page, and its bytes are there."""
    project = filename.split("-")[0]
    try:
        page = json.loads((PUBLIC / "simple" / project / "index.v1_json").read_bytes())
    except FileNotFoundError:
        return False
    return filename in [file["filename"] for file in page["files"]] and (PUBLIC / "files" / project / filename).exists()


def gone(filename: str, folder: str = "") -> bool:
    """Whether the original has left the drop folder."""
    return not (DROP / folder / filename).exists()


def events() -> list[str]:
    """What the ledger tells, each in a few words."""
    lines = [json.loads(line) for line in LEDGER.read_text().splitlines()]
    return [f"{event['event']} {event['filename']} by {event['uploader']}" for event in lines]


def pid(unit: str = "eggwatch.service") -> int:
    """The daemon's first process."""
    return int(show("MainPID", unit=unit)["MainPID"])


def version(unit: str = "eggwatch.service") -> str:
    """Of the program that the daemon's process is."""
    python = Path(os.fsdecode(Path(f"/proc/{pid(unit)}/cmdline").read_bytes().split(b"\0")[0]))
    return python.parents[1].name.rpartition("-")[0]


def drop_in(unit: str, text: str) -> None:
    """As `systemctl edit` does it."""
    folder = Path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(exist_ok=True)
    (folder / "test.conf").write_text(text)


def journal() -> str:
    """What the daemon and systemd have said of it."""
    return run("journalctl", "--no-pager", "-o", "cat", "-u", "eggwatch.service")


def tell(boot: str, chapters: list[Callable[[], None]]) -> None:
    """Live through the chapters, and write down what was seen, also when one of them fails."""
    try:
        for chapter in chapters:
            began = time.monotonic()
            chapter()
            seen[f"{chapter.__name__} took"] = round(time.monotonic() - began, 1)
        seen[f"end of {boot}"] = "reached"
    finally:
        (SHARE / f"{boot}.json").write_text(json.dumps(seen, indent=1))
        (SHARE / f"{boot}.txt").write_text(run("journalctl", "--no-pager", "-b", "-o", "short-monotonic", "--quiet"))
