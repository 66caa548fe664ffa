"""Answers for uploaders: where they lie, and what else may lie there."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.names import stored_name
from eggwatch.policy.retention import Keeping
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import NotOurs
from eggwatch.store.drop.answers import README_MARK, Answers
from eggwatch.store.drop.folder import Drop
from eggwatch.store.drop.leftovers import Leftovers
from eggwatch.store.durable import Place

NAME = "demo-1.0.tar.gz"
NOBODY = 65534


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    """Answers for an empty drop."""
    (tmp_path / "drop").mkdir()
    (tmp_path / "state").mkdir()
    return Answers(Drop(tmp_path / "drop", ("wheel", "sdist")), tmp_path / "state")


def reason(serial: int, sha256: str = "a") -> dict[str, Any]:
    """What is written beside a refused file."""
    return {"serial": serial, "sha256": sha256, "flaws": []}


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def keep(answers: Answers, tmp_path: Path, data: bytes, serial: int, name: str = NAME) -> None:
    """Give a refused original its place."""
    hidden = tmp_path / "drop" / f".eggwatch-{serial}-00000000"
    hidden.write_bytes(data)
    folder = os.open(tmp_path / "drop", os.O_RDONLY)
    try:
        answers.keep_refused(Place(folder, hidden.name), name, serial)
    finally:
        os.close(folder)
        hidden.unlink(missing_ok=True)


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
    """The file, why for people, and why for programs."""
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
    """A name of 255 bytes has a short stand-in, also in earlier/, and one for each name."""
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
    """What can't be read is no obstacle, and not lost."""
    answers.explain_refusal(NAME, reason(3), "no\n")
    (tmp_path / "drop/rejected" / f"{NAME}.reason.json").write_bytes(damage)
    answers.explain_refusal(NAME, reason(4), "no\n")
    assert f"0-{NAME}.reason.json" in names(tmp_path / "drop/rejected/earlier")


def put_link(path: Path) -> None:
    """A link to somewhere else."""
    (path.parent.parent / "elsewhere").mkdir(exist_ok=True)
    path.symlink_to(path.parent.parent / "elsewhere")


def put_file(path: Path) -> None:
    """A file in the folder's place."""
    path.write_text("mine")


def put_writable(path: Path) -> None:
    """A folder that others may write to."""
    path.mkdir()
    path.chmod(0o777)


def put_foreign(path: Path) -> None:
    """A folder of somebody else's."""
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)


NOT_OURS = [put_link, put_file, put_writable, pytest.param(put_foreign, marks=pytest.mark.root)]


@pytest.mark.parametrize("put", NOT_OURS)
def test_what_somebody_else_put_there_is_not_touched(answers: Answers, tmp_path: Path, put: Any) -> None:
    """Answers lie in STATE/answers/, refused files stay where they are, and the fault says why."""
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
    """rejected/earlier is not ours: the older refusal stays in rejected/, under its serial."""
    answers.explain_refusal(NAME, reason(3, "one"), "no\n")
    keep(answers, tmp_path, b"one", 3)
    put(tmp_path / "drop/rejected/earlier")
    answers.explain_refusal(NAME, reason(4, "two"), "no\n")
    keep(answers, tmp_path, b"two", 4)
    rejected = tmp_path / "drop/rejected"
    assert (rejected / NAME).read_bytes() == b"two"
    assert (rejected / f"3-{NAME}").read_bytes() == b"one"


def test_a_missing_drop_is_answered_in_state(answers: Answers, tmp_path: Path) -> None:
    """An unmounted drop neither stops a verdict nor is made anew."""
    (tmp_path / "drop").rmdir()
    answers.explain_refusal(NAME, reason(1), "no\n")
    answers.write_receipt(NAME, "hello\n")
    answers.tidy("receipts", Keeping(age=1), now=0)
    answers.tidy("rejected", Keeping(age=1), now=0)
    assert not (tmp_path / "drop").exists()
    assert names(tmp_path / "state/answers/receipts") == [f"{NAME}.txt"]
    assert answers.fault is not None and "drop" in answers.fault
    (tmp_path / "drop").mkdir()
    assert answers.try_again()
    answers.write_receipt(NAME, "hello again\n")
    assert answers.fault is None
    assert (tmp_path / "drop/receipts" / f"{NAME}.txt").read_text() == "hello again\n"


FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.ENOTCONN)


class Failing:
    """Every change of one kind below a folder fails, as long as it is told to."""

    def __init__(self, folder: Path, operation: str, code: int) -> None:
        self.folder, self.operation, self.code = str(folder), operation, code

    def __call__(self, operation: str, subject: str) -> None:
        if operation == self.operation and (subject.startswith(self.folder) or operation == "sync") and self.code:
            code, self.code = self.code, 0 if operation == "sync" else self.code
            raise OSError(code, os.strerror(code))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that fail are tried again at once."""
    monkeypatch.setattr("eggwatch.store.drop.answers.AGAIN_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("code", FAILURES, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("operation", ["write", "rename", "sync"])
def test_a_drop_that_fails_is_answered_in_state_until_it_is_in_order(
    answers: Answers, tmp_path: Path, operation: str, code: int
) -> None:
    """Nothing is raised and nothing is lost; what was refused meanwhile stays, and so does its reason."""
    answers.explain_refusal(NAME, reason(1, "a"), "one\n")
    answers.sync()
    failing = Failing(tmp_path / "drop", operation, code)
    away = tmp_path / "state/answers"
    with durable.observed(failing):
        for serial, sha256 in ((2, "b"), (3, "c")):
            answers.explain_refusal(NAME, reason(serial, sha256), f"{serial}\n")
        answers.write_receipt(NAME, "refused\n")
        answers.sync()
        assert answers.fault is not None and os.strerror(code) in answers.fault
        assert not answers.keeps_refused(NAME, 3)
        assert answers.receipt(NAME) == "refused\n"
        assert json.loads((away / "rejected" / f"{NAME}.reason.json").read_bytes())["serial"] == 3
        assert answers.try_again() == (operation == "sync")
        failing.code = 0
        answers.try_again()
    assert answers.fault is None
    assert not list((tmp_path / "drop").rglob(".*"))
    assert (away / "receipts" / f"{NAME}.txt").read_text() == "refused\n"
    assert answers.keeps_refused(NAME, 3) == (operation == "sync"), "beside its reason, or where it was uploaded to"
    answers.explain_refusal(NAME, reason(4, "d"), "four\n")
    assert answers.keeps_refused(NAME, 4)
    assert (tmp_path / "drop/rejected" / f"{NAME}.reason.txt").read_text() == "four\n"


@pytest.mark.usefixtures("impatient")
def test_a_refused_file_is_never_put_beside_the_reason_of_another(answers: Answers, tmp_path: Path) -> None:
    """Its own lies below STATE, and a newer refusal of the same name in rejected/."""
    with durable.observed(Failing(tmp_path / "drop", "write", errno.ENOSPC)):
        answers.explain_refusal(NAME, reason(1, "a"), "one\n")
    assert answers.try_again()
    answers.explain_refusal(NAME, reason(2, "b"), "two\n")
    with pytest.raises(NotOurs, match="state/answers/rejected"):
        keep(answers, tmp_path, b"one", 1)
    keep(answers, tmp_path, b"two", 2)
    assert (tmp_path / "drop/rejected" / NAME).read_bytes() == b"two"


def test_folders_that_fail_are_tried_again_after_a_while(answers: Answers, tmp_path: Path) -> None:
    """Neither before something failed, nor all the time."""
    assert answers.next_try() is None and not answers.try_again()
    with durable.observed(Failing(tmp_path / "drop", "write", errno.ENOSPC)):
        answers.write_receipt(NAME, "hello\n")
        assert answers.next_try() is not None and not answers.try_again()
    due = answers.next_try()
    assert due is not None and due > time.monotonic() and not answers.try_again()


@pytest.mark.usefixtures("impatient")
def test_a_name_that_is_published_while_the_drop_fails_has_no_stale_reason_later(
    answers: Answers, tmp_path: Path
) -> None:
    """The refusal in the drop moves to earlier/ as soon as it can."""
    answers.explain_refusal(NAME, reason(1), "no\n")
    failing = Failing(tmp_path / "drop", "rename", errno.EROFS)
    with durable.observed(failing):
        answers.retract_refusal(NAME, before=2)
    assert f"{NAME}.reason.txt" in names(tmp_path / "drop/rejected")
    assert answers.try_again()
    assert names(tmp_path / "drop/rejected") == ["earlier"]


def test_only_so_many_names_are_remembered_while_the_drop_fails(
    answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest ones, however many are published meanwhile."""
    monkeypatch.setattr("eggwatch.store.drop.answers.MOST_RETRACTIONS", 2)
    put_file(tmp_path / "drop/rejected")
    for number in range(5):
        answers.retract_refusal(f"{number}.whl", before=number)
    assert answers._retractions == {"3.whl": 3, "4.whl": 4}


def test_answers_below_state_have_their_time_too(answers: Answers, tmp_path: Path) -> None:
    """Also when the drop is in order again."""
    put_file(tmp_path / "drop/receipts")
    answers.write_receipt("old", "x")
    again = Answers(Drop(tmp_path / "drop", ("sdist",)), tmp_path / "state")
    (tmp_path / "drop/receipts").unlink()
    again.write_receipt("new", "xyz")
    assert again.tidy("receipts", Keeping(), now=1e12) == Leftovers(kept=1, size=3, deleted=0)
    again.tidy("receipts", Keeping(age=1), now=1e12)
    assert names(tmp_path / "drop/receipts") == names(tmp_path / "state/answers/receipts") == []


@pytest.mark.root
def test_a_drop_that_we_may_not_write_to_is_answered_in_state(tmp_path: Path) -> None:
    """Another account's drop folder: answers in STATE/answers/, no README, no error."""
    import tempfile

    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o755)
        for name, owner in (("drop", 0), ("state", NOBODY)):
            os.mkdir(f"{base}/{name}")
            os.chown(f"{base}/{name}", owner, owner)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                durable._pool.cache_clear()  # its threads did not come along
                answers = Answers(Drop(Path(base) / "drop", ("sdist",)), Path(base) / "state")
                answers.prepare()
                answers.write_receipt(NAME, "hello\n")
                answers.write_readme("mine")
                code = 0 if answers.fault else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert os.listdir(f"{base}/drop") == []
        assert os.listdir(f"{base}/state/answers/receipts") == [f"{NAME}.txt"]


def came(path: Path) -> float:
    """When a file came, or was last written or moved."""
    return path.stat().st_ctime


def test_receipts_are_forgotten_after_their_time(answers: Answers, tmp_path: Path) -> None:
    """Only those that were written before the moment."""
    answers.write_receipt("old", "x")
    time.sleep(0.05)
    answers.write_receipt("new", "xyz")
    new = tmp_path / "drop/receipts/new.txt"
    tally = answers.tidy("receipts", Keeping(age=60), now=came(new) + 60)
    assert names(tmp_path / "drop/receipts") == ["new.txt"]
    assert tally == Leftovers(kept=1, size=3, deleted=1)


def refuse(answers: Answers, tmp_path: Path, serial: int, name: str = NAME, data: bytes = b"bytes") -> None:
    """A refusal, with its reason, and its original where it belongs."""
    answers.explain_refusal(name, reason(serial, str(serial)), "no\n")
    keep(answers, tmp_path, data, serial, name)
    time.sleep(0.05)


def test_refused_files_go_with_their_reasons_the_oldest_first(answers: Answers, tmp_path: Path) -> None:
    """Also those in earlier/; a reason whose file stays elsewhere counts as well."""
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
    """Somebody has made them: what lies beside them goes in its time all the same."""
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
    """Ours begins with its mark; whatever does not is somebody else's."""
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
    """A link under a receipt's name is taken away, and its target stays as it is."""
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


def put_fifo(path: Path) -> None:
    """A FIFO that nobody writes to."""
    os.mkfifo(path)


def put_full_fifo(path: Path) -> None:
    """A FIFO whose writer says nothing, as long as this process lives."""
    os.mkfifo(path)
    os.open(path, os.O_RDWR)


def put_folder(path: Path) -> None:
    """A folder that is not empty."""
    (path / "mine").mkdir(parents=True)


def put_text(path: Path) -> None:
    """A file."""
    path.write_text("mine")


STRANGE = [put_fifo, put_full_fifo, put_folder, put_text, put_link]


@pytest.mark.parametrize("put", STRANGE)
def test_whatever_lies_under_a_name_of_ours_holds_up_nothing(answers: Answers, tmp_path: Path, put: Any) -> None:
    """README.txt is left alone; a receipt and a reason are read as if they said nothing."""
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
    """Whatever lies under a name that comes next stays as it is, and another name is taken."""
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
    """What a killed process has left goes; a FIFO, a folder and a link that are called so stay."""
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
    """Neither is it taken for ours, nor written over."""
    readme = tmp_path / "drop/README.txt"
    readme.write_text(f"{README_MARK}\nforged\n")
    os.chown(readme, NOBODY, NOBODY)
    answers.write_readme(f"{README_MARK}\none\n")
    assert (readme.read_text(), readme.stat().st_uid) == (f"{README_MARK}\nforged\n", NOBODY)


def test_a_readme_that_can_not_be_put_in_its_place_leaves_nothing(answers: Answers, tmp_path: Path) -> None:
    """As in a sticky folder, over a file of somebody else's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "rename_at", _refuse)
        answers.write_readme(f"{README_MARK}\n")
    assert names(tmp_path / "drop") == []


def _refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")
