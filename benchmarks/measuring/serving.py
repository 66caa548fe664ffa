"""Pages and archives over HTTP, and what `uv pip compile` takes: our tree beside servers that make pages when asked.

nginx, Apache and Caddy are configured by `eggwatch webserver --standalone`, `eggwatch serve` needs nothing; pypiserver,
devpi and simple-repository-server have the same archives. Several clients, each a process with `http.client` and one
connection that is kept, ask as pip does. The servers have their turns in one run. Of the fastest the CPU time says more
than requests a second do: they wait for the clients.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measuring.processes import cpu_of, daemon, eggwatch, environment, run
from benchmarks.measuring.table import Row, quantile
from benchmarks.measuring.uploading import PEERS, Archive, Server, free_port, link_on, listening, page_url, project_of
from tests.archive_factory import wheel
from tests.contrib.web_servers import COMMANDS, running_alone
from tests.installers import uv

CLIENTS = 4
TURNS = 5
SECONDS = 3.0
"""After which a client's turn is over, however many answers it got."""
OLDER = 9
"""Earlier releases of the project whose page is asked for."""
SIZE = 400_000
LIKE_PIP = {
    "Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(slots=True, kw_only=True)
class Answers:
    """What a server has answered until now: seconds of each answer, of all turns, and of its CPU."""

    each: list[float] = field(default_factory=list)
    turns: float = 0.0
    cpu: float = 0.0


def tree(projects: int) -> Iterator[Archive]:
    """A wheel of some 400 kB for each project, which needs two others; small older ones of the first project."""
    for older in range(OLDER):
        yield wheel("tree-000", f"0.{older}", requires_python=">=3.9")
    for number in range(projects):
        lines = "".join(
            f"Requires-Dist: tree-{one:03}>=1.0\n" for one in (2 * number + 1, 2 * number + 2) if one < projects
        )
        files = {f"tree_{number:03}/data.bin": random.Random(number).randbytes(SIZE)}
        yield wheel(f"tree-{number:03}", "1.0", requires_python=">=3.9", files=files, metadata_extra=lines)


@contextmanager
def web_server(kind: str, base: Path) -> Iterator[Server]:
    """nginx, Apache or Caddy over the index below a folder, with the configuration that our command prints."""
    port = free_port()
    command = eggwatch(base, "webserver", kind, "--standalone", "--listen", str(port))
    site = subprocess.run(command, cwd=base, env=environment(), check=True, capture_output=True).stdout
    if os.geteuid() == 0:
        shutil.chown(base / f"eggwatch-{kind}", "nobody")
    (base / f"{kind}.conf").write_bytes(site)
    with running_alone(kind, base / f"{kind}.conf", port) as pid:
        yield Server(simple_url=f"http://127.0.0.1:{port}/simple/", pid=pid)


@contextmanager
def serve(base: Path) -> Iterator[Server]:
    """`eggwatch serve`."""
    port = free_port()
    with daemon(eggwatch(base, "serve", "--listen", str(port))) as pid:
        yield Server(simple_url=f"http://127.0.0.1:{port}/simple/", pid=pid)


@contextmanager
def simple_repository(base: Path, peers: Path, archives: Sequence[Archive]) -> Iterator[Server]:
    """simple-repository-server over a folder of each project."""
    for name, data in archives:
        path = base / project_of(name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    url = f"http://127.0.0.1:{(port := free_port())}/"
    words = ["--host", "127.0.0.1", "--port", str(port), base]
    with listening([peers / "bin/simple-repository-server", *words], url) as pid:
        yield Server(simple_url=f"{url}simple/", pid=pid)


@contextmanager
def uploaded(name: str, base: Path, peers: Path, archives: Sequence[Archive]) -> Iterator[Server]:
    """A peer that takes uploads, when it has them all."""
    with PEERS[name][1](base, peers) as index:
        for archive in archives:
            index.publish(archive)
        yield index


def ours(base: Path) -> Iterator[tuple[str, AbstractContextManager[Server]]]:
    """What can serve our tree here, by name."""
    for kind in ("nginx", "apache", "caddy"):
        if shutil.which(COMMANDS[kind][0], path="/usr/sbin:/usr/bin:/usr/local/bin"):
            yield kind, web_server(kind, base)
    yield "eggwatch serve", serve(base)


def theirs(
    work: Path, peers: Path | None, archives: Sequence[Archive]
) -> Iterator[tuple[str, AbstractContextManager[Server]]]:
    """The peers that the environment has, by name."""
    if peers is None:
        return
    if (peers / "bin/simple-repository-server").exists():
        yield "simple-repository", simple_repository(work / "serving-simple", peers, archives)
    for name, (program, _) in PEERS.items():
        if (peers / "bin" / program).exists():
            yield name, uploaded(name, work / f"serving-{name}", peers, archives)


def published(base: Path, archives: Sequence[Archive]) -> None:
    """Our tree of these archives."""
    (base / "drop").mkdir(parents=True)
    for name, data in archives:
        (base / "drop" / name).write_bytes(data)
    run(eggwatch(base, "run", "--once"))


def without_metadata(base: Path, target: Path) -> None:
    """The same tree, but its pages don't tell of the files with metadata, and there are none."""
    shutil.copytree(
        base / "public", target / "public", ignore=shutil.ignore_patterns("*.metadata", "*.gz", ".eggwatch")
    )
    for name in ("drop", "state"):
        (target / name).mkdir()
    for path in (target / "public/simple").glob("*/index.v1_json"):
        page = json.loads(path.read_bytes())
        for file in page["files"]:
            file.pop("core-metadata")
        path.write_text(json.dumps(page))


def beside_peers(work: Path, *, projects: int, count: int, rounds: int, peers: Path | None) -> Iterator[Row]:
    """The first of our servers beside each other one: a page, an archive, and the resolution of the whole tree."""
    archives, base, bare = list(tree(projects)), work / "serving", work / "serving-bare"
    work.chmod(0o711)  # web servers that root starts run as nobody
    published(base, archives)
    without_metadata(base, bare)
    with ExitStack() as stack:
        found = [*ours(base), *theirs(work, peers, archives)]
        servers = {name: stack.enter_context(server) for name, server in found}
        pages = {name: page_url(server.simple_url, archives[-projects][0]) for name, server in servers.items()}
        files = {name: str(link_on(page, archives[-projects][0])) for name, page in pages.items()}
        for what, urls in (("page", pages), ("file", files)):
            yield from compared(what, asked(urls, servers, count))
        name, server = next(ours(bare))
        servers[f"{name} without .metadata"] = stack.enter_context(server)
        yield from resolved(work / "uv", servers, projects, rounds)


def asked(urls: Mapping[str, str], servers: Mapping[str, Server], count: int) -> dict[str, Answers]:
    """What each server answers to so many requests, a few at a time; the first few are not counted."""
    answers = {name: Answers() for name in servers}
    with ProcessPoolExecutor(CLIENTS) as clients:
        for url in urls.values():
            list(clients.map(ask_again, [url] * CLIENTS, [1] * CLIENTS))
        for name in [*servers] * TURNS:
            cpu, begun = cpu_of(servers[name].pid), time.perf_counter()
            for seconds in clients.map(ask_again, [urls[name]] * CLIENTS, [-(-count // TURNS // CLIENTS)] * CLIENTS):
                answers[name].each += seconds
            answers[name].turns += time.perf_counter() - begun
            answers[name].cpu += cpu_of(servers[name].pid) - cpu
    return answers


def ask_again(url: str, count: int) -> list[float]:
    """Ask for the same so many times, on one connection; the seconds of each answer."""
    parts, seconds, end = urlsplit(url), list[float](), time.perf_counter() + SECONDS
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
        while len(seconds) < count and (begun := time.perf_counter()) < end:
            connection.request("GET", parts.path, headers=LIKE_PIP)
            answer = connection.getresponse()
            if not answer.read() or answer.status != 200:
                raise SystemExit(f"{url}: {answer.status}")
            seconds.append(time.perf_counter() - begun)
    return seconds


def compared(what: str, answers: Mapping[str, Answers]) -> Iterator[Row]:
    """The rows: requests a second, how soon they are answered, what each costs the server."""
    measures: dict[str, tuple[str, Callable[[Answers], float]]] = {
        "requests": ("/s", lambda one: len(one.each) / one.turns),
        "median": ("ms", lambda one: statistics.median(one.each) * 1e3),
        "slowest 2 %": ("ms", lambda one: quantile(one.each, 0.98) * 1e3),
        "CPU": ("µs", lambda one: one.cpu / len(one.each) * 1e6),
    }
    first, *others = answers
    for measure, (unit, value) in measures.items():
        for other in others or [None]:
            beside = None if other is None else value(answers[other])
            label = f"{what}, {measure}: {first}" + (f", {other}" if other else "")
            yield Row(what=label, ours=value(answers[first]), beside=beside, unit=unit)


def resolved(homes: Path, servers: Mapping[str, Server], projects: int, rounds: int) -> Iterator[Row]:
    """`uv pip compile` of the whole tree, each time with an empty cache."""
    seconds: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(rounds):
        for name, server in servers.items():
            seconds[name].append(compile_tree(homes / f"{number}-{name}", server.simple_url, projects))
    medians = {name: statistics.median(each) * 1e3 for name, each in seconds.items()}
    first, *others = medians
    for other in others:
        yield Row(what=f"compile: {first}, {other}", ours=medians[first], beside=medians[other], unit="ms")


def compile_tree(home: Path, simple_url: str, projects: int) -> float:
    """The seconds that it takes. SystemExit if a project is missing."""
    uv(home, "--version")  # makes a cache that knows this Python
    (home / "tree.in").write_text("tree-000\n")
    begun = time.perf_counter()
    done = uv(home, "pip", "compile", "--python", sys.executable, "--default-index", simple_url, "tree.in")
    seconds = time.perf_counter() - begun
    if done.returncode or done.stdout.count("==1.0") != projects:
        raise SystemExit(f"{simple_url}: {done.stderr}")
    return seconds
