"""Answers of an inspector: believed as little as the archive itself."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from eggwatch.inspection import worker
from eggwatch.inspection.worker import LONGEST_NEED, read_answer, read_given_up


@pytest.mark.parametrize(
    ("answer", "needs"),
    [
        (b'{"given up": 0.25}\n', 0.25),
        (b'{"given up": -1}\n', LONGEST_NEED),
        (b'{"given up": NaN}\n', LONGEST_NEED),
        (b'{"given up": 1e99}\n', LONGEST_NEED),
        (b'{"given up": "soon"}\n', LONGEST_NEED),
        (b'{"flaws": []}\n', None),
        (b"[1]\n", None),
        (b"given up\n", None),
        (b"[" * 100_000 + b"\n", None),
    ],
)
def test_what_an_archive_says_that_it_needs_is_believed_within_reason(answer: bytes, needs: float | None) -> None:
    assert read_given_up(answer) == needs


@pytest.mark.parametrize(
    "answer",
    [
        b"{}\n",
        b"[]\n",
        b"not json\n",
        b'{"flaws": [{"code": 1}], "incomplete": null, "metadata": null, "core": null}\n',
        b'{"flaws": [], "incomplete": 7, "metadata": null, "core": null}\n',
        b'{"flaws": [], "incomplete": null, "metadata": "%%%", "core": null}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_an_answer_that_makes_no_sense_holds_the_file(answer: bytes) -> None:
    assert read_answer(1, answer).trouble


def test_an_answer_of_very_many_values_takes_no_more_memory_than_its_bytes() -> None:
    answer = b'{"flaws": [' + b"[]," * 600_000 + b"[]]}\n"
    tracemalloc.start()
    try:
        assert read_given_up(answer) is None
        assert read_answer(1, answer).trouble
        assert tracemalloc.get_traced_memory()[1] < len(answer)
    finally:
        tracemalloc.stop()


def test_texts_of_an_answer_are_bounded() -> None:
    flaw = {"code": "c" * 10_000, "subject": "s", "message": "m", "level": "refuse"}
    data = {"flaws": [flaw] * 500, "incomplete": None, "metadata": None, "core": None}
    inspection = read_answer(1, json.dumps(data).encode()).inspection
    assert inspection is not None
    assert len(inspection.flaws) == worker.MOST_FLAWS and len(inspection.flaws[0].code) == 100


def test_texts_of_an_answer_are_printable() -> None:
    odd = "a\x1b[2J\n\0\ud800\u2028b"
    core = dict.fromkeys(("metadata_version", "name", "version", "requires_python", "summary"), odd)
    flaw = {"code": odd, "subject": odd, "message": odd, "level": "warn"}
    inspection = read_answer(
        1, json.dumps({"flaws": [flaw], "incomplete": odd, "metadata": None, "core": core}).encode()
    ).inspection
    assert inspection is not None and inspection.core is not None
    (told,) = inspection.flaws
    texts = (told.code, told.subject, told.message, inspection.incomplete or "", inspection.core.name or "")
    assert all(text.isprintable() and text.startswith("a\\x1b[2J") for text in texts)
