"""Every room imports only from its left, and what is pure stays pure (docs/design.rst, How the code is written)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import eggwatch
from tests.archive_factory import wheel

ROOT = Path(eggwatch.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

STEPS: tuple[tuple[str, ...], ...] = (
    ("errors", "model"),
    ("policy", "archives", "pages", "linux"),
    ("store", "config", "inspection"),
    ("targets", "notifiers", "readers", "intake", "setup", "collecting"),
    ("pipeline", "doctor", "webserver"),
    ("writer",),
    ("maintenance", "service"),
    ("cli",),
    ("__main__",),
)
"""The order of the house, from left to right; rooms in one tuple stand on the same step."""

STEP_OF = {room: number for number, rooms in enumerate(STEPS) for room in rooms}

IMPURE = {
    "asyncio", "calendar", "concurrent", "ctypes", "fcntl", "ftplib", "getpass", "glob", "grp", "http", "io",
    "locale", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "pwd", "random", "resource",
    "secrets", "select", "selectors", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "systemd", "tempfile", "threading", "time", "urllib.request", "uuid", "warnings", "watchdog",
}  # fmt: skip
"""Clock, disk, network, log, randomness, processes, and what the machine is like."""

IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today", "getenv", "read_text", "write_text", "read_bytes"}

UNIX_ONLY = ("fcntl", "resource", "pwd", "grp", "watchdog", "systemd", "termios", "posixshmem")


def room_of(path: Path) -> str:
    """The folder, or the module beside the folders, that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, wherever in it, with the line; names out of a package count as modules."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}:{node.lineno}: a relative import"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    """The rooms of eggwatch that a file imports from, with the line."""
    for module, line in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "eggwatch" and len(parts) > 1 and parts[1] in STEP_OF:
            yield parts[1], line


def test_every_file_belongs_to_a_room_of_the_list() -> None:
    """A new folder or module has to find its place in the order first."""
    assert {room_of(path) for path in FILES} - {"__init__"} == set(STEP_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_from_its_left(path: Path) -> None:
    """No import points to the right, nor to another room on the same step; imports inside functions count too."""
    room = room_of(path)
    step = -1 if room == "__init__" else STEP_OF[room]
    wrong = [
        f"{path}:{line}: {room} imports {other}"
        for other, line in imported_rooms(path)
        if other != room and STEP_OF[other] >= step
    ]
    assert wrong == []


def test_no_two_modules_import_each_other() -> None:
    """There is no cycle, also none among the modules of one room."""
    modules = {_module_name(path): path for path in FILES}
    graph = {
        name: {other for other, _ in imported_modules(path) if other in modules and other != name}
        for name, path in modules.items()
    }
    done: set[str] = set()
    while ready := [name for name in graph if name not in done and graph[name] <= done]:
        done.update(ready)
    assert sorted(set(graph) - done) == []


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("room", ["model", "policy", "pages"])
def test_what_is_pure_imports_nothing_of_the_world(room: str) -> None:
    """model, policy and pages know no clock, disk, network, log or randomness."""
    wrong = [
        f"{path}:{line}: {module}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for module, line in imported_modules(path)
        if module in IMPURE or module.split(".")[0] in IMPURE
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ["model", "policy", "pages"])
def test_what_is_pure_asks_nothing_of_the_world(room: str) -> None:
    """model, policy and pages call neither `open` nor `datetime.now` nor anything of that kind."""
    wrong = []
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                if name in IMPURE_CALLS:
                    wrong.append(f"{path}:{node.lineno}: {name}()")
    assert wrong == []


BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {UNIX_ONLY!r}:
            raise ModuleNotFoundError(f"{{name}} is not here", name=name)
        return None

for name in {UNIX_ONLY!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocker())
"""


def run_blocked(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code where the modules of UNIX_ONLY can't be had."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKER + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT.parent)},
        check=False,
    )


def test_the_blocker_blocks(tmp_path: Path) -> None:
    """The test below would notice: where fcntl is blocked, importing it fails."""
    assert "ModuleNotFoundError" in run_blocked("import fcntl", cwd=tmp_path).stderr


def test_check_runs_where_there_is_no_linux(tmp_path: Path) -> None:
    """`eggwatch check` judges a wheel without fcntl, resource, pwd, grp, watchdog or systemd."""
    name, data = wheel()
    (tmp_path / name).write_bytes(data)
    done = run_blocked("from eggwatch.cli import main; main()", "check", name, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name}: admit\n", "")


LOOKING = ("list_show_history", "status", "wait")
WRITERS = ("eggwatch.pipeline", "eggwatch.writer", "eggwatch.archives.zip")


@pytest.mark.parametrize("module", [*(f"eggwatch.cli.{name}" for name in LOOKING), "eggwatch.service.courier"])
def test_who_only_looks_loads_no_writer(module: str) -> None:
    """The commands that read an index, and the courier of news, load no pipeline and open no archive."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True)
    ours = [name for name in loaded.stdout.split() if name.startswith("eggwatch") and ".notifiers." not in name]
    assert [name for name in ours if name.startswith(WRITERS)] == []
    assert len(ours) <= (64 if module.endswith("courier") else 58)


NEEDLESS = {"ssl", "http.client", "urllib.request", "werkzeug", "waitress", "packaging.metadata", "xml.sax"}


@pytest.mark.parametrize("name", [*LOOKING, "run", "watching"])
def test_a_command_loads_only_what_its_own_process_needs(name: str) -> None:
    """HTTP only with --url or --serve; parsers of metadata only in the processes of inspectors and renderers."""
    code = f"import sys, eggwatch.cli.{name}; print({NEEDLESS} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True)
    assert done.stdout == "set()\n"


def test_the_process_that_renders_loads_no_configuration() -> None:
    """It is told all that it needs."""
    code = "import sys, eggwatch.pipeline.root_renderer; print('eggwatch.config' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True)
    assert done.stdout == "False\n"


def test_no_file_is_too_long_to_read() -> None:
    """No file of eggwatch has more than 400 lines."""
    long = {str(path): lines for path in FILES if (lines := len(path.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_no_name_says_nothing() -> None:
    """No module is called utils, helpers, common, core, manager or base."""
    empty = {"utils", "helpers", "common", "core", "manager", "base"}
    assert [str(path) for path in FILES if path.stem in empty or path.parent.name in empty] == []


def names_of_types(path: Path) -> Iterator[str]:
    """The public classes and type aliases of a file; an alias is a name in CamelCase that is given a value."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            yield from (name for name in names if name[0].isupper() and not name.isupper())


def test_no_two_types_have_one_name() -> None:
    """A name of a class, or of a type alias, means one thing in the whole of eggwatch."""
    files: dict[str, list[str]] = {}
    for path in FILES:
        for name in names_of_types(path):
            files.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in files.items() if len(where) > 1} == {}
