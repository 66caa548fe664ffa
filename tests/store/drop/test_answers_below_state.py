"""While the drop folder fails, answers lie below STATE, and none is lost."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from eggwatch.linux import syncing
from eggwatch.policy.retention import Keeping
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import NotOurs
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import Drop
from eggwatch.store.drop.leftovers import Leftovers
from tests.store.drop.in_the_way import put_file
from tests.store.drop.refusals import NAME, keep, names, reason


def test_a_missing_drop_is_answered_in_state(answers: Answers, tmp_path: Path) -> None:
    """An unmounted drop folder prevents no verdict, and is not created."""
    (tmp_path / "drop").rmdir()
    answers.explain_refusal(NAME, reason(1), "no\n")
    answers.write_receipt(NAME, "hello\n")
    answers.tidy("receipts", Keeping(age=1), now=0)
    answers.tidy("rejected", Keeping(age=1), now=0)
    assert not (tmp_path / "drop").exists()
    assert names(tmp_path / "state/answers/receipts") == [f"{NAME}.txt"]
    assert answers.fault == f"The drop folder {tmp_path}/drop can't be opened: No such file or directory"
    (tmp_path / "drop").mkdir()
    assert answers.try_again()
    answers.write_receipt(NAME, "hello again\n")
    assert answers.fault is None
    assert (tmp_path / "drop/receipts" / f"{NAME}.txt").read_text() == "hello again\n"


NOBODY = 65534
FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.ENOTCONN)


class Failing:
    """Makes every change of one kind below a folder fail."""

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
    """No error, and nothing is lost. Files rejected meanwhile are left in place, their reasons below STATE."""
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
    """Its own reason is below STATE; that of a newer rejection of the same name is in rejected/."""
    with durable.observed(Failing(tmp_path / "drop", "write", errno.ENOSPC)):
        answers.explain_refusal(NAME, reason(1, "a"), "one\n")
    assert answers.try_again()
    answers.explain_refusal(NAME, reason(2, "b"), "two\n")
    with pytest.raises(NotOurs, match="state/answers/rejected"):
        keep(answers, tmp_path, b"one", 1)
    keep(answers, tmp_path, b"two", 2)
    assert (tmp_path / "drop/rejected" / NAME).read_bytes() == b"two"


def test_folders_that_fail_are_tried_again_after_a_while(answers: Answers, tmp_path: Path) -> None:
    """Not before something has failed, and not continuously."""
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
    """They expire even after the drop folder works again."""
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
                syncing._threads.cache_clear()  # its threads did not come along
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
