"""Whose an upload is: by its owner, by its folder, and through the upload door."""

from __future__ import annotations

import os
import pwd
from types import SimpleNamespace

import pytest

from eggwatch.linux.accounts import Traces, Uploader, by_folder, by_owner, through_door
from eggwatch.model.sightings import Identity, Sighting


@pytest.mark.parametrize(
    ("path", "name", "uid"),
    [
        ("root/demo-1.0.tar.gz", "root", 0),
        ("alice.of@example.com/x/demo-1.0.tar.gz", "alice.of@example.com", None),
        ("demo-1.0.tar.gz", None, None),
        ("two words/demo-1.0.tar.gz", None, None),
        ("@wheel/demo-1.0.tar.gz", None, None),
        ("new\nline/demo-1.0.tar.gz", None, None),
        ("\udcff/demo-1.0.tar.gz", None, None),
        ("x" * 70 + "/demo-1.0.tar.gz", None, None),
    ],
)
def test_by_folder_an_upload_is_the_account_s_whose_name_its_first_folder_has(
    path: str, name: str | None, uid: int | None
) -> None:
    """And nobody's where there is no folder, or one that is called like no account."""
    identity = Identity(dev=1, ino=1, size=1, mtime_ns=1, ctime_ns=1)
    sighting = Sighting(path=path, filename="demo-1.0.tar.gz", identity=identity, uid=1_234_567, since=0.0)
    folders = (status_of(mode=0o755, uid=os.geteuid()),) if "/" in path else ()
    traces = Traces(file=status_of(mode=0o644, uid=1_234_567), folders=folders)
    assert by_folder(sighting, traces) == Uploader(name=name, uid=uid)
    assert by_owner(sighting, traces) == Uploader(name="uid:1234567", uid=1_234_567)


def status_of(*, mode: int, uid: int = 1, names: int = 1) -> os.stat_result:
    """What stat(2) would say of a file."""
    return os.stat_result((0o100000 | mode, 2, 3, names, uid, uid, 4, 5, 6, 7))


@pytest.mark.parametrize(
    ("folder_owner", "name"),
    [(0, "daemon"), (pwd.getpwnam("daemon").pw_uid, "daemon"), (os.geteuid(), "daemon"), (1_234_567, None)],
)
def test_a_folder_of_another_account_is_not_whom_it_is_called_after(folder_owner: int, name: str | None) -> None:
    """Whoever may write to DROP may make a folder with any name: it is nobody's."""
    identity = Identity(dev=1, ino=1, size=1, mtime_ns=1, ctime_ns=1)
    sighting = Sighting(path="daemon/x", filename="x", identity=identity, uid=1_234_567, since=0.0)
    folder = status_of(mode=0o755, uid=folder_owner)
    assert by_folder(sighting, Traces(file=status_of(mode=0o644), folders=(folder,))).name == name


def test_an_account_s_name_that_is_no_utf_8_is_one_that_a_page_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory service may have such names; the page of a project could not be written with one."""
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=os.fsdecode(b"m\xfcller")))
    sighting = Sighting(path="x", filename="x", identity=Identity(1, 1, 1, 1, 1), uid=1, since=0.0)
    assert by_owner(sighting, Traces(file=status_of(mode=0o644))).name == r"m\xfcller"


DOOR = 4321
"""The uid of the upload door's account."""


def through(path: str, *owners: int, modes: tuple[int, ...] = (0o755, 0o755, 0o644), names: int = 1) -> Uploader:
    """Whose an upload is, of which the two folders and the file belong to these accounts."""
    *folders, file = (status_of(mode=mode, uid=owner, names=names) for owner, mode in zip(owners, modes, strict=True))
    identity = Identity(dev=1, ino=1, size=1, mtime_ns=1, ctime_ns=1)
    sighting = Sighting(path=path, filename=path.rpartition("/")[2], identity=identity, uid=owners[-1], since=0.0)
    return through_door("door", by_owner)(sighting, Traces(file=file, folders=tuple(folders)))


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which the upload door has an account, and alice one of her own."""
    known = {"door": DOOR, "alice": 4444}

    def getpwnam(name: str) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", known[name], 1, "", "/", "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)


@pytest.mark.usefixtures("accounts")
def test_what_the_door_has_put_into_the_folder_of_a_user_is_that_user_s() -> None:
    """With the uid of the account of that name, where there is one."""
    assert through("http/alice/x.whl", DOOR, DOOR, DOOR) == Uploader(name="alice", uid=4444)
    assert through("http/ci@example.com/x.whl", DOOR, DOOR, DOOR) == Uploader(name="ci@example.com")


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("path", "owners", "modes"),
    [
        ("http/alice/x.whl", (DOOR, DOOR, 5555), (0o755, 0o755, 0o644)),
        ("http/alice/x.whl", (DOOR, 5555, DOOR), (0o755, 0o755, 0o644)),
        ("http/alice/x.whl", (5555, DOOR, DOOR), (0o755, 0o755, 0o644)),
        ("http/alice/x.whl", (0, DOOR, DOOR), (0o755, 0o755, 0o644)),
        ("http/alice/x.whl", (DOOR, DOOR, DOOR), (0o775, 0o755, 0o644)),
        ("http/alice/x.whl", (DOOR, DOOR, DOOR), (0o755, 0o757, 0o644)),
        ("http/alice/x.whl", (DOOR, DOOR, DOOR), (0o755, 0o755, 0o664)),
        ("https/alice/x.whl", (DOOR, DOOR, DOOR), (0o755, 0o755, 0o644)),
        ("http/al ice/x.whl", (DOOR, DOOR, DOOR), (0o755, 0o755, 0o644)),
        ("http/-alice/x.whl", (DOOR, DOOR, DOOR), (0o755, 0o755, 0o644)),
        ("http/x.whl", (DOOR, DOOR), (0o755, 0o644)),
        ("http/alice/more/x.whl", (DOOR, DOOR, DOOR, DOOR), (0o755, 0o755, 0o755, 0o644)),
    ],
)
def test_nobody_else_can_upload_in_the_name_of_a_user(
    path: str, owners: tuple[int, ...], modes: tuple[int, ...]
) -> None:
    """A folder or file of another account, or that others may write to: it belongs to whom the file belongs."""
    assert through(path, *owners, modes=modes).name == f"uid:{owners[-1]}"


@pytest.mark.usefixtures("accounts")
def test_a_file_of_the_door_s_with_a_second_name_proves_nothing() -> None:
    assert "hard link" in str(through("http/alice/x.whl", DOOR, DOOR, DOOR, names=2).doubt)
