"""Answers for uploaders: where they lie, and what else may lie there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.names import stored_name
from eggwatch.policy.retention import Keeping
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import NotOurs
from eggwatch.store.drop.answers import README_MARK, Answers
from eggwatch.store.drop.leftovers import Leftovers
from eggwatch.store.durable import Place
from tests.running import until_files_get_later_times
from tests.store.drop.in_the_way import put_fifo, put_file, put_folder, put_full_fifo, put_link
from tests.store.drop.refusals import NAME, came, keep, names, reason, refuse

NOBODY = 65534


def test_folders_are_made_and_ours(answers: Answers, tmp_path: Path) -> None:
    """rejected/ and receipts/, 0755 whatever the umask."""
    mask = os.umask(0o077)
    try:
        answers.prepare()
        answers.write_receipt(NAME, "hello\n")
    finally:
        os.umask(mask)
    for name in ("rejected", "receipts"):
        assert (tmp_path / "drop" / name).stat().st_mode & 0o7777 == 0o755
    receipt = tmp_path / "drop/receipts" / f"{NAME}.txt"
    assert (receipt.read_text(), receipt.stat().st_mode & 0o7777) == ("hello\n", 0o644)
    assert answers.fault is None


def test_a_refusal_has_its_file_and_two_reasons(answers: Answers, tmp_path: Path) -> None:
    """The file, its reason for people, and its reason for programs."""
    answers.explain_refusal(NAME, reason(1), "because\n")
    keep(answers, tmp_path, b"bad", 1)
    rejected = tmp_path / "drop/rejected"
    assert names(rejected) == [NAME, f"{NAME}.reason.json", f"{NAME}.reason.txt"]
    assert json.loads((rejected / f"{NAME}.reason.json").read_bytes()) == reason(1)
    assert (rejected / f"{NAME}.reason.txt").read_text() == "because\n"
    assert (rejected / NAME).read_bytes() == b"bad"


def test_an_older_refusal_moves_to_earlier(answers: Answers, tmp_path: Path) -> None:
    """Other bytes under the same name: the older ones are kept, with their reasons, under their serial."""
    for serial, data in ((3, b"one"), (7, b"two"), (9, b"three")):
        answers.explain_refusal(NAME, reason(serial, data.decode()), f"{serial}\n")
        keep(answers, tmp_path, data, serial)
    earlier = tmp_path / "drop/rejected/earlier"
    assert names(earlier) == sorted(
        f"{serial}-{NAME}{suffix}" for serial in (3, 7) for suffix in ("", ".reason.json", ".reason.txt")
    )
    assert (earlier / f"3-{NAME}").read_bytes() == b"one"
    assert (tmp_path / "drop/rejected" / NAME).read_bytes() == b"three"


def test_the_same_bytes_again_only_refresh_the_reason(answers: Answers, tmp_path: Path) -> None:
    """Nothing moves."""
    answers.explain_refusal(NAME, reason(3), "first\n")
    answers.explain_refusal(NAME, reason(3), "second\n")
    assert names(tmp_path / "drop/rejected") == [f"{NAME}.reason.json", f"{NAME}.reason.txt"]
    assert (tmp_path / "drop/rejected" / f"{NAME}.reason.txt").read_text() == "second\n"


def test_a_published_name_has_no_stale_reason(answers: Answers, tmp_path: Path) -> None:
    """When a name is published, its refusal moves to earlier/; twice is once."""
    answers.explain_refusal(NAME, reason(3), "no\n")
    keep(answers, tmp_path, b"bad", 3)
    answers.retract_refusal(NAME, before=3)
    assert NAME in names(tmp_path / "drop/rejected"), "a publication that came before the refusal does not touch it"
    for _ in range(2):
        answers.retract_refusal(NAME, before=4)
    answers.retract_refusal("other-1.0.tar.gz", before=5)
    assert names(tmp_path / "drop/rejected") == ["earlier"]
    assert len(names(tmp_path / "drop/rejected/earlier")) == 3


def test_long_names_fit(answers: Answers, tmp_path: Path) -> None:
    """A name of 255 bytes is shortened, also in earlier/, and no two names become the same."""
    for tail in ("a", "b"):
        name = "é" * 122 + f"{tail}-1.tar.gz"
        for serial in (123456, 123457):
            answers.explain_refusal(name, reason(serial, str(serial)), "too long\n")
            keep(answers, tmp_path, b"bad", serial, name)
        answers.write_receipt(name, "too long\n")
        assert (tmp_path / "drop/rejected" / stored_name(name)).exists()
    assert len(names(tmp_path / "drop/receipts")) == 2
    assert len(names(tmp_path / "drop/rejected/earlier")) == 6


@pytest.mark.parametrize("damage", [b"", b"not json", b"[]", b"null", b"\xff"])
def test_a_damaged_reason_is_moved_away(answers: Answers, tmp_path: Path, damage: bytes) -> None:
    """A reason that can't be read is moved to earlier/, too."""
    answers.explain_refusal(NAME, reason(3), "no\n")
    (tmp_path / "drop/rejected" / f"{NAME}.reason.json").write_bytes(damage)
    answers.explain_refusal(NAME, reason(4), "no\n")
    assert f"0-{NAME}.reason.json" in names(tmp_path / "drop/rejected/earlier")


def put_writable(path: Path) -> None:
    """A folder that others may write to."""
    path.mkdir()
    path.chmod(0o777)


def put_foreign(path: Path) -> None:
    """A folder of another account."""
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)


NOT_OURS = [put_link, put_file, put_writable, pytest.param(put_foreign, marks=pytest.mark.root)]


@pytest.mark.parametrize("put", NOT_OURS)
def test_what_somebody_else_put_there_is_not_touched(answers: Answers, tmp_path: Path, put: Any) -> None:
    """Answers are in STATE/answers/, rejected files are left in place, and the fault says why."""
    for name in ("rejected", "receipts"):
        put(tmp_path / "drop" / name)
    before = _listing(tmp_path / "drop")
    answers.prepare()
    answers.explain_refusal(NAME, reason(1), "no\n")
    answers.write_receipt(NAME, "hello\n")
    assert answers.fault is not None and "receipts" in answers.fault
    with pytest.raises(NotOurs, match="rejected"):
        keep(answers, tmp_path, b"bad", 1)
    assert _listing(tmp_path / "drop") == before
    assert names(tmp_path / "state/answers/rejected") == [f"{NAME}.reason.json", f"{NAME}.reason.txt"]
    assert names(tmp_path / "state/answers/receipts") == [f"{NAME}.txt"]
    if (tmp_path / "elsewhere").exists():
        assert names(tmp_path / "elsewhere") == []


def _listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_ino) for path in folder.rglob("*"))


@pytest.mark.parametrize("put", NOT_OURS)
def test_an_earlier_folder_of_somebody_else_loses_nothing(answers: Answers, tmp_path: Path, put: Any) -> None:
    """If rejected/earlier is not eggwatch's, the older rejection is left in rejected/, under its serial."""
    answers.explain_refusal(NAME, reason(3, "one"), "no\n")
    keep(answers, tmp_path, b"one", 3)
    put(tmp_path / "drop/rejected/earlier")
    answers.explain_refusal(NAME, reason(4, "two"), "no\n")
    keep(answers, tmp_path, b"two", 4)
    rejected = tmp_path / "drop/rejected"
    assert (rejected / NAME).read_bytes() == b"two"
    assert (rejected / f"3-{NAME}").read_bytes() == b"one"


def test_receipts_are_forgotten_after_their_time(answers: Answers, tmp_path: Path) -> None:
    """Only those that were written before the moment."""
    answers.write_receipt("old", "x")
    until_files_get_later_times(tmp_path / "drop/receipts/old.txt")
    answers.write_receipt("new", "xyz")
    new = tmp_path / "drop/receipts/new.txt"
    tally = answers.tidy("receipts", Keeping(age=60), now=came(new) + 60)
    assert names(tmp_path / "drop/receipts") == ["new.txt"]
    assert tally == Leftovers(kept=1, size=3, deleted=1)


def test_refused_files_go_with_their_reasons_the_oldest_first(answers: Answers, tmp_path: Path) -> None:
    """Also those in earlier/. A reason counts even if its file is elsewhere."""
    rejected = tmp_path / "drop/rejected"
    refuse(answers, tmp_path, 1, "other-1.0.tar.gz")
    refuse(answers, tmp_path, 2)
    refuse(answers, tmp_path, 3)
    answers.explain_refusal("third-1.0.tar.gz", reason(4), "no\n")
    assert len(list(rejected.iterdir())) == 9
    assert answers.tidy("rejected", Keeping(), now=1e12).kept == 4
    tally = answers.tidy("rejected", Keeping(age=60), now=came(rejected / "earlier" / f"2-{NAME}") + 60)
    assert (tally.kept, tally.deleted) == (3, 1)
    assert not list(rejected.glob("other*"))
    assert (rejected / "earlier" / f"2-{NAME}").read_bytes() == b"bytes"
    tally = answers.tidy("rejected", Keeping(size=0), now=0)
    assert tally == Leftovers(kept=0, size=0, deleted=3)
    assert names(rejected) == ["earlier"]
    assert names(rejected / "earlier") == []


def test_folders_among_the_answers_are_left_alone(answers: Answers, tmp_path: Path) -> None:
    """Folders of other accounts are kept; files beside them are deleted when they expire."""
    refuse(answers, tmp_path, 1)
    answers.write_receipt(NAME, "hello\n")
    for kind in ("rejected", "receipts"):
        (tmp_path / "drop" / kind / "folder").mkdir()
    assert answers.tidy("rejected", Keeping(age=1), now=1e12).deleted == 1
    assert answers.tidy("receipts", Keeping(age=1), now=1e12).deleted == 1
    assert names(tmp_path / "drop/rejected") == names(tmp_path / "drop/receipts") == ["folder"]


def test_what_somebody_put_in_the_place_of_earlier_is_left_alone(answers: Answers, tmp_path: Path) -> None:
    """A link is not followed."""
    refuse(answers, tmp_path, 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("x")
    (tmp_path / "drop/rejected/earlier").symlink_to(tmp_path / "elsewhere")
    assert answers.tidy("rejected", Keeping(age=1), now=1e12).deleted == 1
    assert names(tmp_path / "elsewhere") == ["precious"]


def test_a_readme_of_ours_is_kept_current_and_anothers_left_alone(answers: Answers, tmp_path: Path) -> None:
    """Eggwatch's README begins with its mark; any other file is left alone."""
    readme = tmp_path / "drop/README.txt"
    answers.write_readme(f"{README_MARK}\none\n")
    answers.write_readme(f"{README_MARK}\ntwo\n")
    assert readme.read_text() == f"{README_MARK}\ntwo\n"
    inode = readme.stat().st_ino
    answers.write_readme(f"{README_MARK}\ntwo\n")
    assert readme.stat().st_ino == inode
    for foreign in ("", "Hello", f" {README_MARK}"):
        readme.write_text(foreign)
        answers.write_readme(f"{README_MARK}\nthree\n")
        assert readme.read_text() == foreign


def test_a_readme_that_is_a_link_is_not_followed(answers: Answers, tmp_path: Path) -> None:
    """Neither read nor replaced."""
    (tmp_path / "secret").write_text(f"{README_MARK} secret")
    (tmp_path / "drop/README.txt").symlink_to(tmp_path / "secret")
    answers.write_readme(f"{README_MARK}\n")
    assert (tmp_path / "drop/README.txt").is_symlink()
    assert (tmp_path / "secret").read_text() == f"{README_MARK} secret"


def test_links_in_our_own_folders_are_replaced_and_not_followed(answers: Answers, tmp_path: Path) -> None:
    """A link with a receipt's name is removed, and its target not changed."""
    answers.prepare()
    (tmp_path / "target").write_text("precious")
    (tmp_path / "drop/receipts" / f"{NAME}.txt").symlink_to(tmp_path / "target")
    answers.write_receipt(NAME, "hello\n")
    assert (tmp_path / "target").read_text() == "precious"
    assert (tmp_path / "drop/receipts" / f"{NAME}.txt").read_text() == "hello\n"


def test_no_temporary_file_is_left(answers: Answers, tmp_path: Path) -> None:
    """Files appear whole."""
    answers.explain_refusal(NAME, reason(1), "no\n")
    answers.write_receipt(NAME, "hello\n")
    assert not list(tmp_path.rglob(".*"))


STRANGE = [put_fifo, put_full_fifo, put_folder, put_file, put_link]


@pytest.mark.parametrize("put", STRANGE)
def test_whatever_lies_under_a_name_of_ours_holds_up_nothing(answers: Answers, tmp_path: Path, put: Any) -> None:
    """README.txt is not touched; a receipt or reason that is no file counts as empty."""
    put(tmp_path / "drop/README.txt")
    before = (tmp_path / "drop/README.txt").lstat()
    answers.write_readme(f"{README_MARK}\n")
    assert (tmp_path / "drop/README.txt").lstat().st_ino == before.st_ino
    answers.prepare()
    put(tmp_path / "drop/receipts" / f"{NAME}.txt")
    put(tmp_path / "drop/rejected" / f"{NAME}.reason.json")
    assert answers.receipt(NAME) in ("", "mine")
    answers.retract_refusal(NAME, before=10)


@pytest.mark.parametrize("put", STRANGE)
def test_what_is_made_where_others_may_write_is_always_new(
    tmp_path: Path, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that has the chosen name already is not changed, and another name is chosen."""
    tokens = iter(["taken", "free"])
    monkeypatch.setattr("eggwatch.store.durable.secrets.token_hex", lambda _: next(tokens))
    taken = tmp_path / f"{durable.UNFINISHED_NAME}taken"
    put(taken)
    before = taken.lstat()
    folder = os.open(tmp_path, os.O_RDONLY)
    unsynced = durable.Unsynced()
    try:
        durable.write_at(Place(folder, "answer"), b"ours", unsynced)
        unsynced.sync()
    finally:
        os.close(folder)
    assert (tmp_path / "answer").read_bytes() == b"ours"
    assert (taken.lstat().st_ino, taken.lstat().st_size) == (before.st_ino, before.st_size)
    assert not (tmp_path / f"{durable.UNFINISHED_NAME}free").exists()


def test_only_our_own_unfinished_files_are_swept(answers: Answers, tmp_path: Path) -> None:
    """Files of a killed process are deleted; a FIFO, a folder or a link with such a name is not."""
    answers.prepare()
    (tmp_path / "drop" / f"{durable.UNFINISHED_NAME}1").write_text("half")
    os.mkfifo(tmp_path / "drop" / f"{durable.UNFINISHED_NAME}2")
    put_link(tmp_path / "drop" / f"{durable.UNFINISHED_NAME}3")
    put_folder(tmp_path / "drop" / f"{durable.UNFINISHED_NAME}4")
    answers.prepare()
    left = [name for name in names(tmp_path / "drop") if name.startswith(durable.UNFINISHED_NAME)]
    assert left == [f"{durable.UNFINISHED_NAME}{number}" for number in (2, 3, 4)]


@pytest.mark.root
def test_a_readme_with_our_mark_that_belongs_to_somebody_else_is_left_alone(answers: Answers, tmp_path: Path) -> None:
    """It is neither treated as ours nor overwritten."""
    readme = tmp_path / "drop/README.txt"
    readme.write_text(f"{README_MARK}\nforged\n")
    os.chown(readme, NOBODY, NOBODY)
    answers.write_readme(f"{README_MARK}\none\n")
    assert (readme.read_text(), readme.stat().st_uid) == (f"{README_MARK}\nforged\n", NOBODY)


def test_a_readme_that_can_not_be_put_in_its_place_leaves_nothing(answers: Answers, tmp_path: Path) -> None:
    """As in a sticky folder, over a file of another account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "rename_at", _refuse)
        answers.write_readme(f"{README_MARK}\n")
    assert names(tmp_path / "drop") == []


def _refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")
