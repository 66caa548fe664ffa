"""The pool: PUBLIC/files/<project>/<filename>, the bytes, once, immutable, never linked to an uploader's inode."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from eggwatch.errors import EggwatchError
from eggwatch.store import durable
from eggwatch.store.durable import OURS, PRIVATE, Permissions

DAMAGED = (errno.EIO, errno.EUCLEAN, errno.EBADMSG)
"""What a disk says of a file with bad blocks, and some file systems where a checksum is wrong."""
UNREADABLE = "unreadable-bytes"
"""In place of the sha256 of such a file."""


class StrangerInPoolError(EggwatchError):
    """The path of a new file is taken by a file that the ledger does not know."""


class Pool:
    """The archives of one index."""

    def __init__(self, public: Path, permissions: Permissions = OURS) -> None:
        self.folder = public / "files"
        self._scratch = public / ".eggwatch" / "pages"
        self._permissions = permissions
        self._touched: set[Path] = set()
        self._made: set[Path] = set()
        """The folders that a file was placed in since the last `sync`, and that are as they should be."""

    def prepare(self) -> None:
        """Make the folder."""
        durable.make_folders(self.folder, self._permissions)

    def path_of(self, project: str, filename: str) -> Path:
        """The path of a file."""
        return self.folder.joinpath(project, filename)

    def place(self, source: Path, *, project: str, filename: str, sha256: str) -> None:
        """Link a private copy to its public name. The same bytes with that name count as linked.

        Raises StrangerInPoolError if there are other bytes. Not durable before `sync`.
        """
        target = self.path_of(project, filename)
        if target.parent not in self._made:
            if durable.make_folder(target.parent, self._permissions):
                self._touched.add(self.folder)
            self._made.add(target.parent)
        try:
            durable.link(source, target)
        except FileExistsError:
            self._recognise(target, sha256)
        self._touched |= {target, target.parent}

    def _recognise(self, target: Path, sha256: str) -> None:
        if _digest_found(target) != sha256:
            raise StrangerInPoolError(
                f"{target} exists with other bytes, and the ledger knows nothing of it.",
                remedy="If it came from a backup, run 'eggwatch rebuild'; else move it out of the published tree.",
            )

    def heal(self, source: Path, aside: Path, *, project: str, filename: str, sha256: str) -> bool:
        """Restore the right bytes if they are missing, unreadable or others; False if nothing had to be done.

        The other bytes get a name in `aside`. Not durable before `sync`.
        """
        target, temporary = self.path_of(project, filename), self._scratch / "healed"
        try:
            found = _digest_found(target)
        except FileNotFoundError:
            durable.make_folders(target.parent, self._permissions)
            self._touched |= {self.folder}
        else:
            if found == sha256:
                return False
            self.keep_aside(aside, project=project, filename=filename, sha256=found)
        durable.unlink(temporary)
        durable.link(source, temporary)
        durable.rename(temporary, target)
        self._touched |= {target, target.parent}
        return True

    def withdraw_uncommitted(self, source: Path, *, project: str, filename: str) -> None:
        """Unlink a public name of `source` that was linked before a crash and is not on any page."""
        target = self.path_of(project, filename)
        if _same_inode(source, target):
            durable.unlink(target)

    def place_metadata(self, data: bytes, *, project: str, filename: str) -> None:
        """Write `<filename>.metadata` (PEP 658), byte for byte. Not durable before `sync`."""
        target = self.path_of(project, f"{filename}.metadata")
        if target.exists() and target.read_bytes() == data:
            self._touched.add(target)
            return
        temporary = self._scratch / "metadata"
        durable.write(temporary, data, permissions=self._permissions)
        durable.rename(temporary, target)
        self._touched |= {target, target.parent}

    def sync(self) -> None:
        """Make everything that was placed since the last call last."""
        durable.sync(self._touched)
        self._touched.clear()
        self._made.clear()

    def sweep(self, *, project: str, filename: str) -> None:
        """Take the bytes of a removed file away, lasting."""
        gone = [durable.unlink(self.path_of(project, name)) for name in (f"{filename}.metadata", filename)]
        if any(gone):
            durable.sync([self.folder / project])

    def keep_aside(self, folder: Path, *, project: str, filename: str, sha256: str) -> Path:
        """Give a file whose bytes are `sha256` a lasting second name in `folder`; answers with it."""
        durable.make_folders(folder, PRIVATE)
        aside = folder / f"{sha256[:16]}-{filename}"
        with contextlib.suppress(FileExistsError):
            durable.link(self.path_of(project, filename), aside)
        durable.sync([aside, folder])
        return aside

    def names(self) -> Iterator[tuple[str, str]]:
        """(project, filename) of everything below files/, sorted; for `verify` and `rebuild`."""
        for folder in sorted(entry for entry in self.folder.iterdir()):
            if folder.is_dir() and not folder.is_symlink():
                for path in sorted(folder.iterdir()):
                    yield folder.name, path.name
            else:
                yield "", folder.name


def _same_inode(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False


def _digest_found(path: Path) -> str:
    """The sha256 of what lies there; UNREADABLE if its disk can't read all of it."""
    try:
        return digest(path)
    except OSError as error:
        if error.errno not in DAMAGED:
            raise
        return UNREADABLE


def digest(path: Path) -> str:
    """The sha256 of a file, streamed."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
