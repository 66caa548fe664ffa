"""Indexes as other programs make and serve them: the real programs where they can be installed, else by hand."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.http_serving import Files, served
from tests.installers import clean_environment
from tests.running import until

YANKED = "demo-1.0-py3-none-any.whl"
UPLOADED, STAMP = "2015-03-04T05:06:07.000000Z", 1425445567


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """An older index: its address while it is served, what `import` takes, and what it has recorded."""

    url: str
    sources: tuple[Path, ...]
    time: str | None = None
    """Of every file; None if it records none."""
    uploader: str | None = None
    yanked: bool | str = False
    """Of the file that is YANKED."""


Make = Callable[[Path, Path, Path], AbstractContextManager[Older]]
"""From the folder of the program's commands, that of the archives, and an empty one."""


def install(packages: str, folder: Path) -> None:
    """Make a virtual environment with these packages, if there are any."""
    if not packages:
        return
    uv = Path(sys.executable).with_name("uv")
    for words in (
        ("venv", "-q", "--allow-existing", "--python", sys.executable, folder),
        ("pip", "install", "-q", "--python", folder / "bin/python", *packages.split()),
    ):
        subprocess.run([uv, *words], check=True, capture_output=True)


class _Handler(Files):
    """A static tree; its /pypi/PROJECT/json looks as on PyPI, for bandersnatch."""

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        """The media type."""
        return "application/json" if str(path).endswith("json") else super().guess_type(path)

    def end_headers(self) -> None:
        """End the headers."""
        self.send_header("X-PyPI-Last-Serial", "1")
        super().end_headers()


def run(folder: Path, *words: str | Path) -> str:
    environment = clean_environment(folder)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(folder: Path, *words: str | Path) -> Iterator[str]:
    """A server, told its port as last argument; its address."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = int(listening.getsockname()[1])
    with (folder / "output").open("wb") as output:
        command = [*map(str, words), str(port)]
        process = subprocess.Popen(command, cwd=folder, env=clean_environment(folder), stdout=output, stderr=output)

    def listens() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    try:
        until("the server listens", listens)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def pypiserver(program: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """Its folder of archives."""
    with running(folder, program / "pypi-server", "run", "-i", "127.0.0.1", archives, "-p") as url:
        yield Older(url=f"{url}simple/", sources=(archives,))


@contextmanager
def devpi(program: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """An index of Alice's, filled by twine, and its export."""
    home = ("--serverdir", folder / "server")
    run(folder, program / "devpi-init", *home, "--no-root-pypi")
    with running(folder, program / "devpi-server", *home, "--host", "127.0.0.1", "--port") as url:
        for words in (("use", url), ("user", "-c", "alice", "password=a"), ("login", "alice", "--password=a")):
            run(folder, program / "devpi", *words)
        run(folder, program / "devpi", "index", "-c", "dev", "bases=")
        twine = Path(sys.executable).with_name("twine")
        login = ("-u", "alice", "-p", "a", "--repository-url", f"{url}alice/dev/")
        run(folder, twine, "upload", "--disable-progress-bar", *login, *sorted(archives.iterdir()))
    run(folder, program / "devpi-export", *home, folder / "export")
    with running(folder, program / "devpi-server", *home, "--host", "127.0.0.1", "--port") as url:
        yield Older(url=f"{url}alice/dev/+simple/", sources=(folder / "export",), uploader="alice")


@contextmanager
def dumb_pypi(program: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """Its output beside the archives, and the list from which it was made."""
    rows = []
    for path in sorted(archives.iterdir()):
        row = {"filename": path.name, "hash": f"sha256={sha256(path.read_bytes()).hexdigest()}", "uploaded_by": "bob"}
        rows.append({**row, "upload_timestamp": STAMP, "yanked_reason": "broken" if path.name == YANKED else None})
    (folder / "files.txt").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shutil.copytree(archives, folder / "tree/pool")
    made = ("--output-dir", folder / "tree/out", "--packages-url", "../../../pool/")
    run(folder, program / "dumb-pypi", "--package-list-json", folder / "files.txt", *made)
    with served(folder / "tree", _Handler) as url:
        sources = (folder / "tree/pool", folder / "files.txt")
        yield Older(url=f"{url}out/simple/", sources=sources, time=UPLOADED, uploader="bob", yanked="broken")


@contextmanager
def pip2pi(program: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """dir2pi's simple/ in the folder of the archives."""
    shutil.copytree(archives, folder / "tree")
    run(folder, program / "dir2pi", folder / "tree")
    with served(folder / "tree", _Handler) as url:
        yield Older(url=f"{url}simple/", sources=(folder / "tree",))


@contextmanager
def simple_repository_generator(program: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """With copies of the archives, whose mtimes are on its pages alone."""
    shutil.copytree(archives, folder / "archives")
    for path in (folder / "archives").iterdir():
        os.utime(path, (STAMP, STAMP))
    run(folder, program / "simple-repository-generator", folder / "archives", "--copy", "--output", folder / "tree")
    with served(folder / "tree", _Handler) as url:
        yield Older(url=f"{url}simple/", sources=(folder / "tree",), time=f"{UPLOADED[:10]}T00:00:00.000000Z")


@contextmanager
def bandersnatch(program: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """A mirror of an index that has the JSON of PyPI."""
    with served(folder / "master", _Handler) as url:
        for project in ("demo", "other"):
            _describe(project, archives, folder / "master", url)
        settings = {"directory": folder / "mirror", "master": url.rstrip("/"), "allow-non-https": "true"}
        settings |= {"json": "true", "hash-index": "false", "stop-on-error": "true", "workers": "1"}
        text = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (folder / "conf").write_text(f"[mirror]\n{text}")
        run(folder, program / "bandersnatch", "-c", folder / "conf", "sync", "demo", "other")
    with served(folder / "mirror/web", _Handler) as url:
        yield Older(url=f"{url}simple/", sources=(folder / "mirror/web",), time=UPLOADED, yanked="broken")


def _describe(project: str, archives: Path, master: Path, url: str) -> None:
    files = []
    for path in sorted(archives.glob(f"{project}-*")):
        digest = sha256(path.read_bytes()).hexdigest()
        place = Path("packages", digest[:2], digest[2:4], digest[4:], path.name)
        (master / place).parent.mkdir(parents=True)
        shutil.copy(path, master / place)
        file = {"filename": path.name, "url": f"{url}{place}", "digests": {"sha256": digest}, "requires_python": None}
        file |= {"size": path.stat().st_size, "upload_time_iso_8601": UPLOADED, "packagetype": "sdist"}
        is_yanked = path.name == YANKED
        files.append({**file, "yanked": is_yanked, "yanked_reason": "broken" if is_yanked else None})
    page = {"info": {"name": project, "version": "1.0"}, "last_serial": 1, "releases": {"1.0": files}, "urls": files}
    (master / "pypi" / project).mkdir(parents=True)
    (master / "pypi" / project / "json").write_text(json.dumps(page))


@contextmanager
def basketweaver(_: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """index/PROJECT/index.html with links to the archives beside index/, as `makeindex` writes them."""
    shutil.copytree(archives, folder / "tree")
    _write_pages(folder / "tree", folder / "tree/index", "../../")
    with served(folder / "tree", _Handler) as url:
        yield Older(url=f"{url}index/", sources=(folder / "tree",))


@contextmanager
def compoze(_: Path, archives: Path, folder: Path) -> Iterator[Older]:
    """simple/PROJECT/index.html beside links to the archives in a pool, as after `compoze pool`."""
    shutil.copytree(archives, folder / "pool")
    (folder / "kgs").mkdir()
    for path in archives.iterdir():
        (folder / "kgs" / path.name).symlink_to(f"../pool/{path.name}")
    _write_pages(folder / "kgs", folder / "kgs/simple", "../../")
    with served(folder / "kgs", _Handler) as url:
        yield Older(url=f"{url}simple/", sources=(folder / "kgs",))


def _write_pages(archives: Path, pages: Path, up: str) -> None:
    for project in ("demo", "other"):
        (pages / project).mkdir(parents=True)
        names = sorted(path.name for path in archives.glob(f"{project}-*"))
        links = "".join(f"<li><a href='{up}{name}'>{name}</a></li>\n" for name in names)
        (pages / project / "index.html").write_text(f"<html><body><ul>\n{links}</ul></body></html>\n")


INSTALLS: dict[Make, str] = {
    pypiserver: "pypiserver==2.4.2",
    devpi: "devpi-server==6.20.3 devpi-client==7.3.0",
    dumb_pypi: "dumb-pypi==1.15.0",
    pip2pi: "pip2pi==0.8.2 setuptools<80",
    simple_repository_generator: "simple-repository-generator==0.2.1",
    bandersnatch: "bandersnatch==6.8.0",
    basketweaver: "",
    compoze: "",
}
"""What is installed for each; nothing for those that run on Python 2 only."""
