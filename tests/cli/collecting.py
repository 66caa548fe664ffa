"""An index that pip asks on 127.0.0.1, and `eggwatch collect` with it."""

from __future__ import annotations

import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.archive_factory import wheel
from tests.cli.program import Done, Site
from tests.cli.stocks import add

SAME, CHANGED, GONE = wheel("demo", "1.0"), wheel("changed", "2.0"), wheel("gone", "3.0")
APP, LIBRARY, NEWER = (f"{name}-py3-none-any.whl" for name in ("app-1.0", "library-1.0", "library-2.0"))


class Index:
    """A folder for each project, served by Python's http.server: its listings are a simple index."""

    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, list[str]()
        path.mkdir()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Listing, self, directory=str(path)))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, archive: tuple[str, bytes], project: str) -> None:
        """Publish an archive."""
        add(self.path, archive, project)

    def sent(self) -> set[str]:
        """The archives that were downloaded since the last call."""
        sent = {Path(path).name for path in self.asked if path.endswith((".whl", ".tar.gz"))}
        self.asked.clear()
        return sent

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()


class Listing(SimpleHTTPRequestHandler):
    """Records all requests, and prints nothing."""

    def __init__(self, index: Index, *arguments: object, **options: str) -> None:
        self._index = index
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Serve a listing or a file."""
        self._index.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def collect(tmp_path: Path, index: Index, *arguments: str | Path, path: Path | None = None) -> Done:
    """Run the command with an index in pip's configuration."""
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\nretries = 0\nno-cache-dir = true\n")
    kept = {name: "" for name in os.environ if name.startswith("PIP_")}
    env = {**kept, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "NO_PROXY": "127.0.0.1"}
    if path is not None:
        env["PATH"] = f"{path}:{os.environ['PATH']}"
    return Site(tmp_path, bare=True).call("collect", *arguments, env=env)


def files_in(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def compoze_config(folder: Path, text: str) -> Path:
    """A configuration file of compoze."""
    (folder / "compoze.cfg").write_text(text)
    return folder / "compoze.cfg"
