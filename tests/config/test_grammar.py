"""Times, sizes, and how long something is kept: one grammar."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from eggwatch.config.grammar import accent, duration, file_mode, size
from eggwatch.config.settings import SETTINGS
from eggwatch.model.events import timestamp
from eggwatch.policy.retention import Keeping


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("30d", 2_592_000),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("2 s", 2),
    ],
)
def test_times(text: str, seconds: float) -> None:
    """One number and one unit: milliseconds, seconds, minutes, hours, days."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", 10, 1.5, None, True, "s", "-1s", "1h30m", "1 week", "1e3s", "10S", ["1s"], "1s\n"]
)
def test_what_is_no_time(text: object) -> None:
    """Anything else is told the grammar."""
    with pytest.raises(ValueError, match='write "90s", "10m", "1h" or "30d"'):
        duration(text)


def test_no_time_is_longer_than_a_century() -> None:
    """Of some times a date is made, as when removed bytes go: one after the year 9999 can't be written."""
    assert timestamp(time.time() + duration("36500d"))
    for text in ("36501d", "9999999d", f"{'9' * 400}s"):
        with pytest.raises(ValueError, match='longer than "36500d"'):
            duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0B", 0), ("512B", 512), ("1KiB", 1024), ("64MiB", 67_108_864), ("2GiB", 1 << 31), ("1TiB", 1 << 40)],
)
def test_sizes(text: str, number: int) -> None:
    """One number and one unit of 1024."""
    assert size(text) == number


def test_a_mode_leaves_the_owner_its_rights() -> None:
    """The state and its folders have it, too: with 0444 the daemon could write nothing into what it had just made."""
    assert [file_mode(mode) for mode in ("0600", "640", "0664")] == [0o600, 0o640, 0o664]
    for mode in ("0444", "0400", "0000", "0244"):
        with pytest.raises(ValueError, match="reading or writing"):
            file_mode(mode)


@pytest.mark.parametrize("key", SETTINGS)
def test_a_value_of_another_type_is_told_the_grammar(key: str) -> None:
    """Any other error would end a daemon that reads its configuration again."""
    for value in (1, 1.5, True, "", [], [1], [[]], [["wheel"]], [{}], {}, {"a": 1}, {"a": [[]]}, {"a": {"b": []}}):
        with suppress(ValueError):
            SETTINGS[key].read(value)


@pytest.mark.parametrize("text", ["", "64", 64, "64MB", "64M", "1.5GiB", "-1B", None, True, "MiB"])
def test_what_is_no_size(text: object) -> None:
    """Anything else, units of 1000 among it, is told the grammar."""
    with pytest.raises(ValueError, match='write "64MiB" or "2GiB"'):
        size(text)


@pytest.mark.parametrize(
    ("value", "keeping"),
    [
        ("forever", Keeping()),
        ("90d", Keeping(age=7_776_000)),
        ("2GiB", Keeping(size=1 << 31)),
        (["2GiB", "1h"], Keeping(age=3600, size=1 << 31)),
    ],
)
def test_how_long_something_is_kept(value: object, keeping: Keeping) -> None:
    """For ever, by age, by size of all together, or by both."""
    assert SETTINGS["keep-rejected"].read(value) == keeping


@pytest.mark.parametrize("value", ["", "never", 3, None, [], ["90d", "often"], ["forever"]])
def test_what_is_no_limit(value: object) -> None:
    """Anything else is told the grammar."""
    with pytest.raises(ValueError, match='write "forever", "90d", "2GiB"'):
        SETTINGS["keep-rejected"].read(value)


def test_a_colour_for_links_is_dark_enough_to_be_read() -> None:
    assert accent("#7A1f5c") == "#7a1f5c"
    for wrong in ("red", "#abc", "#7a1f5c; } body { display: none", 7):
        with pytest.raises(ValueError, match=r"colour|text"):
            accent(wrong)
    with pytest.raises(ValueError, match=r"too light .* contrast is 1\.\d, at least 5"):
        accent("#ffee00")
