"""The upload door, from outside: a real daemon, `eggwatch serve`, and what clients send and are told."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.config.loading import load
from eggwatch.readers.local import IndexReader
from eggwatch.webserver import uploads
from eggwatch.webserver.doors import doors_of
from eggwatch.webserver.incoming import LOCKS
from eggwatch.webserver.server import Server
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site, clean_environment
from tests.http_asking import ask
from tests.running import PATIENT, until
from tests.webserver.door import ANONYMOUS, Door, fields_of, open_door, serving, url_of


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with open_door(tmp_path / "index") as door:
        yield door


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door for uploads of which none is accepted."""
    with open_door(tmp_path_factory.mktemp("shut") / "index") as door:
        yield door
        assert (door.site.events(), left(door)) == ([], [])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "index")


def twine(door: Door, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`twine upload` as people type it."""
    given = {"TWINE_USERNAME": "anybody", "TWINE_PASSWORD": "nothing", "NO_COLOR": "1", "COLUMNS": "200"}
    words = [sys.executable, "-m", "twine", "upload", "--disable-progress-bar", "--non-interactive"]
    words += ["--repository-url", door.legacy, *map(str, arguments)]
    environment = clean_environment({**given, "HOME": str(door.site.base)})
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parts
def test_what_twine_has_uploaded_can_be_installed(door: Door) -> None:
    """When it ends both files are on the page; the drop folder is as it was before."""
    files = [door.site.build(wheel()), door.site.build(sdist())]
    done = twine(door, *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert door.site.filenames("demo") == [file.name for file in files]
    assert_empty(door)


def test_200_means_that_it_can_be_installed(door: Door) -> None:
    """The page shows it before the answer comes."""
    name, data = file = wheel()
    reply = door.upload(file)
    assert (reply.status, reply.body) == (200, b"demo-1.0-py3-none-any.whl is published.\n")
    (shown,) = door.site.page("demo")["files"]
    assert (shown["filename"], shown["hashes"]["sha256"]) == (name, hashlib.sha256(data).hexdigest())
    (event,) = door.site.events()
    assert (event["uploader"], event["path"]) == ("anonymous", f"http/anonymous/{name}")


def test_the_same_bytes_again_are_welcome_and_other_bytes_are_not(door: Door) -> None:
    """As clients that resume, and clients that skip what exists, expect it; there is one event for the first."""
    file = sdist()
    assert [door.upload(file).status for _ in range(3)] == [200, 200, 200]
    reply = door.upload(sdist(files={"other.py": b"x = 1\n"}))
    assert (reply.status, reply.body.startswith(b"File already exists")) == (400, True)
    assert reply.reason.startswith("File already exists") and reply.reason.count("already exists") == 1
    assert [event["event"] for event in door.site.events()] == ["admitted", "rejected"]
    assert_empty(door)


def assert_empty(door: Door) -> None:
    """Nothing lies in the door's folder; the daemon takes its leave of a file in steps."""
    until("an empty folder", lambda: left(door) == [])


def left(door: Door) -> list[str]:
    """What lies in the door's folder."""
    return [name for at, _, names in os.walk(door.site.drop / "http") for name in names if LOCKS not in at]


def test_a_rejection_says_all_that_is_wrong_in_the_body_and_in_the_reason_phrase(door: Door) -> None:
    """twine shows the one, curl the other; the same again gets the same answer."""
    name, data = wheel()
    for _ in range(2):
        reply = door.upload((name, data[:-30]))
        assert reply.status == 400
        assert reply.reason.startswith(f"{name} was rejected. ")
        lines = reply.body.decode().splitlines()
        assert lines[0] == f"{name} was rejected." and len(lines) >= 2
        assert all(line in reply.reason for line in lines)
    assert_empty(door)
    assert door.site.page("demo") == {}


def test_a_rejection_is_announced_at_once(door: Door) -> None:
    """Its receipt does not wait for a file that the door takes back."""
    door.upload(("demo-1.0.tar.gz", b"nothing"))
    receipt = door.site.drop / "receipts" / "demo-1.0.tar.gz.txt"
    until("the receipt", receipt.exists, seconds=20.0)
    text = until("its text", receipt.read_text)
    assert "REJECTED" in text and "is not kept" in text


def test_a_full_disk_accepts_nothing(tmp_path: Path) -> None:
    """503 with Retry-After, and nothing lies there; here `min-free` is more than any disk has."""
    with open_door(tmp_path / "index", min_free='"100000TiB"') as door:
        reply = door.upload(sdist())
        assert (reply.status, "disk" in reply.reason, "retry-after" in reply.headers) == (503, True, True)
        assert left(door) == []


def test_who_prefers_json_gets_an_object(door: Door) -> None:
    """With the keys of PyPI's; uv shows `code`."""
    accept = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"
    reply = door.upload(("demo-1.0.tar.gz", b"nothing"), Accept=accept)
    assert (reply.status, reply.headers["content-type"]) == (400, "application/json")
    said = json.loads(reply.body)
    assert said.keys() == {"message", "code", "title"}
    assert said["code"] == f"400 {said['message']}" and "not-a-gzip" in said["message"]


def test_the_wrong_kind_of_hash_that_distutils_sends_does_not_count(door: Door) -> None:
    """BLAKE2b of 512 bits as `blake2_256_digest`, from Python 3.9 to 3.11."""
    name, data = sdist()
    assert door.upload((name, data), ("blake2_256_digest", hashlib.blake2b(data).hexdigest())).status == 200


WRONG_FORMS = {
    "sha256": (("sha256_digest", "0" * 64), "sha256_digest"),
    "md5": (("md5_digest", "0" * 32), "md5_digest"),
    "blake2": (("blake2_256_digest", "0" * 64), "blake2_256_digest"),
    "name": (("name", "other"), "project is 'other'"),
    "version": (("version", "2.0"), "version '2.0'"),
    "no version": (("version", "one"), "version 'one'"),
    "filetype": (("filetype", "bdist_wheel"), "filetype 'bdist_wheel'"),
    "dumb": (("filetype", "bdist_dumb"), "filetype 'bdist_dumb'"),
    "protocol": (("protocol_version", "2"), "Unknown protocol version."),
    "action": ((":action", "steal"), "'steal'"),
}


@pytest.mark.parametrize("case", WRONG_FORMS)
def test_a_form_that_says_something_else_than_the_file_is_refused(shut: Door, case: str) -> None:
    """400 with a sentence; the pipeline never sees the file."""
    (name, value), said = WRONG_FORMS[case]
    file = sdist()
    reply = shut.post([*(field for field in fields_of(file) if field[0] != name), (name, value)], file)
    assert (reply.status, said in reply.body.decode()) == (400, True), reply
    assert shut.site.events() == [] and left(shut) == []


def test_digests_that_are_right_are_welcome_in_any_case(door: Door) -> None:
    """Also all three of them, and names and versions in another spelling."""
    name, data = sdist("demo-pack", "1.0")
    fields = [("md5_digest", hashlib.md5(data).hexdigest().upper()), ("name", "Demo.Pack"), ("version", "1.0.0")]
    fields.append(("blake2_256_digest", hashlib.blake2b(data, digest_size=32).hexdigest()))
    assert door.upload((name, data), *fields).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "../demo-1.0.tar.gz", "/etc/demo-1.0.tar.gz", "..\\demo-1.0.tar.gz", "a/demo-1.0.tar.gz", "..", ".", "",
        ".demo-1.0.tar.gz", "demo-1.0.tar.gz.part", "demo\x00-1.0.tar.gz", "demo\t-1.0.tar.gz", "demo-1.0.egg",
        "README.txt", "demo-1.0.zip", "x" * 300 + "-1.0.tar.gz", "demo-1.0.tar.gz.asc", "#demo-1.0.tar.gz",
    ],
)  # fmt: skip
def test_a_name_that_is_none_of_an_upload_is_refused(shut: Door, name: str) -> None:
    """Nothing of it is ever the name of a file."""
    reply = shut.upload((name, sdist()[1]))
    assert reply.status == 400, reply
    assert shut.site.events() == [] and left(shut) == []
    assert sorted(path.name for path in shut.site.base.iterdir()) == ["drop", "eggwatch.toml", "public", "state"]


OLD_ACTIONS = {"submit": 410, "submit_pkg_info": 410, "verify": 410, "doc_upload": 410, "user": 410, "steal": 400}


@pytest.mark.parametrize("action", OLD_ACTIONS)
def test_actions_of_clients_of_old_are_answered(shut: Door, action: str) -> None:
    """410, as PyPI does; 400 for what never was one."""
    assert shut.post([(":action", action), ("name", "demo"), ("version", "1.0")]).status == OLD_ACTIONS[action]


REGISTER = b"""
--{}
Content-Disposition: form-data; name=":action"

submit
--{}
Content-Disposition: form-data; name="name"

demo
--{}--
""".replace(b"{}", b"--------------GHSKFJDLGDS7543FJKLFHRE75642756743254")


@pytest.mark.parametrize(("register", "status"), [("reject", 410), ("accept", 200)])
def test_register_of_old_is_told_what_the_configuration_says(tmp_path: Path, register: str, status: int) -> None:
    """Its body has bare line feeds."""
    with open_door(tmp_path / "index", uploads=f'{{ anonymous = true, register = "{register}" }}') as door:
        kind = "multipart/form-data; boundary=--------------GHSKFJDLGDS7543FJKLFHRE75642756743254; charset=utf-8"
        assert ask(door.url, "/", "POST", REGISTER, Content_Type=kind).status == status


def test_a_look_at_the_door_says_what_it_is(shut: Door) -> None:
    """In a sentence, with both addresses; the landing page stays what it was."""
    for path in ("/legacy/", "/legacy"):
        reply = ask(shut.url, path)
        assert (reply.status, f"--repository-url {shut.legacy} " in reply.body.decode()) == (200, True)
        assert f"{shut.url}simple/" in reply.body.decode()
    assert b"<html" in ask(shut.url, "/").body
    assert b"Framework :: Django\n" in ask(shut.url, "/?:action=list_classifiers").body


def test_a_post_elsewhere_says_where_the_door_is(shut: Door) -> None:
    """uv shows it to who gave the URL of the simple index."""
    reply = ask(shut.url, "/simple/", "POST", b"")
    assert (reply.status, b"Upload to /legacy/" in reply.body) == (405, True)


@pytest.mark.parametrize("path", ["/", "/legacy", "/legacy/"])
def test_without_its_table_there_is_no_door(site: Site, path: str) -> None:
    with serving(site) as server:
        assert ask(url_of(server), path, "POST", b"x").status == 405


def test_each_of_several_indexes_has_its_own_door(site: Site) -> None:
    """Below its name, if it has one."""
    index = '[index.{0}]\ndrop = "drop-{0}"\npublic = "public-{0}"\nstate = "state-{0}"\nlinger = "0s"\n'
    site.write_config(index.format("a") + "uploads = { anonymous = true }\n" + index.format("b"))
    for name in "ab":
        (site.base / f"drop-{name}").mkdir()
    with site.daemon(), serving(site) as server:
        door = Door(site=site, url=url_of(server), server=server, daemon=server)
        assert door.upload(sdist(), path="/a/legacy/").status == 200
        assert door.upload(wheel(), path="/a/").status == 200
        assert door.upload(wheel(), path="/b/legacy/").status == 405
        reply = door.upload(wheel(), path="/legacy/")
        assert (reply.status, b"Upload to /a/legacy/" in reply.body) == (405, True)
        assert door.url.encode() + b"a/legacy/" in ask(door.url, "/a/legacy/").body


def test_a_door_says_where_clients_reach_it(site: Site) -> None:
    """Over HTTPS, if the web server in front speaks it."""
    site.settings |= {"uploads": ANONYMOUS, "url": '"https://packages.example.com"'}
    site.write_config()
    with serving(site) as server:
        said = ask(url_of(server), "/legacy/").body.decode()
    assert "--repository-url https://packages.example.com/legacy/ " in said
    assert "install from https://packages.example.com/simple/\n" in said


def test_without_a_daemon_nothing_is_accepted(site: Site) -> None:
    """503 with Retry-After, and nothing lies anywhere."""
    site.settings["uploads"] = ANONYMOUS
    site.write_config()
    with serving(site) as server:
        door = Door(site=site, url=url_of(server), server=server, daemon=server)
        reply = door.upload(sdist())
        assert (reply.status, int(reply.headers["retry-after"]) > 0) == (503, True)
        until("nothing is left", lambda: not left(door))  # the answer may come a moment earlier


def test_an_upload_waits_for_a_daemon_that_is_restarted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most clients would not try again."""
    asked: list[bool] = []
    is_running = IndexReader.is_running

    def counted(reader: IndexReader) -> bool:
        asked.append(is_running(reader))
        return asked[-1]

    monkeypatch.setattr(IndexReader, "is_running", counted)
    monkeypatch.setattr(uploads, "GONE_SECONDS", PATIENT)  # the machine may be slow
    monkeypatch.setattr(uploads, "PATIENCE", PATIENT)
    site.settings["uploads"] = ANONYMOUS
    site.write_config()
    server = Server({"": site.public}, doors=doors_of(load(site.config), "127.0.0.1"))
    server.start()
    daemon = site.daemon()
    try:
        door = Door(site=site, url=server.url, server=daemon, daemon=daemon)
        with ThreadPoolExecutor() as pool:
            reply = pool.submit(door.upload, sdist())
            until("the upload waits", lambda: asked.count(False) > 1)
            with daemon:
                assert reply.result().status == 200
    finally:
        server.stop()


def test_an_upload_that_has_had_no_verdict_in_time_gets_one_and_can_be_repeated(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, and the file stays where the daemon finds it; the same bytes again are told what became of it."""
    monkeypatch.setattr(uploads, "PATIENCE", 0.1)
    site.settings["uploads"] = ANONYMOUS
    site.write_config()
    with site.daemon() as daemon:
        server = Server({"": site.public}, doors=doors_of(load(site.config), "127.0.0.1"))
        server.start()
        try:
            door = Door(site=site, url=server.url, server=daemon, daemon=daemon)
            os.kill(daemon.pid, signal.SIGSTOP)
            reply = door.upload(sdist())
            assert (reply.status, b"same file again" in reply.body) == (503, True)
            assert left(door) == ["demo-1.0.tar.gz"]
            os.kill(daemon.pid, signal.SIGCONT)
            until("it is published", lambda: site.filenames("demo"))
            assert (door.upload(sdist()).status, left(door)) == (200, [])
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
            server.stop()


def test_a_daemon_that_goes_away_takes_nothing_half(door: Door) -> None:
    """503 after a while, and the file is not there any more; with the daemon back the next attempt is 200."""
    os.kill(door.daemon.pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        reply = pool.submit(door.upload, sdist())
        until("the upload lies there", lambda: left(door) == ["demo-1.0.tar.gz"])
        door.daemon.kill()
        assert reply.result().status == 503
    assert left(door) == []
    door.daemon.start()
    assert door.upload(sdist()).status == 200


def test_a_server_that_was_killed_meanwhile_loses_nothing(door: Door) -> None:
    """What it had stored is published; when the client tries again that is told, and nothing stays."""
    os.kill(door.daemon.pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        reply = pool.submit(door.upload, sdist())
        until("the upload lies there", lambda: left(door) == ["demo-1.0.tar.gz"])
        door.server.kill()
        assert isinstance(reply.exception(), OSError)
    os.kill(door.daemon.pid, signal.SIGCONT)
    until("it is published", lambda: door.site.filenames("demo"))
    again = replace(door, url=url_of(door.server.start()))
    assert (again.upload(sdist()).status, left(door)) == (200, [])


def test_run_serves_the_door_too(site: Site) -> None:
    """`run --serve`: one process is both."""
    site.settings["uploads"] = ANONYMOUS
    site.write_config()
    with site.daemon("--serve", "0") as daemon:
        door = Door(site=site, url=url_of(daemon), server=daemon, daemon=daemon)
        assert door.upload(sdist()).status == 200
        site.settings["uploads"] = "{ anonymous = false }"
        site.write_config()
        daemon.send_signal(signal.SIGHUP)
        until("the door is closed to strangers", lambda: door.upload(wheel()).status in (401, 403))


@pytest.mark.parametrize("command", ["serve --listen", "run --serve"])
def test_a_door_that_is_open_to_anybody_listens_on_the_loopback_address_only(site: Site, command: str) -> None:
    """Unless the configuration says so twice."""
    site.settings["uploads"] = ANONYMOUS
    site.write_config()
    done = site.call(*command.split(), "0.0.0.0:0")
    assert (done.code, "uploads from anybody" in done.err) == (2, True), done


def test_nobody_is_let_in_before_users_are_named(tmp_path: Path) -> None:
    """An empty table accepts nothing, and says what to do."""
    with open_door(tmp_path / "index", uploads="{}") as door:
        reply = door.upload(sdist())
        assert (reply.status, b"htpasswd" in reply.body) == (403, True)
