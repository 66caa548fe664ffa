"""Whatever a file in the drop folder is called, terminals and logs are never sent a control character."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.running import until

NAMES = [
    b"red\x1b[31m-1.0.tar.gz",
    b"line\nfake-1.0.tar.gz: installable-1.0.tar.gz",
    b"cr\rback-1.0.tar.gz",
    b"nul\x01-1.0-py3-none-any.whl",
    b"del\x7f-1.0.tar.gz",
    "c1\x9b2J-1.0.tar.gz".encode(),
    "rtl\u202egz.rat-1.0.tar.gz".encode(),
    "line\u2028sep-1.0.tar.gz".encode(),
    b"latin\xe4-1.0.tar.gz",
    b"\xff\xfe-1.0-py3-none-any.whl",
    b"tag-1.0-py3-none-a\x1b[2Jny.whl",
]


@pytest.fixture
def hostile(site: Site) -> Iterator[Site]:
    """A drop folder full of them, at the top and in a folder with a name like that."""
    folder = os.fsencode(site.drop) + b"/team\x1b]0;title\x07\xff"
    os.mkdir(folder)
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(site.drop) + b"/" + name)).write_bytes(b"nothing")
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(sdist()[1])
    yield site


def assert_clean(text: str, *, lines: str = "\n") -> None:
    """Only printable characters, and the line feeds that we wrote ourselves."""
    bad = {character for character in text if character not in lines and unicodedata.category(character)[0] == "C"}
    assert not bad, (bad, text)


def test_nothing_printed_holds_a_control_character(hostile: Site) -> None:
    """run, status, history, list, wait and check print such names with their control characters spelled out."""
    done = [hostile.run("run", "--once", "-v"), hostile.run("run", "--once", "--json")]
    done += [hostile.call(command) for command in ("status", "history", "list", "verify")]
    done += [hostile.call(command, "--json") for command in ("status", "history")]
    for name in NAMES[:4]:
        done += [hostile.call("wait", os.fsdecode(name), "--timeout", "0")]
        done += [hostile.call("check", os.fsdecode(os.fsencode(hostile.drop) + b"/" + name))]
    for one in done:
        assert_clean(one.out)
        assert_clean(one.err)


def test_a_name_with_a_line_feed_fakes_no_line(hostile: Site) -> None:
    """A name that looks like another line of output stays on its own line."""
    for text in (hostile.call("run", "--once").out, hostile.call("status").out, hostile.call("history").out):
        assert not [line for line in text.splitlines() if line.startswith("fake")]


def test_a_line_feed_in_a_local_name_fakes_no_line(site: Site) -> None:
    """The same for files that are named on the command line, or found by import."""
    folder = site.base / "line\nfake"
    folder.mkdir()
    path = folder / "x\nfake-1.0.tar.gz"
    path.write_bytes(b"nothing, and not the beginning of it")
    asked = [("check", path), ("publish", path), ("publish", f"{path}.no"), ("wait", path, "--timeout", "0")]
    for command in (*asked, ("wait", f"{path}.no"), ("import", folder, "-v"), ("import", folder.parent / "no\nfake")):
        done = site.call(*command)
        assert done.code in (1, 2)
        assert not [line for line in (done.out + done.err).splitlines() if line.startswith("fake")], done


def test_import_shows_undecodable_names_as_hexadecimal(site: Site) -> None:
    r"""A folder with a name that is no UTF-8 is \xNN in the JSON too."""
    folder = os.fsencode(site.base) + b"/stock\xff"
    os.mkdir(folder)
    Path(os.fsdecode(folder + b"/demo-1.0.tar.gz")).write_bytes(b"nothing")
    row, _ = site.call("import", os.fsdecode(folder), "--json").rows
    assert row["file"].endswith(r"/stock\xff/demo-1.0.tar.gz")


def test_undecodable_names_are_shown_as_hexadecimal(hostile: Site) -> None:
    r"""Names that are no UTF-8 stay where they are, and are shown as \xNN."""
    hostile.call("run", "--once")
    text = hostile.call("status").out
    assert r"latin\xe4-1.0.tar.gz" in text
    assert Path(os.fsdecode(os.fsencode(hostile.drop) + b"/latin\xe4-1.0.tar.gz")).exists()


def test_answers_hold_no_control_characters(hostile: Site) -> None:
    """Receipts, reasons and their names: what people open in an editor or a terminal is clean."""
    hostile.call("run", "--once")
    texts = [*hostile.drop.glob("receipts/*.txt"), *hostile.drop.glob("rejected/*.reason.txt")]
    assert texts
    for path in texts:
        assert_clean(path.read_text("utf-8"))


def test_a_daemon_logs_no_control_characters(hostile: Site) -> None:
    """The daemon's log is clean too, and such names hold up nobody."""
    with hostile.daemon("-v") as daemon:
        hostile.put(sdist("demo", "2.0"))
        until("others are served", lambda: hostile.filenames("demo"))
    assert_clean(daemon.log)


def test_an_index_works_in_a_folder_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    """Pages and README.txt name the drop folder as what to copy to: they could not be written, nor the index opened."""
    site = Site(tmp_path / os.fsdecode(b"line\nfeed\xff"))
    site.put(sdist("demo", "1.0"))
    assert site.call("run", "--once").code == 0
    assert site.filenames("demo")
    assert site.call("verify").code == 0
    for page in (site.drop / "README.txt", site.public / "index.html"):
        assert r"line\x0afeed\xff/drop/" in page.read_text("utf-8")
