"""The courier: what nobody can see yet is not told, and is told as soon as somebody can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from eggwatch.config.loading import load
from eggwatch.model.news import Notice
from eggwatch.service.courier import Route
from eggwatch.store.state.catalog import Reader
from eggwatch.store.state.deliveries import Deliveries
from tests.archive_factory import sdist
from tests.cli.program import Site


class Ear:
    """Hears what is told."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Take it."""
        self.heard += [notice.serial for notice in notices]


def test_news_wait_for_their_page_although_the_ledger_does_not_grow_meanwhile(tmp_path: Path) -> None:
    """The event is committed before its page is published: a look in between must not be the last one."""
    site = Site(tmp_path)
    site.config.write_text(f'{site.config.read_text()}\n[index.main.webhook.ci]\nurl = "http://127.0.0.1:9/"\n')
    site.put(sdist())
    assert site.call("run", "--once", "--without-news").code == 0
    config, deliveries, ear = load(site.config).indexes["main"], Deliveries(site.state), Ear()
    deliveries.cursors.open(["webhook.ci"])
    route = Route(config, config.subscriptions[0], ear, deliveries)
    with mock.patch.object(Reader, "is_visible", return_value=False):
        route.step()
        assert ear.heard == []
    route.step()
    assert ear.heard == [1]
    route.step()
    assert ear.heard == [1], "told once"
