"""A machine with accounts of its own: a mount namespace with another /etc/passwd, in which daemon and servers run.

Nothing of it is seen outside, and it ends with the process that holds it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.closed_folders import opening
from tests.uploaders.running import Done, run_tool
from tests.uploaders.servers import need

EGGWATCH, ALICE, BOB, PACKAGES = 5200, 5101, 5102, 5300
"""The daemon's system user, two uploaders, and the group of all three."""
CAROL = 5103
"""An account of this machine that is in no group of the others."""
DOOR = 5201
"""The account of the upload door."""
UPLOADERS = {"alice": ALICE, "bob": BOB}

CAPABILITIES = ("lease", "dac_read_search", "fowner")


def _lines(kind: str) -> str:
    ids = {"eggwatch": EGGWATCH, "carol": CAROL, "eggwatch-http": DOOR, **UPLOADERS}
    if kind == "passwd":
        return "".join(f"{name}:x:{uid}:{uid}::/:/bin/bash\n" for name, uid in ids.items())
    if kind == "shadow":
        return "".join(f"{name}:*:19000:0:99999:7:::\n" for name in ids)
    groups = "".join(f"{name}:x:{uid}:\n" for name, uid in ids.items())
    return f"{groups}packages:x:{PACKAGES}:alice,bob,eggwatch,eggwatch-http\n"


def _of_this_machine(kind: str) -> str:
    """The real machine's lines, except those of names that the tests use."""
    ours = {line.partition(":")[0] for line in _lines(kind).splitlines()}
    lines = Path(f"/etc/{kind}").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.partition(":")[0] not in ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The namespace, by the process that holds it; and a folder that everybody may enter."""

    pid: int
    base: Path

    @property
    def enter(self) -> list[str]:
        """The words before a command that is to be run in it."""
        return ["nsenter", "-t", str(self.pid), "-m", "--"]

    def as_account(self, uid: int, *capabilities: str) -> list[str]:
        """The words before a command that an account runs, with these capabilities and no others."""
        given = ",".join(f"+{name}" for name in capabilities)
        more = ["--inh-caps", given, "--ambient-caps", given] if given else []
        return [*self.enter, "setpriv", "--reuid", str(uid), "--regid", str(uid), "--init-groups", *more]

    def run(self, uid: int, *command: str | Path) -> Done:
        """Run a tool as an account: it exits 0 and prints nothing."""
        return run_tool(*self.as_account(uid), *command)

    def fails(self, uid: int, *command: str | Path) -> bool:
        """Whether an account's tool fails."""
        argv = [*self.as_account(uid), *map(str, command)]
        return subprocess.run(argv, capture_output=True, check=False, timeout=60).returncode != 0

    def eggwatch(self, uid: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A command of eggwatch's as an account gives it."""
        argv = [*self.as_account(uid), sys.executable, "-m", "eggwatch", *map(str, arguments)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    """A machine for the length of a block."""
    need("unshare", "nsenter", "setpriv", "mount")
    base = Path(tempfile.mkdtemp(prefix="eggwatch-machine-"))
    base.chmod(0o755)
    private = base / "private"
    private.mkdir(mode=0o700)
    for kind in ("passwd", "group", "shadow"):
        (private / kind).write_text(_of_this_machine(kind) + _lines(kind))
        (private / kind).chmod(0o600 if kind == "shadow" else 0o644)
    holder = subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "bash", "-ec", _script(private)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None and holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"ready\n"
        yield Machine(pid=holder.pid, base=base)
    finally:
        holder.stdin.close()
        holder.wait(20)
        shutil.rmtree(base)


def _script(private: Path) -> str:
    lines = [f"mount --bind {private / kind} /etc/{kind}" for kind in ("passwd", "group", "shadow")]
    lines += [f"mkdir {private}/over", *opening(private / "over")]
    return "\n".join([*lines, "echo ready", "read -r line || true"])


def make_folders(base: Path, *, owner: int, drop_owner: int, mode: int = 0o3770) -> None:
    """PUBLIC and STATE of the daemon's account, and a drop folder of the group `packages`."""
    base.mkdir()
    base.chmod(0o755)
    for name in ("public", "state"):
        (base / name).mkdir()
        os.chown(base / name, owner, owner)
    (base / "drop").mkdir()
    os.chown(base / "drop", drop_owner, PACKAGES)
    (base / "drop").chmod(mode)
