"""docs/clients.rst shows what was recorded of each client."""

from __future__ import annotations

import json

import pytest

from docs.clients import CASES, PAGE, SEEN, SERVERS, page

RECORDED = json.loads(SEEN.read_text("utf-8"))


def test_the_page_of_the_clients_is_current() -> None:
    """`python -m docs.clients` would change nothing."""
    assert PAGE.read_text("utf-8") == page(RECORDED)


def test_every_client_was_seen_with_every_server_in_every_case() -> None:
    """No cell of the tables is missing."""
    for servers in RECORDED.values():
        assert [*servers] == [*SERVERS]
        assert all([*one["taken"]] == [*CASES] for one in servers.values())


def test_the_page_of_the_clients_is_sound() -> None:
    """docutils finds no fault with it."""
    docutils = pytest.importorskip("docutils.core")
    text = page(RECORDED).replace(":doc:`replicas`", "the guide")
    docutils.publish_string(text, settings_overrides={"report_level": 2, "halt_level": 2})
