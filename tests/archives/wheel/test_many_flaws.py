"""Of many flaws in one wheel a bounded number is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.archive_factory import recorded, wheel_members, zip_of
from tests.archives.judging import (
    WHEEL,
    Part,
    judge,
    refusals,
    warnings,
)
from tests.archives.wheel.test_wheel import INFO, TEXT, added


@pytest.mark.parametrize(
    "name",
    [
        "project{}-1.0.data/scripts/x",
        "project{}-1.0.egg-info",
        "demo-1.0.data/purelib/demo/{}.py",
        "demo-1.0.data/data/bin/{}/x",
    ],
)
def test_fifty_places_are_enough(name: str) -> None:
    """Also of those that are only seen where the members are installed to."""
    numbers = range(60)
    taken = {f"demo/{number}.py": b"other bytes" for number in numbers}
    scripts = {f"demo-1.0.data/scripts/{number}": b"" for number in numbers}
    members = {**wheel_members(), **taken, **scripts, **{name.format(number): b"" for number in numbers}}
    flaws = judge(WHEEL, zip_of(recorded(members))).flaws
    assert len(flaws) == 51
    assert len({flaw.code for flaw in flaws}) == 2


@pytest.mark.parametrize("bad", ["../{}", "demo/{}"])
def test_fifty_flaws_are_enough(bad: str) -> None:
    """A hopeless archive is told in 50 flaws and one that says so."""
    parts = [Part(name=bad.format(number).encode()) for number in range(60)]
    parts = parts if bad.startswith("..") else [*parts, *(replace(part, content=b"other") for part in parts)]
    flaws = judge(WHEEL, added(*parts)).flaws
    assert len(flaws) == 51
    assert flaws[-1].code == "more-flaws"


def test_warnings_alone_never_end_in_a_refusal() -> None:
    """Some are told, and the first of each kind always is: a profile may have it refuse."""
    many = {f"demo{number}?.txt": b"" for number in range(70)}
    inspection = judge(WHEEL, zip_of(recorded({**wheel_members(), **many, f"{INFO}/INSTALLER": b"apt", "x.pyc": b""})))
    assert refusals(inspection) == []
    assert warnings(inspection).count("windows-name") <= 50
    assert {"windows-name", "dist-info-installer", "wheel-bytecode"} <= set(warnings(inspection))


def test_seventy_damaged_members_are_told_as_fifty() -> None:
    """Damage is noted place by place, until it is enough."""
    parts = [Part(name=b"../%d" % number, content=TEXT, packed=b"!" * 9) for number in range(70)]
    inspection = judge(WHEEL, added(Part(name=b"../first"), *parts))
    assert len(inspection.flaws) == 51
    assert inspection.incomplete is None


def test_quoted_names_are_printable_and_short() -> None:
    """A member's name can't put control characters, or pages of text, into our answers."""
    flaws = judge(WHEEL, added(Part(name=b"\x1b[31m" + b"x" * 60_000))).flaws
    assert flaws[0].subject.startswith("\\x1b[31m")
    assert all(len(flaw.subject) <= 201 and len(flaw.message) < 700 for flaw in flaws)


@pytest.mark.parametrize("code", ["zip-flags", "zip-compression", "zip-repeated-member", "zip-name-spelling"])
def test_what_is_odd_in_many_members_is_one_flaw(code: str) -> None:
    """It says how many they are."""
    lies: dict[str, Any] = {"zip-flags": {"flags": 1 << 12}, "zip-compression": {"method": 12}}.get(code, {})
    name = b"demo//%d" if code == "zip-name-spelling" else b"demo/%d"
    parts = [Part(name=name % number, content=TEXT, **lies) for number in range(60)]
    parts = parts * 2 if code == "zip-repeated-member" else parts
    told = [flaw for flaw in judge(WHEEL, added(*parts)).flaws if flaw.code == code]
    assert len(told) == 1 and ("60 members" in told[0].message or "59 more" in told[0].message)
