"""Checks of disks, kernel and clock."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from eggwatch.doctor.environment import PATIENCE, PROC, CheckOutcome, Environment, Finding, Unchecked
from eggwatch.doctor.folders import quoted
from eggwatch.doctor.service import may_write
from eggwatch.linux.leases import LOCAL_FILE_SYSTEMS, file_system_magic
from eggwatch.model.events import seconds_of
from eggwatch.store.drop.folder import Drop

FEW_INODES = 1000
WITHOUT_LINKS = {0x4D44: "vfat", 0x2011BAB0: "exfat"}
"""statfs(2) magic numbers of file systems without hard links."""
CLOCK_SLACK = 60.0
MIB = 1 << 20


def space(around: Environment) -> Iterator[CheckOutcome]:
    """Each disk has `min-free` and some inodes left."""
    told: set[int] = set()
    for name, folder in around.folders.items():
        if not folder.exists() or os.stat(folder).st_dev in told:
            continue
        found = os.statvfs(folder)
        told.add(os.stat(folder).st_dev)
        free = found.f_bavail * found.f_frsize
        if free < around.config.min_free:
            problem = (
                f"{free / MIB:.0f} MiB are free for {name}, and min-free is {around.config.min_free / MIB:.0f} MiB"
            )
            yield Finding(where=folder, problem=problem, remedy=f"make room, or enlarge it: df -h {quoted(folder)}")
        if found.f_files and found.f_favail < FEW_INODES:
            problem = f"{found.f_favail} inodes are free for {name}: soon no new files can be created"
            yield Finding(where=folder, problem=problem, remedy=f"delete small files: df -i {quoted(folder)}")


def writable(around: Environment) -> Iterator[CheckOutcome]:
    """None of the three folders is mounted read-only, in general or for the daemon only; a mirror may be."""
    for name, folder in around.folders.items():
        if not folder.exists() or (name == "drop" and around.config.is_mirror):
            continue
        if not _is_read_only(folder):
            yield from _replaced(around, name, folder)
            continue
        problem = f"{name} is mounted read-only (dmesg shows whether its disk fails)"
        remedy = f"mount -o remount,rw $(findmnt -no TARGET -T {quoted(folder)})"
        yield Finding(where=folder, problem=problem, remedy=remedy)


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _replaced(around: Environment, name: str, folder: Path) -> Iterator[CheckOutcome]:
    """A service can write only to the folder that was mounted when it started, not to one that has replaced it."""
    if around.daemon is None:
        return
    seen = PROC / str(around.daemon) / "root" / str(folder).lstrip("/")
    try:
        is_closed = _is_read_only(seen)
    except OSError:
        return  # only the daemon's account and root can see its mounts
    if is_closed and (around.unit is None or may_write(around.unit.properties, folder)):
        problem = f"{name} can be written to, but not by the daemon: was it replaced or mounted over since it started?"
        yield Finding(where=folder, problem=problem, remedy=around.restart)


def linking(around: Environment) -> Iterator[CheckOutcome]:
    """PUBLIC is one file system with hard links: archives are linked from the spool into files/."""
    public = around.config.public
    if not public.exists():
        return
    device = os.stat(public).st_dev
    for name in (".eggwatch", "files", "simple"):
        part = public / name
        if part.exists() and os.stat(part).st_dev != device:
            remedy = f"mount one file system at {quoted(public)}, and none below it: umount {quoted(part)}"
            yield Finding(where=part, problem="is on a different file system from the rest of PUBLIC", remedy=remedy)
    if kind := WITHOUT_LINKS.get(_magic(public)):
        remedy = f"put PUBLIC on ext4, xfs or btrfs: mkfs.ext4 for what is mounted at {quoted(public)}"
        yield Finding(
            where=public, problem=f"{kind} does not support hard links, so nothing can be published", remedy=remedy
        )


def _magic(folder: Path) -> int:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return file_system_magic(fd)
    finally:
        os.close(fd)


def drop_file_system(around: Environment) -> Iterator[CheckOutcome]:
    """No other machine writes to DROP directly."""
    drop = around.config.drop
    magic = _magic(drop)
    if magic and magic not in LOCAL_FILE_SYSTEMS:
        yield Finding(
            where=drop,
            problem=f"its file system (type {magic:#x}) may be written to by other machines: without events and "
            "leases, uploads are found by scanning, and accepted when they no longer change",
            remedy="run eggwatch where the disk is, or have people upload through this machine (scp, samba)",
        )


def inotify(around: Environment) -> Iterator[CheckOutcome]:
    """The kernel's limits allow watching all folders in DROP."""
    survey = Drop(around.config.drop, around.config.formats).scan()
    folders = len(survey.folders)
    for closed in survey.closed:
        yield Unchecked(where=around.config.drop / closed.path, reason="this account has no permission to read it")
    yield from _limits(around, folders)


def _limits(around: Environment, folders: int) -> Iterator[Finding]:
    """Compares the kernel's limits, else asks the daemon: other processes of its account may have used them up."""
    limits = PROC / "sys/fs/inotify"
    watches = int((limits / "max_user_watches").read_text())
    instances = int((limits / "max_user_instances").read_text())
    watcher = around.status.watcher if around.status.pid == around.daemon else None
    if watches < folders + 2:  # the folder of orders, and one for a new folder
        yield _too_low("max_user_watches", f"{watches}, and DROP has {folders} folders", max(524288, 4 * folders))
    elif instances < 2:
        yield _too_low("max_user_instances", f"{instances}, and others of the account need one too", 128)
    elif watcher and watcher.mode == "polling" and "inotify" in (watcher.reason or ""):
        used_up, limit = ("instances", instances) if "instance" in (watcher.reason or "") else ("watches", watches)
        yield _too_low(f"max_user_{used_up}", f"{limit}, and the daemon says: {watcher.reason}", 8 * limit)


def _too_low(name: str, problem: str, wanted: int) -> Finding:
    line = f"fs.inotify.{name}={wanted}"
    return Finding(
        where=f"fs.inotify.{name}",
        problem=f"is {problem}: uploads are found by scanning",
        remedy=f"echo {line} >/etc/sysctl.d/60-eggwatch.conf && sysctl --system, and restart the daemon",
    )


def clock(around: Environment) -> Iterator[CheckOutcome]:
    """The clock is right: upload times and the deletion of old receipts depend on it."""
    last = around.last_event_at
    if last is not None and seconds_of(last) > around.now + CLOCK_SLACK:
        ahead = seconds_of(last) - around.now
        problem = f"is {ahead:.0f} s before the ledger's last event ({last}): one of the two is wrong"
        yield Finding(where="system time", problem=problem, remedy="timedatectl set-ntp true, or set it by: date --set")
    if not around.systemd.is_dir():
        yield Unchecked(where="system time", reason="without systemd it is not known whether it is synchronised")
    elif _is_synchronised() is False:
        problem = "is not synchronised with any other"
        yield Finding(where="system time", problem=problem, remedy="timedatectl set-ntp true")


def _is_synchronised() -> bool | None:
    """According to timedatectl(1); None if it fails, or in a container, where the clock is the host's."""
    command = ["systemd-detect-virt", "--container", "--quiet"]
    try:
        if subprocess.run(command, timeout=PATIENCE, check=False).returncode == 0:
            return None
        show = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
        done = subprocess.run(show, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() == "yes"
