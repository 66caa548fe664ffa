"""Is this name an upload, and is the upload finished?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from eggwatch.model.sightings import Identity, Lease, Sighting
from eggwatch.policy.settling import (
    NameKind,
    Patience,
    Ready,
    Wait,
    is_foreign_package,
    kind_of_name,
    may_be_misnamed,
    may_retire,
    remark_on,
    remark_on_contents,
    settle,
)

FORMATS = ("wheel", "sdist")
HERE = Identity(dev=1, ino=2, size=3, mtime_ns=4, ctime_ns=5)
SEEN = Sighting(path="demo-1.0.tar.gz", filename="demo-1.0.tar.gz", identity=HERE, uid=1000, since=100.0)
PATIENCE = Patience(quiet=2.0, unfinished_after=60.0, linger=1.0)


@pytest.mark.parametrize("name", [".hidden.whl", "a.whl.part", "a.filepart", "a.tmp", ".in.a.whl.", "#a.whl#"])
def test_temporary_names_are_never_looked_at(name: str) -> None:
    """Uploaders use them until an upload is whole."""
    assert kind_of_name(name, FORMATS) is NameKind.TEMPORARY
    assert not is_foreign_package(name)


@pytest.mark.parametrize("name", ["a.whl", "A.WHL", "a.tar.gz", "a (1).tar.gz"])
def test_wheels_and_sdists_are_uploads(name: str) -> None:
    """Whatever the case of the suffix, and whether the rest of the name is right or not."""
    assert kind_of_name(name, FORMATS) is NameKind.UPLOAD


@pytest.mark.parametrize("name", ["a.zip", "a.whl.asc", "a.whl.yank", "a\udcff.whl", "README"])
def test_everything_else_is_left_alone(name: str) -> None:
    """Formats that nobody named, reserved suffixes, names that are no UTF-8."""
    assert kind_of_name(name, FORMATS) is NameKind.OTHER


def test_formats_may_be_named() -> None:
    """The configuration's `formats` say what is taken."""
    assert kind_of_name("a.zip", ("zip",)) is NameKind.UPLOAD


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("._a.whl", "resource fork"),
        ("a\udcff.whl", "not valid UTF-8"),
        ("a.EXE", "Windows"),
        ("a.tar", ".tar.gz"),
        ("demo-1.0-py3-none-any.whl", "does not accept wheels"),
        ("demo-1.0.tar.gz", "does not accept sdists"),
        ("holiday.jpg", "Not a package"),
    ],
)
def test_a_stranger_gets_a_remark(name: str, word: str) -> None:
    """`status` says what it is, and what to do."""
    remark = remark_on(name)
    assert remark is not None and word in remark


def test_nobody_asks_about_a_temporary_name() -> None:
    """It gets no remark."""
    assert remark_on("a.whl.part") is None


def test_a_package_of_another_kind_was_meant_to_be_published() -> None:
    """An egg is told off, a photograph is not."""
    assert is_foreign_package("a.egg") and not is_foreign_package("a.jpg")
    assert is_foreign_package("a.tar.gz") and not is_foreign_package("a\udcff.tar.gz")


def test_an_upload_that_is_being_written_waits() -> None:
    """Somebody has it open."""
    waits = settle(replace(SEEN, lease=Lease.HELD), deferred=None, now=1e9, patience=PATIENCE)
    assert isinstance(waits, Wait) and waits.until is None


def test_a_lease_makes_an_upload_ready_at_once() -> None:
    """Nobody has it open for writing."""
    assert settle(replace(SEEN, lease=Lease.FREE), deferred=None, now=100.0, patience=PATIENCE) == Ready()


def test_what_was_whole_when_it_got_its_name_is_judged_at_once() -> None:
    """As it lies, with or without a lease; unless somebody has it open."""
    whole = replace(SEEN, is_whole=True)
    assert settle(whole, deferred=None, now=100.0, patience=PATIENCE) == Ready(overdue=True)
    held = settle(replace(whole, lease=Lease.HELD), deferred=None, now=100.0, patience=PATIENCE)
    assert isinstance(held, Wait)


def test_without_a_lease_an_upload_has_to_be_quiet() -> None:
    """For as long as `quiet` says."""
    waits = settle(SEEN, deferred=None, now=101.9, patience=PATIENCE)
    assert isinstance(waits, Wait) and waits.until == 102.0
    assert settle(SEEN, deferred=None, now=102.0, patience=PATIENCE) == Ready()


def test_an_unfinished_upload_waits_until_it_is_overdue() -> None:
    """Then it is judged as it lies."""
    deferred, patience = replace(SEEN, lease=Lease.FREE), replace(PATIENCE, unfinished_after=600.0)
    early = settle(deferred, deferred=HERE, now=110.0, patience=patience)
    assert early == Wait(reason="the end of the file is missing", until=160.0)
    later = settle(deferred, deferred=HERE, now=160.0, patience=patience)
    assert later == Wait(reason="the end of the file is missing", until=700.0, answered=True)
    assert settle(deferred, deferred=HERE, now=700.0, patience=patience) == Ready(overdue=True)
    assert settle(deferred, deferred=HERE._replace(size=9), now=101.0, patience=patience) == Ready()


def test_an_original_lingers_before_it_leaves() -> None:
    """Clients set modes and times after they have closed it."""
    free = replace(SEEN, lease=Lease.FREE)
    waits = may_retire(free, now=100.9, patience=PATIENCE)
    assert isinstance(waits, Wait) and waits.until == 101.0
    assert may_retire(free, now=101.0, patience=PATIENCE) == Ready()
    assert isinstance(may_retire(SEEN, now=101.9, patience=PATIENCE), Wait)
    assert isinstance(may_retire(replace(SEEN, lease=Lease.HELD), now=1e9, patience=PATIENCE), Wait)
    whole = replace(free, is_whole=True)
    assert isinstance(may_retire(whole, now=159.9, patience=PATIENCE), Wait)
    assert may_retire(whole, now=160.0, patience=PATIENCE) == Ready()


WHEEL_TAIL = b"demo-1.0.dist-info/RECORDPK"


@pytest.mark.parametrize(
    ("name", "head", "tail", "what"),
    [
        ("drop", b"PK\x03\x04", WHEEL_TAIL, "a wheel"),
        ("demo.bin", b"PK\x03\x04", WHEEL_TAIL, "a wheel"),
        ("drop", b"\x1f\x8b\x08", b"", "an archive (gzip)"),
        ("v1.0", b"BZh", b"", "an archive (bzip2)"),
        ("report.docx", b"PK\x03\x04", b"word/document.xml", None),
        ("notes", b"hello", b"", None),
    ],
)
def test_an_archive_under_another_name_is_recognised_by_its_bytes(
    name: str, head: bytes, tail: bytes, what: str | None
) -> None:
    """scp creates a file if the folder in its target is missing; a document is a zip too, and is left alone."""
    assert may_be_misnamed(name)
    remark = remark_on_contents(name, head, tail)
    assert (remark or "").startswith(f"It is {what} inside" if what else "") and bool(remark) == bool(what)


@pytest.mark.parametrize("name", ["._demo", "demo.part", "README.txt.filepart", "demo.rpm", "\udce4"])
def test_nobody_looks_into_what_is_known_by_its_name(name: str) -> None:
    assert not may_be_misnamed(name)
