"""A real journald: the fields of events, their priorities, and what the catalog says to a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eggwatch.notifiers.journal import MESSAGE_IDS
from tests.archive_factory import sdist
from tests.contrib.booting import CLONE
from tests.contrib.journald import run_under_journald
from tests.contrib.refusal_told import page

pytestmark = [pytest.mark.root, pytest.mark.parts]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what was read from the journal after one publish and one refusal."""
    base = tmp_path_factory.mktemp("journal")
    (base / "drop").mkdir()
    name, data = sdist("demo")
    (base / "drop" / name).write_bytes(data)
    (base / "drop" / "junk-1.0-py3-none-any.whl").write_bytes(b"no archive" * 50)
    run_under_journald(base)
    return base


def entries(journal: Path, name: str) -> list[dict[str, Any]]:
    """What `journalctl -o json` has printed."""
    return [json.loads(line) for line in (journal / name).read_text().splitlines()]


def test_an_event_has_its_fields_and_its_message_id(journal: Path) -> None:
    admitted, rejected = sorted(entries(journal, "admitted-and-rejected"), key=lambda one: str(one["EGGWATCH_EVENT"]))
    expected = {
        "EGGWATCH_EVENT": "admitted",
        "EGGWATCH_INDEX": "default",
        "EGGWATCH_PROJECT": "demo",
        "EGGWATCH_VERSION": "1.0",
        "EGGWATCH_FILENAME": "demo-1.0.tar.gz",
        "EGGWATCH_UPLOADER": "root",
        "EGGWATCH_STAGE": "announce",
        "MESSAGE_ID": MESSAGE_IDS["admitted"],
        "SYSLOG_IDENTIFIER": "eggwatch",
        "PRIORITY": "6",
    }
    assert expected.items() <= admitted.items()
    assert len(admitted["EGGWATCH_SHA256"]) == 64
    assert (rejected["EGGWATCH_FLAWS"], rejected["PRIORITY"]) == ("not-a-zip", "5")
    assert rejected["MESSAGE_ID"] == MESSAGE_IDS["rejected"]


def test_the_catalog_explains_a_refusal_and_its_remedy(journal: Path) -> None:
    """`journalctl -x` has every flaw, who uploaded it, and where to read more."""
    text = (journal / "explained").read_text()
    assert "Subject: junk-1.0-py3-none-any.whl was rejected" in text
    assert "uploaded by root" in text
    assert "upload the wheel itself" in text
    assert "eggwatch explain not-a-zip" in text


def test_each_stage_is_one_line_with_its_field(journal: Path) -> None:
    lines = [one for one in entries(journal, "all") if "demo-1.0.tar.gz" in str(one["MESSAGE"])]
    assert [one["EGGWATCH_STAGE"] for one in lines] == ["claim", "inspect", "judge", "admit", "announce"]


def test_the_page_of_one_refusal_told_five_ways_is_what_really_comes(tmp_path: Path) -> None:
    """docs/refusal.rst; `python -m tests.contrib.refusal_told` writes it anew."""
    assert (CLONE / "docs" / "refusal.rst").read_text() == page(tmp_path)
