"""The disk is full, read-only or gone under a running daemon: nothing is lost, and it continues by itself."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.loop_disks import loop
from tests.uploaders.payloads import wheel_of
from tests.uploaders.running import IndexDaemon, running

pytestmark = [pytest.mark.parts, pytest.mark.root]

MIB = 1 << 20
LONG = pytest.mark.long


class Disk:
    """A small file system for PUBLIC and STATE, DROP being elsewhere."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)

    def fill(self, leaving: int) -> None:
        """Fill the disk with a file, except for so many bytes."""
        with (self.path / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while (free := self.free() - leaving) > 0:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(free, MIB))

    def free(self) -> int:
        """Bytes that are free."""
        return os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize

    def empty(self) -> None:
        """Delete that file."""
        (self.path / "filler").unlink()

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", self.path], check=True)


class Ext4:
    """A file system in an image, which can fail as after an error of the medium."""

    def __init__(self, path: Path) -> None:
        self.path, self._image = path, path.with_suffix(".ext4")
        subprocess.run(["truncate", "-s", "24M", self._image], check=True)
        subprocess.run(["mkfs.ext4", "-q", self._image], check=True)
        path.mkdir()
        self._mount()

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self.path], check=True)

    def turn_read_only(self) -> None:
        """As the kernel does when it has found an error (mount(8), abort)."""
        os.sync()
        subprocess.run(["mount", "-o", "remount,abort", self.path], check=False, stderr=subprocess.DEVNULL)

    def die(self) -> None:
        """Everything ends with EIO (EXT4_IOC_SHUTDOWN)."""
        fd = os.open(self.path, os.O_RDONLY)
        fcntl.ioctl(fd, 0x8004587D, struct.pack("I", 0))
        os.close(fd)

    def come_back(self) -> None:
        """The administrator unmounts it as soon as no process uses it, checks it, and mounts it again."""
        command = ["umount", self.path]
        until("unmounted", lambda: subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0)
        # Whoever syncs all disks holds it a moment longer, and to mount it then would bring back the one that failed.
        until("detached", lambda: not subprocess.check_output(["losetup", "-j", self._image]))
        subprocess.run(["fsck.ext4", "-p", self._image], check=False, stdout=subprocess.DEVNULL)
        self._mount()


@contextlib.contextmanager
def ext4(path: Path) -> Iterator[Ext4]:
    """One for the length of a block."""
    disk = Ext4(path)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def fill_by_dd(folder: Path) -> None:
    """Another process fills the disk."""
    for size in ("64k", "4k", "1k"):
        dd = ["dd", "if=/dev/zero", f"of={folder}/filler.{size}", f"bs={size}", "status=none"]
        dd += ["oflag=append", "conv=notrunc,fsync"]
        subprocess.run(dd, check=False, stderr=subprocess.DEVNULL)


FOLDERS = {"public": '"disk/public"', "state": '"disk/state"'}


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that others may enter."""
    path = Path(tempfile.mkdtemp(prefix="eggwatch-disk-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def disk(base: Path) -> Iterator[Disk]:
    """48 MiB for PUBLIC and STATE."""
    disk = Disk(base / "disk", 48 * MIB)
    yield disk
    disk.close()


@pytest.fixture
def start(base: Path, disk: Disk) -> Iterator[ExitStack]:
    """Start daemons, which are stopped before the disk is unmounted."""
    with ExitStack() as stack:
        yield stack


def daemon_on(stack: ExitStack, base: Path, disk: Disk, **settings: str) -> IndexDaemon:
    """A running daemon with its tree and its state on the disk."""
    folders = {"public": f'"{disk.path}/public"', "state": f'"{disk.path}/state"', "linger": '"100ms"', **settings}
    return stack.enter_context(running(base, **folders))


def drop(daemon: IndexDaemon, name: str, data: bytes) -> None:
    """An upload that comes whole."""
    (daemon.base / name).write_bytes(data)
    (daemon.base / name).rename(daemon.drop / name)


def test_uploads_wait_while_less_than_min_free_is_left_and_orders_are_obeyed(
    start: ExitStack, base: Path, disk: Disk
) -> None:
    """Status and receipt say why; they are published as soon as there is room again."""
    daemon = daemon_on(start, base, disk, min_free='"16MiB"', grace='"0s"')
    for project in ("first", "second"):
        drop(daemon, *wheel_of(project))
        daemon.wait_published(wheel_of(project)[0], time.time())
    disk.fill(leaving=12 * MIB)
    name, data = wheel_of("waiting")
    drop(daemon, name, data)
    fault = until("the fault", lambda: daemon.status().get("faults", {}).get("disk"))
    assert "min-free" in fault
    assert "min-free" in until("the reason", lambda: daemon.reason_for(name))
    receipt = until("the receipt", lambda: daemon.receipt(name))
    assert receipt.startswith(f"{name}: WAITING"), receipt
    assert daemon.call("yank", "first==1.0").returncode == 0
    assert daemon.files("first")[0]["yanked"] is True
    assert daemon.call("remove", "second==1.0").returncode == 0
    assert daemon.files("second") == []
    assert (daemon.drop / name).read_bytes() == data
    daemon.assert_not_published(name)
    disk.empty()
    daemon.wait_published(name, time.time())
    daemon.assert_published_once(name, data)
    until("no fault", lambda: "disk" not in daemon.status()["faults"])
    assert daemon.log.count("min-free") <= 3, "said once, not at every look"


def test_an_upload_larger_than_the_disk_waits_alone(start: ExitStack, base: Path, disk: Disk) -> None:
    """A sparse TiB does not fill the disk: others are published; it is listed, its uploader told once what to do."""
    daemon = daemon_on(start, base, disk, min_free='"1MiB"')
    large = "large-1.0.tar.gz"
    with (daemon.drop / f".{large}").open("wb") as file:
        file.write(b"\x1f\x8b\x08")  # what starts with zeros is unfinished, however large it is
        file.truncate(1 << 40)
    (daemon.drop / f".{large}").rename(daemon.drop / large)
    assert "1.0 TiB" in until("the reason", lambda: daemon.reason_for(large))
    for number in range(3):
        name, data = wheel_of(f"small-{number}")
        drop(daemon, name, data)
        daemon.wait_published(name, time.time())
    receipt = until("the receipt", lambda: daemon.receipt(large))
    assert receipt.startswith(f"{large}: WAITING") and "delete it" in receipt, receipt
    assert "No action is needed" not in receipt
    assert daemon.status()["faults"] == {}
    assert large in daemon.call("status").stdout
    assert daemon.log.count("1.0 TiB") == 1, daemon.log
    (daemon.drop / large).unlink()
    until("gone", lambda: not daemon.reason_for(large))


@pytest.mark.parametrize("more", [0, *(pytest.param(n, marks=LONG) for n in (-300_000, 8192, 20_480, 49_152, 102_400))])
def test_a_disk_that_is_full_to_the_last_byte(start: ExitStack, base: Path, disk: Disk, more: int) -> None:
    """Whichever step fails, it is reported, uploads stay in the drop folder, and are published when there is room."""
    daemon = daemon_on(start, base, disk, min_free='"0B"')
    drop(daemon, *wheel_of("first"))
    daemon.wait_published(wheel_of("first")[0], time.time())
    disk.fill(leaving=300_000 + more)
    uploads = [wheel_of(f"late-{number}") for number in range(3)]
    for upload in uploads:
        drop(daemon, *upload)
    told = ("retrying in", "less than min-free", "can't be written", "larger than the free space")
    through = [f"{name}: admitted" for name, _ in uploads]
    until(
        lambda: f"the trouble is told, unless there was room for all\n{daemon.log}",
        lambda: any(words in daemon.log for words in told) or all(words in daemon.log for words in through),
    )
    time.sleep(1.0)  # the subject: how often it tries in a while
    assert len(daemon.log.splitlines()) < 200, "growing pauses"
    disk.empty()
    for name, data in uploads:
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
    daemon.wait_empty()
    assert daemon.call("verify").returncode == 0


@pytest.mark.long
def test_orders_are_obeyed_on_a_disk_without_a_free_byte(base: Path) -> None:
    """With the daemon and without it, repeatedly: space was reserved for them. The index stays open."""
    with loop(base / "disk") as disk, running(base, **FOLDERS, min_free='"256KiB"', grace='"0s"') as daemon:
        for project in ("first", "second", "third"):
            drop(daemon, *wheel_of(project))
            daemon.wait_published(wheel_of(project)[0], time.time())
        daemon.wait_empty()
        fill_by_dd(disk)
        for verb in ("yank", "unyank"):
            done = daemon.call(verb, "first==1.0")
            assert done.returncode == 0, done.stdout + done.stderr + daemon.log
            assert daemon.files("first")[0]["yanked"] is (verb == "yank")
            fill_by_dd(disk)
        done = daemon.call("remove", "second==1.0")
        assert done.returncode == 0, done.stdout + done.stderr + daemon.log
        assert daemon.files("second") == []
        fill_by_dd(disk)
        waiting = wheel_of("waiting")
        drop(daemon, *waiting)
        until(lambda: f"it waits\n{daemon.log}", lambda: "min-free" in daemon.log)
        fault = until("the fault", lambda: daemon.status()["faults"].get("disk"))
        assert "min-free" in fault and "min-free" in daemon.call("status").stdout
        time.sleep(2.0)  # the subject: that the index goes on in this state
        assert "retrying in" not in daemon.log, daemon.log
        daemon.stop()
        done = daemon.call("yank", "third==1.0")
        assert done.returncode == 0, done.stdout + done.stderr
        assert daemon.files("third")[0]["yanked"] is True
        daemon.start()
        for filler in disk.glob("filler.*"):
            filler.unlink()
        daemon.wait_published(waiting[0], time.time())
        daemon.wait_empty()
        assert daemon.call("verify").returncode == 0


@pytest.mark.long
def test_others_take_every_byte_that_an_order_has_left(base: Path) -> None:
    """In the end no order can be given or carried out; the daemon runs, and continues when there is room."""
    with loop(base / "disk") as disk, running(base, **FOLDERS, min_free='"256KiB"') as daemon:
        drop(daemon, *wheel_of("first"))
        daemon.wait_published(wheel_of("first")[0], time.time())
        fill_by_dd(disk)
        obeyed = 0
        while daemon.call("unyank" if obeyed % 2 else "yank", "first==1.0", "--timeout", "10s").returncode == 0:
            obeyed += 1
            with (disk / "filler.more").open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 1024)
        assert obeyed >= 3
        time.sleep(5.0)  # the subject: that it lives on without a free byte
        os.kill(daemon.pid, 0)
        for filler in disk.glob("filler.*"):
            filler.unlink()
        until("it is up again", lambda: daemon.call("status").returncode == 0)
        drop(daemon, *wheel_of("later"))
        daemon.wait_published(wheel_of("later")[0], time.time())
        assert daemon.call("verify").returncode == 0


def test_a_daemon_that_is_started_on_a_full_disk_waits_for_room(base: Path) -> None:
    """It does not exit, as nothing is wrong with the configuration."""
    with loop(base / "disk") as disk:
        fill_by_dd(disk)
        timer = threading.Timer(4.0, lambda: [filler.unlink() for filler in disk.glob("filler.*")])
        timer.start()
        with running(base, **FOLDERS, min_free='"256KiB"') as daemon:
            timer.join()
            assert "retrying in" in daemon.log, daemon.log
            name, data = wheel_of("first")
            drop(daemon, name, data)
            daemon.wait_published(name, time.time())
            daemon.assert_published_once(name, data)


@pytest.mark.parametrize("trouble", ["public gone", pytest.param("state full", marks=LONG)])
def test_status_tells_of_an_index_that_is_down(base: Path, trouble: str) -> None:
    """The daemon runs, but has closed the index: `status` says so, also with --url, until it is open again."""
    with loop(base / "disk", "16M") as disk, running(base, state='"disk/state"', min_free='"1MiB"') as daemon:
        drop(daemon, *wheel_of("first"))
        daemon.wait_published(wheel_of("first")[0], time.time())
        until("it is told", lambda: json.loads((daemon.public / "status.json").read_bytes())["projects"] == 1)
        if trouble == "public gone":
            daemon.public.rename(base / "public.gone")
        else:
            fill_by_dd(disk)
        drop(daemon, *wheel_of("late"))
        until("it is down", lambda: "retrying in" in daemon.log)
        told = until("told", lambda: (done := daemon.call("status")).returncode and done.stdout)
        assert f"daemon running, pid {daemon.pid}" in told
        assert "problem: " in told
        public = (base / "public.gone" if trouble == "public gone" else daemon.public) / "status.json"
        if trouble == "state full":
            state = json.loads(public.read_bytes())
            assert (state["ready"], state["faults_count"]) == (False, 1)
            assert state["projects"] == 1
            for filler in disk.glob("filler.*"):
                filler.unlink()
        else:
            (base / "public.gone").rename(daemon.public)
        daemon.wait_published(wheel_of("late")[0], time.time())
        until("all is well", lambda: daemon.call("status").returncode == 0)


@pytest.mark.parametrize("how", [pytest.param("read-only", marks=LONG), "dead"])
def test_a_disk_that_fails_for_a_while(base: Path, how: str) -> None:
    """Read-only after an error of the file system (EROFS), or EIO: it is reported, and work continues afterwards."""
    with ext4(base / "disk") as disk, running(base, **FOLDERS, min_free='"1MiB"', linger='"100ms"') as daemon:
        drop(daemon, *wheel_of("first"))
        daemon.wait_published(wheel_of("first")[0], time.time())
        daemon.wait_empty()
        if how == "dead":
            disk.die()
        else:
            disk.turn_read_only()
        name, data = wheel_of("late")
        drop(daemon, name, data)
        pauses = until("a third try", lambda: len(found := re.findall(r"retrying in (\d+)", daemon.log)) > 2 and found)
        assert (daemon.drop / name).read_bytes() == data
        assert int(pauses[0]) < int(pauses[-1]) and len(daemon.log.splitlines()) < 100, "growing pauses"
        disk.come_back()
        daemon.wait_published(name, time.time())
        daemon.assert_published_once(name, data)
        daemon.wait_empty()
        assert daemon.call("verify").returncode == 0


def test_a_drop_folder_that_is_unmounted_and_mounted_again(base: Path) -> None:
    """The empty mount point is no emptied drop folder; uploads on the disk are published when it is mounted again."""
    image, mount_point = base / "drop.ext4", base / "drop"
    mount_point.mkdir()
    subprocess.run(["truncate", "-s", "16M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount = ["mount", "-o", "loop", str(image), str(mount_point)]
    subprocess.run(mount, check=True)
    try:
        with running(base, linger='"100ms"', scan='"300ms"') as daemon:
            drop_name, drop_data = wheel_of("first")
            (daemon.drop / drop_name).write_bytes(drop_data)
            daemon.wait_published(drop_name, time.time())
            daemon.wait_empty("lost+found") if (daemon.drop / "lost+found").is_file() else daemon.wait_empty()
            name, data = wheel_of("late")
            until("unmounted", lambda: subprocess.run(["umount", mount_point], check=False).returncode == 0)
            time.sleep(1.0)  # some scans of the mount point, which nothing announces
            subprocess.run(mount, check=True)
            (daemon.drop / name).write_bytes(data)
            daemon.wait_published(name, time.time())
            daemon.assert_published_once(name, data)
            daemon.wait_empty()
            assert len(daemon.events()) == 2
            assert [file["filename"] for file in daemon.files("first")] == [drop_name]
    finally:
        subprocess.run(["umount", "-l", mount_point], check=False)
