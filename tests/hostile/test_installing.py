"""Whatever we accept, pip, uv and installer put onto the same paths, byte for byte, and none of them refuses it."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from eggwatch.model.verdicts import Flaw, Level
from tests.archive_factory import wheel
from tests.archives.judging import WHEEL, judge
from tests.archives.wheel.test_wheel import SOUND, WARNED
from tests.hostile.building import build, twin
from tests.hostile.installing import by_installer, by_pip, by_uv, differences, expected, installed, random_wheel
from tests.hostile.metadatas import METADATA
from tests.hostile.of_others import UV
from tests.hostile.reading import is_of_record, our_members
from tests.hostile.wheels import WHEELS

RANDOM = 80
FEWEST = 120


def candidates() -> Iterator[bytes]:
    """All samples that are called as a plain wheel, and random ones."""
    yield wheel()[1]
    yield from SOUND.values()
    yield from (data for _, data in WARNED.values())
    descriptions = [*WHEELS, *METADATA, *(case.archive for case in UV)]
    for filename, data in (build(what) for hostile in descriptions for what in (hostile, twin(hostile))):
        if filename == WHEEL:
            yield data
    source = Random(20)
    yield from (random_wheel(source) for _ in range(RANDOM))


def accepted() -> list[bytes]:
    """Those that nothing refuses, that no installer would take long over, and that pypa/installer takes, too."""
    plain = dict.fromkeys(data for data in candidates() if len(data) < 100_000)
    return [data for data in plain if not any(_is_left_out(flaw) for flaw in judge(WHEEL, data).flaws)]


def _is_left_out(flaw: Flaw) -> bool:
    """pypa/installer stumbles over more than pip and uv, of which test_field_kinds.py has the trees."""
    stumbles = ("wheel-collision", "dist-info-installer", "wheel-bytecode")
    return flaw.level is Level.REFUSE or is_of_record(flaw) or flaw.code in stumbles


def scripts(members: dict[str, bytes]) -> list[str]:
    """The names of the programs that installers write."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(members.get("demo-1.0.dist-info/entry_points.txt", b"").decode())
    groups = ("console_scripts", "gui_scripts")
    return [name for group in groups if parser.has_section(group) for name in parser.options(group)]


@pytest.mark.long
@pytest.mark.parts
def test_all_installers_make_the_same_tree_of_what_we_accept(tmp_path: Path) -> None:
    """It is the tree that the specification asks for, and our own walk reads."""
    wheels = {}
    for number, data in enumerate(accepted()):
        path = tmp_path / str(number) / WHEEL
        path.parent.mkdir()
        path.write_bytes(data)
        wheels[path] = our_members(data)
    assert len(wheels) > FEWEST
    for name, install in (("pip", by_pip), ("installer", by_installer), ("uv", by_uv)):
        assert install(wheels) == {}, name
        told = {}
        for path, members in wheels.items():
            programs = scripts(members)
            found = differences(installed(path.parent / name, programs), expected(members, programs))
            if found:
                told[path] = found
        assert told == {}, name
