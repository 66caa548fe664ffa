"""What an archive says that its inspection will cost."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.archives.expected_cpu import A_MEMBER, AN_INFLATED_MIB, AT_LEAST, expected_cpu
from eggwatch.archives.inspecting import inspect
from tests.archive_factory import sdist, wheel
from tests.counting import calls_of
from tests.hostile.bombs import (
    filename_of,
    sdist_over_the_cap,
    sdist_under_the_cap,
    wheel_of_giant_sizes,
    wheel_of_many_members,
    wheel_over_the_cap,
    wheel_under_the_cap,
)


def forecast(archive: tuple[str, bytes]) -> float:
    """Seconds that an archive says it needs."""
    name, data = archive
    return expected_cpu(io.BytesIO(data), name)


@pytest.mark.parametrize("archive", [wheel(), sdist()], ids=["wheel", "sdist"])
def test_the_smallest_archives_need_hardly_more_than_nothing(archive: tuple[str, bytes]) -> None:
    assert AT_LEAST < forecast(archive) < 2 * AT_LEAST


def test_every_member_of_a_wheel_counts_also_those_that_are_not_looked_at() -> None:
    few, many = (wheel(files={f"demo/{number}.py": b"" for number in range(count)}) for count in (500, 5000))
    assert forecast(many) - forecast(few) == pytest.approx(4500 * A_MEMBER, rel=0.3)


def test_what_a_wheel_inflates_to_counts_and_beyond_the_entries_that_are_looked_at_by_their_like() -> None:
    files = {f"demo/{number:04}.py": bytes(10_000) for number in range(1000)}
    expected = 1000 * A_MEMBER + 1000 * 10_000 / (1 << 20) * AN_INFLATED_MIB
    assert forecast(wheel(files=files)) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize(
    "build",
    [
        wheel_under_the_cap,
        wheel_over_the_cap,
        wheel_of_many_members,
        wheel_of_giant_sizes,
        sdist_under_the_cap,
    ],
)
def test_a_bomb_that_says_what_it_holds_is_known_by_it(build: object) -> None:
    name = build.__name__  # type: ignore[attr-defined]
    assert forecast((filename_of(name, build), build(name))) > 0.1  # type: ignore[arg-type, operator]


def test_what_can_not_be_is_not_believed() -> None:
    """The last bytes of an upload that is cut off say anything; it is read on like any other."""
    name, data = "over-1.0.tar.gz", sdist_over_the_cap("over")
    assert forecast((name, data)) == forecast((name, data[:-4] + bytes(4)))
    assert forecast((name, b"\xff" * 1000)) < 2 * AT_LEAST


def test_the_forecast_of_a_wheel_costs_next_to_nothing_whatever_it_says() -> None:
    data = wheel_of_many_members("demo")
    forecasting = calls_of(lambda: forecast(("demo-1.0-py3-none-any.whl", data)))
    assert forecasting < calls_of(lambda: inspect(io.BytesIO(data), "demo-1.0-py3-none-any.whl")) / 20


@pytest.mark.parametrize("suffix", [".whl", ".tar.gz"])
@given(data=st.binary(max_size=200))
def test_no_bytes_make_it_raise(suffix: str, data: bytes) -> None:
    assert forecast((f"demo-1.0{suffix}", data)) >= AT_LEAST


@given(cut=st.integers(0, 1500), place=st.integers(0, 1500), byte=st.binary(min_size=1, max_size=4))
def test_no_damage_to_a_wheel_makes_it_raise(cut: int, place: int, byte: bytes) -> None:
    name, data = wheel()
    damaged = bytearray(data)
    damaged[place : place + len(byte)] = byte
    assert forecast((name, bytes(damaged[cut:]))) >= 0


def test_a_directory_that_is_cut_off_in_an_entry_counts_as_far_as_it_goes() -> None:
    name, data = wheel(files={"demo/noise": random.Random(1).randbytes(1000)})
    end = data.rindex(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    shorter = data[: start + 10] + data[end:]
    assert AT_LEAST < forecast((name, shorter)) < forecast((name, data))
