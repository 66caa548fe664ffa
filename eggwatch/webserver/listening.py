"""Parses `[HOST:]PORT`, opens the socket or takes systemd's, and makes the URL."""

from __future__ import annotations

import errno
import os
import re
import socket

from eggwatch.errors import ConfigurationError
from eggwatch.linux.systemd import passed_sockets

LOOPBACK = "127.0.0.1"

_LISTEN = re.compile(r"(?:(?P<host>\[[0-9A-Za-z:.%]+\]|[^\s:\[\]/]+):)?(?P<port>[0-9]{1,5})")

_OTHER_PORT = "Choose another port, or 0 for any free one."
_OTHER_HOST = "Give an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them."
_REMEDIES = {
    errno.EACCES: "Choose a port of 1024 or above, or put a web server in front (contrib/httpd).",
    errno.EADDRNOTAVAIL: _OTHER_HOST,
}


def parse_listen(text: str, option: str = "--serve") -> tuple[str, int]:
    """`[HOST:]PORT` as host and port; without a host the loopback address. IPv6 hosts stand in brackets.

    Raises ConfigurationError.
    """
    match = _LISTEN.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65535:
        raise ConfigurationError(
            f"{option} {text!r} is not [HOST:]PORT.",
            remedy="Write for example 8080, 0.0.0.0:8080 for all interfaces, [::1]:8080, or 0 for any.",
        )
    return (match["host"] or LOOPBACK).strip("[]"), int(match["port"])


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. ConfigurationError if the address cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family, backlog=128, dualstack_ipv6=host == "::")
    except socket.gaierror as error:
        raise _not_listening(host, port, str(error.strerror), _OTHER_HOST) from error
    except UnicodeError as error:
        raise _not_listening(host, port, "that is no host name", _OTHER_HOST) from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, _OTHER_PORT)
        raise _not_listening(host, port, os.strerror(error.errno or 0), remedy) from error


def passed() -> socket.socket | None:
    """The socket of the .socket unit that started this process, if one did. ConfigurationError if it is not usable."""
    match passed_sockets():
        case []:
            return None
        case [one] if one.family in (socket.AF_INET, socket.AF_INET6):
            return one
    raise ConfigurationError(
        "The server listens on one TCP socket, and systemd has passed something else.",
        remedy="Write one ListenStream=HOST:PORT in the .socket unit, after an empty one that resets the list.",
    )


def _not_listening(host: str, port: int, reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"Cannot listen on {host} port {port}: {reason}.", remedy=remedy)


def url_of(host: str, port: int) -> str:
    """The address to type on this machine: nobody can connect to "every interface"."""
    reachable = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 (a comparison, not a bind)
    return f"http://[{reachable}]:{port}/" if ":" in reachable else f"http://{reachable}:{port}/"
