"""The disk filled and emptied, as docs/disks.rst shows it: a real daemon on an ext4 of 8 MiB. Needs root.

python -m tests.contrib.full_disk
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.running import until
from tests.uploaders.loop_disks import loop
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

MOST_ORDERS = 200


class Scene:
    """A shell beside a running daemon; what it is told and answers is printed."""

    def __init__(self, base: Path, daemon: IndexDaemon) -> None:
        self.base, self.daemon = base, daemon

    def tell(self, line: str) -> int:
        """Run a line of the shell, and print it with its answer."""
        environment = {**os.environ, "EGGWATCH_CONFIG": str(self.base / "eggwatch.toml")}
        done = subprocess.run(["bash", "-c", line], cwd=self.base, env=environment, capture_output=True, text=True)
        code = f"[exit status {done.returncode}]\n" if done.returncode else ""
        text = f"$ {line}\n{done.stdout}{done.stderr}{code}"
        print(text.replace(f"{self.base}/", "/srv/").replace(str(self.base), "/srv"))
        return done.returncode

    def drop(self, project: str) -> str:
        """Upload a wheel."""
        name, data = wheel_of(project, 40_000)
        (self.base / f".{name}").write_bytes(data)
        print(f"$ cp {name} /srv/drop/\n")
        (self.base / f".{name}").rename(self.daemon.drop / name)
        return name

    def orders(self) -> int:
        """How many more orders are obeyed, with every free byte taken away by dd after each."""
        for number in range(MOST_ORDERS):
            if not self.obeys("unyank" if number % 2 else "yank"):
                return number
            subprocess.run(["bash", "-c", "cat /dev/zero >>disk/filler"], cwd=self.base, capture_output=True)
        return MOST_ORDERS

    def obeys(self, verb: str) -> bool:
        """Whether an order is obeyed."""
        line = ["eggwatch", "--config", str(self.base / "eggwatch.toml"), verb, "beta==1.0", "--timeout", "20s"]
        return subprocess.run(line, capture_output=True, check=False).returncode == 0


def play(base: Path, disk: Path) -> None:
    """Fill the disk, give orders, and empty it."""
    settings = {"public": '"disk/public"', "state": '"disk/state"', "min_free": '"1MiB"', "grace": '"0s"'}
    with running(base, **settings) as daemon:
        scene = Scene(base, daemon)
        for project in ("alpha", "beta"):
            daemon.wait_published(scene.drop(project), time.time())
        daemon.wait_empty()
        until("the status shows both", lambda: daemon.status().get("files") == 2)
        scene.tell("df --block-size=1K --output=size,used,avail disk; ls -s --block-size=1K disk/state/ballast")
        scene.tell("dd if=/dev/zero of=disk/filler bs=1k conv=fsync 2>&1 | tail -n 2; df --output=avail disk")
        name = scene.drop("gamma")
        until("it waits", lambda: daemon.receipt(name) and daemon.reason_for(name))
        scene.tell("eggwatch status")
        scene.tell(f"cat drop/receipts/{name}.txt")
        scene.tell("eggwatch yank alpha==1.0 --reason 'wrong licence'")
        scene.tell("eggwatch remove alpha==1.0")
        scene.tell("eggwatch list; eggwatch list alpha")
        begun = time.monotonic()
        scene.tell("rm disk/filler")
        daemon.wait_published(name, time.time())
        print(f"(seconds until gamma is published: {time.monotonic() - begun:.1f})\n")
        until("the status shows it", lambda: daemon.status()["files"] == 2 and not daemon.reason_for(name))
        scene.tell("eggwatch status")
        scene.tell("eggwatch verify")
        subprocess.run(["bash", "-c", "cat /dev/zero >disk/filler"], cwd=base, capture_output=True)
        print(f"orders that are obeyed, with every free byte taken by others after each: {scene.orders()}\n")
        (disk / "filler").unlink()
        until("orders are obeyed again", lambda: scene.obeys("unyank"))
        print("".join(line for line in daemon.log.splitlines(True) if "min-free" in line or "retrying" in line))


def main() -> None:
    """Print the transcript."""
    base = Path(tempfile.mkdtemp(prefix="eggwatch-disk-"))
    try:
        with loop(base / "disk") as disk:
            play(base, disk)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
