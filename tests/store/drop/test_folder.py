"""Looking at the drop folder, which is foreign ground: anybody may have put anything there."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from eggwatch.errors import FolderError
from eggwatch.store.drop.folder import LOOKED_AT_AGAIN, Drop, Survey

FORMATS = ("wheel", "sdist")
NAME = "demo-1.0.tar.gz"


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """An empty drop folder."""
    (tmp_path / "drop").mkdir()
    return Drop(tmp_path / "drop", FORMATS)


def put(drop: Drop, path: str, data: bytes = b"hello") -> Path:
    """A file in the drop."""
    whole = drop.root / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    whole.write_bytes(data)
    return whole


def uploads(survey: Survey) -> list[str]:
    """The paths of the uploads."""
    return [found.path for found in survey.uploads]


def test_uploads_are_found_in_folders_too(drop: Drop) -> None:
    """By path, sorted, with their names, sizes and owners."""
    for path in ("b-1.0.tar.gz", "a-1.0-py3-none-any.whl", "team/x/c-1.0.tar.gz", "team/B-1.0.TAR.GZ"):
        put(drop, path)
    survey = drop.scan()
    assert uploads(survey) == ["a-1.0-py3-none-any.whl", "b-1.0.tar.gz", "team/B-1.0.TAR.GZ", "team/x/c-1.0.tar.gz"]
    (_, _, _, found) = survey.uploads
    assert (found.name, found.identity.size, found.uid) == ("c-1.0.tar.gz", 5, os.geteuid())
    assert survey.complete


@pytest.mark.parametrize(
    "path",
    [
        ".hidden-1.0.tar.gz",
        "demo-1.0.tar.gz.part",
        "x.filepart",
        "x.tmp",
        ".in.demo-1.0.tar.gz.",
        "#x",
        "._demo.whl.tmp",
    ],
)
def test_temporary_names_are_never_looked_at(drop: Drop, path: str) -> None:
    """Temporary names of uploaders are neither uploads nor listed."""
    put(drop, path)
    survey = drop.scan()
    assert (survey.uploads, survey.unreadable) == ([], {})
    assert [found.name for found in survey.others] == ([path] if path.startswith("._") else [])


@pytest.mark.parametrize("folder", [".~tmp~", ".git", ".eggwatch", "rejected", "receipts", "team/.hidden"])
def test_some_folders_are_not_entered(drop: Drop, folder: str) -> None:
    """Dot-folders anywhere, and our own answers at the top."""
    put(drop, f"{folder}/{NAME}")
    assert drop.scan().uploads == []
    assert drop.look({f"{folder}/{NAME}"}).uploads == []


def test_folders_called_like_ours_are_entered_further_down(drop: Drop) -> None:
    """Only DROP/rejected and DROP/receipts are ours."""
    put(drop, f"team/rejected/{NAME}")
    assert uploads(drop.scan()) == [f"team/rejected/{NAME}"] == uploads(drop.look({f"team/rejected/{NAME}"}))


def test_what_is_no_upload_is_noted(drop: Drop) -> None:
    """Every other file is left there and listed, except our README."""
    for name in (
        "README.txt",
        "notes.txt",
        "Thumbs.db",
        "demo.asc",
        "x-1.0.tar.gz.yank",
        "holiday.zip",
        "team/README.txt",
    ):
        put(drop, name)
    found = [found.path for found in drop.scan().others]
    assert found == ["Thumbs.db", "demo.asc", "holiday.zip", "notes.txt", "team/README.txt", "x-1.0.tar.gz.yank"]


def sizes(survey: Survey) -> dict[str, int]:
    """What is no upload, by path, with its size."""
    return {found.path: found.identity.size for found in survey.others}


def test_a_scan_looks_at_few_of_the_files_that_were_no_uploads_before(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(64):
        put(drop, f"team/notes-{number}.txt")
    put(drop, NAME)
    first, looked_at, stat = drop.scan(), [], os.stat

    def watched(name: str, **options: object) -> os.stat_result:
        looked_at.append(name)
        return stat(name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", watched)
    again = [drop.scan() for _ in range(LOOKED_AT_AGAIN)]
    monkeypatch.undo()
    assert all(survey == first for survey in again)
    assert sorted(looked_at) == sorted([*(f"notes-{number}.txt" for number in range(64)), *["team", NAME] * 8])


def test_a_change_without_an_event_of_what_was_no_upload_is_seen_some_scans_later(drop: Drop) -> None:
    changed, deleted = put(drop, "changed.txt"), put(drop, "deleted.txt")
    put(drop, "as-it-was.txt")
    drop.scan()
    changed.write_bytes(b"hello again")
    deleted.unlink()
    seen = [sizes(drop.scan()) for _ in range(LOOKED_AT_AGAIN)]
    assert all(sorted(one) == ["as-it-was.txt", "changed.txt"] for one in seen)
    assert seen[-1] == {"as-it-was.txt": 5, "changed.txt": 11}


def test_what_an_event_names_and_what_took_the_place_of_what_was_no_upload_is_seen_at_once(drop: Drop) -> None:
    named, replaced, folder = (put(drop, f"{name}.txt") for name in ("named", "replaced", "folder"))
    drop.scan()
    named.write_bytes(b"hello again")
    put(drop, "new.txt", b"something else").rename(replaced)
    folder.unlink()
    put(drop, f"folder.txt/{NAME}")
    assert sizes(drop.look({"named.txt"})) == {"named.txt": 11}
    survey = drop.scan()
    assert sizes(survey) == {"named.txt": 11, "replaced.txt": 14}
    assert uploads(survey) == [f"folder.txt/{NAME}"]


def test_leftovers_of_a_crash_are_found(drop: Drop) -> None:
    """Hidden originals are found by their form; other hidden files are none."""
    for name in (".eggwatch-12-0123abcd", "team/.eggwatch-1-ffffffff", ".eggwatch-x-0123abcd", ".eggwatch-1-short"):
        put(drop, name)
    assert [found.path for found in drop.scan().leftovers] == [".eggwatch-12-0123abcd", "team/.eggwatch-1-ffffffff"]


def test_links_are_not_followed(drop: Drop, tmp_path: Path) -> None:
    """Neither to files nor to folders, nor to nowhere; each is listed with why."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / NAME).write_bytes(b"secret")
    (drop.root / "link-1.0.tar.gz").symlink_to(outside / NAME)
    (drop.root / "folder").symlink_to(outside)
    (drop.root / "nowhere-1.0.tar.gz").symlink_to("absent")
    (drop.root / "loop").symlink_to("loop")
    survey = drop.scan()
    assert survey.uploads == []
    assert survey.unreadable.keys() == {"link-1.0.tar.gz", "folder", "nowhere-1.0.tar.gz", "loop"}
    assert drop.look({"link-1.0.tar.gz", f"folder/{NAME}"}).uploads == []
    for path in ("link-1.0.tar.gz", f"folder/{NAME}", "nowhere-1.0.tar.gz"):
        with pytest.raises(OSError), drop.reading(path):
            pass


def make_fifo(path: Path) -> None:
    """A named pipe, which would block whoever opens it."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """A socket."""
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def make_folder(path: Path) -> None:
    """A folder with the name of an archive."""
    path.mkdir()


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_folder])
def test_what_is_no_file_is_no_upload(drop: Drop, make: Callable[[Path], None]) -> None:
    """FIFOs, sockets and folders with the name of an archive are neither read nor waited for."""
    make(drop.root / NAME)
    survey = drop.scan()
    assert survey.uploads == []
    assert survey.unreadable == ({} if make is make_folder else {NAME: "not a regular file"})
    assert drop.look({NAME}).uploads == []
    with pytest.raises(OSError), drop.reading(NAME):
        pass


@pytest.mark.root
def test_devices_are_no_uploads(drop: Drop) -> None:
    """A device node called like an archive is listed, and never opened."""
    try:
        os.mknod(drop.root / NAME, 0o644 | 0o020000, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f"no device nodes here: {error}")
    survey = drop.scan()
    assert (survey.uploads, survey.unreadable) == ([], {NAME: "not a regular file"})
    with pytest.raises(FileNotFoundError), drop.reading(NAME):
        pass


def test_names_that_are_no_utf_8_stay(drop: Drop) -> None:
    """Such a name is listed; a folder with such a name is entered."""
    root = os.fsencode(drop.root)
    Path(os.fsdecode(root + b"/demo-\xff-1.0.tar.gz")).write_bytes(b"x")
    Path(os.fsdecode(root + b"/t\xe4m")).mkdir()
    Path(os.fsdecode(root + b"/t\xe4m/" + NAME.encode())).write_bytes(b"x")
    survey = drop.scan()
    assert uploads(survey) == [f"t\udce4m/{NAME}"]
    assert [found.path for found in survey.others] == ["demo-\udcff-1.0.tar.gz"]
    with drop.reading(f"t\udce4m/{NAME}") as fd:
        assert os.read(fd, 10) == b"x"


def test_names_as_long_as_names_can_be(drop: Drop) -> None:
    """255 bytes: an upload like any other, to be refused by the judge."""
    name = "d" * 246 + "-1.tar.gz"
    assert len(name) == 255
    put(drop, name)
    assert uploads(drop.scan()) == [name] == uploads(drop.look({name}))


def test_a_tree_a_thousand_folders_deep_does_no_harm(drop: Drop, request: pytest.FixtureRequest) -> None:
    """It is entered to a limit; deeper folders are reported, and use neither stack nor descriptors."""
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", str(drop.root)], check=True))  # pytest's own can't
    fd = os.open(drop.root, os.O_RDONLY)
    for depth in range(1000):
        if depth == 1:
            os.close(os.open("up-1.0.tar.gz", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open(NAME, os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    survey = drop.scan()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert uploads(survey) == ["d/up-1.0.tar.gz"]
    assert any("deep" in reason for reason in survey.unreadable.values())
    assert drop.look({"d/" * 1000 + NAME}).uploads == []


def test_scan_and_look_agree_on_depth(drop: Drop) -> None:
    """A path that an event names is seen exactly if the scan sees it."""
    for depth in (1, 31, 32, 33, 40):
        put(drop, "n/" * depth + f"depth{depth}-1.0.tar.gz")
    scanned = uploads(drop.scan())
    everything = {str(path.relative_to(drop.root)) for path in drop.root.rglob("*.tar.gz")}
    assert uploads(drop.look(everything)) == sorted(scanned)


def test_a_folder_that_can_not_be_read_is_said(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other folders are scanned nevertheless."""
    put(drop, f"closed/{NAME}")
    put(drop, NAME)
    real = os.open

    def closed(path: object, *arguments: object, **options: object) -> int:
        if path == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", closed)
    survey = drop.scan()
    assert uploads(survey) == [NAME]
    advice = "chmod g+rwx closed"
    assert survey.unreadable == {"closed": f"folder can't be read (Permission denied): {advice}"}
    assert [found.path for found in survey.closed] == ["closed"]


def test_a_missing_drop_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    """Gone, or a file in its place: FolderError."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(FolderError, match="Mount or create it"):
            Drop(path, FORMATS).scan()


@pytest.mark.root
def test_a_drop_that_may_not_be_read_is_an_error_with_its_own_remedy(tmp_path: Path) -> None:
    """It is there: to mount or create it would be no remedy."""
    (tmp_path / "closed").mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(FolderError, match=r"Permission denied\.\n  Let the daemon's account read it"):
            Drop(tmp_path / "closed", FORMATS).scan()
    finally:
        os.seteuid(0)


def test_the_drop_itself_may_be_a_link(drop: Drop, tmp_path: Path) -> None:
    """The operator may link the drop folder; the uploaders may link nothing inside."""
    put(drop, NAME)
    (tmp_path / "linked").symlink_to(drop.root)
    assert uploads(Drop(tmp_path / "linked", FORMATS).scan()) == [NAME]


def test_a_look_sees_what_was_named_only(drop: Drop) -> None:
    """Paths that are gone, or lead out of the folder, are ignored."""
    put(drop, NAME)
    put(drop, f"team/{NAME}")
    (drop.root.parent / NAME).write_bytes(b"outside")
    survey = drop.look({f"team/{NAME}", "gone-1.0.tar.gz", f"../{NAME}", f"/{NAME}", "", "team"})
    assert uploads(survey) == [f"team/{NAME}"]
    assert not survey.complete


def test_reading_is_reading_only(drop: Drop) -> None:
    """The descriptor can't write, and is not inherited."""
    put(drop, NAME)
    with drop.reading(NAME) as fd:
        assert not os.get_inheritable(fd)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(fd, b"x")


def test_a_thousand_files_in_one_folder(drop: Drop) -> None:
    """Sorted, each once, without a descriptor left open."""
    for number in range(1000):
        (drop.root / f"demo{number:04d}-1.0.tar.gz").touch()
    before = len(os.listdir("/proc/self/fd"))
    found = uploads(drop.scan())
    assert found == sorted(found) and len(found) == 1000
    assert len(os.listdir("/proc/self/fd")) <= before
