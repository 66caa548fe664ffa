"""How a judged original leaves the drop folder, whatever its uploader does meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace as replaced
from pathlib import Path

import pytest

from eggwatch.linux import leases
from eggwatch.model.names import stored_name
from eggwatch.store import durable
from eggwatch.store.drop import retiring
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import LEFTOVER, Drop, identity_of
from eggwatch.store.drop.retiring import Departure, Hidden, RetireOutcome, finish, hidden_name, hide
from tests.store.drop.in_the_way import put_fifo, put_file, put_folder, put_link
from tests.store.drop.originals import DATA, NAME, departure, hidden, kept, lying, original, refused, with_original


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """A drop folder with one judged original in a subfolder."""
    return with_original(tmp_path / "drop")


def test_an_unchanged_original_is_hidden_and_goes(drop: Drop, answers: Answers) -> None:
    """Renamed in its folder to a name that says which event it was, then gone."""
    leaving = hidden(drop)
    assert lying(drop) == [hidden_name(7, hashlib.sha256(DATA).hexdigest())]
    assert finish(leaving, answers) is RetireOutcome.GONE
    assert lying(drop) == []


def test_a_refused_original_goes_to_rejected(drop: Drop, answers: Answers) -> None:
    """Its bytes are kept there."""
    assert finish(refused(drop, answers), answers) is RetireOutcome.GONE
    assert lying(drop) == []
    assert (drop.root / "rejected" / NAME).read_bytes() == DATA


def write(drop: Drop) -> None:
    """Another process writes to it."""
    with original(drop).open("ab") as file:
        file.write(b"more")


def replace(drop: Drop) -> None:
    """Another process renames a file over it."""
    (drop.root / "new").write_bytes(b"a newer upload")
    (drop.root / "new").rename(original(drop))


def remove(drop: Drop) -> None:
    """Another process removes it."""
    original(drop).unlink()


def touch(drop: Drop) -> None:
    """Another process sets its times."""
    os.utime(original(drop), (1, 1))


@pytest.mark.parametrize("meanwhile", [write, replace, remove, touch])
def test_what_changed_before_it_was_hidden_stays(drop: Drop, meanwhile: Callable[[Drop], None]) -> None:
    """It is no longer what was judged: nothing is renamed."""
    judged = departure(drop)
    meanwhile(drop)
    before = lying(drop)
    assert hide(drop, judged) is RetireOutcome.CHANGED
    assert lying(drop) == before


def test_what_somebody_has_open_for_writing_stays(drop: Drop) -> None:
    """BUSY, if the file system supports leases."""
    judged = departure(drop)
    fd = os.open(original(drop), os.O_RDONLY)
    proved = leases.probe(fd) is not leases.Lease.UNPROVEN
    os.close(fd)
    if not proved:
        pytest.skip("no leases on this file system")
    with original(drop).open("r+b"):
        assert hide(drop, judged) is RetireOutcome.BUSY
    assert lying(drop) == [NAME]


def test_what_is_written_into_in_the_moment_of_its_renaming_is_put_back(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new times are not taken for those that were judged."""
    judged = departure(drop)
    rename_new_at = durable.rename_new_at

    def renamed_and_written(source: durable.Place, target: durable.Place) -> None:
        rename_new_at(source, target)
        os.truncate(drop.root / "team" / target.name, 3)

    monkeypatch.setattr(durable, "rename_new_at", renamed_and_written)
    monkeypatch.setattr(leases, "take", lambda _: leases.Lease.UNPROVEN)
    assert hide(drop, judged) is RetireOutcome.CHANGED
    assert original(drop).read_bytes() == DATA[:3]


def test_what_changes_while_it_is_hidden_is_put_back(drop: Drop, answers: Answers) -> None:
    """A process that has it open writes to it: the file gets its name back."""
    leaving = hidden(drop)
    (drop.root / "team" / leaving.name).chmod(0o600)
    with open(os.open(f"/proc/self/fd/{leaving.fd}", os.O_RDONLY), "rb"):
        os.utime(f"/proc/self/fd/{leaving.fd}", (5, 5))
    assert finish(leaving, answers) is RetireOutcome.CHANGED
    assert lying(drop) == [NAME]


def write_before_the_end(leaving: Hidden, folder: Path, monkeypatch: pytest.MonkeyPatch, *, overtaken: bool) -> None:
    """A process that no lease delays writes to it between the last check and the unlink."""
    unlink_at = durable.unlink_at

    def late(place: durable.Place) -> bool:
        os.truncate(folder / leaving.name, 3)
        if overtaken:
            (folder / NAME).write_bytes(b"a newer upload")
        return unlink_at(place)

    monkeypatch.setattr(durable, "unlink_at", late)
    with (folder / leaving.name).open("rb") as without_lease:
        os.close(leaving.fd)
        os.dup2(without_lease.fileno(), leaving.fd)


@pytest.mark.parametrize("overtaken", [False, True])
def test_bytes_written_at_the_last_moment_come_back(
    drop: Drop, answers: Answers, monkeypatch: pytest.MonkeyPatch, overtaken: bool
) -> None:
    """The name is gone, but the bytes are linked again: to their name, or to the hidden one if that is taken."""
    leaving = replaced(hidden(drop), lease=leases.Lease.UNPROVEN)
    folder = drop.root / "team"
    write_before_the_end(leaving, folder, monkeypatch, overtaken=overtaken)
    outcome = finish(leaving, answers)
    assert outcome is (RetireOutcome.DISPLACED if overtaken else RetireOutcome.CHANGED)
    assert (folder / (leaving.name if overtaken else NAME)).read_bytes() == DATA[:3]
    assert lying(drop) == sorted([NAME, leaving.name] if overtaken else [NAME])


def test_bytes_are_never_written_into_a_file_of_somebody_else(
    drop: Drop, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another account takes the hidden name: its file is not changed, and the bytes get their own name."""
    leaving = replaced(hidden(drop), lease=leases.Lease.UNPROVEN)
    folder = drop.root / "team"
    write_before_the_end(leaving, folder, monkeypatch, overtaken=False)
    late = durable.unlink_at

    def taken(place: durable.Place) -> bool:
        gone = late(place)
        (folder / leaving.name).write_bytes(b"somebody else's")
        return gone

    monkeypatch.setattr(durable, "unlink_at", taken)
    assert finish(leaving, answers) is RetireOutcome.CHANGED
    assert (folder / leaving.name).read_bytes() == b"somebody else's"
    assert original(drop).read_bytes() == DATA[:3]


def test_a_copy_keeps_the_mode_that_says_who_else_may_have_written_it(
    drop: Drop, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group may write to it afterwards, too; else only its owner would seem to have written it."""
    original(drop).chmod(0o664)
    leaving = replaced(hidden(drop), lease=leases.Lease.UNPROVEN)
    write_before_the_end(leaving, drop.root / "team", monkeypatch, overtaken=False)
    assert finish(leaving, answers) is RetireOutcome.CHANGED
    assert original(drop).stat().st_mode & 0o777 == 0o664


def test_it_is_never_put_back_over_a_newer_file(drop: Drop, answers: Answers) -> None:
    """A newer upload has the name: both are kept, and the older one is reported as displaced."""
    leaving = hidden(drop)
    os.utime(drop.root / "team" / leaving.name, (5, 5))
    original(drop).write_bytes(b"newer")
    assert finish(leaving, answers) is RetireOutcome.DISPLACED
    assert original(drop).read_bytes() == b"newer"
    assert (drop.root / "team" / leaving.name).read_bytes() == DATA


def test_a_newer_upload_of_the_name_is_not_touched(drop: Drop, answers: Answers) -> None:
    """It came while the older one was hidden, and only the older one is deleted."""
    leaving = hidden(drop)
    original(drop).write_bytes(b"newer")
    assert finish(leaving, answers) is RetireOutcome.GONE
    assert original(drop).read_bytes() == b"newer" and lying(drop) == [NAME]


def test_a_refused_original_stays_where_rejected_is_not_ours(drop: Drop, answers: Answers) -> None:
    """It is STUCK, and has its own name again."""
    (drop.root / "rejected").symlink_to(drop.root / "team")
    assert finish(refused(drop, answers), answers) is RetireOutcome.STUCK
    assert lying(drop) == [NAME]


def test_a_refused_original_on_another_file_system_is_copied(
    drop: Drop, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount inside the drop folder: rename(2) fails with EXDEV, the bytes are copied, also under a long name."""

    rename_new_at = durable.rename_new_at

    def crossing(source: durable.Place, target: durable.Place) -> None:
        if "/rejected/" in target.label and ".reason." not in target.label and "(new)" not in source.label:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename_new_at(source, target)

    monkeypatch.setattr(durable, "rename_new_at", crossing)
    leaving = refused(drop, answers)
    answers.prepare()
    (drop.root / "rejected" / f"{durable.UNFINISHED_NAME}1").write_bytes(b"half a copy, which a crash has left")
    assert finish(leaving, answers) is RetireOutcome.GONE
    assert (drop.root / "rejected" / NAME).read_bytes() == DATA
    answers.prepare()
    assert kept(drop) == [NAME]
    long = "d" * 240 + ".tar.gz"
    (drop.root / "team" / long).write_bytes(DATA)
    judged = Departure(
        path=f"team/{long}",
        filename=long,
        identity=identity_of((drop.root / "team" / long).stat()),
        serial=8,
        sha256="0" * 64,
        rejected=True,
    )
    answers.explain_refusal(long, {"serial": 8, "sha256": "0" * 64}, "no\n")
    answer = hide(drop, judged)
    assert isinstance(answer, Hidden)
    assert finish(answer, answers) is RetireOutcome.GONE
    assert (drop.root / "rejected" / stored_name(long)).read_bytes() == DATA


@pytest.mark.parametrize("put", [put_file, put_folder, put_fifo, put_link])
@pytest.mark.parametrize("rejected", [False, True])
def test_what_lies_under_the_hidden_name_already_is_not_touched(
    drop: Drop, answers: Answers, put: Callable[[Path], None], rejected: bool
) -> None:
    """The name can be guessed from receipts: another one is used, and the original is removed nevertheless."""
    name = hidden_name(7, hashlib.sha256(DATA).hexdigest())
    put(drop.root / "team" / name)
    before = (drop.root / "team" / name).lstat()
    leaving = refused(drop, answers) if rejected else hidden(drop)
    assert LEFTOVER.fullmatch(leaving.name) and leaving.name != name
    assert finish(leaving, answers) is RetireOutcome.GONE
    assert lying(drop) == [name]
    assert (drop.root / "team" / name).lstat() == before
    assert (drop.root / "rejected" / NAME).exists() is rejected


@pytest.mark.parametrize("put", [put_file, put_folder, put_fifo, put_link])
def test_nothing_is_ever_renamed_over_a_file_in_rejected(
    drop: Drop, answers: Answers, put: Callable[[Path], None]
) -> None:
    """A file there is not changed; rejected originals of that name are kept in earlier/, however many."""
    answers.prepare()
    put(drop.root / "rejected" / NAME)
    before = (drop.root / "rejected" / NAME).lstat()
    for _ in range(3):
        original(drop).write_bytes(DATA)
        assert finish(refused(drop, answers), answers) is RetireOutcome.GONE
    assert (drop.root / "rejected" / NAME).lstat() == before
    aside = sorted((drop.root / "rejected/earlier").iterdir())
    assert len(aside) == 3 and f"7-{NAME}" in {path.name for path in aside}
    assert {path.read_bytes() for path in aside} == {DATA}


def test_the_same_file_refused_again_by_the_same_account_is_kept_once(drop: Drop, answers: Answers) -> None:
    """A job that uploads it every night does not fill the disk."""
    for _ in range(3):
        original(drop).write_bytes(DATA)
        assert finish(refused(drop, answers), answers) is RetireOutcome.GONE
    assert kept(drop) == [NAME]
    assert lying(drop) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY])
def test_what_may_not_be_moved_is_stuck(drop: Drop, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A sticky or read-only drop folder: no error, and the original is left there."""

    def refused(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(retiring.durable, "rename_new_at", refused)
    assert hide(drop, departure(drop)) is RetireOutcome.STUCK
    assert lying(drop) == [NAME]


def test_no_descriptor_is_left_open(drop: Drop, answers: Answers) -> None:
    """Whatever the outcome."""
    before = len(os.listdir("/proc/self/fd"))
    finish(hidden(drop), answers)
    original(drop).write_bytes(DATA)
    judged = departure(drop)
    touch(drop)
    hide(drop, judged)
    remove(drop)
    hide(drop, judged)
    answers.sync()
    assert len(os.listdir("/proc/self/fd")) == before
