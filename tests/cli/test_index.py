"""eggwatch index turns a folder of archives into an index in place, and real clients install from it."""

from __future__ import annotations

import bz2
import gzip
import os
import pty
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive_factory import MARKER, sdist, tar_of, wheel, zip_of
from tests.cli.indexing import Folder, contents, is_page
from tests.cli.program import clean_environment
from tests.cli.stocks import add, state_of
from tests.http_serving import served
from tests.installers import pip, pip_install, uv_install
from tests.once import mostly_long


def test_the_line_of_the_readme_makes_an_index_that_pip_and_uv_install_from(folder: Folder, tmp_path: Path) -> None:
    """`cd mytgapp_index; eggwatch index *`: over HTTP, as file://, and by --find-links."""
    before = state_of(folder.path)
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m eggwatch index *"],
        cwd=folder.path,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: found for path, found in state_of(folder.path).items() if path in before} == before
    with served(folder.path) as url:
        assert (pip_install(tmp_path / "a", f"{url}simple/", "demo") / "demo").is_dir()
        assert (uv_install(tmp_path / "b", f"{url}simple/", "demo") / "demo").is_dir()
    assert (pip_install(tmp_path / "c", f"{folder.path.as_uri()}/simple/", "demo") / "demo").is_dir()
    links = (folder.path / "links.html").as_uri()
    done = pip(
        tmp_path / "d", "download", "--no-index", "--no-deps", "--no-build-isolation", "--find-links", links, "demo"
    )
    assert done.returncode == 0, done.stderr
    assert not MARKER.exists()


def test_a_second_run_reads_nothing_and_touches_no_page(folder: Folder) -> None:
    """Size and mtime are on the pages, so it makes no difference that the archives cannot be read any more."""
    assert folder.index().code == 0
    before = folder.pages()
    assert len(before) == 2 + 3 * 6
    for archive in folder.path.rglob("*-*.*"):
        archive.chmod(0) if archive.is_file() and not is_page(archive) else None
    done = folder.index()
    assert done.out.endswith("0 added, 0 removed, 2 unchanged; 2 projects\n") and folder.pages() == before


def test_only_pages_of_changed_projects_are_written(folder: Folder) -> None:
    """After a new release: the pages of its project, and those of the whole index that list it."""
    folder.index()
    before = folder.pages()
    add(folder.path, wheel("demo", "1.1"), below="new")
    assert folder.index().out.endswith("1 added, 0 removed, 2 unchanged; 2 projects\n")
    after = folder.pages()
    changed = {path for path, state in after.items() if state != before.get(path)}
    assert {path for path in changed if path.startswith("simple/")} == {
        f"simple/{path}" for path in (*(f"demo/{name}" for name in PAGES), "index.v1_json", "index.v1_json.gz")
    }
    assert changed & {"index.html", "links.html"} == {"index.html", "links.html"}
    assert folder.urls("demo") == ["../../demo-1.0-py3-none-any.whl", "../../new/demo-1.1-py3-none-any.whl"]


PAGES = [f"index.{name}{twin}" for name in ("html", "v1_html", "v1_json") for twin in ("", ".gz")]


def test_commands_with_url_can_read_it(folder: Folder) -> None:
    """list, show and history with --url."""
    folder.index()
    with served(folder.path) as url:
        listed = folder.call("list", "--json", "--url", url)
        assert [row["project"] for row in listed.rows] == ["demo", "other"]
        assert "demo-1.0-py3-none-any.whl" in folder.call("show", "demo", "--url", url).out
        assert "other-2.0.tar.gz" in folder.call("history", "--url", url).out


def test_on_a_terminal_it_shows_its_progress(folder: Folder) -> None:
    """As a number of archives; not if its output is a pipe."""
    terminal, ours = pty.openpty()
    command = [sys.executable, "-m", "eggwatch", "index"]
    with open(terminal, "rb", buffering=0) as shown:
        subprocess.run(command, cwd=folder.path, env=clean_environment({}), stderr=ours, stdout=ours, check=True)
        os.close(ours)
        assert b"1 of 2" in shown.read(4096)


def test_deleted_archives_are_removed_from_the_index(folder: Folder) -> None:
    """With the last archive of a project, its pages are removed."""
    folder.index()
    (folder.path / "demo-1.0-py3-none-any.whl").unlink()
    done = folder.index("--json")
    assert (done.rows[0]["file"], done.rows[0]["verdict"]) == ("demo-1.0-py3-none-any.whl", "removed")
    assert done.rows[1].items() >= {"added": 0, "removed": 1, "unchanged": 1, "projects": 1}.items()
    assert not (folder.path / "simple" / "demo").exists()
    for page in ("simple/index.html", "simple/index.v1_json", "links.html", "index.html"):
        assert "demo" not in (folder.path / page).read_text().replace("--index-url", "")


def test_the_link_and_hash_of_a_moved_or_replaced_archive_are_updated(folder: Folder) -> None:
    """The link has its new path, and the hash is that of its new bytes."""
    folder.index()
    (folder.path / "demo-1.0-py3-none-any.whl").rename(folder.path / "old" / "demo-1.0-py3-none-any.whl")
    add(folder.path, sdist("other", "2.0", files={"other.py": b"x = 2\n"}), below="old/2017")
    before = folder.page("other")["files"][0]["hashes"]
    os.utime(folder.path / "old/2017/other-2.0.tar.gz", (1_600_000_000, 1_600_000_000))
    assert folder.index().code == 0
    assert folder.urls("demo") == ["../../old/demo-1.0-py3-none-any.whl"]
    assert folder.page("other")["files"][0]["hashes"] != before


def test_a_rejected_archive_is_reported_and_left_out_and_the_others_are_in_the_index(folder: Folder) -> None:
    """Exit status 1, also in the second run, which does not read it again; 0 when it has been repaired."""
    broken = add(folder.path, ("bad-1.0.tar.gz", b"no archive at all" * 50))
    for _ in range(2):
        done = folder.index()
        assert done.code == 1 and "bad-1.0.tar.gz: left out\n  [refuse] not-a-gzip" in done.out
        broken.chmod(0)
    assert folder.urls("demo") and not (folder.path / "simple" / "bad").exists()
    broken.unlink()
    add(folder.path, sdist("bad", "1.0"))
    assert folder.index().code == 0 and folder.urls("bad")
    assert not (folder.path / "simple" / "left-out.json").exists()


def test_older_formats_are_in_the_index_by_their_names(folder: Folder, tmp_path: Path) -> None:
    """Eggs, zips, .tgz and .tar.bz2; pip still installs the last three. Their metadata is not read."""
    members = {"old-1.0/setup.py": b"raise SystemExit('never run')\n"}
    add(folder.path, ("old-1.0.zip", zip_of(members)))
    add(folder.path, ("old-1.1.tgz", gzip.compress(tar_of(members))))
    add(folder.path, ("old-1.2.tar.bz2", bz2.compress(tar_of(members))))
    add(folder.path, ("Old-1.3-py2.7.egg", zip_of({"EGG-INFO/PKG-INFO": b"Name: Old\n"})))
    add(folder.path, ("old-1.4.zip", zip_of(members)[:-40]))
    done = folder.index("--json")
    assert [(row["file"], row["flaws"][0]["code"]) for row in done.rows if row.get("verdict") == "left-out"] == [
        ("old-1.4.zip", "incomplete")
    ]
    assert [file["filename"] for file in folder.page("old")["files"]] == [
        "old-1.0.zip", "old-1.1.tgz", "old-1.2.tar.bz2", "Old-1.3-py2.7.egg",
    ]  # fmt: skip
    found = pip(tmp_path / "pip", "index", "versions", "old", "--index-url", f"{folder.path.as_uri()}/simple/")
    assert "Available versions: 1.2, 1.1, 1.0" in found.stdout, found.stderr


def test_of_two_archives_with_one_name_only_the_first_is_in_the_index(folder: Folder) -> None:
    """The one whose path sorts first. If both have the same bytes, nothing is reported."""
    add(folder.path, wheel("demo", "1.0", requires_python=">=3.8"), below="copies")
    add(folder.path, wheel("demo", "1.0", files={"demo.py": b"x = 2\n"}), below="others")
    for _ in range(2):
        done = folder.index("--json")
        verdicts = [(row["file"], row["verdict"], row["instead"]) for row in done.rows if row.get("instead")]
        assert verdicts == [
            ("demo-1.0-py3-none-any.whl", "duplicate", "copies/demo-1.0-py3-none-any.whl"),
            ("others/demo-1.0-py3-none-any.whl", "left-out", "copies/demo-1.0-py3-none-any.whl"),
        ]
        assert done.code == 1 and folder.urls("demo") == ["../../copies/demo-1.0-py3-none-any.whl"]
    (folder.path / "copies" / "demo-1.0-py3-none-any.whl").unlink()
    folder.index()
    assert folder.urls("demo") == ["../../demo-1.0-py3-none-any.whl"]


def test_simple_only_writes_nothing_else(folder: Folder) -> None:
    """And removes the other pages of an earlier run."""
    folder.index("--easy-install")
    assert (folder.path / "index.html").exists() and (folder.path / "index" / "demo" / "index.html").exists()
    folder.index("--simple-only")
    assert {path.partition("/")[0] for path in folder.pages()} == {"simple"}
    assert not (folder.path / "index").exists()


def test_easy_install_pages_have_the_shape_of_basketweaver(folder: Folder) -> None:
    """index/PROJECT/ under the name that the metadata has, each link relative."""
    add(folder.path, wheel("My.Project", "3.0"))
    assert folder.index("--easy-install", "--simple-only").code == 0
    index = folder.path / "index"
    assert '<a href="My.Project/">My.Project</a>' in (index / "index.html").read_text()
    page = (index / "My.Project" / "index.html").read_text()
    assert 'href="../../my_project-3.0-py3-none-any.whl#sha256=' in page
    (folder.path / "my_project-3.0-py3-none-any.whl").unlink()
    folder.index("--easy-install", "--simple-only")
    assert sorted(path.name for path in index.iterdir()) == ["demo", "index.html", "other"]


def test_the_index_can_be_written_to_another_folder(folder: Folder, tmp_path: Path) -> None:
    """Its links point back to the archives, and nothing is written beside them."""
    before = state_of(folder.path)
    done = folder.index(folder.path, "--out", tmp_path / "www" / "packages")
    assert done.code == 0 and state_of(folder.path) == before
    url = f"{(tmp_path / 'www/packages').as_uri()}/simple/"
    assert (pip_install(tmp_path / "pip", url, "demo") / "demo").is_dir()


def test_links_to_unusual_paths_work(folder: Folder, tmp_path: Path) -> None:
    """Spaces, hashes, percent signs, other scripts; pip requests a wrong URL for names that are not UTF-8."""
    for name in ("a b#c?d%41", "\u043f\u0430\u043a\u0435\u0442", os.fsdecode(b"caf\xe9")):
        add(folder.path, wheel(f"p{len(name)}", "1.0"), below=name)
    assert folder.index().code == 0
    with served(folder.path) as url:
        for project in ("p10", "p5"):
            assert (pip_install(tmp_path / project, f"{url}simple/", project) / project).is_dir()
    assert folder.urls("p4") == ["../../caf%E9/p4-1.0-py3-none-any.whl"]
    assert folder.index().out.startswith(f"{folder.path}: 0 added, 0 removed, 5 unchanged")


def test_of_two_archives_of_one_name_one_may_lie_in_a_folder_whose_name_is_no_utf_8(folder: Folder) -> None:
    """The other one is left out, and the list of those names the first as it is shown."""
    add(folder.path, wheel("twice", "1.0"), below=os.fsdecode(b"caf\xe9"))
    add(folder.path, wheel("twice", "1.0", files={"twice.py": b"other"}), below="z")
    done = folder.index()
    assert (done.code, r"caf\xe9/twice-1.0-py3-none-any.whl has the same name" in done.out) == (1, True), done
    assert folder.urls("twice") == ["../../caf%E9/twice-1.0-py3-none-any.whl"]
    assert folder.index().out == done.out.replace("3 added", "0 added").replace("0 unchanged", "3 unchanged")


def test_archives_can_be_in_a_folder_called_index(folder: Folder) -> None:
    """With --easy-install, which needs this folder for its pages, it is an error."""
    add(folder.path, wheel("inner", "1.0"), below="index")
    assert folder.index().code == 0 and folder.urls("inner") == ["../../index/inner-1.0-py3-none-any.whl"]
    done = folder.index("--easy-install")
    assert done.code == 2 and f"{folder.path}/index." in done.err


@pytest.mark.parametrize("seed", mostly_long(range(3)))
def test_after_any_history_the_pages_equal_those_of_an_index_made_in_one_run(tmp_path: Path, seed: int) -> None:
    """Archives are added, changed, damaged, moved and deleted in any order; each run reads only changed ones."""
    chance, folder, copy = random.Random(seed), Folder(tmp_path / "packages"), tmp_path / "copy"
    add(folder.path, wheel("first", "1.0"))
    for number in range(6):
        for _ in range(chance.randrange(1, 5)):
            change(folder.path, chance, number)
        options = ("--easy-install",) * chance.randrange(2)
        code = folder.index(*options).code
        shutil.copytree(folder.path, copy, ignore=shutil.ignore_patterns("simple", "index", "*.html"))
        assert Folder(copy).index(*options).code == code
        assert contents(folder.path) == contents(copy), number
        shutil.rmtree(copy)


def change(path: Path, chance: random.Random, number: int) -> None:
    """Make one random change in a folder of archives."""
    there = [one for one in sorted(path.rglob("*-*.*")) if one.is_file() and not is_page(one)]
    archive, below = chance.choice(there), chance.choice(("", "a", "b"))
    project, version = chance.choice(("first", "Second.One")), f"1.{chance.randrange(3)}"
    match chance.randrange(6):
        case 0 | 1:
            made = chance.choice((wheel, sdist))(project, version, files={"x.py": f"x = {number}\n".encode()})
            os.utime(add(path, made, below=below), (number, number))
        case 2:
            add(path, (f"{project}-{version}.zip", zip_of({"x.py": b"x = 1\n"})[: chance.choice((-9, None))]), below)
        case 3 if len(there) > 1:
            archive.unlink()
        case 4:
            (path / below / archive.name).parent.mkdir(exist_ok=True)
            archive.rename(path / below / archive.name)
        case _:
            archive.write_bytes(archive.read_bytes()[: chance.choice((-1, 100))])
