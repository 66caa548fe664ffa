"""Archives that cost as much as the rules let them are refused, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.archives.judging import judge, refusals
from tests.cli.program import Site, until
from tests.hostile.bombs import SDISTS, WHEELS, filename_of, wheel_under_the_cap

CODES = {
    "wheel_under_the_cap": "record-unlisted-member",
    "wheel_over_the_cap": "compression-ratio",
    "wheel_that_lies": "zip-size",
    "wheel_of_many_members": "record-unlisted-member",
    "wheel_of_giant_sizes": "compression-ratio",
    "sdist_under_the_cap": "metadata-name-mismatch",
    "sdist_over_the_cap": "compression-ratio",
    "sdist_of_many_members": "sdist-top-folder",
    "sdist_of_many_streams": "gzip-members",
    "sdist_of_giant_sizes": "tar-unclosed",
}
BOMBS = 24


@pytest.mark.parametrize("build", (*WHEELS, *SDISTS), ids=lambda build: build.__name__)
def test_a_bomb_is_refused(build: Callable[[str], bytes]) -> None:
    """Each kind by its code, and as no unfinished upload, which would be looked at again."""
    found = judge(filename_of("demo", build), build("demo"))
    assert CODES[build.__name__] in refusals(found)
    assert found.incomplete is None


def test_there_is_a_code_for_every_bomb() -> None:
    """A new kind of bomb is judged above, too."""
    assert {build.__name__ for build in (*WHEELS, *SDISTS)} == CODES.keys()


@pytest.mark.parts
def test_an_honest_upload_is_published_before_the_bombs_in_the_queue_are_done(tmp_path: Path) -> None:
    """It comes behind all of them, and goes out while most are still being judged."""
    site = Site(tmp_path)
    with site.daemon():
        for number in range(BOMBS):
            site.put((f"bomb{number}-1.0-py3-none-any.whl", wheel_under_the_cap(f"bomb{number}")))
        site.put(wheel("honest"))
        until("all verdicts", lambda: len(site.events()) > BOMBS, seconds=120)
    order = [event["event"] for event in site.events()]
    assert order.count("rejected") == BOMBS
    assert order.index("admitted") < BOMBS // 2
