"""eggwatch index --watch updates the index after each change, and an unmounted disk removes nothing from it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.program import clean_environment
from tests.cli.stocks import add
from tests.running import Daemon, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two archives."""
    path = tmp_path / "packages"
    add(path, wheel("demo", "1.0"))
    add(path, sdist("other", "2.0"), below="old")
    return path


def watching(folder: Path, *options: str | Path) -> Daemon:
    """The command running on a folder; its exit status must be 0."""
    command = [sys.executable, "-m", "eggwatch", "index", folder, "--watch", "--removed-after", "500ms", *options]
    return Daemon(command, cwd=folder.parent, env=clean_environment({}), stdout=subprocess.DEVNULL)


def filenames(out: Path) -> set[str]:
    """All files in the index."""
    pages = (out / "simple").glob("*/index.v1_json")
    return {file["filename"] for page in pages for file in json.loads(page.read_bytes())["files"]}


def test_the_index_is_updated_when_archives_are_copied_moved_and_deleted(folder: Path) -> None:
    """Also in folders that are created later."""
    with watching(folder):
        assert filenames(folder) == {"demo-1.0-py3-none-any.whl", "other-2.0.tar.gz"}
        add(folder, wheel("demo", "1.1"), below="new/er")
        until("a new archive in a new folder", lambda: "demo-1.1-py3-none-any.whl" in filenames(folder))
        (folder / "demo-1.0-py3-none-any.whl").unlink()
        until("a deleted one to leave", lambda: filenames(folder) == {"demo-1.1-py3-none-any.whl", "other-2.0.tar.gz"})
        shutil.rmtree(folder / "old")
        until("a folder to leave", lambda: filenames(folder) == {"demo-1.1-py3-none-any.whl"})
        (folder / "new").rename(folder / "newest")
        until("a folder to be followed", lambda: "newest" in links(folder, "demo"))


def links(out: Path, project: str) -> str:
    """A project's HTML page."""
    return (out / "simple" / project / "index.html").read_text()


def test_an_archive_is_read_when_its_writer_has_closed_it(folder: Path) -> None:
    """While half of it is written, it is neither reported as damaged nor in the index."""
    name, data = wheel("slow", "1.0")
    with watching(folder) as daemon:
        with (folder / name).open("wb", buffering=0) as file:
            file.write(data[:200])
            add(folder, wheel("demo", "1.1"))
            until("another archive", lambda: "demo-1.1-py3-none-any.whl" in filenames(folder))
            assert name not in daemon.log
            file.write(data[200:])
        until("the slow one", lambda: name in filenames(folder))
    assert [line for line in daemon.log.splitlines() if name in line] in ([], [f"{name}: added"])


def test_a_rejected_archive_is_reported_once(folder: Path) -> None:
    """On standard error, with its flaws; the other archives are in the index."""
    with watching(folder) as daemon:
        add(folder, ("bad-1.0.tar.gz", b"no archive at all" * 50))
        daemon.wait_for("bad-1.0.tar.gz: left out")
        add(folder, wheel("demo", "1.1"))
        until("another archive", lambda: "demo-1.1-py3-none-any.whl" in filenames(folder))
    assert daemon.log.count("bad-1.0.tar.gz: left out") == 1


def test_a_missing_folder_removes_nothing_from_the_index(folder: Path, tmp_path: Path) -> None:
    """The folder is moved away, empty, and moved back: the index is not changed, and each fault is logged once."""
    out = tmp_path / "www"
    with watching(folder, "--out", out) as daemon:
        before = filenames(out)
        folder.rename(tmp_path / "away")
        daemon.wait_for("No such file.*packages; the index is not changed")
        folder.mkdir()
        daemon.wait_for("There are no archives in .*packages any more; the index is not changed")
        folder.rmdir()
        (tmp_path / "away").rename(folder)
        add(folder, wheel("demo", "1.1"))
        until("what came since", lambda: filenames(out) == before | {"demo-1.1-py3-none-any.whl"})


@pytest.mark.root
def test_unmounting_a_disk_removes_nothing_from_the_index(folder: Path, tmp_path: Path) -> None:
    """A disk below the folder, with the command running or not; an archive that was deleted on it is removed."""
    disk = folder / "disk"
    disk.mkdir()
    mount: Callable[[], Any] = lambda: subprocess.run(["mount", "--bind", tmp_path / "store", disk], check=True)  # noqa: E731
    umount: Callable[[], Any] = lambda: subprocess.run(["umount", disk], check=True)  # noqa: E731
    tmpfs = tmp_path / "store"
    tmpfs.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", tmpfs], check=True)
    try:
        add(tmpfs, wheel("far", "1.0"))
        add(tmpfs, wheel("far", "1.1"))
        mount()
        try:
            with watching(folder):
                umount()
                add(folder, wheel("demo", "1.1"))
                (folder / "demo-1.0-py3-none-any.whl").unlink()
                until("a deleted one to leave", lambda: "demo-1.0-py3-none-any.whl" not in filenames(folder))
                assert {"far-1.0-py3-none-any.whl", "far-1.1-py3-none-any.whl"} <= filenames(folder)
                mount()
                (disk / "far-1.0-py3-none-any.whl").unlink()
                until("one on the disk to leave", lambda: "far-1.0-py3-none-any.whl" not in filenames(folder))
            umount()
            done = subprocess.run([sys.executable, "-m", "eggwatch", "index", folder], capture_output=True, text=True)
            assert "far-1.1-py3-none-any.whl" in filenames(folder) and "1 not seen" in done.stdout
        finally:
            subprocess.run(["umount", disk], capture_output=True, check=False)
    finally:
        subprocess.run(["umount", tmpfs], check=True)


def test_it_exits_cleanly_and_accepts_folders_only(folder: Path) -> None:
    """SIGTERM and Ctrl-C: exit status 0, and no temporary files are left."""
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = watching(folder).start()
        daemon.stop(number)
        assert re.search(r"^ready", daemon.log, re.MULTILINE)
        assert [path.name for path in (folder / "simple").iterdir() if path.name.startswith(".")] == []
    archive = folder / "demo-1.0-py3-none-any.whl"
    done = subprocess.run(
        [sys.executable, "-m", "eggwatch", "index", "--watch", archive], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 2 and b"folders" in done.stderr
