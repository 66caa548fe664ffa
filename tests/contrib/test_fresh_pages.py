"""What was published a moment ago is installed, by clients that keep pages: through each sample and the own server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from eggwatch.webserver.server import Server
from tests.archive_factory import wheel
from tests.contrib.web_servers import SERVERS, folder_for, serving
from tests.installers import clean_environment, uv
from tests.laws.at_work import IndexAtWork

Done = subprocess.CompletedProcess[str]

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]


@contextmanager
def embedded(_: Path, public: Path) -> Iterator[str]:
    """The server of `run --serve`."""
    server = Server({"": public})
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="module", params=[*sorted(SERVERS), "embedded"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[IndexAtWork, str]]:
    """An index and the URL where a server shows its pages."""
    kind = str(request.param)
    serve = embedded if kind == "embedded" else partial(serving, kind)
    with folder_for(kind) as folder, IndexAtWork(folder) as work, serve(folder / "run", work.config.public) as url:
        yield work, url


def pip_get(home: Path, index: str, what: str) -> Done:
    """pip, which keeps its cache between the calls."""
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input"]
    options = ["--cache-dir", str(home / "cache"), "download", "--dest", str(home), "--no-deps", "--index-url", index]
    return subprocess.run(
        [*command, *options, what], env=clean_environment(home), capture_output=True, text=True, check=False, timeout=60
    )


def uv_get(home: Path, index: str, what: str) -> Done:
    """uv, likewise."""
    options = ("--default-index", index, "--python", sys.executable, "--target", str(home / "target"))
    return uv(home, "pip", "install", *options, what)


@pytest.mark.parametrize(("client", "rounds"), [(uv_get, 6), (pip_get, 2)], ids=["uv", "pip"])
def test_each_version_is_found_as_soon_as_it_is_published(
    tmp_path: Path, served: tuple[IndexAtWork, str], client: Callable[[Path, str, str], Done], rounds: int
) -> None:
    """However soon one follows another: a page that a client holds is never said to be the page of now."""
    work, url = served
    project = f"for-{client.__name__.removesuffix('_get')}"
    missing = []
    for number in range(rounds):
        work.now = time.time()
        work.upload(*wheel(project, f"1.{number}"))
        done = client(tmp_path, f"{url}simple/", f"{project}==1.{number}")
        if done.returncode:
            missing.append(done.stdout + done.stderr)
    assert missing == []
