"""An index at work inside the test's own process, and what can be seen of its published tree."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

from pypi_simple import ProjectPage

from eggwatch.archives.inspecting import inspect
from eggwatch.config.index_config import IndexConfig
from eggwatch.inspection.inspectors import Inspectors
from eggwatch.inspection.worker import Job, Result
from eggwatch.maintenance.verify import Verification, fresh_pages
from eggwatch.pipeline.rounds import run_until_rest
from eggwatch.policy.settling import Patience
from eggwatch.store.state.ledger import Ledger
from eggwatch.store.state.replay import catalog_of
from eggwatch.targets.folder import same_page
from eggwatch.writer.index import Index, open_index
from eggwatch.writer.orders import carry_out
from eggwatch.writer.page_sources import page_sources

HASTY = Patience(quiet=0.0, unfinished_after=3600.0, linger=0.0)
START = 1_700_000_000.0
"""When the clock of the tests begins."""


class InlineInspectors(Inspectors):
    """The same judgement in this process, without workers."""

    def __init__(self, *, readme: bool = False) -> None:
        self._results: list[Result] = []

    def submit(self, job: Job) -> None:
        """Inspect at once."""
        with job.path.open("rb") as file:
            self._results.append(Result(number=job.number, inspection=inspect(file, job.filename)))

    def poll(self, timeout: float) -> list[Result]:
        """What was found since the last call."""
        results, self._results = self._results, []
        return results

    def busy(self) -> int:
        """How many results wait."""
        return len(self._results)

    def warm_up(self, jobs: int = 1) -> None:
        """Nothing to start."""

    def left_open(self) -> list[str]:
        """There is no sandbox to leave anything open."""
        return []

    def sockets(self) -> list[socket]:
        """Nothing to wait for."""
        return []

    def next_deadline(self) -> None:
        """Nothing takes time."""

    def close(self) -> None:
        """Nothing to end."""


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder of the test's own, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="eggwatch-", dir=memory if memory.is_dir() else None))
    try:
        yield place
    finally:
        shutil.rmtree(place)


class IndexAtWork:
    """Three folders, and a pipeline over them that can be closed and opened again. Its clock goes only when told."""

    def __init__(self, base: Path, *, inspectors: type[Inspectors] = InlineInspectors, **settings: Any) -> None:
        self.now, self._inspectors = START, inspectors
        self.config = IndexConfig(
            name="main",
            drop=base / "drop",
            public=base / "public",
            state=base / "state",
            patience=HASTY,
            min_free=0,
            **settings,
        )
        self.config.drop.mkdir(parents=True, exist_ok=True)
        self.index: Index | None = None

    def __enter__(self) -> IndexAtWork:
        return self.open()

    def __exit__(self, *_: object) -> None:
        if self.index is not None:
            self.close()

    def open(self) -> IndexAtWork:
        """Begin, as a command does."""
        self.index = open_index(self.config, inspectors=self._inspectors, now=lambda: self.now)
        return self

    def close(self) -> None:
        """End in order."""
        assert self.index is not None
        self.index.close()
        self.index = None

    def work(self) -> None:
        """Rounds until nothing is left to do."""
        assert self.index is not None
        run_until_rest(self.index.pipeline)

    def put(self, name: str, data: bytes) -> None:
        """Upload a file, in one rename."""
        path = self.config.drop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f".{path.name}.part")
        whole.write_bytes(data)
        whole.rename(path)

    def upload(self, name: str, data: bytes) -> None:
        """Upload a file and work until it has its verdict."""
        self.put(name, data)
        self.work()

    def order(self, verb: str, spec: str, reason: str | None = None, **more: bool) -> dict[str, Any]:
        """Yank, unyank, remove (`now`, `block`) or unblock."""
        assert self.index is not None
        order = {"verb": verb, "spec": spec, "reason": reason, "actor": "tester", **more}
        answer = carry_out(self.index.pipeline, order)
        self.index.pipeline.finish()
        return answer

    def events(self) -> list[dict[str, Any]]:
        """The ledger's lines."""
        path = self.config.state / "ledger.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def page(self, project: str) -> dict[str, Any]:
        """A project's JSON page."""
        page: dict[str, Any] = json.loads((self.config.public / "simple" / project / "index.v1_json").read_bytes())
        return page

    def files(self, project: str) -> dict[str, dict[str, Any]]:
        """The files on a project's page, by name."""
        return {file["filename"]: file for file in self.page(project)["files"]}

    def lying(self) -> list[str]:
        """The files that still lie in the drop folder, but for answers."""
        drop = self.config.drop
        paths = [path.relative_to(drop) for path in drop.rglob("*") if path.is_file()]
        return sorted(str(path) for path in paths if path.parts[0] not in ("rejected", "receipts", "README.txt"))


def pages_of(public: Path) -> dict[str, bytes]:
    """Every page of a published tree by its path; archives, the spool and status.json are none."""
    return {
        str(path.relative_to(public)): path.read_bytes()
        for path in sorted(public.rglob("*"))
        if path.is_file() and path.relative_to(public).parts[0] not in ("files", ".eggwatch", "status.json")
    }


def unpacked(pages: dict[str, bytes]) -> dict[str, bytes]:
    """The same pages, compressed twins unpacked."""
    return {path: gzip.decompress(data) if path.endswith(".gz") else data for path, data in pages.items()}


def stamps_of(public: Path) -> dict[str, tuple[int, int]]:
    """(inode, mtime in nanoseconds) of every page."""
    return {path: ((public / path).stat().st_ino, (public / path).stat().st_mtime_ns) for path in pages_of(public)}


def assert_equals_fresh_render(config: IndexConfig) -> None:
    """Law 1: the tree equals, page by page, one rendered afresh from the ledger; and nothing else is wrong with it."""
    fresh: dict[str, bytes] = {}
    catalog = catalog_of(Ledger(config.state / "ledger.jsonl"))
    for _, pages in fresh_pages(catalog, config, page_sources(config).options):
        fresh |= pages
    assert unpacked(pages_of(config.public)) == unpacked(fresh)
    assert [finding.as_json() for finding in Verification(config).run()] == []


def assert_unchanged_pages_untouched(
    before: tuple[dict[str, bytes], dict[str, tuple[int, int]]],
    after: tuple[dict[str, bytes], dict[str, tuple[int, int]]],
) -> None:
    """Law 1: a page whose content did not change keeps its inode and mtime; a changed one is at least 1 s younger."""
    pages, stamps = before
    new_pages, new_stamps = after
    assert pages.keys() <= new_pages.keys()
    for path, data in pages.items():
        if same_page(path, data, new_pages[path]):
            assert stamps[path] == new_stamps[path], f"{path} was rewritten"
        else:
            assert new_stamps[path][1] >= stamps[path][1] + 1_000_000_000, f"{path}: a cache would not see the change"


def snapshot(public: Path) -> tuple[dict[str, bytes], dict[str, tuple[int, int]]]:
    """Pages with their stamps."""
    return pages_of(public), stamps_of(public)


def read_back(public: Path, project: str) -> ProjectPage:
    """A project's page as pypi_simple reads it, the JSON and the HTML form agreeing; hashes those of the bytes."""
    folder = public / "simple" / project
    base = f"https://example.com/simple/{project}/"
    page = ProjectPage.from_json_data(json.loads((folder / "index.v1_json").read_bytes()), base)
    html = ProjectPage.from_html(project, (folder / "index.html").read_bytes(), base)
    facts = [_facts(package) for package in page.packages]
    assert facts == [_facts(package) for package in html.packages]
    for package in page.packages:
        path = public / package.url.removeprefix("https://example.com/").replace("%2B", "+").replace("%21", "!")
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == package.digests["sha256"]
        assert len(data) == package.size
        if package.has_metadata:
            metadata = path.with_name(f"{path.name}.metadata").read_bytes()
            assert package.metadata_digests == {"sha256": hashlib.sha256(metadata).hexdigest()}
    return page


def _facts(package: Any) -> tuple[Any, ...]:
    return (
        package.filename,
        package.url,
        package.digests,
        package.requires_python,
        package.is_yanked,
        package.yanked_reason or None,
        package.metadata_digests,
    )
