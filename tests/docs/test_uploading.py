"""docs/uploading-clients.rst shows what was recorded of each client."""

from __future__ import annotations

import json

import pytest

from docs.uploading import PAGE, SEEN, SITUATIONS, page

RECORDED = json.loads(SEEN.read_text("utf-8"))


def test_the_page_of_the_clients_is_current() -> None:
    """`python -m docs.uploading` would change nothing."""
    assert PAGE.read_text("utf-8") == page(RECORDED)


def test_every_client_was_seen_in_every_situation() -> None:
    """No cell of the table is missing."""
    assert {client: list(situations) for client, situations in RECORDED.items()} == {
        client: list(SITUATIONS) for client in RECORDED
    }


def test_the_page_of_the_clients_is_sound() -> None:
    """docutils finds no fault with it; only roles of Sphinx are left out."""
    docutils = pytest.importorskip("docutils.core")
    text = page(RECORDED).replace(":doc:`uploading`", "the guide")
    docutils.publish_string(text, settings_overrides={"report_level": 2, "halt_level": 2})
