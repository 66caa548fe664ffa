"""`eggwatch index` in a folder of archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.program import Done, Site


class Folder:
    """A folder of archives, without a configuration, and `eggwatch index` run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._site = Site(path, bare=True)

    def index(self, *arguments: str | Path) -> Done:
        """Run the command in the folder."""
        return self._site.call("index", *arguments)

    def call(self, *arguments: str | Path) -> Done:
        """Run another command there."""
        return self._site.call(*arguments)

    def page(self, project: str) -> dict[str, Any]:
        """A project's JSON page."""
        page: dict[str, Any] = json.loads((self.path / "simple" / project / "index.v1_json").read_bytes())
        return page

    def urls(self, project: str) -> list[str]:
        """The links on a project's page."""
        return [file["url"] for file in self.page(project)["files"]]

    def pages(self) -> dict[str, tuple[int, int]]:
        """Inode and mtime of every page."""
        files = {path: path.stat() for path in self.path.rglob("*") if path.is_file() and is_page(path)}
        return {str(path.relative_to(self.path)): (s.st_ino, s.st_mtime_ns) for path, s in files.items()}


def is_page(path: Path) -> bool:
    """Whether a file is no archive, by its suffix."""
    return path.suffix in (".html", ".v1_html", ".v1_json", ".json", ".gz") and not path.name.endswith(".tar.gz")


def contents(path: Path) -> dict[str, bytes]:
    """All files by relative path."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
