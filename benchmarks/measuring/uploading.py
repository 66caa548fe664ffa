"""Uploads over HTTP, beside pypiserver and devpi: an upload counts when the index gives the file to whoever asks.

Each archive is sent as twine sends it; then its project's page is asked for until the file is on it, and the file is
fetched and compared. The servers have their turns in one run, each with archives of the same sizes.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from benchmarks.measuring.archives import small
from benchmarks.measuring.processes import Words, daemon
from benchmarks.measuring.table import Row

A_TURN = 10
AT_ONCE = 8
SECONDS = 60.0
LOGIN = "Basic " + base64.b64encode(b"root:secret").decode()
LINK = re.compile(r'<a[^>]*href="([^"]*)"', re.IGNORECASE)

Archive = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the pages of projects begin, and the process that serves them."""

    simple_url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Server):
    """One that takes uploads, too."""

    upload_url: str

    def publish(self, archive: Archive) -> None:
        """Upload an archive, and wait until it can be fetched."""
        name, data = archive
        kind, body = form(archive)
        status, said = ask("POST", self.upload_url, body, {"Content-Type": kind})
        if status != 200:
            raise SystemExit(f"{self.upload_url}: {status} {said[:200]!r}")
        deadline = time.monotonic() + SECONDS
        while self._fetched(name) != data:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.simple_url}: there is no {name}")
            time.sleep(0.005)

    def _fetched(self, name: str) -> bytes | None:
        link = link_on(page_url(self.simple_url, name), name)
        return None if link is None else ask("GET", link)[1]


def page_url(simple_url: str, name: str) -> str:
    """The page of the project of an archive."""
    return f"{simple_url}{project_of(name)}/"


def link_on(url: str, name: str) -> str | None:
    """Where the page of a project says that an archive is; None if it does not show it, or is not there."""
    status, page = ask("GET", url)
    links = (unescape(link).partition("#")[0] for link in LINK.findall(page.decode())) if status == 200 else ()
    return next((urljoin(url, link) for link in links if link.endswith(f"/{name}")), None)


def project_of(name: str) -> str:
    """The project of one of our archives."""
    return "-".join(name.removesuffix(".tar.gz").split("-")[0].split("_"))


def ask(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)) as connection:
        connection.request(method, parts.path, body, {"Authorization": LOGIN, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()


def form(archive: Archive) -> tuple[str, bytes]:
    """An upload as twine sends it: its type and its body."""
    name, data = archive
    version, is_wheel = name.removesuffix(".tar.gz").split("-")[1], name.endswith(".whl")
    fields = {
        ":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1", "name": project_of(name),
        "version": version, "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": "py3" if is_wheel else "source", "md5_digest": hashlib.md5(data).hexdigest(),
        "sha256_digest": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    parts.append(f'{head}"content"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
    return f"multipart/form-data; boundary={boundary}", b"".join(
        ["".join(parts).encode(), data, f"\r\n--{boundary}--\r\n".encode()]
    )


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def eggwatch(base: Path) -> Iterator[Index]:
    """The daemon, and the server beside it."""
    (base / "drop").mkdir(parents=True)
    folders = "".join(f'{name} = "{name}"\n' for name in ("drop", "public", "state"))
    (base / "eggwatch.toml").write_text(f"[index.main]\n{folders}uploads = {{ anonymous = true }}\n")
    url = f"http://127.0.0.1:{(port := free_port())}/"
    command: Words = [sys.executable, "-m", "eggwatch", "--config", base / "eggwatch.toml"]
    with daemon([*command, "run"]), daemon([*command, "serve", "--listen", str(port)]) as pid:
        yield Index(upload_url=f"{url}legacy/", simple_url=f"{url}simple/", pid=pid)


@contextmanager
def pypiserver(base: Path, peers: Path) -> Iterator[Index]:
    """pypiserver, open to all."""
    base.mkdir()
    url = f"http://127.0.0.1:{(port := free_port())}/"
    words = ["run", "-i", "127.0.0.1", "-p", str(port), "-P", ".", "-a", ".", "--disable-fallback", base]
    with listening([peers / "bin/pypi-server", *words], url) as pid:
        yield Index(upload_url=url, simple_url=f"{url}simple/", pid=pid)


@contextmanager
def devpi(base: Path, peers: Path) -> Iterator[Index]:
    """devpi with one index of root's, and without its mirror."""
    url, where = f"http://127.0.0.1:{(port := free_port())}/", ["--serverdir", base]
    init = [peers / "bin/devpi-init", *where, "--no-root-pypi", "--root-passwd", "secret"]
    subprocess.run(init, check=True, capture_output=True)
    with listening([peers / "bin/devpi-server", *where, "--host", "127.0.0.1", "--port", str(port)], url) as pid:
        login = ask("POST", f"{url}+login", json.dumps({"user": "root", "password": "secret"}).encode(), IN_JSON)[1]
        token = base64.b64encode(f"root:{json.loads(login)['result']['password']}".encode()).decode()
        kind = json.dumps({"type": "stage", "bases": []}).encode()
        status, said = ask("PUT", f"{url}root/main", kind, {**IN_JSON, "X-Devpi-Auth": token})
        if status != 200:
            raise SystemExit(f"devpi: {said.decode()}")
        yield Index(upload_url=f"{url}root/main/", simple_url=f"{url}root/main/+simple/", pid=pid)


IN_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@contextmanager
def listening(command: Words, url: str) -> Iterator[int]:
    """A server that answers, for the length of a block, by its process id."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                ask("GET", url)
                break
            time.sleep(0.1)
        else:
            raise SystemExit(f"{command[0]} does not answer")
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def seconds_of(index: Index, archives: Sequence[Archive], clients: int) -> float:
    """How long so many clients take together."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(index.publish, archives))
    return time.perf_counter() - begun


PEERS: dict[str, tuple[str, Callable[[Path, Path], AbstractContextManager[Index]]]] = {
    "pypiserver": ("pypi-server", pypiserver),
    "devpi": ("devpi-server", devpi),
}
"""By name: the program, and how it is started."""


def beside_peers(work: Path, *, count: int, peers: Path | None) -> Iterator[Row]:
    """Uploads a second, by one client and by several at once."""
    with ExitStack() as stack:
        servers = {"ours": stack.enter_context(eggwatch(work / "http-ours"))}
        for name, (program, start) in PEERS.items():
            if peers is not None and (peers / "bin" / program).exists():
                servers[name] = stack.enter_context(start(work / f"http-{name}", peers))
        for clients in (1, AT_ONCE):
            rates = dict(in_turn(servers, count, clients))
            what = f"uploads over HTTP, {clients} at once"
            for name in [*rates][1:]:
                yield Row(what=f"{what}, {name}", ours=rates["ours"], beside=rates[name], unit="/s")
            if len(rates) == 1:
                yield Row(what=what, ours=rates["ours"], unit="/s")


def in_turn(servers: Mapping[str, Index], count: int, clients: int) -> Iterator[tuple[str, float]]:
    """The uploads a second of each server, which have a few at a time."""
    spent, starts = dict.fromkeys(servers, 0.0), range(0, count, A_TURN)
    for start in starts:
        archives = [small(number, stem=f"http{clients}") for number in range(start, start + A_TURN)]
        for name, index in servers.items():
            spent[name] += seconds_of(index, archives, clients)
    return ((name, len(starts) * A_TURN / seconds) for name, seconds in spent.items())
