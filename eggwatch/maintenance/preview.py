"""The site of an index in a folder of its own, rendered anew whenever its templates or its configuration change."""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.settings import Site
from eggwatch.errors import EggwatchError
from eggwatch.maintenance.preview_sample import write_sample
from eggwatch.maintenance.verify import fresh_pages
from eggwatch.readers.local import IndexReader
from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.ledger import Ledger
from eggwatch.writer.index import check_sources
from eggwatch.writer.page_sources import page_sources

MOST_PROJECTS = 50
"""So many projects are shown: those that changed last."""
_HEAD_ENDS = re.compile(rb"</head\s*>|\Z", re.IGNORECASE)


class Preview:
    """What a browser shows of `folder`, which changes with the files that the site is made from.

    `load` reads the configuration, `source` is its file; `tell` is told what is wrong with a change.
    """

    def __init__(
        self, load: Callable[[], IndexConfig], source: Path | None, folder: Path, *, tell: Callable[[str], None]
    ) -> None:
        self._load, self._source, self._folder, self._tell = load, source, folder, tell
        self._config, self._places = load(), dict[str, Any]()
        self._catalog = _newest_of(IndexReader(config=self._config).ledger())
        self.is_sample = not self._catalog.projects()
        if self.is_sample:
            self._places = {"public": folder / "pages", "state": folder / "state"}
            write_sample(**self._places)
            self._catalog = _newest_of(Ledger(folder / "state" / "ledger.jsonl"))
        self.pages.mkdir(exist_ok=True)
        self._seen: object = None

    @property
    def pages(self) -> Path:
        """The folder to be served."""
        return self._folder / "pages"

    def step(self) -> None:
        """Render everything if a file has changed; what can't be rendered leaves the pages of before."""
        if (now := self._sources()) == self._seen:
            return
        self._seen = now
        try:
            self._render()
        except EggwatchError as error:
            self._tell(str(error))
        except Exception as error:
            self._tell(f"{type(error).__name__}: {error}")

    def _sources(self) -> list[tuple[Path, int, int]]:
        found = []
        for path in self._paths():
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((path, status.st_mtime_ns, status.st_size))
        return found

    def _paths(self) -> Iterator[Path]:
        site = self._config.site or Site()
        yield from filter(None, (self._source, site.logo))
        if site.templates is not None and site.templates.is_dir():
            yield from sorted(site.templates.iterdir())

    def _render(self) -> None:
        config = self._load()
        self._config = config
        shown = replace(config, site=config.site or Site(), **self._places)
        check_sources(shown)
        self._catalog.mark_all_of_site({})
        pages: dict[str, bytes] = {}
        for _, some in fresh_pages(self._catalog, shown, page_sources(shown).options):
            pages |= some
        digest = hashlib.sha256(b"".join(pages.values())).hexdigest()
        self._write({path: _watched(path, page, digest) for path, page in pages.items()}, digest)

    def _write(self, pages: dict[str, bytes], digest: str) -> None:
        script = importlib.resources.files("eggwatch.maintenance") / "preview.js"
        ours = {
            "static/preview.js": script.read_bytes(),
            "static/preview-digest.js": f'previewed("{digest}");\n'.encode(),
        }
        for path, page in {**pages, **ours}.items():
            (self.pages / path).parent.mkdir(parents=True, exist_ok=True)
            (self.pages / path).write_bytes(page)


def _newest_of(ledger: Ledger) -> Catalog:
    """A catalog of the projects that changed last."""
    last = {entry.event.project: entry.serial for entry in ledger.read() if entry.event.project is not None}
    wanted = {None, *sorted(last, key=lambda project: last[project])[-MOST_PROJECTS:]}
    catalog = Catalog(":memory:")
    catalog.apply(entry for entry in ledger.read() if entry.event.project in wanted)
    return catalog


def _watched(path: str, page: bytes, digest: str) -> bytes:
    """A page that knows which rendering it is of, and looks whether there is another; programs get theirs as ever."""
    if not path.endswith(".html") or path.startswith("simple/"):
        return page
    script = f'<script src="{"../" * path.count("/")}static/preview.js?{digest}" defer></script>\n'.encode()
    return _HEAD_ENDS.sub(lambda end: script + end[0], page, count=1)
