"""Where a history takes place: in a folder, or on file systems of its own that can lose their power and be copied."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.policy.settling import Patience

GRACE = 60.0
MEGABYTES = 10
"""The size of a disk; 4 of it are the journal: a smaller one would be written out by itself now and then."""
SECTION = 1 << 16
"""Bytes of a disk that are compared at once: most of it is as it was."""
SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, the same number as XFS_IOC_GOINGDOWN."""
NOATIME = 1024
"""mount(2): reading changes nothing."""
LOST, KEPT, SAVED = 2, 1, 0
"""What becomes of changes that nobody synced. NOLOGFLUSH forgets them; LOGFLUSH keeps names and sizes as the journal
has them, but not the data of files that were never synced (they come back empty); or the kernel happened to have
written everything just before."""

Fates = Mapping[str, int]
"""The fate of each disk."""


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

    def restore(self) -> None:
        """Give the power back."""

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.base, ignore_errors=True)


class Disk:
    """A small ext4 which writes nothing by itself. It can be shut down, and its blocks be read and put back."""

    def __init__(self, image: Path, top: Path) -> None:
        self.top, self._image, self.size = top, image, MEGABYTES << 20
        top.mkdir(parents=True)
        subprocess.run(["truncate", "-s", str(self.size), image], check=True)
        mkfs = ["mkfs.ext4", "-q", "-m", "0", "-b", "1024", "-N", "1024", "-J", "size=4", "-E", "lazy_itable_init=0"]
        subprocess.run([*mkfs, image], check=True)
        losetup = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True)
        # The same device to the end: the number of it is part of what eggwatch knows of a file.
        self._device = losetup.stdout.strip()
        self.mount()

    def mount(self) -> None:
        """Make its files visible; the journal is replayed."""
        # commit=300: the journal's timer must not save anybody who forgot to sync.
        _libc("mount", self._device.encode(), bytes(self.top), b"ext4", NOATIME, b"commit=300")

    def unmount(self) -> None:
        """Nobody has a file open here any more."""
        _libc("umount2", bytes(self.top), 0)

    def power(self) -> int:
        """A descriptor for the functions below; to be had before anything happens."""
        return os.open(self.top, os.O_RDONLY | os.O_CLOEXEC)

    def cut(self, power: int, fate: int) -> None:
        """Shut it down."""
        fcntl.ioctl(power, SHUTDOWN, struct.pack("I", fate or LOST))

    def blocks(self, power: int, fate: int) -> list[bytes]:
        """What would be on the disk if it were shut down now with this fate, in sections; it goes on."""
        if fate == SAVED:
            syncfs(power)
        elif fate == KEPT:  # to sync a file commits the journal, in which are the names and sizes of all others
            beat = os.open("beat", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, dir_fd=power)
            os.utime(beat)
            os.fsync(beat)
            os.close(beat)
        with self._image.open("rb", buffering=0) as image:
            return list(iter(lambda: image.read(SECTION), b""))

    def put_back(self, blocks: bytes | bytearray) -> None:
        """Make it what it was."""
        self.unmount()
        with self._image.open("r+b") as image:
            image.write(blocks)
        self.mount()

    def close(self) -> None:
        """Give the device back."""
        subprocess.run(["umount", self.top], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["losetup", "-d", self._device], check=False)


LAYOUTS = {
    "disk": {"drop": "all", "public": "all", "state": "all"},
    "disks": {"drop": "drop", "public": "public", "state": "state"},
}
"""On which disk each of the three folders lies."""


class Disks(Place):
    """The three folders on file systems of their own: all on one, or each on another."""

    def __init__(self, base: Path, layout: str) -> None:
        super().__init__(base)
        self._disk_of = LAYOUTS[layout]
        names = set(self._disk_of.values())
        self.disks = {name: Disk(base / f"{name}.ext4", base / f"mounted-{name}") for name in sorted(names)}

    def folder(self, name: str) -> Path:
        """One of the three folders, below the top of its file system."""
        return self.disks[self._disk_of[name]].top / name

    def clear(self) -> None:
        """Begin anew, and make that last."""
        shutil.rmtree(self.outside, ignore_errors=True)
        self.outside.mkdir(parents=True)
        for name in self._disk_of:
            if self.folder(name).exists():
                shutil.rmtree(self.folder(name))
        self.folder("drop").mkdir()
        for fd in self.open_power().values():
            syncfs(fd)
            os.close(fd)

    def open_power(self) -> dict[str, int]:
        """A descriptor of each file system; to be had before anything happens."""
        return {name: disk.power() for name, disk in self.disks.items()}

    def cut(self, power: dict[str, int], fates: Fates) -> None:
        """Take the power away; `fates` says for each disk what becomes of unsynced changes."""
        for name, fd in power.items():
            if fates[name] == SAVED:
                syncfs(fd)
        for name, fd in power.items():
            self.disks[name].cut(fd, fates[name])

    def restore(self) -> None:
        """Unmount and mount again."""
        for disk in self.disks.values():
            disk.unmount()
            disk.mount()

    def close(self) -> None:
        """Unmount and delete."""
        for disk in self.disks.values():
            disk.close()
        shutil.rmtree(self.base, ignore_errors=True)


def syncfs(fd: int) -> None:
    """Everything on the file system of an open folder lasts."""
    _libc("syncfs", fd)


def _libc(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
