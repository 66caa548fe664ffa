"""Which Python is taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eggwatch.errors import InstallationError
from eggwatch.setup import interpreter
from eggwatch.setup.interpreter import find_interpreter, is_in_reach, probed
from eggwatch.setup.machine import Machine
from tests.setup.machines import ToldMachine


def facts(*version: int, whole: bool = True) -> str:
    return json.dumps({"version": version, "whole": whole, "systemd": None})


@pytest.fixture(autouse=True)
def _everything_is_in_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "is_in_reach", lambda path: True)


def test_the_distributions_own_is_taken_if_it_is_new_enough() -> None:
    machine = ToldMachine({"/usr/bin/python3 ": facts(3, 11, 2), "/usr/bin/python3.13 ": facts(3, 13, 1)})
    assert str(find_interpreter(machine)) == "/usr/bin/python3 (3.11.2)"


def test_another_is_taken_if_the_distributions_is_too_old() -> None:
    machine = ToldMachine({"/usr/bin/python3 ": facts(3, 9, 2), "/usr/bin/python3.12 ": facts(3, 12, 1)})
    assert find_interpreter(machine).path == Path("/usr/bin/python3.12")


def test_where_there_is_none_it_says_what_is_wanted() -> None:
    with pytest.raises(InstallationError, match=r"no Python 3\.11 or newer"):
        find_interpreter(ToldMachine({"/usr/bin/python3 ": facts(3, 9, 2)}))


def test_a_real_one_tells_of_itself() -> None:
    found = probed(Path(sys.executable), Machine())
    assert found is not None and found.version == sys.version_info[:3]


def test_what_lies_in_a_closed_folder_is_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "PRIVATE", ())
    program = tmp_path / "python3"
    program.touch()
    program.chmod(0o755)
    tmp_path.chmod(0o700)
    assert not is_in_reach(program)


def test_what_lies_in_a_home_is_out_of_reach_whatever_its_mode() -> None:
    assert not is_in_reach(Path("/root/python3"))
