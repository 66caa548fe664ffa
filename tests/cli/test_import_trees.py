"""Whole trees of other indexes, laid out by hand as these programs lay them out: one import brings everything in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eggwatch.maintenance import import_stock
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site

WHEEL, SDIST, OTHER = wheel("demo", "1.0"), sdist("demo", "1.0"), sdist("other", "2.0")
ARCHIVES = (WHEEL, SDIST, OTHER)
TIME, EARLIER = "2015-03-04T05:06:07.000000Z", 1425445567
HTML = "<!DOCTYPE html><html><body><a href='x'>x</a></body></html>"


def add(path: Path, content: bytes | str | dict[str, Any]) -> Path:
    """One file of a tree, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(0o644)
    return path


def project_of(name: str) -> str:
    """The project of one of the archives."""
    return name.split("-")[0]


def digest(data: bytes) -> str:
    """The sha256."""
    return hashlib.sha256(data).hexdigest()


def of_bandersnatch(root: Path) -> None:
    """Archives below packages/ by their hash, PyPI's older JSON, a link to it, PEP 691 pages, and its own files."""
    for name, data in ARCHIVES:
        sha256 = digest(data)
        add(root / "web/packages" / sha256[:2] / sha256[2:4] / sha256[4:] / name, data)
    for project in ("demo", "other"):
        files = [
            {"filename": name, "digests": {"sha256": digest(data)}, "upload_time_iso_8601": TIME, "yanked": False}
            for name, data in ARCHIVES
            if project_of(name) == project
        ]
        add(root / "web/json" / project, {"info": {"name": project}, "releases": {"1.0": files}, "urls": files})
        link = root / "web/pypi" / project / "json"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../../json/{project}")
        add(root / "web/simple" / project / "index.html", HTML)
        add(root / "web/simple" / project / "index.v1_html", HTML)
        listed = [{"filename": row["filename"], "hashes": row["digests"], "upload-time": TIME} for row in files]
        add(root / "web/simple" / project / "index.v1_json", {"meta": {}, "name": project, "files": listed})
    add(root / "web/simple/index.html", HTML)
    add(root / "web/last-modified", "20150304T05:06:07")
    add(root / "status", "12345")
    add(root / "generation", "5")
    add(root / ".lock", "")


def of_pypiserver(root: Path) -> None:
    """A folder of archives, also in folders, with signatures beside them, and its password file."""
    add(root / WHEEL[0], WHEEL[1])
    add(root / SDIST[0], SDIST[1])
    add(root / f"{SDIST[0]}.asc", "-----BEGIN PGP SIGNATURE-----")
    add(root / "team" / OTHER[0], OTHER[1])
    add(root / ".htpasswd", "alice:x")


def of_dir2pi(root: Path) -> None:
    """Archives at the top, and below simple/ links to them, or copies where links can't be had."""
    for name, data in ARCHIVES:
        add(root / name, data)
        below = root / "simple" / project_of(name) / name
        below.parent.mkdir(parents=True, exist_ok=True)
        if name == OTHER[0]:
            shutil.copy(root / name, below)
        else:
            below.symlink_to(f"../../{name}")
    add(root / "simple/index.html", HTML)
    (root / "simple/Demo").symlink_to("demo")


def of_dumb_pypi(root: Path) -> None:
    """Generated pages with JSON for each project and version, packages.json, and the archives in a pool beside."""
    lines = []
    for name, data in ARCHIVES:
        add(root / "pool" / name, data)
        project = project_of(name)
        row = {"filename": name, "url": f"../../pool/{name}", "upload_time": "2015-03-04 05:06:07"}
        add(root / "out/simple" / project / "index.html", HTML)
        add(root / "out/pypi" / project / "json", {"info": {}, "releases": {"1.0": [row]}, "urls": [row]})
        add(root / "out/pypi" / project / "1.0" / "json", {"info": {}, "urls": [row]})
        lines.append(json.dumps({"filename": name, "hash": f"sha256={digest(data)}", "upload_timestamp": EARLIER}))
    add(root / "out/packages.json", "\n".join(lines) + "\n")
    add(root / "out/changelog/page1.html", HTML)
    add(root / "out/index.html", HTML)


def of_devpi(root: Path) -> None:
    """devpi-export: archives by user, index, project and version, and dataindex.json with the log of each."""
    files = []
    for name, data in ARCHIVES:
        relpath = f"alice/dev/{project_of(name)}/{name.removesuffix('.tar.gz').split('-')[1]}/{name}"
        add(root / relpath, data)
        logs = [{"what": "upload", "who": "alice", "when": [2015, 3, 4, 5, 6, 7], "dst": "alice/dev"}]
        logs += [{"what": "push", "who": "bob", "when": [2020, 1, 1, 0, 0, 0], "src": "alice/dev", "dst": "bob/live"}]
        entry = {"hash_spec": f"sha256={digest(data)}"}
        files.append({"type": "releasefile", "relpath": relpath, "entrymapping": entry, "log": logs})
    add(root / "alice/dev/demo-1.0.doc.zip", "documentation")
    tox = {"type": "toxresult", "relpath": f"alice/dev/demo/x/{WHEEL[0]}", "log": [{"what": "upload", "when": [1]}]}
    indexes = {"alice/dev": {"projects": {}, "files": [*files, tox]}, "root/pypi": {"indexconfig": {}}}
    add(root / "dataindex.json", json.dumps({"users": {}, "indexes": indexes}, indent=2))


def of_simple_repository_generator(root: Path) -> None:
    """Pages with a table of files, among them the date of each upload, and with --copy the archives."""
    for name, data in ARCHIVES:
        add(root / "packages" / project_of(name) / name, data)
        page = root / "simple" / project_of(name) / "index.html"
        row = f'<tr><td><a href="../../packages/{project_of(name)}/{name}">{name}</a></td>'
        row += '<td class="size">1</td><td class="uploaded">2015-03-04</td>\n</tr>'
        add(page, (page.read_text() if page.exists() else HTML) + row)


def of_eggbasket(root: Path) -> None:
    """A folder for each project, with the server's database beside them."""
    for name, data in ARCHIVES:
        add(root / project_of(name).capitalize() / name, data)
    add(root / "eggbasket.db", "SQLite format 3\0")


def of_basketweaver(root: Path) -> None:
    """Archives at the top, and index/PROJECT/index.html with links to them."""
    for name, data in ARCHIVES:
        add(root / name, data)
        page = f"<html><body><a href='../../{name}'>{name}</a></body></html>"
        add(root / "index" / project_of(name).capitalize() / "index.html", page)
    add(root / "index/index.html", HTML)


def of_compoze(root: Path) -> None:
    """Links to the archives in a pool, and simple/PROJECT/index.html with links to them."""
    for name, data in ARCHIVES:
        add(root / "pool" / name, data)
        add(root / "kgs/simple" / project_of(name) / "index.html", HTML)
        (root / "kgs" / name).symlink_to(f"../pool/{name}")


TREES: dict[Callable[[Path], None], str | None] = {
    of_bandersnatch: TIME,
    of_pypiserver: None,
    of_dir2pi: None,
    of_dumb_pypi: TIME,
    of_devpi: TIME,
    of_simple_repository_generator: "2015-03-04T00:00:00.000000Z",
    of_eggbasket: None,
    of_basketweaver: None,
    of_compoze: None,
}
"""And the upload time that the tree records of its files."""


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.__name__)
def test_a_whole_tree_comes_in_at_once(site: Site, tmp_path: Path, tree: Callable[[Path], None]) -> None:
    """Every archive once, exit status 0, with its time where that is recorded; a second run finds all known."""
    tree(tmp_path / "tree")
    row = site.call("import", tmp_path / "tree", "--json").rows[-1]
    assert (row["imported"], row["refused"], row["failed"], row["not_taken"]) == (3, 0, 0, 0)
    files = {file["filename"]: file for project in ("demo", "other") for file in site.page(project)["files"]}
    assert {name: file["hashes"]["sha256"] for name, file in files.items()} == {
        name: digest(data) for name, data in ARCHIVES
    }
    assert all(file["upload-time"] == TREES[tree] for file in files.values()) or TREES[tree] is None
    done = site.call("import", tmp_path / "tree", "--json")
    assert (done.code, done.rows[-1]["imported"], done.rows[-1]["failed"]) == (0, 0, 0)
    assert site.call("verify").code == 0


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.__name__)
def test_a_whole_tree_can_be_moved_in(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree: Callable[[Path], None]
) -> None:
    """No archive stays behind, also when links to it are met after it is gone; and again, everything is there."""
    monkeypatch.setattr(import_stock, "GROUP", 1)
    tree(tmp_path / "tree")
    assert site.call("import", tmp_path / "tree", "--move").code == 0
    left = [path for path in (tmp_path / "tree").rglob("*") if path.name in dict(ARCHIVES) and not path.is_symlink()]
    assert left == []
    assert site.call("import", tmp_path / "tree").code == 0
    assert site.call("verify").code == 0


def test_several_sources_are_one_stock(site: Site, tmp_path: Path) -> None:
    """One index of a devpi with several, and dumb-pypi's pool with its list of any name: times and uploaders too."""
    of_devpi(tmp_path / "devpi")
    pool, lines = tmp_path / "pool", tmp_path / "files.txt"
    fresh = wheel("fresh", "1.0")
    add(pool / fresh[0], fresh[1])
    row = {"filename": fresh[0], "upload_timestamp": EARLIER, "uploaded_by": "bob", "yanked_reason": "broken"}
    add(lines, json.dumps({"filename": "else-1.0.tar.gz"}) + "\n" + json.dumps(row) + "\n")
    export = tmp_path / "devpi"
    done = site.call("import", export / "alice/dev/demo", export / "dataindex.json", pool, lines, "--json")
    assert (done.code, done.rows[-1]["imported"]) == (0, 3)
    (demo, _), (file,) = site.page("demo")["files"], site.page("fresh")["files"]
    assert (demo["upload-time"], demo["_uploader"]) == (TIME, "alice")
    assert (file["upload-time"], file["_uploader"], file["yanked"]) == (TIME, "bob", "broken")


def test_a_yank_on_an_html_page_is_kept(site: Site, tmp_path: Path) -> None:
    """PEP 592: with its reason, of the file with the hash of the link; a page that is not about it changes nothing."""
    of_dir2pi(tmp_path / "tree")
    good, other = digest(WHEEL[1]), "0" * 64
    links = f"<a href='../{WHEEL[0]}#sha256={good}' data-yanked='broken'>x</a>"
    links += f"<a href='../{SDIST[0]}#sha256={other}' data-yanked>x</a><a href='http://[/'>x</a><![x[ >"
    add(tmp_path / "tree/simple/demo/index.html", f"<!DOCTYPE html>{links}")
    assert site.call("import", tmp_path / "tree").code == 0
    assert {file["filename"]: file["yanked"] for file in site.page("demo")["files"]} == {
        WHEEL[0]: "broken",
        SDIST[0]: False,
    }


@pytest.mark.parametrize("name", ["notes.txt", "demo.json"])
def test_a_file_that_says_nothing_is_no_source(site: Site, tmp_path: Path, name: str) -> None:
    """Neither an archive nor upload times: exit status 2, before anything is imported."""
    tree = tmp_path / "tree"
    of_pypiserver(tree)
    done = site.call("import", tree, add(tmp_path / name, "{}"))
    assert (done.code, f"{name} is no archive that this index accepts" in done.err, site.events()) == (2, True, [])
    assert site.call("import", tree / WHEEL[0]).code == 0
    os.mkfifo(tmp_path / "fifo.json")
    done = site.call("import", tmp_path / "fifo.json")
    assert (done.code, "fifo.json: failed: it is no file" in done.out) == (1, True)


def test_of_two_indexes_of_a_devpi_the_first_to_have_a_filename_counts(site: Site, tmp_path: Path) -> None:
    """Other bytes of the same name in the second are reported; each is judged by its own record."""
    of_devpi(tmp_path / "devpi")
    other = wheel("demo", "1.0", files={"demo/__init__.py": b"# of Bob\n"})
    path = add(tmp_path / "devpi/bob/live/demo/1.0" / other[0], other[1])
    done = site.call("import", tmp_path / "devpi")
    assert (done.code, "3 imported, 0 known, 1 rejected" in done.out) == (1, True)
    assert f"{path}: rejected" in done.out and "file-exists" in done.out, done.out
    (file,) = (file for file in site.page("demo")["files"] if file["filename"] == WHEEL[0])
    assert (file["hashes"]["sha256"], file["_uploader"]) == (digest(WHEEL[1]), "alice")
