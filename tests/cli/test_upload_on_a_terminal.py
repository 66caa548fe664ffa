"""eggwatch upload as a person sees it: the password that is asked for, the progress, and HTTPS with an own CA."""

from __future__ import annotations

import os
import pty
import random
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import create_connection, create_server, socket
from urllib.parse import urlsplit

import pytest
from passlib.hash import bcrypt

from tests.archive_factory import sdist
from tests.cli.program import Site, clean_environment
from tests.running import PATIENT
from tests.webserver.door import Door, open_door

pytestmark = pytest.mark.parts

UPLOADS = '{ users = "htpasswd" }'


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    site = Site(tmp_path / "index", uploads=UPLOADS)
    (site.base / "htpasswd").write_text(f"alice:{bcrypt.using(rounds=4).hash('secret')}\n")
    with open_door(tmp_path / "index", uploads=UPLOADS) as door:
        yield door


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Of three MiB."""
    name, data = sdist("demo", "1.0", files={"demo/data.bin": random.Random(0).randbytes(3 << 20)})
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def on_terminal(*arguments: str | Path, types: str, at: str) -> tuple[int, str]:
    """The exit status of a command on a terminal and all that it shows; `types` is typed when it shows `at`."""
    ours, its = pty.openpty()
    words = [sys.executable, "-m", "eggwatch", *map(str, arguments)]
    environment = clean_environment({"TERM": "xterm"})
    with subprocess.Popen(words, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True) as process:
        os.close(its)
        shown, typed = "", False
        with suppress(OSError):  # EIO: nobody has the terminal open any more
            while data := os.read(ours, 65536):
                shown += data.decode()
                if not typed and at in shown:
                    os.write(ours, types.encode())
                    typed = True
    os.close(ours)
    return process.returncode, shown


def test_the_password_is_asked_for_without_an_echo_and_the_progress_is_shown(door: Door, archive: Path) -> None:
    """The bar goes away in the end, and the verdict stands alone on its line."""
    where = ("--to", door.url, "--user", "alice")
    code, shown = on_terminal("upload", archive, *where, types="secret\n", at="Password of alice: ")
    assert (code, "secret" in shown) == (0, False), shown
    assert re.search(r"\rdemo-1\.0\.tar\.gz, MiB \[#+\.*\] [123] of 4", shown), shown
    assert shown.endswith("\r\x1b[Kdemo-1.0.tar.gz is published.\r\n"), shown
    code, shown = on_terminal("upload", archive, *where, types="mistake\n", at="Password of alice: ")
    assert (code, "The user name or the password is wrong." in shown, "mistake" in shown) == (1, True, False), shown


@contextmanager
def https_before(door: Door, folder: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a server with HTTPS in front of the door, and the certificate that it has given itself."""
    certificate, key, parts = folder / "ca.pem", folder / "key.pem", urlsplit(door.url)
    new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=own -days 2"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*new.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(listening: socket) -> None:
        with suppress(OSError):
            while True:
                client = listening.accept()[0]
                threading.Thread(target=pass_on, args=(client,), daemon=True).start()

    def pass_on(client: socket) -> None:
        with (
            suppress(OSError),
            closing(context.wrap_socket(client, server_side=True)) as secure,
            closing(create_connection((parts.hostname, parts.port), timeout=PATIENT)) as behind,
        ):
            threading.Thread(target=copy, args=(behind, secure), daemon=True).start()
            copy(secure, behind)

    def copy(source: socket, target: socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    with closing(create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/", certificate


def test_a_certificate_of_an_own_ca_is_named_in_the_environment(door: Door, archive: Path, tmp_path: Path) -> None:
    """Without it nothing is sent, and the message says what to do."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    with https_before(door, tmp_path) as (url, certificate):
        words = ("upload", archive, "--to", url, "--user", "alice", "--password-file", password)
        done = door.site.call(*words)
        assert (done.code, "certificate" in done.err, "SSL_CERT_FILE" in done.err) == (2, True, True), done
        assert door.site.filenames("demo") == []
        done = door.site.call(*words, env={"SSL_CERT_FILE": str(certificate)})
        assert (done.code, done.err) == (0, ""), done
    assert door.site.filenames("demo") == [archive.name]
