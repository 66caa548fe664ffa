"""The two commands of the README: what they set up, whom they ask, and that a stranger's upload gets through."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote

import pytest
from docutils.core import publish_string

from tests.running import until

CLONE = Path(__file__).parents[2]
LIBRARY = CLONE / "contrib" / "setup-lib.sh"
NOT_CLONED = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "*.egg-info", "build", "dist", ".*_cache")
LEFT_BEHIND = {"drop", "public", "state"}
"""What `try.sh` leaves in a clone; eggwatch/store/ has rooms of these names."""
DEMO = "eggwatch_demo-1.0-py3-none-any.whl"


class Machine:
    """A machine without much: a PATH of a few tools, and stand-ins that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder / "bin", folder / "calls"
        self.folder.mkdir()
        self.calls.touch()
        for tool in ("sh", "env", "mktemp", "rm", "tail", "cat", "head", "touch"):
            found = shutil.which(tool)
            assert found is not None
            (self.folder / tool).symlink_to(found)

    def add(self, name: str, script: str) -> None:
        """A stand-in; its call is written down first."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{quote(str(self.calls))}\n{script}\n')
        path.chmod(0o755)

    def add_python(self, *, whole: bool) -> None:
        """The real one; where it is not `whole`, what venv needs comes with the packages."""
        packages = self.folder.parent / "packages-are-there"
        if whole:
            packages.touch()
        lack = f'case "$2" in *ensurepip*) [ -e {quote(str(packages))} ]; exit ;; esac'
        (self.folder / "python3").write_text(f'#!/bin/sh\n{lack}\nexec {quote(sys.executable)} "$@"\n')
        (self.folder / "python3").chmod(0o755)

    def add_account(self, uid: int) -> None:
        """Who runs the command."""
        (self.folder / "id").write_text(f"#!/bin/sh\necho {uid}\n")
        (self.folder / "id").chmod(0o755)

    def called(self) -> list[str]:
        """The calls so far, each on one line."""
        return self.calls.read_text().splitlines()

    def run(self, script: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        """A script that has read the library; then PATH is only ours, as reading it adds the sbin folders."""
        return subprocess.run(
            ["/bin/sh", "-euc", f". {quote(str(LIBRARY))}\nPATH={quote(str(self.folder))}\n{script}", "try.sh"],
            env={"PATH": os.environ["PATH"]},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.add_account(0)
    return machine


@contextmanager
def terminal(answer: str) -> Iterator[int]:
    """A terminal at which somebody has typed `answer`."""
    person, program = pty.openpty()
    os.write(person, answer.encode())
    yield program
    os.close(person)
    os.close(program)


PACKAGES_COME = 'touch "${0%/bin/*}/packages-are-there"'


def test_a_whole_python_needs_no_packages(machine: Machine) -> None:
    machine.add_python(whole=True)
    machine.add("apt-get", "")
    assert machine.run('need_python; echo "$python"').stdout.strip() == sys.executable
    assert machine.called() == []


def test_debians_python_without_venv_gets_it_by_apt(machine: Machine) -> None:
    machine.add_python(whole=False)
    machine.add("apt-get", PACKAGES_COME)
    done = machine.run('need_python; echo "$python"')
    assert (done.returncode, done.stdout.strip()) == (0, sys.executable), done.stderr
    assert "python3-venv" in machine.called()[-1]
    assert all("DPkg::Lock::Timeout=300" in call for call in machine.called())


def test_fedora_gets_it_by_dnf(machine: Machine) -> None:
    machine.add_python(whole=False)
    machine.add("dnf", PACKAGES_COME)
    done = machine.run('need_python; echo "$python"')
    assert (done.returncode, done.stdout.strip()) == (0, sys.executable), done.stderr
    assert machine.called() == ["dnf -y -q install python3", "dnf -y -q install python3-pip"]


def test_others_go_through_sudo(machine: Machine) -> None:
    machine.add_account(1000)
    machine.add_python(whole=False)
    machine.add("dnf", PACKAGES_COME)
    machine.add("sudo", '[ "$1" != -n ] || shift; exec "$@"')
    done = machine.run("need_python")
    assert done.returncode == 0, done.stderr
    assert machine.called()[0].startswith("sudo -n ")


def test_without_root_and_sudo_it_says_what_to_run(machine: Machine) -> None:
    machine.add_account(1000)
    machine.add_python(whole=False)
    machine.add("apt-get", PACKAGES_COME)
    done = machine.run("need_python")
    assert done.returncode == 2
    assert "apt-get install python3 python3-venv" in done.stderr
    assert machine.called() == []


def test_packages_that_can_not_be_had_end_it_with_the_reason_and_the_command(machine: Machine) -> None:
    machine.add_python(whole=False)
    machine.add("apt-get", "echo E: no network >&2; exit 100")
    done = machine.run("need_python")
    assert done.returncode == 2
    assert "E: no network" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


@pytest.mark.parametrize(("answer", "installed"), [("\n", True), ("y\n", True), ("n\n", False), ("\x04", False)])
def test_a_person_at_the_terminal_is_asked(machine: Machine, answer: str, installed: bool) -> None:
    machine.add_python(whole=False)
    machine.add("apt-get", PACKAGES_COME)
    with terminal(answer) as stdin:
        done = machine.run("need_python", stdin)
    assert "[Y/n]" in done.stderr
    assert (done.returncode == 0) is installed, done.stderr
    assert bool(machine.called()) is installed


def test_who_has_no_package_manager_is_told_so(machine: Machine) -> None:
    machine.add_python(whole=False)
    done = machine.run("need_python")
    assert done.returncode == 2
    assert "neither apt-get nor dnf" in done.stderr


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of this state would hold, in a folder as people have; the first test sets it up."""
    place = tmp_path_factory.mktemp("stranger") / "Bob's stuff" / "egg watch"
    return Path(shutil.copytree(CLONE, place, ignore=not_cloned))


def not_cloned(folder: str, names: list[str]) -> set[str]:
    """What git ignores."""
    return NOT_CLONED(folder, names) | (LEFT_BEHIND if Path(folder) == CLONE else set())


@contextmanager
def trying(clone: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`contrib/try.sh`, called from elsewhere, until it has said how to go on; with what it has said."""
    log = clone.parent / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(clone / "contrib" / "try.sh")],
            cwd="/",
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        until(log.read_text, lambda: "Ctrl-C stops" in log.read_text() or process.poll() is not None, seconds=300)
        assert "Ctrl-C stops" in log.read_text(), log.read_text()
        yield process, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def commands(said: str) -> list[str]:
    """The lines to type, as they were printed."""
    block = said[said.index("second terminal:") :].splitlines()[1:]
    return [line.strip() for line in block if line.startswith("    ")]


def typed(lines: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """These lines, in a shell; pip knows no other index."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment = {**kept, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    script = "\n".join(lines)
    return subprocess.run(
        ["/bin/sh", "-ec", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def works(lines: list[str], home: Path) -> bool:
    """Whether these lines end in the demonstration's words."""
    return "It works" in typed(lines, home).stdout


@pytest.mark.parts
def test_a_stranger_gets_from_a_clone_to_a_published_upload(clone: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        with trying(clone, PORT="0") as (process, said):
            assert ("Setting up .venv/" in said) is (number == 1), "then everything is in place"
            enter, copy, *install = commands(said)
            assert DEMO in copy
            if number == 1:
                assert typed([enter, f"cp dist/{DEMO} drop/"], tmp_path).returncode == 0
            until("pip installs it", partial(works, [enter, *install], tmp_path), pause=0.2)
            assert (clone / "drop" / "receipts" / f"{DEMO}.txt").is_file()
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0


@pytest.mark.parts
def test_a_taken_port_is_no_obstacle(clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with trying(clone, PORT=str(port)) as (process, said):
            assert f"Port {port} is in use" in said
            url = re.search(r"ready at http://127\.0\.0\.1:(\d+)/", said)
            assert url is not None
            assert int(url[1]) != port
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0


def test_the_demo_wheel_is_sound_and_always_the_same(tmp_path: Path) -> None:
    made = [
        subprocess.run(
            [sys.executable, str(CLONE / "contrib" / "demo_wheel.py"), str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for name in ("a", "b")
    ]
    assert Path(made[0]).read_bytes() == Path(made[1]).read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "eggwatch", "check", made[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_readme_is_valid_and_names_no_other_registry() -> None:
    text = (CLONE / "README.rst").read_text()
    publish_string(text, settings_overrides={"halt_level": 2, "report_level": 2})
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= {"HOST", "127.0.0.1", "pypi.example.com"}


def test_the_readme_lists_every_command() -> None:
    from eggwatch.cli import COMMANDS

    text = (CLONE / "README.rst").read_text()
    table = text[text.index("\nCommands\n") : text.index("\nWhat is not here\n")]
    assert {command for command in COMMANDS if not re.search(rf"``{command}\b", table)} == set()
