"""--url: commands that only look can do so from afar."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from eggwatch.cli.options import Selection
from eggwatch.readers.local import IndexReader

if TYPE_CHECKING:
    from eggwatch.readers.remote import RemoteReader

AnyReader: TypeAlias = "IndexReader | RemoteReader"
"""What is asked; of one afar only what is published can be known."""


def url_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url: look at an index by HTTP."""
    return click.option(
        "--url", metavar="URL", help="Query an index on another machine over HTTP; needs no configuration."
    )(function)


def reader_of(selection: Selection, url: str | None) -> AnyReader:
    """Who reads the index that was selected, or the one at a URL."""
    return IndexReader(config=selection.one()) if url is None else reader_afar(url)


def reader_afar(url: str) -> RemoteReader:
    """Who reads the index at a URL."""
    from eggwatch.readers.remote import RemoteReader  # with HTTP, which takes a tenth of what starting a command takes

    return RemoteReader(url=url)
