"""eggwatch collect: the archives of what is installed, from a real environment and an index on 127.0.0.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.archive_factory import MARKER, recorded, wheel, wheel_members, zip_of
from tests.cli.program import Done, Site
from tests.cli.stocks import add
from tests.installers import pip_install


class Index:
    """A folder of folders, whose listings by Python's own server are a simple index."""

    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, list[str]()
        path.mkdir()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Listing, self, directory=str(path)))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, archive: tuple[str, bytes], project: str) -> None:
        """Publish an archive."""
        add(self.path, archive, project)

    def sent(self) -> set[str]:
        """The archives that were fetched since this was asked last."""
        sent = {Path(path).name for path in self.asked if path.endswith((".whl", ".tar.gz"))}
        self.asked.clear()
        return sent

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()


class Listing(SimpleHTTPRequestHandler):
    """Notes what is asked for, and prints nothing."""

    def __init__(self, index: Index, *arguments: object, **options: str) -> None:
        self._index = index
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Serve a listing or a file."""
        self._index.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


SCRIPT = b"#!python\nprint('hello from a script')\n"


def local_wheel() -> tuple[str, bytes]:
    """A wheel with a module, a console script of an entry point, and a script and a data file of its own."""
    members = wheel_members("Own.Tool", "0.1", files={"own_tool/__init__.py": b"def run():\n    print('run')\n"})
    info, data = "own_tool-0.1.dist-info", "own_tool-0.1.data"
    more = {
        f"{info}/entry_points.txt": b"[console_scripts]\nown-run = own_tool:run\n",
        f"{data}/scripts/own-script": SCRIPT,
        f"{data}/data/share/own/data.txt": b"data\n",
    }
    return "own_tool-0.1-py3-none-any.whl", zip_of(recorded({**members, **more}))


SAME, CHANGED, GONE = wheel("demo", "1.0"), wheel("changed", "2.0"), wheel("gone", "3.0")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment without pip, in which four packages are installed."""
    base = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", base / "env"], check=True)
    wheels = [add(base / "wheels", archive) for archive in (SAME, CHANGED, GONE)]
    python = base / "env/bin/python"
    install(python, "--no-index", "--find-links", str(base / "wheels"), *(path.name.split("-")[0] for path in wheels))
    install(python, "--no-index", str(add(base / "own", local_wheel())))
    return python


def install(python: Path, *what: str) -> None:
    """Install with pip into an environment that has none."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "--isolated",
        "install",
        "--quiet",
        "--no-deps",
        *what,
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with what is installed, but for one that is another build, and one that is not there."""
    index = Index(tmp_path / "index")
    index.put(SAME, "demo")
    index.put(wheel("demo", "1.1"), "demo")
    index.put(wheel("changed", "2.0", files={"changed/__init__.py": b"# another build\n"}), "changed")
    yield index
    index.close()


def collect(tmp_path: Path, index: Index, *arguments: str | Path) -> Done:
    """Run the command with an index in pip's configuration."""
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\nretries = 0\nno-cache-dir = true\n")
    kept = {name: "" for name in os.environ if name.startswith("PIP_")}
    return Site(tmp_path, bare=True).call(
        "collect", *arguments, env={**kept, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "NO_PROXY": "127.0.0.1"}
    )


def test_the_line_of_the_readme_says_of_everything_installed_whether_its_archive_was_found(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """The wheel that is installed, another build of the same version, one that is gone, and one of no index."""
    done = collect(tmp_path, index, "--site-packages", "--python", python, "--into", "kgs")
    assert done.out.splitlines() == [
        "changed 2.0: differs from what is installed: changed-2.0-py3-none-any.whl (changed/__init__.py)",
        "demo 1.0: found: demo-1.0-py3-none-any.whl",
        "gone 3.0: not found: No matching distribution found for gone==3.0",
        f"Own.Tool 0.1: not on an index: installed from {(python.parents[2] / 'own').as_uri()}/{local_wheel()[0]}",
        "kgs: 1 found, 1 differs, 1 not found, 1 not on an index",
    ]
    assert done.code == 1
    assert (tmp_path / "kgs" / SAME[0]).read_bytes() == SAME[1]
    assert sorted(path.name for path in (tmp_path / "kgs").iterdir()) == ["changed-2.0-py3-none-any.whl", SAME[0]]
    assert not MARKER.exists()


def test_a_second_run_fetches_nothing_that_is_there(tmp_path: Path, index: Index, python: Path) -> None:
    """What is there and equals what is installed is not even asked for."""
    first = collect(tmp_path, index, "--site-packages", "--python", python, "--into", "kgs")
    assert index.sent() == {"changed-2.0-py3-none-any.whl", SAME[0]}
    second = collect(tmp_path, index, "--site-packages", "--python", python, "--into", "kgs")
    assert not [path for path in index.asked if path.startswith("/demo/")]
    assert index.sent() == set()
    assert (first.out, first.code) == (second.out, second.code)


def test_all_found_exits_with_0_and_scripts_get_one_object_for_each(tmp_path: Path, index: Index, python: Path) -> None:
    """--json: project, version, verdict, file, origin and reason; the last object has the totals."""
    for archive, project in ((CHANGED, "changed"), (GONE, "gone")):
        index.put(archive, project)
    done = collect(tmp_path, index, "--site-packages", "--python", python, "--into", "kgs", "--rebuild", "--json")
    assert (done.code, done.err) == (0, "")
    *rows, total = done.rows
    assert [(row["project"], row["version"], row["verdict"]) for row in rows] == [
        ("changed", "2.0", "found"),
        ("demo", "1.0", "found"),
        ("gone", "3.0", "found"),
        ("own-tool", "0.1", "rebuilt"),
    ]
    assert rows[1] == {
        "schema": 1,
        "project": "demo",
        "version": "1.0",
        "verdict": "found",
        "file": SAME[0],
        "origin": None,
        "reason": None,
    }
    assert json.dumps(total, sort_keys=True) == json.dumps(
        {"schema": 1, "into": "kgs", "found": 3, "rebuilt": 1, "differs": 0, "not_found": 0, "elsewhere": 0},
        sort_keys=True,
    )


def test_a_wheel_rebuilt_from_its_record_is_admitted_and_installs_the_same_files(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """Modules, data and scripts; what an installer makes (console scripts, INSTALLER, bytecode) is left out."""
    done = collect(tmp_path, index, "--site-packages", "--python", python, "--into", "kgs", "--rebuild")
    assert "Own.Tool 0.1: rebuilt: own_tool-0.1-py3-none-any.whl" in done.out.splitlines()
    made = tmp_path / "kgs" / local_wheel()[0]
    assert Site(tmp_path, bare=True).call("check", made).out == f"{made}: admit\n"
    target = pip_install(tmp_path / "home", (tmp_path / "index").as_uri(), "--no-deps", str(made))
    assert (target / "bin/own-script").read_bytes().splitlines()[1:] == SCRIPT.splitlines()[1:]
    assert (target / "share/own/data.txt").read_bytes() == b"data\n"
    said = subprocess.run([target / "bin/own-run"], env={"PYTHONPATH": str(target)}, capture_output=True, check=True)
    assert said.stdout == b"run\n"


def test_an_index_that_does_not_answer_is_an_error_and_not_a_missing_archive(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """Nothing is said to be missing that nobody could look for."""
    index.close()
    done = collect(tmp_path, index, "--site-packages", "--python", python)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("eggwatch: pip can't reach an index: ")


def test_a_python_that_is_none_is_named(tmp_path: Path, index: Index) -> None:
    done = collect(tmp_path, index, "--site-packages", "--python", "/no/such/python")
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "eggwatch: /no/such/python does not run: No such file or directory.",
    )
