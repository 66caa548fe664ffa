"""Small archives that would keep a parser busy for long: refused before that, with the reason."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eggwatch.archives.inspecting import inspect
from eggwatch.archives.metadata import readme
from eggwatch.archives.metadata.bounds import LARGEST_FIELDS, MOST_HEADERS, MOST_LINES, MOST_NAMES, excess
from eggwatch.archives.metadata.readme import readme_flaws
from eggwatch.archives.wheel import record
from eggwatch.model.verdicts import Flaw
from tests.archive_factory import sdist_members, targz_of, wheel_members, zip_of
from tests.archives.judging import (
    SDIST,
    WHEEL,
    judge,
    message,
    pax,
    raw_wheel,
    refusals,
    tar_parts,
    targz,
    warnings,
    wheel_parts,
)
from tests.counting import calls_of

HEAD = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"


def sdist(head: str, body: str = "") -> bytes:
    """An sdist whose PKG-INFO says this beside the necessary."""
    return targz_of({**sdist_members(), "demo-1.0/PKG-INFO": f"{HEAD}{head}\n{body}".encode()})


def lines(count: int, line: Callable[[int], str]) -> str:
    """So many lines."""
    return "".join(f"{line(number)}\n" for number in range(count))


@pytest.mark.parametrize(
    ("head", "body", "found"),
    [
        (lines(MOST_NAMES, lambda n: f"X{n}: y"), "", "103 different fields"),
        (lines(MOST_HEADERS, lambda _: "Classifier: x"), "", "more than 10000 header fields"),
        ("Summary: x\n" + " y\n" * MOST_LINES, "", "more than 100000 lines"),
        ("", "\n" * MOST_LINES, "more than 100000 lines"),
        ("", "\r" * (MOST_LINES + 1), "more than 100000 lines"),
        (
            lines(2000, lambda n: f"Requires-Dist: p{n}[{','.join(['e'] * 200)}]"),
            "",
            "Its fields other than Description",
        ),
        ("Keywords: " + "," * LARGEST_FIELDS + "\n", "", "Its fields other than Description"),
    ],
)
def test_metadata_that_would_cost_seconds_is_unreadable(head: str, body: str, found: str) -> None:
    """It reaches no parser, which needs many calls for each line; the flaw says what there is too much of."""
    data = sdist(head, body)
    inspection = judge(SDIST, data)
    assert calls_of(lambda: judge(SDIST, data)) < MOST_LINES
    assert refusals(inspection) == ["metadata-unreadable"]
    assert found in message(inspection, "metadata-unreadable")


def test_a_readme_and_a_licence_in_the_header_are_no_excess() -> None:
    """Before metadata 2.1 the description stood there, indented."""
    text = "\n        ".join(["word " * 20] * 10_000)
    for field in ("Description", "License"):
        assert excess(f"{HEAD}{field}: {text}\n\n".encode()) is None
    assert excess(f"{HEAD}Summary: {text}\n\n".encode()) is not None


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("Author-Email: " + "(" * 1900, "email-invalid"),
        ("Description-Content-Type: " + "(" * 9000, "metadata-field-invalid"),
        ("License-Expression: " + "(" * 4000 + "MIT" + ")" * 4000, "metadata-field-too-new"),
        ("Requires-Python: " + "(" * 400, "metadata-requires-python"),
    ],
)
def test_nesting_deeper_than_python_goes_is_a_flaw(head: str, code: str) -> None:
    """And no exception."""
    inspection = judge(SDIST, sdist(f"{head}\n"))
    assert code in refusals(inspection) + warnings(inspection)


@pytest.mark.parametrize("error", [RecursionError, IndexError, LookupError, AttributeError])
def test_a_parser_that_gives_up_makes_the_metadata_unreadable(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """In whatever way: the file is refused, and not held as if that were a bug."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("eggwatch.archives.metadata.fields.parse_email", fail)
    assert refusals(judge(SDIST, sdist("License: of\n several lines\n"))) == ["metadata-unreadable"]


def test_of_a_record_with_countless_stray_lines_a_few_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks on after the first thousands."""
    monkeypatch.setattr(record, "MOST_COUNTED", 1000)
    members = wheel_members()
    members["demo-1.0.dist-info/RECORD"] += b"".join(b"demo/%x,,\n" % number for number in range(5000))
    inspection = judge(WHEEL, zip_of(members))
    assert refusals(inspection) == ["record-invalid"] and warnings(inspection) == ["record-stray-entry"]
    assert "the check stopped there" in message(inspection, "record-invalid")
    assert "1000 more" in message(inspection, "record-stray-entry")


def test_a_pax_header_has_a_bounded_number_of_records() -> None:
    """tarfile copies those of a global header for each member that follows."""
    for count, found in ((1000, []), (1001, ["tar-malformed"])):
        records = pax({f"SCHILY.k{number}": "v" for number in range(count)}, kind=b"g")
        assert refusals(judge(SDIST, targz(records, *tar_parts()))) == found


@pytest.mark.parametrize("text", ["", "UNKNOWN"])
def test_no_readme_is_none_to_render(text: str) -> None:
    """distutils wrote UNKNOWN for it."""
    assert list(readme_flaws(f"{HEAD}\n{text}\n".encode())) == []


@pytest.mark.parametrize("said", ["(" * 190, "text/markdown; charset*=x'"])
def test_a_content_type_that_no_parser_takes_is_that_of_none(said: str) -> None:
    """The description is rendered as if nothing were said."""
    assert list(readme_flaws(f"{HEAD}Description-Content-Type: {said}\n\nsound *text*\n".encode())) == []


def test_a_readme_that_takes_too_long_does_not_render(monkeypatch: pytest.MonkeyPatch) -> None:
    """docutils needs seconds for a table of a hundred columns and rows."""
    monkeypatch.setattr(readme, "MOST_SECONDS", 0.1)
    row = " ".join("a" * 100)
    edge = " ".join("=" * 100)
    (flaw,) = readme_flaws(f"{HEAD}\n{edge}\n{lines(100, lambda _: row)}{edge}\n".encode())
    assert "more than 0.1 seconds" in flaw.message


def test_a_page_does_not_wait_as_long_for_a_readme_as_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown as plain text then."""
    monkeypatch.setattr(readme, "MOST_SECONDS_OF_PAGE", 0.1)
    row, edge = " ".join("a" * 100), " ".join("=" * 100)
    assert readme.readme_html(f"{edge}\n{lines(100, lambda _: row)}{edge}\n", "text/x-rst") is None
    assert readme.readme_html("sound *text*", "text/x-rst") == "<p>sound <em>text</em></p>\n"


def rendered_by(monkeypatch: pytest.MonkeyPatch, render: Callable[..., str]) -> Iterator[Flaw]:
    """What is said of a description whose renderer behaves so."""
    monkeypatch.setattr(readme, "import_module", lambda _: SimpleNamespace(render=render))
    return readme_flaws(f"{HEAD}\ntext\n".encode())


def test_a_renderer_that_panics_does_not_render(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong inside of Rust is no Exception."""

    def panic(*_: object, **__: object) -> str:
        raise type("PanicException", (BaseException,), {})("index out of bounds")

    (flaw,) = rendered_by(monkeypatch, panic)
    assert "PanicException: index out of bounds" in flaw.message


def test_an_interrupt_in_the_middle_of_a_readme_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the renderer's."""

    def interrupt(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(rendered_by(monkeypatch, interrupt))


def test_where_there_is_no_clock_a_readme_is_rendered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its length is bounded there too."""
    monkeypatch.delattr("signal.setitimer")
    assert list(readme_flaws(f"{HEAD}\nsound *text*\n".encode())) == []


@pytest.mark.parametrize("offset", [700, 1 << 45, (1 << 63) - 1, 1 << 63, (1 << 64) - 2])
def test_an_offset_that_no_file_can_have_is_a_flaw(tmp_path: Path, offset: int) -> None:
    """Zip64 has room for all 64 bits, and the kernel has not; neither for a member nor for an end record."""
    parts = wheel_parts()
    parts[0].central_extra = struct.pack("<2HQ", 1, 8, offset)
    parts[0].central = {"offset": 0xFFFFFFFF}
    members, record = tmp_path / "members", tmp_path / "record"
    members.write_bytes(raw_wheel(parts))
    record.write_bytes(raw_wheel(wheel_parts(), zip64={"position": offset}))
    for path, code in ((members, "zip-local-mismatch"), (record, "zip64-mismatch")):
        with path.open("rb", buffering=0) as file:
            assert code in refusals(inspect(file, WHEEL))
