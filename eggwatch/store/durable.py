"""Every operation that changes the disk, one function each, and the sync that makes changes durable.

All of store/ and targets/ goes through here (but for SQLite, which announces its transactions by
`changing`), so that a test can stop the process before any of them: `observe` sets a function that is
called before each operation with its name and subject.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from eggwatch.linux import syncing
from eggwatch.linux.libc import check, libc

Observer = Callable[[str, str], None]

SYNC_EACH = 16
"""Up to so many files and folders are synced each, side by side, to share a commit of the journal (on ext4, six files
take 0.9 ms, one after the other 22 ms, syncfs 3.4 ms). Above, one syncfs is cheaper; below, it waits for other data."""

UNFINISHED_NAME = ".eggwatch-new-"
"""What the names of files begin with, in folders open by descriptor, until they are whole."""
UNFINISHED_FILE = 0o600
UNFINISHED_FOLDER = 0o700
"""The mode of a new file or folder until it gets its own; after a crash in between, the next use corrects it."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to create a file where others may write: never an existing one."""
MOST_ATTEMPTS = 8

_observers: list[Observer] = []


@contextlib.contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Call `observer(operation, subject)` before each change of the disk."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def changing(operation: str, subject: object) -> None:
    """Announce a change of the disk that is about to happen."""
    for observer in _observers:
        observer(operation, str(subject))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Modes and group of what we make, whatever the umask; `gid` None leaves the group as it falls."""

    file: int = 0o644
    folder: int = 0o755
    gid: int | None = None

    def apply(self, fd: int, mode: int) -> None:
        """Give an open file or folder its mode and group."""
        if self.gid is not None:
            os.fchown(fd, -1, self.gid)
        os.fchmod(fd, mode)


_RENAME_NOREPLACE = 1
"""renameat2(2)."""

OURS = Permissions()
PRIVATE = Permissions(file=0o600, folder=0o700)


def make_folder(path: Path, permissions: Permissions = OURS) -> bool:
    """Make one folder with its mode; False if it was there. The caller syncs its parent."""
    changing("mkdir", path)
    try:
        os.mkdir(path, UNFINISHED_FOLDER)
        made = True
    except FileExistsError:
        made = False
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if made or stat.S_IMODE(os.fstat(fd).st_mode) == UNFINISHED_FOLDER:
            permissions.apply(fd, permissions.folder)
    finally:
        os.close(fd)
    return made


def make_folders(path: Path, permissions: Permissions = OURS) -> None:
    """Make a folder and its missing parents, each durable in its parent."""
    if path.is_dir():
        return
    make_folders(path.parent, permissions)
    if make_folder(path, permissions):
        sync([path, path.parent])


def write(path: Path, data: bytes, *, permissions: Permissions = OURS, mtime_ns: int | None = None) -> None:
    """Write a whole file at a path that has no readers yet; not durable before `sync`."""
    changing("write", path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, UNFINISHED_FILE)
    try:
        write_all(fd, data)
        permissions.apply(fd, permissions.file)
        if mtime_ns is not None:
            os.utime(fd, ns=(mtime_ns, mtime_ns))
    finally:
        os.close(fd)


def chmod(path: Path, permissions: Permissions) -> None:
    """Give a file of ours its mode and group.

    By its path: to open and close a database would drop every lock that SQLite holds on it in this process
    (fcntl(2), POSIX locks), and the next process to open it would truncate the shared memory under our feet.
    """
    changing("chmod", path)
    if permissions.gid is not None:
        os.chown(path, -1, permissions.gid, follow_symlinks=False)
    os.chmod(path, permissions.file)


def give_to_owner(fd: int, folder: Path) -> None:
    """Give what root has made in another account's folder to that account, whose programs could not change it."""
    if os.geteuid() == 0:
        os.fchown(fd, os.stat(folder).st_uid, -1)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte, in as many calls as it takes."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:  # write(2) knows no path, but one has to know which disk is full
        with contextlib.suppress(OSError):  # without /proc
            error.filename = os.readlink(f"/proc/self/fd/{fd}")
        raise


def rename(source: Path, target: Path) -> None:
    """Put `source` in the place of `target`, atomically."""
    changing("rename", target)
    os.rename(source, target)


def link(source: Path, target: Path) -> None:
    """Give `source` a second name; FileExistsError if the name is taken."""
    changing("link", target)
    os.link(source, target, follow_symlinks=False)


def unlink(path: Path) -> bool:
    """Take a name away; False if it was gone."""
    changing("unlink", path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def append(fd: int, data: bytes, subject: Path) -> None:
    """Append to an open file; what could be written only in part is cut again, and the error raised."""
    changing("append", subject)
    size = os.fstat(fd).st_size
    try:
        write_all(fd, data)
    except OSError:
        os.ftruncate(fd, size)
        raise


def truncate(path: Path, size: int) -> None:
    """Cut a file to `size` bytes."""
    changing("truncate", path)
    os.truncate(path, size)


def replace(path: Path, data: bytes, permissions: Permissions = OURS) -> None:
    """Replace a small file of ours atomically; readers see the old or the new, a power cut may bring back the old."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        write(temporary, data, permissions=permissions)
        rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):  # the disk is full or fails: delete the incomplete file
            unlink(temporary)
        raise


def sync(paths: Iterable[Path]) -> None:
    """Make files and folders last: when this returns, a power cut leaves them as they are now."""
    wanted = sorted(set(paths), key=os.fspath)
    if not wanted:
        return
    changing("sync", wanted[0])
    if len(wanted) <= SYNC_EACH:
        _sync_each(wanted)
    else:
        _sync_file_systems(wanted)


def sync_descriptor(fd: int, subject: object) -> None:
    """Make one open file or folder last."""
    changing("sync", subject)
    os.fsync(fd)


def begin_sync(fd: int) -> Future[None]:
    """Make one open file durable while other work goes on; it has to be open until then."""
    changing("sync", "a large file")
    return syncing.begin(fd)


def sync_everything(folders: Iterable[Path]) -> None:
    """Make whatever was ever changed on the file systems of these folders last, by us or by a process before us."""
    present = [folder for folder in folders if folder.is_dir()]
    if present:
        changing("sync", present[0])
        _sync_file_systems(present)


def _sync_each(paths: list[Path]) -> None:
    with contextlib.ExitStack() as stack:
        fds = []
        for path in paths:
            fds.append(_open_to_sync(path))
            stack.callback(os.close, fds[-1])
        syncing.sync_all(fds)


def _sync_file_systems(paths: list[Path]) -> None:
    devices = {os.stat(path).st_dev: path for path in paths}
    for path in devices.values():
        fd = _open_to_sync(path)
        try:
            _syncfs(fd)
        finally:
            os.close(fd)


def _open_to_sync(path: Path) -> int:
    """Open a file or folder of ours; the operator's own folders may be links to folders (on another disk)."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _syncfs(fd: int) -> None:
    check(libc().syncfs(fd))


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a folder that is open by descriptor: what is meant can't be swapped for a link underneath us."""

    folder: int
    name: str
    label: str = ""

    def __str__(self) -> str:
        return self.label or self.name


def make_folder_at(place: Place) -> None:
    """Make a folder if it is missing, with its mode."""
    changing("mkdir", place)
    with contextlib.suppress(FileExistsError):
        os.mkdir(place.name, OURS.folder, dir_fd=place.folder)


class Unsynced:
    """Files and folders, open by descriptor, that are to be made last together."""

    MOST = 64

    def __init__(self) -> None:
        self._fds: dict[tuple[int, int], int] = {}
        """By device and inode: a folder is added with each file in it."""

    def add(self, fd: int) -> None:
        """Keep a duplicate of a descriptor until `sync`."""
        inode = ((status := os.fstat(fd)).st_dev, status.st_ino)
        if inode not in self._fds:
            self._fds[inode] = os.dup(fd)
        if len(self._fds) >= self.MOST:
            self.sync()

    def sync(self) -> None:
        """Make all of them last."""
        fds, self._fds = self._fds, {}
        if not fds:
            return
        changing("sync", f"{len(fds)} descriptors")
        disks = {device: fd for (device, _), fd in fds.items()}
        try:
            if len(fds) <= SYNC_EACH:
                syncing.sync_all(fds.values())
            else:
                for fd in disks.values():
                    _syncfs(fd)
        finally:
            for fd in fds.values():
                os.close(fd)


def write_at(place: Place, data: bytes, unsynced: Unsynced) -> None:
    """Replace a file of ours atomically, in a folder open by descriptor; it lasts after `unsynced.sync()`."""
    temporary, fd = create_at(place)
    try:
        write_all(fd, data)
        OURS.apply(fd, OURS.file)
        unsynced.add(fd)
        rename_at(temporary, place)
    except OSError:
        with contextlib.suppress(OSError):  # the disk is full or fails: delete the incomplete file
            unlink_at(temporary)
        raise
    finally:
        os.close(fd)
    unsynced.add(place.folder)


def create_at(place: Place) -> tuple[Place, int]:
    """A new file beside `place`, open for writing, to be renamed to it; raises OSError if it can't be created.

    Others may write to the folder: at a predictable name they could put a FIFO, which would block for ever, or a file
    of their own.
    """
    for attempt in range(1, MOST_ATTEMPTS + 1):
        temporary = Place(place.folder, f"{UNFINISHED_NAME}{secrets.token_hex(8)}", f"{place} (new)")
        changing("write", temporary)
        try:
            return temporary, os.open(temporary.name, NEW_FILE, UNFINISHED_FILE, dir_fd=place.folder)
        except FileExistsError:
            if attempt == MOST_ATTEMPTS:
                raise
    raise AssertionError


def rename_at(source: Place, target: Place) -> None:
    """Put `source` in the place of `target`, atomically."""
    changing("rename", target)
    os.rename(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)


def link_at(source: Place, target: Place) -> None:
    """Give `source` a second name; FileExistsError if it is taken."""
    changing("link", target)
    os.link(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder, follow_symlinks=False)


def rename_new_at(source: Place, target: Place) -> None:
    """Move `source` to an unused name; raises FileExistsError if it is taken.

    If possible without link(2), which only works for an account's own files (proc(5), protected_hardlinks).
    """
    changing("rename", target)
    names = os.fsencode(source.name), os.fsencode(target.name)
    if libc().renameat2(source.folder, names[0], target.folder, names[1], _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.ENOSYS):
        raise OSError(number, os.strerror(number), source.name, None, target.name)
    link_at(source, target)
    if _inode_at(target) == _inode_at(source):
        unlink_at(source)
    else:  # sshfs gives each name an inode of its own: only a rename keeps it, and nothing there keeps others out
        unlink_at(target)
        rename_at(source, target)


def _inode_at(place: Place) -> int:
    return os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_ino


def unlink_at(place: Place) -> bool:
    """Take a name away; False if it was gone."""
    changing("unlink", place)
    try:
        os.unlink(place.name, dir_fd=place.folder)
    except FileNotFoundError:
        return False
    return True
