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
    """No cell of the tables is missing; the page says that easy_install was not asked for 5000 files."""
    for client, servers in RECORDED.items():
        assert [*servers] == [*SERVERS]
        left_out = {"case-files"} if client.startswith("easy_install") else set()
        assert all({*one["taken"]} == {*CASES} - left_out for one in servers.values())


def test_the_page_of_the_clients_is_sound() -> None:
    """docutils finds no fault with it."""
    docutils = pytest.importorskip("docutils.core")
    text = page(RECORDED).replace(":doc:`replicas`", "the guide")
    docutils.publish_string(text, settings_overrides={"report_level": 2, "halt_level": 2})
