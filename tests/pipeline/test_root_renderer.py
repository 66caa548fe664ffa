"""The process that renders front pages and site, and what comes back from it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.config.settings import Site
from eggwatch.inspection.readmes import Readmes
from eggwatch.pipeline import root_renderer
from eggwatch.pipeline.root_pages import RenderedRoot
from eggwatch.pipeline.root_renderer import SpawnedRenderer
from eggwatch.writer.index import open_index
from eggwatch.writer.page_sources import page_sources
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render
from tests.running import until

SENDS_MUCH = """
from eggwatch.linux.process import channel_to_parent
from eggwatch.pipeline.root_pages import RenderedRoot
from eggwatch.pipeline.root_renderer import _encode
with channel_to_parent(niceness=0) as channel, channel.makefile("rb") as requests:
    setup, request = requests.readline(), requests.readline()
    channel.sendall(_encode(RenderedRoot(pages={"a": bytes(20 << 20), "b": b"end"}, serial=7, projects=1)))
"""


def test_pages_that_come_in_many_pieces_are_put_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read again with each piece took longer and longer."""
    decode, times = root_renderer._decode, list[int]()

    def counted(data: bytearray) -> object:
        times.append(len(data))
        return decode(data)

    monkeypatch.setattr(root_renderer, "_decode", counted)
    monkeypatch.setattr(root_renderer, "CODE", SENDS_MUCH)
    with IndexAtWork(tmp_path) as work:
        assert work.index is not None
        catalog = work.index.pipeline.components.catalog
        renderer = SpawnedRenderer(catalog, {}, page_sources(work.config).options, work.config)
        renderer.begin(-1)
        found = until("the pages", lambda: renderer.result(0.1))
        renderer.close()
    assert isinstance(found, RenderedRoot)
    assert (found.serial, len(found.pages["a"]), found.pages["b"]) == (7, 20 << 20, b"end")
    assert len(times) == 1


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """More are open than select(2) can name, as in a daemon of hundreds of indexes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("this account may not have so many")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_an_upload_is_published_where_more_than_1023_descriptors_are_open(tmp_path: Path) -> None:
    """By an inspector, a renderer of READMEs and one of pages that are processes of their own."""
    work = IndexAtWork(tmp_path, site=Site())
    work.index = open_index(work.config, renderer=SpawnedRenderer)
    work.upload(*wheel("demo", "1.0"))
    work.index.pipeline.components.front.finish(site_seconds=60.0)
    work.close()
    assert "A description of demo" in (work.config.public / "project/demo/index.html").read_text()
    assert_equals_fresh_render(work.config)
    readmes = Readmes()
    assert "All of it" in (readmes.html("# All of it", "text/markdown") or "")
    readmes.close()
