"""The templates of pages, which are files of the package."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from importlib.resources.abc import Traversable


def templates() -> dict[str, str]:
    """The templates of eggwatch by name."""
    pages = importlib.resources.files("eggwatch.pages")
    texts = {name: file.read_text("utf-8") for name, file in files_in(pages / "templates")}
    return texts | {f"site/{name}": file.read_text("utf-8") for name, file in files_in(pages / "site" / "templates")}


def files_in(folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    """The files in a folder, by name."""
    files = (item for item in folder.iterdir() if item.is_file())
    return ((item.name, item) for item in sorted(files, key=lambda item: item.name))
