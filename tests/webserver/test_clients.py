"""Every client in every situation: how it ends, and what its user sees; a real daemon and a real `eggwatch serve`.

`EGGWATCH_GOLDEN=write pytest tests/webserver/test_clients.py` records it in docs/uploading-seen.json, and
`python -m docs.uploading` makes a page of that; read both before they are committed.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from passlib.hash import bcrypt

from docs.uploading import SEEN
from tests.once import once_a_run
from tests.running import until
from tests.webserver.clients import CLIENTS, PYPIRC, QUICK, Client, environment, install
from tests.webserver.door import Door, open_door
from tests.webserver.link import Link
from tests.webserver.projects import write_project

pytestmark = pytest.mark.parts

SETTINGS = {
    "uploads": '{ users = "htpasswd" }',
    "owners": '{ "acme*" = ["boss"] }',
    "max_file_size": '"256KiB"',
    "rules": '{ "version-local" = "refuse", "requirement-direct" = "refuse" }',
}
PASSWORD = "correct horse"
NOISE = "".join(f"# {random.Random(seed).getrandbits(256):064x}\n" for seed in range(10_000))
"""A module of 660 KiB, half of which no compression takes away."""

COLOURS = r"\x1b\[[\d;]*m"
TRACEBACK = r"(Traceback \(most recent call last\):\n)(?:[ ].*\n)+"
HOMEPAGE = r"https://[^/\s]+(?=/p/twine/)"
MOMENT = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
VOLATILE = r"\b[0-9a-f]{64}\b|\b[0-9a-f]{16}(?=…|\.\.\.|\\xe2)"
USERS = {name: f"user{number}" for number, name in enumerate(CLIENTS)}
"""One for each client: nobody types so many wrong passwords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a client ended, and all that it has printed."""

    code: int
    printed: str


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A client with a project of its own, about to upload."""

    client: Client
    venv: Path
    door: Door
    link: Link
    home: Path
    user: str
    project: str = field(default_factory=(f"demo{number:03}" for number in itertools.count()).__next__)
    file: str = ""

    def write(self, version: str = "1.0", code: str = "", requires: tuple[str, ...] = ()) -> None:
        """Write the project, or write it anew."""
        self.file = write_project(self.home, self.project, version=version, code=code, requires=requires)

    def start(self, password: str = PASSWORD) -> subprocess.Popen[str]:
        """Begin to upload."""
        filled = {"url": f"{self.link.url}legacy/", "simple": f"{self.link.url}simple/", "user": self.user}
        filled |= {"password": password, "bin": str(self.venv / "bin"), "file": f"dist/{self.file}"}
        filled["packages"] = next(map(str, self.venv.glob("lib/*/site-packages")), "")
        (self.home / ".pypirc").write_text(PYPIRC.format(**filled))
        words = [word.format(**filled) for word in shlex.split(self.client.command)]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        env = environment(self.client, self.home, filled)
        return subprocess.Popen(words, env=env, cwd=self.home, text=True, encoding="utf-8", **streams)

    def upload(self, password: str = PASSWORD) -> Ran:
        """Upload, to the end."""
        return self.ended(self.start(password))

    def ended(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for the end; what it says of this machine and this run is made the same for all."""
        printed, _ = process.communicate(timeout=300)
        return Ran(code=process.returncode, printed="\n".join(self._lines(printed)))

    def _lines(self, printed: str) -> Iterator[str]:
        printed = re.sub(COLOURS, "", re.sub(TRACEBACK, r"\1", printed))
        printed = re.sub(HOMEPAGE, "https://pypi.example.com", printed)
        host = self.link.url.removeprefix("http://").rstrip("/")
        for seen, said in ((host, "packages.example.com"), (str(self.home), "~"), (self.project, "demo")):
            printed = printed.replace(seen, said)
        printed = re.sub(VOLATILE, "HASH", re.sub(MOMENT, "2026-11-29T12:00:00Z", printed)).replace(self.user, "alice")
        for line in printed.replace("\r", "\n").splitlines():
            said = re.sub(r" \([\d.]+(Ki)?B\)|-[a-z0-9_]{8}(?=\.log)", "", line)
            indent = " " * (len(line) - len(line.lstrip()))
            if said.strip() and not re.search(r"\d%|\d [kM]?B/s|__pypackages__", said):
                yield indent + " ".join(said.split())

    def is_published(self) -> bool:
        """Whether the index shows what lies in dist/."""
        return self.file in self.door.site.filenames(self.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all attempts share."""

    door: Door
    link: Link
    factory: pytest.TempPathFactory

    def attempt(self, client: Client, home: Path) -> Attempt:
        """A client, installed once a run, in a folder of its own."""
        name = re.sub(r"\W+", "-", client.installs)
        venv = once_a_run(self.factory, name, lambda folder: install(client, folder)) if name else Path("/")
        user = USERS[client.name]
        return Attempt(client=client, venv=venv, door=self.door, link=self.link, home=home, user=user)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    site = tmp_path_factory.mktemp("clients") / "index"
    site.mkdir()
    hashed = bcrypt.using(rounds=4).hash(PASSWORD)
    (site / "htpasswd").write_text("".join(f"{user}:{hashed}\n" for user in USERS.values()))
    with open_door(site, **SETTINGS) as door, Link(door.url) as link:
        yield Bench(door=door, link=link, factory=tmp_path_factory)


def success(attempt: Attempt) -> Ran:
    attempt.write()
    ran = attempt.upload()
    assert attempt.is_published() == (ran.code == 0)
    return ran


def repeat(attempt: Attempt) -> Ran:
    """The same bytes for a second time."""
    assert success(attempt).code == 0
    return attempt.upload()


def conflict(attempt: Attempt) -> Ran:
    """Other bytes under a name that is published."""
    assert success(attempt).code == 0
    attempt.write(code="x = 1\n")
    return attempt.upload()


def rejected(attempt: Attempt) -> Ran:
    attempt.write(version="1.0+local", requires=("other @ https://example.com/other.zip",))
    return attempt.upload()


def wrong_password(attempt: Attempt) -> Ran:
    attempt.write()
    return attempt.upload("battery staple")


def forbidden(attempt: Attempt) -> Ran:
    """A project that others own."""
    attempt.project = attempt.project.replace("demo", "acme")
    attempt.write()
    return attempt.upload()


def too_large(attempt: Attempt) -> Ran:
    attempt.write(code=NOISE)
    return attempt.upload()


def restarting(attempt: Attempt) -> Ran:
    """The daemon is down until the first 503; after that the same command succeeds in any case."""
    attempt.write()
    attempt.link.hold_after = 503
    attempt.door.daemon.stop()
    try:
        process = attempt.start()
        until("an answer with 503", attempt.link.is_held)
    finally:
        attempt.door.daemon.start()
        attempt.link.go_on()
    ran = attempt.ended(process)
    assert attempt.is_published() == attempt.client.retries, ran.printed
    assert attempt.upload().code == 0
    return ran


def slow_link(attempt: Attempt) -> Ran:
    """A link of 50 KiB a second."""
    attempt.write(code=NOISE[:100_000])
    attempt.link.pause = 0.02
    try:
        ran = attempt.upload()
        assert attempt.is_published()
        return ran
    finally:
        attempt.link.pause = 0.0


SITUATIONS: dict[Callable[[Attempt], Ran], tuple[str, ...]] = {
    success: (),
    repeat: (),
    conflict: ("File already exists",),
    rejected: ("demo-1.0+local.tar.gz was rejected.", "version-local: ", "requirement-direct: "),
    wrong_password: ("The user name or the password is wrong.",),
    forbidden: ("not-owner: ",),
    too_large: ("The file is too large: this index takes up to 262144 bytes",),
    restarting: ("its daemon is not running",),
    slow_link: (),
}
"""What the user must see; where that is nothing, the client must succeed."""


def case(client: Client, situation: Callable[[Attempt], Ran]) -> ParameterSet:
    is_quick = client.name in QUICK and situation not in (restarting, slow_link)
    name = f"{client}-{situation.__name__}"
    return pytest.param(client, situation, marks=() if is_quick else pytest.mark.long, id=name)


@pytest.mark.parametrize(
    ("client", "situation"), list(itertools.starmap(case, itertools.product(CLIENTS.values(), SITUATIONS)))
)
def test_the_client_ends_as_the_documentation_shows(
    bench: Bench, client: Client, situation: Callable[[Attempt], Ran], tmp_path: Path
) -> None:
    """Its exit status is right, its user sees why, and both are what docs/uploading-clients.rst shows."""
    attempt = bench.attempt(client, tmp_path)
    ran = situation(attempt)
    words = client.own_words.get(situation.__name__, SITUATIONS[situation])
    assert [one for one in words if one not in ran.printed] == [], ran.printed
    assert (ran.code == 0) == (not words or (situation is restarting and client.retries)), ran.printed
    seen = {"exit": ran.code, "printed": ran.printed.splitlines()}
    if os.environ.get("EGGWATCH_GOLDEN") == "write":
        record(client.name, situation.__name__, seen)
    assert seen == json.loads(SEEN.read_text("utf-8"))[client.name][situation.__name__]


def record(client: str, situation: str, seen: dict[str, object]) -> None:
    """Write it into the documentation's file, in the order of the table."""
    all_seen = json.loads(SEEN.read_text("utf-8")) if SEEN.exists() else {}
    all_seen.setdefault(client, {})[situation] = seen
    ordered = {name: all_seen[name] for name in (*CLIENTS, *all_seen) if name in all_seen}
    SEEN.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")
