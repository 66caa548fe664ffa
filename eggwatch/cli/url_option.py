"""--url: commands that only look can do so from afar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from eggwatch.cli.options import Selection
from eggwatch.readers.local import IndexReader
from eggwatch.readers.remote import RemoteReader

AnyReader = IndexReader | RemoteReader
"""What is asked; of one afar only what is published can be known."""


def url_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url: look at an index by HTTP."""
    return click.option(
        "--url", metavar="URL", help="Query an index on another machine over HTTP; needs no configuration."
    )(function)


def reader_of(selection: Selection, url: str | None) -> AnyReader:
    """Who reads the index that was selected, or the one at a URL."""
    return IndexReader(config=selection.one()) if url is None else RemoteReader(url=url)
