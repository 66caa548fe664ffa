"""Every local way of putting a file into a folder: published once and whole, the moment it ends, without a message.

`quiet` is a minute, so nothing here is published because some time has passed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import sdist_of, wheel_of
from tests.uploaders.running import IndexDaemon, run_shell, run_tool
from tests.uploaders.servers import need

Record = Callable[[str, object], None]


SHELL = {
    "cp": 'cp "$SOURCE" "$TARGET"',
    "cp -a": 'cp -a "$SOURCE" "$TARGET"',
    "cp -p": 'cp -p "$SOURCE" "$TARGET"',
    "cp --reflink=never": 'cp --reflink=never "$SOURCE" "$TARGET"',
    "cp into the folder": 'cp "$SOURCE" "$DROP/"',
    "mv": 'mv "$SOURCE" "$TARGET"',
    "mv over nothing, by rename": 'cp "$SOURCE" "$DROP/.hidden"; mv "$DROP/.hidden" "$TARGET"',
    "mv from .part": 'cp "$SOURCE" "$TARGET.part"; mv "$TARGET.part" "$TARGET"',
    "ln": 'ln "$SOURCE" "$TARGET"',
    "install": 'install "$SOURCE" "$TARGET"',
    "install -m -p": 'install -p -m 0600 "$SOURCE" "$DROP/"',
    "cat": 'cat "$SOURCE" > "$TARGET"',
    "dd": 'dd if="$SOURCE" of="$TARGET" bs=7000 status=none',
    "tail first, then the head": (
        'dd if="$SOURCE" of="$TARGET" bs=100000 skip=2 seek=2 status=none; sleep 0.4;'
        'dd if="$SOURCE" of="$TARGET" bs=100000 count=2 conv=notrunc status=none'
    ),
    "preallocated, then written": (
        'truncate -s 300000 "$TARGET"; sleep 0.3; dd if="$SOURCE" of="$TARGET" conv=notrunc status=none'
    ),
    "touch, then write": 'touch "$TARGET"; sleep 0.3; cat "$SOURCE" > "$TARGET"',
    "append in three opens": (
        'head -c 100000 "$SOURCE" > "$TARGET"; sleep 0.3;'
        'tail -c +100001 "$SOURCE" | head -c 100000 >> "$TARGET"; sleep 0.3; tail -c +200001 "$SOURCE" >> "$TARGET"'
    ),
    "umask 077": 'umask 077; cp "$SOURCE" "$TARGET"',
    "tar": 'tar -C "$(dirname "$SOURCE")" -cf - "$NAME" | tar -C "$DROP" -xf -',
    "rsync": 'rsync "$SOURCE" "$TARGET"',
    "rsync -a": 'rsync -a "$SOURCE" "$DROP/"',
    "curl": 'curl -sS -o "$TARGET" "file://$SOURCE"',
    "chmod and touch afterwards": 'cp "$SOURCE" "$TARGET"; chmod 600 "$TARGET"; touch -d 2020-01-02 "$TARGET"',
}

# Where these pause, the pause is the subject.
PYTHON = {
    "shutil.copy": "shutil.copy(source, target)",
    "shutil.copy2": "shutil.copy2(source, target)",
    "shutil.copyfile": "shutil.copyfile(source, target)",
    "shutil.move": "shutil.move(source, target)",
    "os.replace of a temporary file": """
import tempfile
with tempfile.NamedTemporaryFile(dir=drop, delete=False) as file:
    file.write(data)
os.replace(file.name, target)""",
    "O_TMPFILE and linkat": """
fd = os.open(drop, os.O_TMPFILE | os.O_WRONLY, 0o644)
os.write(fd, data[:1000]); time.sleep(0.2); os.write(fd, data[1000:])
folder = os.open(drop, os.O_RDONLY)
os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=folder, follow_symlinks=True)
os.close(fd)""",
    "mmap, its descriptor closed long before": """
import mmap
file = open(target, "wb+"); file.truncate(len(data))
pages = mmap.mmap(file.fileno(), len(data)); file.close()
time.sleep(0.3); pages[:200000] = data[:200000]; time.sleep(0.2); pages[200000:] = data[200000:]; pages.close()""",
    "many small writes": """
with open(target, "wb", buffering=0) as file:
    for start in range(0, len(data), 3000):
        file.write(data[start:start + 3000])""",
    "open for appending": """
with open(target, "ab") as file:
    file.write(data)""",
}


def slug(label: str) -> str:
    """A project's name for a label."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in label.lower()).split())


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., tuple[Path, bytes]]:
    """`source(project)`: a wheel of that project that lies somewhere else on the same file system."""

    def make(project: str, folder: Path = tmp_path) -> tuple[Path, bytes]:
        name, data = wheel_of(project)
        path = folder / name
        path.write_bytes(data)
        return path, data

    return make


@pytest.mark.parametrize("label", SHELL)
def test_a_file_that_a_tool_puts_there_is_published_once_and_whole(
    open_daemon: IndexDaemon, source: Callable[..., tuple[Path, bytes]], record_property: Record, label: str
) -> None:
    """The tool exits 0 and prints nothing; a moment later the page shows the file."""
    need(*({"rsync", "curl"} & set(label.split())))
    path, data = source(f"sh-{slug(label)}")
    names = f'SOURCE="{path}"; NAME="{path.name}"; DROP="{open_daemon.drop}"; TARGET="$DROP/$NAME"; '
    done = run_shell(names + SHELL[label])
    seconds = open_daemon.wait_published(path.name, done.at)
    record_property("seconds until visible", seconds)
    open_daemon.assert_published_once(path.name, data)


@pytest.mark.parametrize("label", PYTHON)
def test_a_file_that_python_puts_there_is_published_once_and_whole(
    open_daemon: IndexDaemon, source: Callable[..., tuple[Path, bytes]], record_property: Record, label: str
) -> None:
    """Whichever way a small program writes, it ends well."""
    path, data = source(f"py-{slug(label)}")
    before = f"import os, shutil, time\nsource, drop, name = {str(path)!r}, {str(open_daemon.drop)!r}, {path.name!r}\n"
    program = f"{before}target = os.path.join(drop, name)\ndata = open(source, 'rb').read()\n{PYTHON[label]}\n"
    done = run_tool(sys.executable, "-c", program)
    seconds = open_daemon.wait_published(path.name, done.at)
    record_property("seconds until visible", seconds)
    open_daemon.assert_published_once(path.name, data)


def test_a_file_moved_from_another_file_system_is_published(
    open_daemon: IndexDaemon, source: Callable[..., tuple[Path, bytes]], record_property: Record
) -> None:
    """mv copies there, sets mode and times, and deletes its source."""
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert os.stat(elsewhere).st_dev != os.stat(open_daemon.drop).st_dev
        path, data = source("mv-across", Path(elsewhere))
        done = run_tool("mv", path, open_daemon.drop)
        record_property("seconds until visible", open_daemon.wait_published(path.name, done.at))
    open_daemon.assert_published_once(path.name, data)


@pytest.mark.parametrize("tool", [("mv",), ("cp", "-r"), ("cp", "-a"), ("rsync", "-a")], ids=" ".join)
def test_a_folder_of_uploads_is_published_and_the_emptied_folder_stays(
    open_daemon: IndexDaemon, tmp_path: Path, tool: tuple[str, ...]
) -> None:
    """Wheels and sdists in folders of folders, whose events a watcher may miss."""
    stem = slug(" ".join(tool))
    folder = tmp_path / f"batch-{stem}"
    (folder / "deep" / "er").mkdir(parents=True)
    uploads = {}
    for number, below in enumerate(("", "deep", "deep/er")):
        for name, data in (wheel_of(f"dir-{stem}-{number}", 50_000), sdist_of(f"dir-{stem}-{number}")):
            (folder / below / name).write_bytes(data)
            uploads[name] = data
    done = run_tool(*tool, folder, open_daemon.drop)
    for name, data in uploads.items():
        open_daemon.wait_published(name, done.at)
        open_daemon.assert_published_once(name, data)
    open_daemon.wait_empty()
    assert (open_daemon.drop / folder.name / "deep" / "er").is_dir()


def test_the_source_of_a_hard_link_is_left_alone(
    open_daemon: IndexDaemon, source: Callable[..., tuple[Path, bytes]]
) -> None:
    """What is published is a copy: writing to the other name later changes nothing."""
    path, data = source("hard-link")
    done = run_tool("ln", path, open_daemon.drop)
    open_daemon.wait_published(path.name, done.at)
    with path.open("r+b") as file:
        file.write(b"changed later")
    open_daemon.assert_published_once(path.name, data)
    assert path.stat().st_size == len(data)


def test_mode_and_times_may_be_set_by_name_after_publication_without_a_second_verdict(
    start_daemon: Callable[..., IndexDaemon], source: Callable[..., tuple[Path, bytes]]
) -> None:
    """A slow client sets them long after it has closed the file; its receipt still says PUBLISHED."""
    daemon = start_daemon(linger='"1h"')
    path, data = source("set-later")
    target = daemon.drop / path.name
    done = run_tool("cp", path, target)
    daemon.wait_published(path.name, done.at)
    for mode in ("600", "640", "604"):
        run_tool("chmod", mode, target)
        run_tool("touch", "-d", "2020-01-02", target)
        other, _ = source(f"meanwhile-{mode}")
        daemon.wait_published(other.name, run_tool("cp", other, daemon.drop).at)
    daemon.assert_published_once(path.name, data)
    assert target.exists()


def test_an_original_leaves_only_when_linger_has_passed_since_its_last_change(
    start_daemon: Callable[..., IndexDaemon], source: Callable[..., tuple[Path, bytes]]
) -> None:
    """Counted from the last chmod, and not from its upload."""
    daemon = start_daemon(linger='"5s"')
    path, _ = source("lingers")
    target = daemon.drop / path.name
    done = run_tool("cp", path, target)
    daemon.wait_published(path.name, done.at)
    until("a part of linger", lambda: time.time() > done.at + 1.0)
    changed = run_tool("chmod", "640", target).at
    until("it leaves", lambda: not target.exists())
    assert time.time() - changed > 4.9


def test_the_daemon_keeps_sqlites_locks_beside_its_helpers(open_daemon: IndexDaemon) -> None:
    """Without them the next process that reads the catalog truncates the shared memory under the daemon (SIGBUS)."""
    name, data = wheel_of("locks", 20_000)
    (open_daemon.drop / name).write_bytes(data)
    open_daemon.wait_published(name, time.time())
    inode = (open_daemon.state / "catalog.sqlite3-shm").stat().st_ino
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    assert [fields for fields in locks if fields[4] == str(open_daemon.pid) and fields[5].endswith(f":{inode}")]
