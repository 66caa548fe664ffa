"""eggwatch import of mypi's SQLite database, which has the archives in it, made here as mypi makes it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.cli.stocks import state_of

SCHEMA = """
CREATE TABLE package (name VARCHAR PRIMARY KEY, inserted DATETIME NOT NULL, updated DATETIME NOT NULL);
CREATE TABLE file (
    package VARCHAR NOT NULL, author_email VARCHAR, version VARCHAR NOT NULL, md5_digest VARCHAR(32),
    filename VARCHAR NOT NULL, comment VARCHAR, filetype VARCHAR, pyversion VARCHAR, protcol_version INTEGER,
    data BLOB, inserted DATETIME NOT NULL, updated DATETIME NOT NULL, PRIMARY KEY (package, version, filename)
);
"""
INSERT = "INSERT INTO file (package, version, author_email, filename, data, inserted, updated) VALUES (?,?,?,?,?,?,?)"
INSERTED = "2012-07-04 05:06:07.000000"


def database(path: Path, files: Iterable[tuple[str, bytes | None]]) -> Path:
    """A database of mypi with these files, all uploaded by Alice on the same day."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        for name, data in files:
            row = (name.split("-")[0], "1.0", "alice@example.com", name, data, INSERTED, INSERTED)
            connection.execute(INSERT, row)
        connection.commit()
    return path


@pytest.fixture
def berlin() -> Iterator[None]:
    """Local time is that of Berlin, two hours before UTC in July."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_archives_come_out_of_the_database_with_time_and_uploader(site: Site, tmp_path: Path) -> None:
    """mypi writes local time; nothing of the database changes; a second run finds all known."""
    path = database(tmp_path / "dev#1.db", [wheel("demo", "1.0"), sdist("other", "2.0"), ("demo-1.0.egg", b"egg")])
    before = state_of(tmp_path)[str(path)]
    done = site.call("import", path)
    assert (done.code, done.out.splitlines()[-1]) == (
        0,
        "main: 2 imported, 0 known, 1 not accepted; 0 other files skipped",
    )
    files = site.page("demo")["files"] + site.page("other")["files"]
    assert {(file["upload-time"], file["_uploader"]) for file in files} == {
        ("2012-07-04T03:06:07.000000Z", "alice@example.com")
    }
    assert state_of(tmp_path)[str(path)] == before
    assert [found.name for found in tmp_path.glob("dev*")] == ["dev#1.db"]
    assert "0 imported, 2 known" in site.call("import", path).out
    assert site.call("verify").code == 0


def test_what_is_unsound_in_a_database_is_told_one_by_one(site: Site, tmp_path: Path) -> None:
    """A file without bytes, one that is no archive, and filenames that lead elsewhere: exit status 1."""
    name, data = wheel("evil", "1.0")
    bad = [("none-1.0.tar.gz", None), ("broken-1.0.tar.gz", b"no archive" * 100)]
    bad += [(f"../../{name}", data), (f"/{name}", data), ("", data)]
    path = database(tmp_path / "dev.db", [wheel("demo", "1.0"), *bad])
    done = site.call("import", path)
    assert (done.code, "1 imported, 0 known, 1 rejected, 4 failed" in done.out) == (1, True), done.out
    assert f"{path}/none-1.0.tar.gz: failed: can't be read: cannot open value of type null" in done.out
    assert f"{path}/../../{name}: failed: its filename is not valid" in done.out
    assert not list(tmp_path.rglob(name))


def test_another_database_is_none_of_mypi(site: Site, tmp_path: Path) -> None:
    """EggBasket's, or a damaged one: exit status 2 and the reason; archives in a database are not moved either."""
    path = tmp_path / "eggbasket.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE visit (visit_key VARCHAR(40) PRIMARY KEY)")
    done = site.call("import", path)
    assert (done.code, "can't be read as a database of mypi: it has no table 'file'" in done.err) == (2, True)
    done = site.call("import", "--move", path)
    assert (done.code, "Archives in a database can only be copied" in done.err) == (2, True)
    path.write_bytes(path.read_bytes()[:200])
    assert site.call("import", path).code == 2


def test_a_database_in_a_folder_is_named_with_the_command_that_imports_it(site: Site, tmp_path: Path) -> None:
    """It is not read, as it may be an old copy; databases of others in the folder are other files, as ever."""
    stock = tmp_path / "old server"
    stock.mkdir()
    path = database(stock / "dev.db", [wheel("demo", "1.0")])
    with closing(sqlite3.connect(stock / "eggbasket.db")) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE file (filename VARCHAR)")
    before = state_of(stock)
    done = site.call("import", stock)
    named = f"{path}: not accepted: a database of mypi, whose archives are imported by: eggwatch import '{path}'"
    assert done.code == 0 and named in done.out.splitlines()
    assert "main: 0 imported, 0 known, 1 not accepted; 1 other file skipped" in done.out
    assert state_of(stock) == before
    assert "1 imported" in site.call("import", path).out


def test_a_view_is_not_taken_for_the_table_of_files(site: Site, tmp_path: Path) -> None:
    """It may have rows without end."""
    endless = "WITH RECURSIVE rows(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows) SELECT n AS filename FROM rows"
    path = tmp_path / "dev.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE VIEW file AS {endless}")
    done = site.call("import", path)
    assert (done.code, "can't be read as a database of mypi: it has no table 'file'" in done.err) == (2, True)


@pytest.mark.root
def test_a_full_disk_ends_the_import_and_is_named(site: Site, tmp_path: Path) -> None:
    """It is not told of each archive that it can't be read: none of them is at fault."""
    path = database(
        tmp_path / "dev.db", [wheel(name, "1.0", files={f"{name}.py": os.urandom(200_000)}) for name in "ab"]
    )
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", small], check=True)
    try:
        done = site.run("import", path, env={"TMPDIR": str(small)})
    finally:
        subprocess.run(["umount", small], check=True)
    assert (done.code, done.out, done.err.startswith(f"eggwatch: {small}/")) == (2, "", True), done
    assert "No space left on device.\n" in done.err
    assert site.run("import", path).code == 0
