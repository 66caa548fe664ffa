"""entry_points.txt: what is admitted is read the same by configparser and by importlib.metadata."""

from __future__ import annotations

import configparser
from functools import partial
from importlib.metadata import EntryPoints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.archives.findings import Findings
from eggwatch.archives.wheel.entry_points import MOST_FLAWS, MOST_LINES, check_entry_points
from tests.counting import calls_of

SCRIPTS = ("console_scripts", "gui_scripts")
SOUND = """\
# comment
[console_scripts]
demo = demo:main
demo-admin = demo.admin:Site.run [extra]

[gui_scripts]
  demow = demo:main
  other = demo:main

[demo.plugins]
# another comment
any value = at all
"""


def told(text: str | bytes, *scripts: str) -> list[str]:
    """Code and message of each flaw."""
    findings = Findings()
    members = {script.casefold(): f"demo-1.0.data/scripts/{script}" for script in scripts}
    check_entry_points(text if isinstance(text, bytes) else text.encode(), "entry_points.txt", members, findings)
    return [f"{flaw.code}: {flaw.message}" for flaw in findings.flaws]


def by_configparser(text: str) -> set[tuple[str, str, str]]:
    """The scripts as pypa/installer finds them."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {(group, *item) for group in SCRIPTS if parser.has_section(group) for item in parser.items(group)}


def by_importlib(text: str) -> set[tuple[str, str, str]]:
    """The scripts as pip finds them."""
    entries: EntryPoints = EntryPoints._from_text(text)  # type: ignore[attr-defined]
    return {(entry.group, entry.name, entry.value) for entry in entries if entry.group in SCRIPTS}


def test_a_file_as_build_tools_write_it_has_no_flaw() -> None:
    """Comments, indented sections, extras, and any value in other groups are lawful."""
    assert told(SOUND) == []
    assert told(SOUND.replace("\n", "\r\n")) == []
    assert by_configparser(SOUND) == by_importlib(SOUND) != set()


PIECES = (
    *("[console_scripts]", "[gui_scripts]", "[x]", "[DEFAULT]", "[", "]"),
    *("\n", "\n", "\n", "\r", "\r\n", "\f", "\x85", "\u2028", " ", "\t"),
    *("a = m:f", "b = m.n:f.g", "a", "b", "é", ".", "-", "=", "#", ";", ":", "/"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_what_is_admitted_is_read_the_same_by_both(text: str) -> None:
    """The same scripts, or a flaw that says why not."""
    if not told(text):
        assert by_configparser(text) == by_importlib(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[console_scripts]]\nx = a:b", "'[console_scripts]]' should be like [console_scripts]"),
        ("[[console_scripts]\n../x = a:b", "script-name-unsafe"),
        ("[x] y\n", "should be like"),
        ("[DEFAULT]\nx = a:b", "applies to every other section"),
        ("[x]\n[x]\n", "occurs twice"),
        ("[x]\na = b\na = c\n", "twice in one section"),
        ("[x]\na\n", "should be 'name = module:function'"),
        ("[x]\n= b\n", "should be 'name = module:function'"),
        ("[x]\n; no comment for all\n", "use '#'"),
        ("[console_scripts]\na b = c:d\n", "'a b'"),
        ("[console_scripts]\na = b:c\n  d = e:f\n", "continues the line before"),
        ("[x]\na = b\n  [console_scripts]\n", "continues the line before"),
        ("[x]\na = b\rc = d\n", "Character 9 is '\\r'"),
        ("[x]\n" + "a" * 1001, "more than 1000 characters"),
        ("\ufeff[x]\n", "precedes the first section"),
        (b"[x]\n\xff", "Byte 4 is not UTF-8"),
    ],
)
def test_what_readers_differ_in_is_a_flaw(text: str | bytes, found: str) -> None:
    """It says in which line, and what."""
    assert found in "\n".join(told(text))


@pytest.mark.parametrize("reference", ["a", "a:", ":b", "1a:b", "a..b:c", "a:b.", "a:b [x", "a:b:c", "a b:c"])
def test_a_script_has_to_name_an_object(reference: str) -> None:
    """It is written into a program, so its parts have to be identifiers."""
    assert "should be module:function" in told(f"[console_scripts]\nx = {reference}\n")[0]


def test_one_program_in_two_places_is_told_once_and_hides_nothing() -> None:
    """pip and uv install the last entry point of that name; a name that is not safe is found behind any number."""
    twice = "".join(f"x{number} = a:b\n" for number in range(20))
    text = f"[console_scripts]\n{twice}[gui_scripts]\n{twice}../y = a:b\n"
    unsafe, same = told(text)
    assert unsafe.startswith("script-name-unsafe") and "another script of this wheel" in same
    assert told("[console_scripts]\nx = a:b\n", "x")[0].startswith("wheel-collision: Line 2")


def test_two_scripts_of_one_name_are_a_flaw_also_where_case_is_not_told_apart() -> None:
    """Among console and GUI scripts, and those that lie in the data folder ready to be copied."""
    assert "one overwrites the other" in told("[console_scripts]\nx = a:b\n[gui_scripts]\nX = a:b\n")[0]
    assert "one overwrites the other" in told("[console_scripts]\nx = a:b\n", "X")[0]
    assert told("[console_scripts]\nx = a:b\n[other]\nx = a:b\n", "y") == []


@pytest.mark.parametrize("line", ["a\n", "[x\n", "=\n", " x\n", "x" + " " * 98])
def test_a_file_full_of_garbage_costs_next_to_nothing(line: str) -> None:
    """configparser would be busy for minutes; here it is a few calls a line, and none beyond the lines it may have."""
    flaws: list[str] = []
    most, more = (partial(told, "[console_scripts]\n" + line * count) for count in (MOST_LINES - 2, 200_000))
    assert calls_of(lambda: flaws.extend(most())) < 50 * MOST_LINES
    assert calls_of(lambda: flaws.extend(more())) < 100
    assert 1 < len(flaws) <= MOST_FLAWS + 1
