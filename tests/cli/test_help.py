"""What a person meets on the way to the right command: help, suggestions, completion, colours."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eggwatch.cli import COMMANDS, cli
from eggwatch.cli.output import has_colours, painted
from tests.archive_factory import wheel
from tests.installers import clean_environment


def help_of(*words: str) -> list[str]:
    """The lines of a help, as on a terminal of 80 columns."""
    done = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert done.exit_code == 0
    return done.output.splitlines()


def test_the_help_lists_every_command_in_a_group_with_a_summary_that_fits() -> None:
    lines = help_of()
    listed = [line.split()[0] for line in lines[lines.index("Set up and run:") :] if line.startswith("  ")]
    assert listed[: len(COMMANDS)] == list(COMMANDS)
    assert [line for line in lines[1:] if len(line) > 80 or line.endswith("...")] == []
    assert {"Upload:", "Look:", "Change what is published:", "Repair and move:"} <= set(lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_and_leaves_what_all_commands_take_to_the_general_one(command: str) -> None:
    lines = help_of(command)
    assert [line for line in lines if len(line) > 80] == []
    assert not any(line.lstrip().startswith(("--config", "--index", "--state")) for line in lines[:-1])
    assert lines[-1].strip() == "--config, --index, --drop, --public and --state: eggwatch --help"


def test_the_general_help_names_the_environment_and_how_to_have_completion() -> None:
    text = "\n".join(help_of())
    assert "$EGGWATCH_CONFIG" in text and "NO_COLOR" in text and "_EGGWATCH_COMPLETE=bash_source eggwatch" in text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["lsit"], "Did you mean list?"),
        (["STATUS"], "Did you mean status?"),
        (["yankk", "demo"], "Did you mean yank or unyank?"),
        (["list", "--jsn"], "'--json'"),
        (["list", "--confg", "x"], "'--config'"),
        (["--confg", "x", "list"], "'--config'"),
    ],
)
def test_who_mistypes_a_command_or_an_option_is_told_what_may_be_meant(typed: list[str], meant: str) -> None:
    done = CliRunner().invoke(cli, typed)
    assert (done.exit_code, meant in done.output) == (2, True), done.output


def test_what_is_like_no_command_gets_no_suggestion() -> None:
    assert CliRunner().invoke(cli, ["frobnicate"]).output.endswith("No such command 'frobnicate'.\n")


def test_completion_offers_commands_by_their_beginning() -> None:
    """As the line of the help sets it up in bash."""
    completing = {"_EGGWATCH_COMPLETE": "bash_complete", "COMP_WORDS": "eggwatch un", "COMP_CWORD": "1"}
    program = Path(sys.executable).with_name("eggwatch")
    done = subprocess.run(
        [str(program)], env={**os.environ, **completing}, capture_output=True, text=True, timeout=30, check=False
    )
    assert [line.rpartition(",")[2] for line in done.stdout.splitlines()] == ["unyank", "unblock"], done.stderr


def test_the_word_of_a_verdict_is_in_colour_and_nothing_else() -> None:
    assert painted("demo.whl: admit") == "demo.whl: \x1b[32madmit\x1b[0m"
    assert painted("  [refuse] not-a-zip: demo.whl") == "  \x1b[31m[refuse]\x1b[0m not-a-zip: demo.whl"
    assert painted("admit-1.0.tar.gz") == "admit-1.0.tar.gz"


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_whose_person_wants_them(
    stream: io.StringIO, environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_colours(stream) is coloured


def test_a_verdict_on_a_real_terminal_is_in_colour(tmp_path: Path) -> None:
    name, data = wheel()
    (tmp_path / name).write_bytes(data)
    kept = {key: value for key, value in clean_environment(tmp_path).items() if "COLOR" not in key}
    person, terminal = pty.openpty()
    command = [sys.executable, "-m", "eggwatch", "check", name]
    environment = {**kept, "TERM": "xterm"}
    try:
        subprocess.run(command, stdout=terminal, cwd=tmp_path, env=environment, timeout=30, check=True)
        assert b"\x1b[32madmit" in os.read(person, 10000)
    finally:
        os.close(person)
        os.close(terminal)


def test_check_verify_and_doctor_each_name_the_other_two() -> None:
    """So that nobody takes one for another."""
    commands = {"check", "verify", "doctor"}
    for command in commands:
        text = CliRunner().invoke(cli, [command, "--help"]).output
        assert all(f"`{other}`" in text for other in commands - {command}), text
