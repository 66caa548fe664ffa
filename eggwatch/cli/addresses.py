"""The URL of an index as clients type it: given, asked for on a terminal, or found out."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from eggwatch.config.grammar import index_url
from eggwatch.model.instructions import is_loopback


def machine_name() -> str | None:
    """The full name of this machine; None if it has none by which it would find itself."""
    name = socket.getfqdn()
    if is_loopback(name) or name.startswith("localhost"):
        return None
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        return None
    return name


def address_for_others(url: str, host: str) -> str:
    """The URL of our own server as others type it: where it listens on every interface, with the machine's name."""
    name = machine_name() if host in ("0.0.0.0", "::") else None  # noqa: S104 (a comparison, not a bind)
    return url if name is None else f"http://{name}:{urlsplit(url).port}/"


def _url(value: str) -> str:
    try:
        return index_url(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}.") from None


def _option(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    return None if value is None else _url(value)


def setting_of_url(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url, for the `url` of a configuration that is written."""
    said = "The index as clients reach it, for the lines to copy."
    return click.option("--url", metavar="URL", callback=_option, help=said)(function)


def ask_for_url(question: str, found: str | None) -> str | None:
    """Ask the person at the terminal; returns what was found if there is no terminal, or Enter is typed."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return found
    said: str = click.prompt(
        question,
        default=found or "",
        show_default=found is not None,
        err=True,
        value_proc=lambda text: text and _url(text),
    )
    return said or None
