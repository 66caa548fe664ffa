"""eggwatch collect with damaged lock files, installations, downloads and collections: each fault is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from eggwatch.collecting.collection import Outcome, collect_installed
from eggwatch.collecting.comparing import differences
from eggwatch.collecting.environment import InstalledDistribution, PythonEnvironment, Row, look_into
from eggwatch.collecting.pip_download import Pip
from eggwatch.collecting.rebuilding import NotRebuiltError, rebuild
from tests.archive_factory import wheel, zip_of
from tests.cli.collecting import SAME, Index, collect
from tests.cli.program import Site
from tests.http_serving import answering
from tests.running import until

PYPROJECTS = {
    "project = 3": "a value is of the wrong type",
    '[project]\ndependencies = "demo"': "project.dependencies is not a list",
    "[project]\ndependencies = [1]": "a value is of the wrong type",
    '[project]\ndependencies = ["--index-url=http://127.0.0.1:1/"]': "Expected package name",
}
PYLOCKS = {
    "packages = 3": "a value is of the wrong type",
    'packages = ["demo"]': "a value is of the wrong type",
    '[[packages]]\nversion = "1.0"': "a package has no name",
    '[[packages]]\nname = "demo"\nversion = "1.0"\nvcs = 3': "a value is of the wrong type",
    '[[packages]]\nname = "demo\\n--index-url http://127.0.0.1:1/"\nversion = "1.0"': "Expected",
    '[[packages]]\nname = "demo"\nversion = "1.0"\nmarker = "os_name != \'\\n--pre\'"': "is not a valid pylock.toml",
    '[[packages]]\nname = "demo"\nversion = "1.0"\nwheels = [{hashes = {sha256 = "aa --pre"}}]': "wrong characters",
}


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [("pyproject.toml", *row) for row in PYPROJECTS.items()] + [("pylock.toml", *row) for row in PYLOCKS.items()],
)
def test_a_wrong_value_is_named_and_never_taken_for_an_option_of_pip(
    site: Site, name: str, text: str, fault: str
) -> None:
    (site.base / name).write_text(text)
    done = site.call("collect", "-r", name)
    assert (done.code, done.out, done.err.startswith(f"eggwatch: {name}")) == (2, "", True), done
    assert fault in done.err


def test_a_lock_file_without_packages_of_an_index_asks_pip_for_nothing(tmp_path: Path, index: Index) -> None:
    (tmp_path / "pylock.toml").write_text('[[packages]]\nname = "own"\ndirectory = {path = "../own"}\n')
    done = collect(tmp_path, index, "-r", "pylock.toml", "--python", sys.executable)
    assert (done.code, done.out.splitlines()[-1], index.sent()) == (1, ".: 1 not on an index", set())


class Failing(BaseHTTPRequestHandler):
    """Lists one wheel, and answers 500 for the wheel itself, or not before `answered` is set."""

    asked, answered = Event(), Event()

    def do_GET(self) -> None:
        """Answer."""
        if self.path.endswith(".whl"):
            self.asked.set()
            self.answered.wait()
            with suppress(BrokenPipeError):
                self.send_error(500)
            return
        page = f"<a href='/{SAME[0]}'>{SAME[0]}</a>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def failing() -> Iterator[str]:
    """The URL of such an index."""
    Failing.asked.clear()
    Failing.answered.clear()
    with answering(Failing) as url:
        yield url
        Failing.answered.set()


def pip_environment(url: str) -> dict[str, str]:
    """Variables that configure pip for an index."""
    kept = {name: "" for name in os.environ if name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}


def test_a_file_that_the_index_fails_to_send_is_an_error_and_not_a_missing_archive(site: Site, failing: str) -> None:
    """pip ends with a traceback: its last line is what is told."""
    Failing.answered.set()
    done = site.call("collect", "demo", "--python", sys.executable, "--into", "kgs", env=pip_environment(failing))
    assert (done.code, done.out, done.err.startswith("eggwatch: pip has failed: ")) == (2, "", True), done
    assert "500" in done.err.splitlines()[0] and "run the command again" in done.err
    assert not list((site.base / "kgs").iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_leaves_nothing_behind_and_no_pip_at_work(
    site: Site, failing: str, number: signal.Signals
) -> None:
    arguments = ("collect", "demo", "--python", sys.executable, "--into", "kgs")
    process = site.start(*arguments, env=pip_environment(failing))
    until("a download", Failing.asked.is_set)
    pips = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    until("the end of pip", lambda: not [pid for pid in pips if Path("/proc", pid).exists()])
    assert not list((site.base / "kgs").iterdir())


def test_what_a_killed_run_has_left_is_deleted_a_day_later(tmp_path: Path, index: Index) -> None:
    """Until then it may be of one that is at work."""
    for place, more in ((tmp_path / "kgs", ("--into", "kgs")), (tmp_path, ("--bundle", "all.tar"))):
        left, new = (place / f".eggwatch-collect-{name}" for name in ("left", "new"))
        for folder in (left, new):
            (folder / "archives").mkdir(parents=True)
        yesterday = time.time() - 90_000
        os.utime(left, (yesterday, yesterday))
        assert collect(tmp_path, index, "demo==1.0", "--python", sys.executable, *more).code == 0
        assert [path.name for path in place.glob(".eggwatch*")] == [new.name]


def test_what_is_no_file_in_the_collection_is_not_taken_for_a_wheel(tmp_path: Path, index: Index) -> None:
    """pip would wait for ever for someone to write into a FIFO."""
    (tmp_path / "kgs").mkdir()
    os.mkfifo(tmp_path / "kgs" / SAME[0])
    done = collect(tmp_path, index, "demo==1.0", "--python", sys.executable, "--into", "kgs")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "kgs" / SAME[0]).read_bytes() == SAME[1]


def test_a_damaged_wheel_in_the_collection_is_named_where_it_is(tmp_path: Path, index: Index) -> None:
    (tmp_path / "kgs").mkdir()
    (tmp_path / "kgs" / SAME[0]).write_bytes(b"no wheel")
    done = collect(tmp_path, index, "demo==1.0", "--python", sys.executable, "--into", "kgs")
    assert (done.code, f"{tmp_path}/kgs/{SAME[0]} is invalid" in done.err) == (1, True), done.err


def test_what_prints_no_list_of_packages_is_no_python(site: Site) -> None:
    for asked, fault in (("demo", "There is no pip for /bin/true."), ("--site-packages", "/bin/true can't list the")):
        done = site.call("collect", asked, "--python", "/bin/true")
        assert (done.code, done.err.startswith(f"eggwatch: {fault}")) == (2, True), done


def test_a_damaged_installation_stops_no_other(tmp_path: Path) -> None:
    """direct_url.json and RECORD are read as far as they can be; what a module prints at start is passed by."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    (packages,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (packages / "sitecustomize.py").write_text("print('hello')\n")
    for name, direct in {
        "list": "[1]",
        "deep": "[" * 100_000,
        "wrong": '{"url": 1, "dir_info": 3}',
        "none": "",
    }.items():
        folder = packages / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "RECORD").write_text(f'"{"x" * 200_000}",,\n')
        (folder / "direct_url.json").write_text(direct)
    found = {one.name: one for one in look_into(tmp_path / "env/bin/python").installed}
    place = "a place that its direct_url.json does not name"
    assert {name: one.origin for name, one in found.items()} == {
        "list": place,
        "deep": place,
        "wrong": place,
        "none": None,
    }
    assert not found["none"].rows


def installed(folder: Path, name: str = "own", **rows: Row) -> InstalledDistribution:
    """A distribution with `own-1.0.dist-info` and these rows in its RECORD."""
    return InstalledDistribution(
        name=name,
        version="1.0",
        folder=folder / "site-packages",
        rows={"own-1.0.dist-info/RECORD": Row("", ""), **rows},
        wheel_file="Tag: py3-none-any\n",
        entry_points="",
        origin=None,
        is_editable=False,
    )


def environment(folder: Path, *distributions: InstalledDistribution) -> PythonEnvironment:
    """Their environment."""
    return PythonEnvironment(
        python=Path(sys.executable), prefix=folder, scripts=folder / "bin", installed=tuple(distributions)
    )


def test_a_name_that_is_an_option_of_pip_is_not_passed_to_it(tmp_path: Path) -> None:
    """As of a folder that somebody has put into site-packages."""
    pip = Pip(command=("/no/such/pip",))
    (one,) = collect_installed(environment(tmp_path, installed(tmp_path, "--pre")), pip, tmp_path / "kgs")
    assert (one.outcome, one.reason) == (Outcome.NOT_FOUND, "its name or version is not valid")


@pytest.mark.parametrize("path", ["own/../../../secret", "own/fifo", "own/\0"])
def test_only_files_of_the_environment_are_packed_into_a_rebuilt_wheel(tmp_path: Path, path: str) -> None:
    own = tmp_path / "env/site-packages/own"
    own.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    os.mkfifo(own / "fifo")
    one = installed(tmp_path / "env", **{path: Row("", "")})
    with pytest.raises(NotRebuiltError):
        rebuild(one, environment(tmp_path / "env", one), tmp_path)
    assert not list(tmp_path.glob("*.whl"))


def test_the_fault_of_an_installation_that_can_not_be_rebuilt_is_told(tmp_path: Path) -> None:
    """Tags that lead to another folder, unknown hashes, entry points that can't be parsed."""
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages/own.py").write_text("")
    faulty = {
        "contains a slash": replace(installed(tmp_path), wheel_file="Tag: ../../py3-none-any\n"),
        "own.py can't be compared with its hash": installed(tmp_path, **{"own.py": Row("shake_128=aa", "")}),
        "its entry_points.txt can't be read": replace(installed(tmp_path), entry_points="no section"),
    }
    for fault, one in faulty.items():
        with pytest.raises(NotRebuiltError, match=fault):
            rebuild(one, environment(tmp_path, one), tmp_path)


def test_a_wheel_whose_members_can_not_be_read_differs(tmp_path: Path) -> None:
    """A broken stream, and a hash that Python can't make."""
    data = bytearray(zip_of({"own.py": b"x" * 1000}))
    data[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "own.whl").write_bytes(data)
    assert differences(tmp_path / "own.whl", {"own.py": Row("sha256=aa", "1000")}) == ["own.whl"]
    (tmp_path / "own.whl").write_bytes(wheel("own", "1.0")[1])
    rows = {"own/__init__.py": Row("shake_128=aa", "")}
    assert differences(tmp_path / "own.whl", rows) == ["own.whl"]
