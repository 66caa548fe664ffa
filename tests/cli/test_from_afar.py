"""--url: list, show, history, status and wait by HTTP, from servers of two kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.readers import remote
from eggwatch.webserver.server import Server
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.http_serving import endless, served


@pytest.fixture(params=["plain", "negotiating"])
def url(request: pytest.FixtureRequest, filled: Site) -> Iterator[str]:
    """The filled index, served; its last file of `other` was removed, one of demo yanked."""
    assert filled.call("remove", "other").code == 0
    assert filled.call("yank", "demo==2.0", "--reason", "broken").code == 0
    if request.param == "negotiating":
        trial = Server({"": filled.public})
        trial.start()
        yield trial.url
        trial.stop()
        return
    with served(filled.public) as url:
        yield url


@pytest.fixture
def afar(tmp_path: Path) -> Site:
    """A machine without any index."""
    (tmp_path / "afar").mkdir()
    return Site(tmp_path / "afar", bare=True)


def test_what_is_published_is_the_same_from_afar(afar: Site, filled: Site, url: str) -> None:
    """`list` and `show` say what they say on the server, with or without /simple/ in the URL."""
    for arguments in (["list"], ["list", "demo"], ["show", "demo"], ["show", "demo==2.0"], ["show", "other"]):
        here = filled.call(*arguments, "--json")
        assert afar.call(*arguments, "--json", "--url", url) == here
        assert afar.call(*arguments, "--json", "--url", url.rstrip("/").removesuffix("/simple") + "/simple/") == here
        assert here.out and here.code == 0
    assert afar.call("list", "nothing", "--url", url).code == 1


def test_history_from_afar_is_what_the_pages_tell(afar: Site, filled: Site, url: str) -> None:
    """Publications and removals, in their order."""
    rows = afar.call("history", "--json", "--url", url).rows
    assert [(row["event"], row["filename"]) for row in rows][-1] == ("removed", "other-1.0.tar.gz")
    here = {row["filename"]: row for row in filled.call("history", "--json").rows if row["event"] == "admitted"}
    for row in rows[:-1]:
        known = here[row["filename"]]
        assert row["serial"] is None
        for key in ("event", "at", "project", "sha256", "size", "uploader", "requires_python"):
            assert row[key] == known[key], key
    assert afar.call("history", "--project", "other", "--url", url).out.count("\n") == 1
    assert afar.call("history", "--project", "nothing", "--url", url).out == ""
    assert afar.call("history", "--follow", "--url", url).code == 2


def test_wait_from_afar(afar: Site, url: str) -> None:
    """0 when it is there, 4 when it does not come; a file is meant by its bytes."""
    assert afar.call("wait", "demo==2.0", "--url", url).code == 0
    name, data = sdist("demo", "2.0")
    (afar.base / name).write_bytes(data)
    assert afar.call("wait", f"./{name}", "--url", url).code == 0
    (afar.base / name).write_bytes(data + b"x")
    done = afar.call("wait", f"./{name}", "--url", url, "--timeout", "0s")
    assert (done.code, "receipt" in done.err) == (4, True)


def test_status_from_afar(afar: Site, filled: Site, url: str) -> None:
    """How much there is, and whether something is to be mended, but not what; 1 where it is not shown."""
    with filled.daemon():
        pass
    done = afar.call("status", "--url", url)
    assert (done.code, "1 projects, 3 files" in done.out or "2 projects, 3 files" in done.out) == (0, True), done
    assert "uploader" not in afar.call("status", "--json", "--url", url).out
    text = (filled.public / "status.json").read_text()
    (filled.public / "status.json").write_text(text.replace('"faults_count": 0', '"faults_count": 2'))
    done = afar.call("status", "--url", url)
    assert (done.code, "2 faults" in done.out) == (1, True)
    (filled.public / "status.json").unlink()
    assert afar.call("status", "--url", url).code == 1


@pytest.mark.parametrize(
    "url", ["", "packages.example.com", "file:///etc/", "http://", "http://127.0.0.1:1/", "http:// /"]
)
def test_what_can_not_be_reached_is_2(afar: Site, url: str) -> None:
    """With the reason, and without a traceback."""
    done = afar.call("list", "--url", url)
    assert (done.code, done.out) == (2, "")
    assert "eggwatch: " in done.err


def test_what_is_no_index_is_2(afar: Site, filled: Site, url: str) -> None:
    """Other pages, and other JSON."""
    for path in (filled.public / "simple").glob("index*"):
        path.unlink()
    assert afar.call("list", "--url", url).code == 2
    for text in ("<html>", "[]", '{"a": 1}', "[" * 100_000, '{"meta": {}}', '{"meta": {}, "projects": [1]}'):
        (filled.public / "simple" / "index.v1_json").write_text(text)
        done = afar.call("list", "--url", url)
        assert done.code == 2, text


def test_a_project_s_page_of_another_index_is_read_and_one_that_is_none_is_2(afar: Site, filled: Site) -> None:
    """Others than eggwatch leave out what is optional, and do not say what was removed."""
    page = filled.public / "simple" / "demo" / "index.v1_json"
    file = '{"filename": "demo-2.0.tar.gz", "url": "x", "hashes": {"sha256": "00"}}'
    with served(filled.public) as url:
        page.write_text(f'{{"meta": {{"api-version": "1.0"}}, "name": "demo", "files": [{file}]}}')
        for arguments in (("list", "demo"), ("show", "demo"), ("wait", "demo==2.0"), ("history", "--project", "demo")):
            assert afar.call(*arguments, "--url", url).code == 0
        for text in ("{}", '{"files": 1}', '{"files": [1]}', '{"files": [{"filename": 1, "hashes": []}]}'):
            page.write_text(text.replace("{", '{"meta": {}, ', 1).replace(", }", "}"))
            for arguments in (("list", "demo"), ("show", "demo"), ("wait", "demo==2.0"), ("history",)):
                assert afar.call(*arguments, "--url", url).code == 2


def test_no_value_of_a_page_makes_a_line_of_its_own(afar: Site, filled: Site) -> None:
    """A hostile server could say what a command of eggwatch would say."""
    evil = "x\neggwatch: all is well\x1b[2J"
    folder = filled.public / "simple"
    file = {"filename": "demo-2.0.tar.gz", "hashes": {"sha256": evil}, "size": 1, "upload-time": evil}
    file |= {"yanked": evil, "requires-python": evil, "_uploader": evil}
    gone = {"filename": "demo-1.0.tar.gz", "sha256": evil, "at": evil, "bytes-until": f"9{evil}"}
    page = {"meta": {}, "name": "demo", "files": [file, {**file, "filename": evil}], "_removed": [gone]}
    newest = {"version": evil, "at": evil, "yanked": True}
    rows = [{"name": evil}, {"name": evil, "_newest": newest}]
    (folder / "demo" / "index.v1_json").write_text(json.dumps(page))
    (folder / "index.v1_json").write_text(json.dumps({"meta": {}, "projects": rows}))
    status = json.loads((filled.public / "status.json").read_bytes())
    (filled.public / "status.json").write_text(json.dumps({**status, "at": evil}))
    with served(filled.public) as url:
        for arguments in (("list",), ("list", "demo"), ("show", "demo"), ("history", "--project", "demo"), ("status",)):
            done = afar.call(*arguments, "--url", url)
            assert "all is well" in done.out, arguments
            assert not [line for line in done.out.splitlines() if line.startswith("eggwatch:") or "\x1b" in line]


def test_an_answer_without_end_is_no_page(afar: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that comes fast nor one of which a byte comes now and then, before a socket's timeout."""
    with endless(b" " * (1 << 20)) as url:
        done = afar.call("list", "--url", url)
    assert (done.code, "its answer is larger than 64 MiB" in done.err, done.out) == (2, True, ""), done
    monkeypatch.setattr(remote, "LONGEST", 0.5)
    with endless(b" ", pause=0.05) as url:
        done = afar.call("list", "--url", url)
    assert (done.code, "no whole answer in 0.5 seconds" in done.err, done.out) == (2, True, ""), done
