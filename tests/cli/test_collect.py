"""eggwatch collect downloads the wheels of a real environment from an index on 127.0.0.1."""

from __future__ import annotations

import hashlib
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

from eggwatch.collecting.bundle import read_bundle
from tests.archive_factory import MARKER, recorded, sdist, sdist_members, wheel, wheel_members, zip_of
from tests.cli.program import Done, Site
from tests.cli.stocks import add
from tests.installers import pip_install
from tests.webserver.door import ANONYMOUS, open_door


class Index:
    """A folder for each project, served by Python's http.server: its listings are a simple index."""

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
        """The archives that were downloaded since the last call."""
        sent = {Path(path).name for path in self.asked if path.endswith((".whl", ".tar.gz"))}
        self.asked.clear()
        return sent

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()


class Listing(SimpleHTTPRequestHandler):
    """Records all requests, and prints nothing."""

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
    """An index with the installed packages, except that one is another build and one is missing."""
    index = Index(tmp_path / "index")
    index.put(SAME, "demo")
    index.put(wheel("demo", "1.1"), "demo")
    index.put(wheel("changed", "2.0", files={"changed/__init__.py": b"# another build\n"}), "changed")
    yield index
    index.close()


def collect(tmp_path: Path, index: Index, *arguments: str | Path, path: Path | None = None) -> Done:
    """Run the command with an index in pip's configuration."""
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\nretries = 0\nno-cache-dir = true\n")
    kept = {name: "" for name in os.environ if name.startswith("PIP_")}
    env = {**kept, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "NO_PROXY": "127.0.0.1"}
    if path is not None:
        env["PATH"] = f"{path}:{os.environ['PATH']}"
    return Site(tmp_path, bare=True).call("collect", *arguments, env=env)


def test_the_line_of_the_readme_says_of_everything_installed_whether_its_archive_was_found(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """The installed wheel, another build of this version, one that is missing, and one that is not from an index."""
    done = collect(tmp_path, index, "--site-packages", "--python", python, "--into", "kgs")
    assert done.out.splitlines() == [
        "changed 2.0: differs from the installed files: changed-2.0-py3-none-any.whl (changed/__init__.py)",
        "demo 1.0: found: demo-1.0-py3-none-any.whl",
        "gone 3.0: not found: No matching distribution found for gone==3.0",
        f"Own.Tool 0.1: not on an index: installed from {(python.parents[2] / 'own').as_uri()}/{local_wheel()[0]}",
        "kgs: 1 found, 1 differs, 1 not found, 1 not on an index",
    ]
    assert done.code == 1
    assert (tmp_path / "kgs" / SAME[0]).read_bytes() == SAME[1]
    assert sorted(path.name for path in (tmp_path / "kgs").iterdir()) == ["changed-2.0-py3-none-any.whl", SAME[0]]
    assert not MARKER.exists()


def test_a_second_run_downloads_no_wheel_again(tmp_path: Path, index: Index, python: Path) -> None:
    """Wheels in the folder that equal the installed files are not requested."""
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
    """Modules, data and scripts, but not what installers create: console scripts, INSTALLER, bytecode."""
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
    """Packages that could not be requested are not reported as missing."""
    index.close()
    done = collect(tmp_path, index, "--site-packages", "--python", python)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("eggwatch: pip can't reach an index: ")


def test_a_python_that_does_not_run_is_named(tmp_path: Path, index: Index) -> None:
    done = collect(tmp_path, index, "--site-packages", "--python", "/no/such/python")
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "eggwatch: /no/such/python does not run: No such file or directory.",
    )


@pytest.fixture
def tree(index: Index) -> Index:
    """An index with a project that depends on another."""
    index.put(wheel("app", "1.0", metadata_extra="Requires-Dist: library>=1\n"), "app")
    for version in ("1.0", "2.0"):
        index.put(wheel("library", version), "library")
    return index


def files_in(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


APP, LIBRARY, NEWER = (f"{name}-py3-none-any.whl" for name in ("app-1.0", "library-1.0", "library-2.0"))


def test_requirements_are_collected_with_their_dependencies(tmp_path: Path, tree: Index) -> None:
    """As pip resolves them, with constraints; a second run downloads nothing."""
    (tmp_path / "constraints.txt").write_text("library<2\n")
    arguments = ("app", "-c", "constraints.txt", "--into", "kgs", "--python", sys.executable)
    done = collect(tmp_path, tree, *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"app 1.0: found: {APP}", f"library 1.0: found: {LIBRARY}", "kgs: 2 found"]
    assert files_in(tmp_path / "kgs") == [APP, LIBRARY]
    assert tree.sent() >= {APP, LIBRARY}
    assert (collect(tmp_path, tree, *arguments).out, tree.sent()) == (done.out, set())


def test_no_deps_collects_only_the_requirements(tmp_path: Path, tree: Index) -> None:
    assert collect(tmp_path, tree, "app", "--no-deps", "--into", "kgs", "--python", sys.executable).code == 0
    assert files_in(tmp_path / "kgs") == [APP]


def test_a_requirement_that_no_index_has_exits_with_1_and_pips_reason(tmp_path: Path, tree: Index) -> None:
    done = collect(tmp_path, tree, "app", "nowhere", "--into", "kgs", "--python", sys.executable)
    assert (done.code, done.out, files_in(tmp_path / "kgs")) == (1, "", [])
    assert done.err.startswith("eggwatch: pip has not found everything: No matching distribution found for nowhere")


def test_hashes_of_a_requirements_file_are_checked(tmp_path: Path, tree: Index) -> None:
    """A file with another hash is not collected."""
    good = hashlib.sha256(wheel("library", "1.0")[1]).hexdigest()
    for digest, code in (("0" * 64, 1), (good, 0)):
        (tmp_path / "requirements.txt").write_text(f"library==1.0 --hash=sha256:{digest}\n")
        done = collect(tmp_path, tree, "-r", "requirements.txt", "--into", "kgs", "--python", sys.executable)
        assert done.code == code, done.err
    assert files_in(tmp_path / "kgs") == [LIBRARY]


def test_the_dependencies_of_a_pyproject_are_collected(tmp_path: Path, tree: Index) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["library<2"]\n')
    assert collect(tmp_path, tree, "-r", "pyproject.toml", "--into", "kgs", "--python", sys.executable).code == 0
    assert files_in(tmp_path / "kgs") == [LIBRARY]


@pytest.mark.parametrize("name", ["pylock.toml", "pylock.dev.toml"])
def test_the_versions_and_hashes_of_a_pylock_are_collected(tmp_path: Path, tree: Index, name: str) -> None:
    """Packages whose marker is false are left out, and a directory is reported as not on an index (PEP 751)."""
    digest = hashlib.sha256(wheel("library", "1.0")[1]).hexdigest()
    (tmp_path / name).write_text(
        f"""lock-version = "1.0"
created-by = "test"
[[packages]]
name = "library"
version = "1.0"
marker = "python_version >= '3'"
wheels = [{{name = "{LIBRARY}", url = "https://files.example.com/{LIBRARY}", hashes = {{sha256 = "{digest}"}}}}]
[[packages]]
name = "app"
version = "1.0"
marker = "sys_platform == 'win32'"
wheels = [{{name = "{APP}", url = "https://files.example.com/{APP}", hashes = {{sha256 = "{digest}"}}}}]
[[packages]]
name = "own"
directory = {{path = ".", editable = true}}
"""
    )
    done = collect(tmp_path, tree, "-r", name, "--into", "kgs", "--python", sys.executable)
    assert done.out.splitlines() == [
        "own: not on an index: locked to directory .",
        f"library 1.0: found: {LIBRARY}",
        "kgs: 1 found, 1 not on an index",
    ]
    assert (done.code, files_in(tmp_path / "kgs")) == (1, [LIBRARY])


def test_wheels_for_other_platforms_and_pythons_are_collected_for_each(tmp_path: Path, index: Index) -> None:
    """Every platform with every Python, even if the project is installed here from another build."""
    tags = ("cp312-cp312-win_amd64", "cp313-cp313-win_amd64", "cp312-cp312-macosx_11_0_arm64")
    for tag in tags:
        index.put(wheel("fast", "1.0", tags=tag), "fast")
    done = collect(
        tmp_path, index, "fast", "demo==1.0", "--into", "kgs", "--python", sys.executable, "--platform", "win_amd64",
        *("--python-version", "3.12", "--python-version", "3.13"),
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert files_in(tmp_path / "kgs") == [SAME[0], f"fast-1.0-{tags[0]}.whl", f"fast-1.0-{tags[1]}.whl"]
    assert done.out.splitlines()[-1] == "kgs: 3 found"


def test_the_wheels_of_an_environment_are_collected_for_another_platform(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """Such a wheel always differs from the installed files, and is not compared with them."""
    index.put(wheel("gone", "3.0", tags="cp312-cp312-win_amd64", files={"gone.py": b""}), "gone")
    done = collect(
        tmp_path, index, "--site-packages", "--python", python, "--platform", "win_amd64", "--python-version", "3.12"
    )
    assert "gone 3.0: found: gone-3.0-cp312-cp312-win_amd64.whl" in done.out.splitlines()


@pytest.mark.parametrize("through", ["the command line", "the dependency of a wheel"])
def test_what_would_have_to_be_built_is_refused_and_its_code_does_not_run(
    tmp_path: Path, tree: Index, through: str
) -> None:
    """pip does not apply --only-binary to folders and URLs."""
    MARKER.unlink(missing_ok=True)
    source = tmp_path / "own-1.0"
    for path, content in sdist_members("own", "1.0").items():
        if not path.endswith("/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
    tree.put(wheel("sly", "1.0", metadata_extra=f"Requires-Dist: own @ {source.as_uri()}\n"), "sly")
    wanted = str(source) if through == "the command line" else "sly"
    done = collect(tmp_path, tree, wanted, "--into", "kgs", "--python", sys.executable)
    assert (done.code, done.out) == (1, "")
    assert "it would have to be built, which runs its code" in done.err
    assert not MARKER.exists()


def test_a_bundle_has_all_wheels_that_were_found_and_nothing_else_is_left(tmp_path: Path, tree: Index) -> None:
    arguments = ("app", "library", "--python", sys.executable, "--bundle", "site.tar")
    done = collect(tmp_path, tree, *arguments)
    assert (done.code, done.out.splitlines()[-1]) == (0, "site.tar: 2 found")
    assert [one.filename for one in read_bundle(tmp_path / "site.tar").archives] == [APP, NEWER]
    assert {path.name for path in tmp_path.iterdir()} == {"index", "pip.conf", "site.tar"}
    assert collect(tmp_path, tree, *arguments[:-1], "site.zip").code == 2


def test_with_a_folder_too_only_wheels_missing_there_are_downloaded_for_a_bundle(tmp_path: Path, tree: Index) -> None:
    arguments = ("app", "--python", sys.executable, "--into", "kgs", "--bundle", "site.tar")
    collect(tmp_path, tree, *arguments)
    assert (files_in(tmp_path / "kgs"), tree.sent()) == ([APP, NEWER], {APP, NEWER})
    (tmp_path / "kgs" / "other-1.0-py3-none-any.whl").write_bytes(b"of an earlier run")
    assert collect(tmp_path, tree, *arguments).code == 0
    assert (tree.sent(), len(read_bundle(tmp_path / "site.tar").archives)) == (set(), 2)


def test_into_a_url_what_was_collected_is_uploaded_and_only_what_is_not_published_there(
    tmp_path: Path, tree: Index
) -> None:
    """The verdicts are those of `upload`; here, nothing is kept."""
    tree.put(("bad-1.0-py3-none-any.whl", wheel("other", "1.0")[1]), "bad")
    with open_door(tmp_path / "there", uploads=ANONYMOUS) as there:
        arguments = ("app", "--python", sys.executable, "--into", there.url)
        done = collect(tmp_path, tree, *arguments)
        assert (done.code, done.out.splitlines()[2:]) == (
            0,
            [f"{APP} is published.", f"{NEWER} is published.", f"{there.url}: 2 found"],
        ), done
        again = collect(tmp_path, tree, *arguments)
        assert (again.code, again.out.count("is published already.")) == (0, 2), again
        bad = collect(tmp_path, tree, "--no-deps", "bad", *arguments[1:])
        assert (bad.code, there.site.filenames("bad")) == (1, []), bad
    assert not (tmp_path / APP).exists()


def test_into_a_host_what_was_collected_is_copied_by_one_scp(tmp_path: Path, tree: Index) -> None:
    """A program in place of scp notes its arguments, and copies on this machine."""
    scp, there = tmp_path / "bin" / "scp", tmp_path / "there"
    for folder in (scp.parent, there):
        folder.mkdir()
    scp.write_text('#!/bin/sh\necho "$@" >>scp.log\nshift; cp "$1" "$2" "${3#h:}"\n')
    scp.chmod(0o755)
    done = collect(tmp_path, tree, "app", "--python", sys.executable, "--into", f"h:{there}/", path=scp.parent)
    assert (done.code, done.out.splitlines()[-1]) == (0, f"h:{there}/: 2 found"), done
    assert files_in(there) == [APP, NEWER]
    assert len((tmp_path / "scp.log").read_text().splitlines()) == 1


def test_sdists_come_in_the_same_versions_and_their_code_does_not_run(tmp_path: Path, tree: Index) -> None:
    """pip itself would build their metadata. A second run fetches nothing."""
    MARKER.unlink(missing_ok=True)
    for archive in (sdist("library", "1.0"), sdist("library", "2.0")):
        tree.put(archive, "library")
    arguments = ("library<2", "--sdists", "--python", sys.executable, "--into", "kgs")
    done = collect(tmp_path, tree, *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"library 1.0: found: {LIBRARY}",
        "library 1.0: found: library-1.0.tar.gz",
        "kgs: 2 found",
    ]
    assert (tmp_path / "kgs" / "library-1.0.tar.gz").read_bytes() == sdist("library", "1.0")[1]
    assert tree.sent() >= {"library-1.0.tar.gz"}
    assert (collect(tmp_path, tree, *arguments).out, tree.sent()) == (done.out, set())
    lacking = collect(tmp_path, tree, "app", *arguments[1:])
    assert lacking.code == 1
    assert "app 1.0: not found: no sdist: No matching distribution found for app==1.0" in lacking.out.splitlines()
    assert not MARKER.exists()


def test_a_dry_run_says_what_would_be_downloaded_from_where_and_fetches_nothing(
    tmp_path: Path, tree: Index, python: Path
) -> None:
    """What is there is only named; what no index has is named with pip's reason."""
    collect(tmp_path, tree, "library", "--python", sys.executable, "--into", "kgs")
    done = collect(tmp_path, tree, "app", "--dry-run", "--python", sys.executable, "--into", "kgs")
    assert done.out.splitlines() == [
        f"app 1.0: would be downloaded: {tree.url}app/{APP}",
        f"library 2.0: found: {NEWER}",
    ]
    assert (done.code, files_in(tmp_path / "kgs")) == (0, [NEWER])
    installed = collect(tmp_path, tree, "--site-packages", "--dry-run", "--python", python, "--json")
    assert installed.code == 1
    assert {
        row["project"]: (row["verdict"], row["origin"]) for row in installed.rows if row["project"] != "own-tool"
    } == {
        "changed": ("found", f"{tree.url}changed/changed-2.0-py3-none-any.whl"),
        "demo": ("found", f"{tree.url}demo/{SAME[0]}"),
        "gone": ("not-found", None),
    }
    assert not list(tmp_path.glob("*.whl"))


def compoze_config(folder: Path, text: str) -> Path:
    """A configuration file of compoze."""
    (folder / "compoze.cfg").write_text(text)
    return folder / "compoze.cfg"


@pytest.mark.parametrize("section", ["global", "globals"])
def test_the_indexes_and_versions_of_compoze_are_used(tmp_path: Path, tree: Index, section: str) -> None:
    """And not those of pip's configuration; its documentation calls the section otherwise than its program."""
    tree.put(wheel("Pinned", "1.5"), "pinned")
    add(tmp_path / "links", wheel("linked", "3.0"))
    text = f"[{section}]\npath = kgs\nverbose = false\nindex-url =\n  {tree.url}\n"
    text += f"find-links = {tmp_path}/links\n[versions]\nPinned = 1.5\nlibrary = <2\nlinked|extra = >=3,<4\n"
    file = compoze_config(tmp_path, text)
    elsewhere = Index(tmp_path / "elsewhere")
    try:
        done = collect(tmp_path, elsewhere, "--compoze-config", file, "--python", sys.executable)
    finally:
        elsewhere.close()
    assert done.code == 0, done
    assert files_in(tmp_path / "kgs") == [LIBRARY, wheel("linked", "3.0")[0], "pinned-1.5-py3-none-any.whl"]


def test_the_site_packages_of_compoze_are_those_of_the_python_that_is_named(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """A later file overrides an earlier one, and the command line both."""
    earlier = compoze_config(tmp_path, "[global]\nfetch-site-packages = true\npath = elsewhere\n")
    later = tmp_path / "later.cfg"
    later.write_text("[global]\npath = kgs\n")
    done = collect(
        tmp_path, index, "--compoze-config", earlier, "--compoze-config", later, "--python", python, "--into", "here"
    )
    assert (done.code, SAME[0] in files_in(tmp_path / "here")) == (1, True)
    assert not (tmp_path / "kgs").exists() and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "[server]\nport = 1\n": "has neither [global] nor [versions]: it is no configuration of compoze.",
        "path = kgs\n": "can't be read as a configuration of compoze: File contains no section headers.",
        "[global]\nindex_url = x\n": "compoze has no setting 'index_url'.",
        "[global]\nfetch-site-packages = perhaps\n": "fetch-site-packages is 'perhaps'.",
        "[versions]\ndemo = 1.0 or so\n": "[versions] demo = 1.0 or so: this is no requirement.",
    }.items(),
)
def test_a_faulty_configuration_of_compoze_is_named_with_its_fault(
    tmp_path: Path, index: Index, text: str, told: str
) -> None:
    done = collect(tmp_path, index, "--compoze-config", compoze_config(tmp_path, text))
    assert (done.code, done.out, told in done.err) == (2, "", True), done.err
