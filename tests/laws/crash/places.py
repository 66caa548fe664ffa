"""Where a history takes place: three folders on one file system, or on three that can lose their power."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.policy.settling import Patience

GRACE = 60.0
SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, the same number as XFS_IOC_GOINGDOWN."""
LOST, KEPT, SAVED = 2, 1, 0
"""What becomes of changes that nobody synced. NOLOGFLUSH forgets them; LOGFLUSH keeps names and sizes as the journal
has them, but not the data of files that were never synced (they come back empty); or the kernel happened to have
written everything just before."""


class Place:
    """DROP, PUBLIC and STATE below one folder; `outside` is the world that no crash touches."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.outside = base / "outside"

    def folder(self, name: str) -> Path:
        """One of the three folders."""
        return self.base / name

    @property
    def config(self) -> IndexConfig:
        """The index that lives here. Nothing lingers, and removed bytes have a minute."""
        return IndexConfig(
            name="main",
            drop=self.folder("drop"),
            public=self.folder("public"),
            state=self.folder("state"),
            patience=Patience(quiet=0.0, unfinished_after=3600.0, linger=0.0),
            grace=GRACE,
            min_free=0,
        )

    def clear(self) -> None:
        """Begin anew: an empty drop folder, and nothing else."""
        shutil.rmtree(self.base, ignore_errors=True)
        self.outside.mkdir(parents=True)
        self.folder("drop").mkdir()

    def open_power(self) -> Any:
        """What `cut` needs; to be had before anything happens."""
        return None

    def cut(self, power: Any, fates: dict[str, int]) -> None:
        """Take the power away."""
        raise NotImplementedError("this place has no power to cut")

    def restore(self) -> None:
        """Give the power back."""

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.base, ignore_errors=True)


class MountedPlace(Place):
    """Each of the three folders on an ext4 of its own, which writes nothing by itself and can be shut down."""

    NAMES = ("drop", "public", "state")

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        for name in self.NAMES:
            self._mount_point(name).mkdir(parents=True)
            subprocess.run(["truncate", "-s", "48M", self._image(name)], check=True)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", "4096", self._image(name)], check=True)
            self._mount(name)

    def _image(self, name: str) -> Path:
        return self.base / f"{name}.ext4"

    def _mount_point(self, name: str) -> Path:
        return self.base / f"mounted-{name}"

    def _mount(self, name: str) -> None:
        # commit=300: the journal's timer must not save anybody who forgot to sync.
        options = "loop,commit=300"
        subprocess.run(["mount", "-t", "ext4", "-o", options, self._image(name), self._mount_point(name)], check=True)

    def folder(self, name: str) -> Path:
        """One of the three folders, each below the top of its own file system."""
        return self._mount_point(name) / name

    def clear(self) -> None:
        """Begin anew, and make that last."""
        shutil.rmtree(self.outside, ignore_errors=True)
        self.outside.mkdir(parents=True)
        for name in self.NAMES:
            if self.folder(name).exists():
                shutil.rmtree(self.folder(name))
        self.folder("drop").mkdir()
        for fd in self.open_power().values():
            _syncfs(fd)
            os.close(fd)

    def open_power(self) -> dict[str, int]:
        """A descriptor of each file system."""
        return {name: os.open(self._mount_point(name), os.O_RDONLY | os.O_CLOEXEC) for name in self.NAMES}

    def cut(self, power: Any, fates: dict[str, int]) -> None:
        """All three are shut down; `fates` says for each what becomes of unsynced changes."""
        for name, fd in power.items():
            if fates[name] == SAVED:
                _syncfs(fd)
        for name, fd in power.items():
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", fates[name] or LOST))

    def restore(self) -> None:
        """Unmount and mount again: the journal is replayed."""
        for name in self.NAMES:
            subprocess.run(["umount", self._mount_point(name)], check=True)
            self._mount(name)

    def close(self) -> None:
        """Unmount and delete."""
        for name in self.NAMES:
            subprocess.run(["umount", self._mount_point(name)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.base, ignore_errors=True)


def _syncfs(fd: int) -> None:
    import ctypes

    assert ctypes.CDLL(None).syncfs(fd) == 0
