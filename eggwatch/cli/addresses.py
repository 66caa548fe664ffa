"""How this machine is called by others, as far as it knows."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

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
