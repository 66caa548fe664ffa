"""Receipts: five lines that a person reads."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.events import Entry, Event, EventKind
from eggwatch.model.instructions import shell_word
from eggwatch.model.names import stored_name
from eggwatch.model.verdicts import Flaw, Level
from eggwatch.notifiers.receipts import (
    Receipts,
    known_text,
    published_text,
    reason_text,
    refused_text,
)
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.answers_away import AnswersAway
from eggwatch.store.drop.folder import Drop

URL = "https://packages.example.com/simple/"


def event(kind: str = "admitted", **more: Any) -> Event:
    values: dict[str, Any] = {
        "project": "demo",
        "version": "1.0",
        "filename": "demo-1.0.tar.gz",
        "sha256": "ab" * 32,
        "size": 1234,
        "uploader": "alice",
        "path": "dist/demo-1.0.tar.gz",
    }
    return Event(kind=EventKind(kind), at="2026-11-22T08:00:00.000000Z", **{**values, **more})


def entry(said: Event, serial: int = 1) -> Entry:
    return Entry(serial=serial, event=said, offset=0, length=1, sha256="0" * 64)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


@pytest.fixture
def answers(drop: Path, tmp_path: Path) -> Answers:
    return Answers(Drop(drop, ("wheel", "sdist")), tmp_path / "state")


@pytest.fixture
def receipts(answers: Answers) -> Receipts:
    return Receipts(answers, index_url=URL, oldest="2026-11-20T00:00:00.000000Z")


def test_the_receipt_of_a_published_file_says_how_to_install_it() -> None:
    lines = published_text(event(), index_url=URL).splitlines()
    assert len(lines) == 5
    assert lines[0] == "demo-1.0.tar.gz: PUBLISHED"
    assert "alice" in lines[1] and "dist/demo-1.0.tar.gz" in lines[1]
    assert f"pip install -i {URL} demo==1.0" in lines[3]


def test_warnings_follow_the_five_lines() -> None:
    warning = Flaw(code="x", subject="y", message="spelled oddly", level=Level.WARN)
    (line,) = published_text(event(flaws=(warning,)), index_url=URL).splitlines()[5:]
    assert line.startswith("Warning") and line.endswith("spelled oddly")


def test_the_receipt_of_a_known_file_says_since_when() -> None:
    lines = known_text(event(), since="2026-01-01T00:00:00.000000Z", index_url=URL).splitlines()
    assert len(lines) == 5 and "since 2026-01-01" in lines[0]


def test_the_receipt_of_a_refused_file_names_the_first_reason_and_where_the_rest_lies() -> None:
    flaws = (
        Flaw(code="w", subject="s", message="only a warning", level=Level.WARN),
        Flaw(code="a", subject="s", message="the CRC is wrong"),
        Flaw(code="b", subject="s", message="something else"),
    )
    lines = refused_text(event("rejected", flaws=flaws), rules_url="https://packages.example.com/rules/").splitlines()
    assert len(lines) == 5
    assert lines[1] == "Reason: the CRC is wrong (and 1 more)"
    assert lines[2].startswith("To fix it: ")
    assert "rejected/demo-1.0.tar.gz.reason.txt" in lines[3]
    assert lines[3].endswith("https://packages.example.com/rules/#a")
    assert "alice" in lines[4] and "ab" * 32 in lines[4]


def test_the_receipt_of_a_long_name_names_the_reason_that_is_there() -> None:
    """Files of eggwatch about a name over 200 bytes have a shorter one."""
    long = event("rejected", filename=f"{'a' * 210}-1.0.tar.gz", flaws=(Flaw(code="a", subject="s", message="m"),))
    assert f" rejected/{stored_name(long.filename or '')}.reason.txt" in refused_text(long)


def test_the_receipt_of_a_refused_file_that_stays_says_where_it_lies(
    receipts: Receipts, answers: Answers, drop: Path
) -> None:
    """rejected/ is a file of somebody's: neither the archive nor its reasons are there."""
    (drop / "rejected").touch()
    refused = event("rejected", flaws=(Flaw(code="a", subject="s", message="m"),))
    answers.explain_refusal("demo-1.0.tar.gz", {"sha256": refused.sha256}, "why")
    receipts.tell(entry(refused))
    text = (drop / "receipts/demo-1.0.tar.gz.txt").read_text()
    reason = drop.parent / "state/answers/rejected/demo-1.0.tar.gz.reason.txt"
    assert f"It stays at dist/demo-1.0.tar.gz; all reasons are in {reason}\n" in text and reason.exists()


def test_the_receipts_of_a_mirror_say_that_files_stay(drop: Path, tmp_path: Path) -> None:
    away = AnswersAway(Drop(drop, ("wheel", "sdist")), tmp_path / "state")
    receipts = Receipts(away, index_url=URL, oldest="2026-11-20T00:00:00.000000Z")
    receipts.tell(entry(event()))
    published = away.receipt("demo-1.0.tar.gz")
    receipts.tell_known(event(), since="2026-01-01T00:00:00.000000Z")
    known = away.receipt("demo-1.0.tar.gz")
    receipts.tell(entry(event("rejected", flaws=(Flaw(code="a", subject="s", message="m"),))))
    for text in (published, known, away.receipt("demo-1.0.tar.gz")):
        assert text is not None and " stays " in text
        assert "removed from the drop folder by itself" not in text and "now in rejected/" not in text


def test_the_reason_names_every_flaw_and_how_to_see_it_again() -> None:
    flaws = (
        Flaw(code="zip-crc", subject="demo/a\x1b[31m.py", message="wrong"),
        Flaw(code="b", subject="s", message="m"),
    )
    text = reason_text(event("rejected", flaws=flaws, filename="demo-1.0 (1).whl"))
    assert "zip-crc" in text and "\x1b" not in text
    assert "eggwatch check 'demo-1.0 (1).whl'" in text


def test_a_receipt_lies_under_the_name_of_the_file(receipts: Receipts, drop: Path) -> None:
    receipts.tell(entry(event()))
    assert (drop / "receipts/demo-1.0.tar.gz.txt").read_text() == published_text(event(), index_url=URL)


def test_the_last_verdict_replaces_the_one_before(receipts: Receipts, drop: Path) -> None:
    receipts.tell(entry(event("rejected", flaws=(Flaw(code="a", subject="s", message="m"),))))
    receipts.tell(entry(event()))
    assert "PUBLISHED" in (drop / "receipts/demo-1.0.tar.gz.txt").read_text()
    assert not list(drop.glob("rejected/*.txt"))


@pytest.mark.parametrize("kind", ["imported", "yanked", "unyanked", "removed"])
def test_what_no_uploader_did_leaves_no_receipt(receipts: Receipts, drop: Path, kind: str) -> None:
    receipts.tell(entry(event(kind)))
    assert not list(drop.glob("receipts/*"))


def test_what_is_older_than_a_week_is_not_told_any_more(answers: Answers, drop: Path) -> None:
    """Unless it happened since this process started: then it is the clock that was changed."""
    old = Event(kind=EventKind.ADMITTED, at="2026-11-01T00:00:00.000000Z", filename="demo-1.0.tar.gz")
    for retold, is_told in ((entry(old).serial, False), (entry(old).serial - 1, True)):
        Receipts(answers, index_url=URL, oldest="2026-11-20T00:00:00.000000Z", retold=retold).tell(entry(old))
        assert (drop / "receipts/demo-1.0.tar.gz.txt").exists() is is_told


def test_a_package_in_a_format_that_is_not_taken_gets_its_sentence(receipts: Receipts, drop: Path) -> None:
    receipts.tell_not_taken("x/demo.exe", "Windows installers can't be installed by pip.")
    text = (drop / "receipts/demo.exe.txt").read_text()
    assert "NOT ACCEPTED" in text and "Windows installers" in text and "x/demo.exe" in text


def flaw(code: str, level: Level = Level.REFUSE) -> Flaw:
    return Flaw(code=code, subject="x", message="y", level=level)


@pytest.mark.parametrize(
    ("flaws", "told"),
    [
        ((flaw("zip-crc"),), True),
        ((flaw("file-exists"), flaw("zip-crc")), True),
        ((flaw("file-exists"),), False),
        ((flaw("name-reserved"), flaw("not-owner"), flaw("zip-comment", Level.WARN)), False),
        ((), True),
    ],
)
def test_how_to_see_it_again_is_said_where_the_archive_alone_shows_it(flaws: tuple[Flaw, ...], told: bool) -> None:
    """On another machine `check` knows neither the files of this index nor their owners."""
    assert ("on your own machine" in reason_text(event("rejected", flaws=flaws))) is told


@pytest.mark.parametrize(
    "name",
    [
        "demo-1.0.tar.gz",
        "-x-1.0.tar.gz",
        "-\n.whl",
        "it's (1).whl",
        "a\nb\x1b[31m'\\x.whl",
        "d\xe9mo\udcff.tar.gz",
        "$(id).whl",
    ],
)
def test_a_filename_can_be_pasted_into_a_shell(name: str) -> None:
    """Also one with control characters, quotation marks and bytes that are no UTF-8."""
    word = shell_word(name)
    assert word.isprintable()
    done = subprocess.run(["bash", "-c", f"basename {word}"], capture_output=True, check=True)
    assert done.stdout[:-1] == name.encode("utf-8", "surrogateescape")


def test_the_receipt_of_a_held_upload_says_whose_fault_it_is(receipts: Receipts, drop: Path) -> None:
    """It is an error in eggwatch: the uploader gets an answer, and has nothing to fix."""
    receipts.tell_held("dist/demo-1.0.tar.gz")
    text = (drop / "receipts" / "demo-1.0.tar.gz.txt").read_text()
    assert text.startswith("demo-1.0.tar.gz: HELD, it is not in the index yet\n")
    assert (
        "an error in eggwatch" in text
        and "The administrator finds the error" in text
        and "dist/demo-1.0.tar.gz" in text
    )


def test_what_lies_at_another_path_does_not_take_the_place_of_a_verdict(receipts: Receipts, drop: Path) -> None:
    """It is named below the verdict: only the last such file, and only as long as it is there."""
    file = drop / "receipts/demo-1.0.tar.gz.txt"
    refused = event("rejected", flaws=(flaw("a"),))
    receipts.tell(entry(refused))
    for path in ("x/demo-1.0.tar.gz", "s/demo-1.0.tar.gz"):
        receipts.tell_not_taken(path, "It can't be read.")
    verdict, more = refused_text(refused), file.read_text()
    assert more.startswith(verdict) and "at s/demo-1.0.tar.gz: NOT ACCEPTED\nIt can't be read.\n" in more
    assert "x/demo" not in more
    receipts.tell_gone("x/demo-1.0.tar.gz")
    assert file.read_text() == more
    receipts.tell_gone("s/demo-1.0.tar.gz")
    assert file.read_text() == verdict
    receipts.tell_gone("dist/demo-1.0.tar.gz")
    assert file.read_text() == verdict
    receipts.tell_held("dist/demo-1.0.tar.gz")
    assert "HELD" in file.read_text() and "REJECTED" not in file.read_text(), "what is newer about the same path"


@pytest.mark.parametrize("kind", ["not_taken", "unfinished", "held", "waiting", "too_large"])
def test_the_receipt_of_what_lies_there_says_that_it_is_gone(receipts: Receipts, drop: Path, kind: str) -> None:
    """Whatever the receipt said before; but not if another file of that name was removed."""
    words = {"unfinished": {"since": 0.0, "until": 1.0}}.get(kind, {})
    more = () if kind == "held" else ("Why.",)
    getattr(receipts, f"tell_{kind}")("x/demo-1.0.tar.gz", *more, **words)
    file = drop / "receipts/demo-1.0.tar.gz.txt"
    receipts.tell_gone("demo-1.0.tar.gz")
    assert "GONE" not in file.read_text()
    receipts.tell_gone("x/demo-1.0.tar.gz")
    head, gone, before = file.read_text().splitlines()
    assert head.endswith("GONE, it is not in the index") and "no longer at x/demo-1.0.tar.gz" in gone
    assert before.startswith("Previously: ")


@pytest.mark.parametrize("left", [b"", bytes(300)])
def test_a_receipt_whose_bytes_a_power_cut_took_is_replaced_at_a_removal(
    receipts: Receipts, drop: Path, left: bytes
) -> None:
    """Whatever it said, the file is removed now."""
    receipts.tell(entry(event()))
    path = drop / "receipts" / "demo-1.0.tar.gz.txt"
    path.write_bytes(left)
    receipts.tell(entry(event("removed", actor="root"), 2))
    assert path.read_text().startswith("demo-1.0.tar.gz: REMOVED")


def test_the_receipt_of_a_removed_file_says_so(receipts: Receipts, drop: Path) -> None:
    """It says how long the file can be downloaded, and not how to install it; the rest is unchanged."""
    file = drop / "receipts/demo-1.0.tar.gz.txt"
    receipts.tell(entry(event()))
    receipts.tell_not_taken("x/demo-1.0.tar.gz", "It can't be read.")
    removed = event("removed", actor="root", reason="broken", bytes_until="2026-11-22T08:10:00.000000Z")
    receipts.tell(entry(removed, 2))
    text = file.read_text()
    assert text.startswith("demo-1.0.tar.gz: REMOVED") and "by root: broken" in text
    assert "until 2026-11-22T08:10:00Z" in text and "pip" not in text and "at x/demo-1.0.tar.gz" in text


def test_a_refusal_beside_a_published_file_does_not_say_for_ever_that_it_is_in_the_index(
    answers: Answers, drop: Path
) -> None:
    receipts = Receipts(answers, index_url=URL, oldest="2026-11-20T00:00:00.000000Z", since=lambda _: "2026-11-21")
    receipts.tell(entry(event("rejected", flaws=(flaw("a"),))))
    receipts.tell(entry(event("removed", actor="root"), 2))
    head = (drop / "receipts/demo-1.0.tar.gz.txt").read_text().splitlines()[0]
    assert head == "demo-1.0.tar.gz: REMOVED on 2026-11-22T08:00:00Z; another file of that name was rejected"
