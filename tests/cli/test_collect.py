"""eggwatch collect downloads the wheels of a real environment from an index on 127.0.0.1."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.collecting.bundle import read_bundle
from tests.archive_factory import MARKER, recorded, wheel, wheel_members, zip_of
from tests.cli.collecting import APP, CHANGED, GONE, NEWER, SAME, Index, collect, compoze_config, files_in
from tests.cli.program import Site
from tests.cli.stocks import add
from tests.installers import pip_install
from tests.webserver.door import ANONYMOUS, open_door

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


def test_a_rebuilt_wheel_never_replaces_one_that_is_there(tmp_path: Path, index: Index, python: Path) -> None:
    """The one that was installed has a hash that others know; of another one, the installed files say nothing."""
    name, data = local_wheel()
    (tmp_path / "kgs").mkdir()
    (tmp_path / "kgs" / name).write_bytes(data)
    what = ("--site-packages", "--python", python, "--into", "kgs", "--rebuild")
    assert f"Own.Tool 0.1: found: {name}" in collect(tmp_path, index, *what).out.splitlines()
    assert (tmp_path / "kgs" / name).read_bytes() == data
    other = wheel("own_tool", "0.1")[1]
    (tmp_path / "kgs" / name).write_bytes(other)
    lines = collect(tmp_path, index, *what).out.splitlines()
    assert any(line.startswith(f"Own.Tool 0.1: not on an index: {name} is there already") for line in lines)
    assert (tmp_path / "kgs" / name).read_bytes() == other


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


def test_the_wheels_of_an_environment_are_collected_for_another_platform(
    tmp_path: Path, index: Index, python: Path
) -> None:
    """Such a wheel always differs from the installed files, and is not compared with them."""
    index.put(wheel("gone", "3.0", tags="cp312-cp312-win_amd64", files={"gone.py": b""}), "gone")
    done = collect(
        tmp_path, index, "--site-packages", "--python", python, "--platform", "win_amd64", "--python-version", "3.12"
    )
    assert "gone 3.0: found: gone-3.0-cp312-cp312-win_amd64.whl" in done.out.splitlines()


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
