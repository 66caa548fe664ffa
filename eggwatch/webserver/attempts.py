"""Failed logins of each user and address, and how long the next attempt has to wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Key = tuple[str, ...]

MOST = 4096
"""How many users, addresses and pairs are remembered; those with the oldest failures are dropped first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Allows `failures` at once, then one more every `seconds`."""

    failures: int
    seconds: float


OF_USER = Limit(failures=10, seconds=15.0)
OF_ADDRESS = Limit(failures=20, seconds=5.0)


class Attempts:
    """Counts failed logins. If a user has logged in from an address before, only failures of this pair count: nobody
    can lock out others by guessing their password elsewhere, or other passwords from their address."""

    def __init__(self) -> None:
        self._forgiven_at: OrderedDict[Key, float] = OrderedDict()
        self._familiar: OrderedDict[Key, None] = OrderedDict()

    def wait(self, user: str, address: str, now: float) -> float:
        """Seconds until this user may try from this address; 0 if at once."""
        return max(self._wait(key, limit, now) for key, limit in self._limits(user, address))

    def failed(self, user: str, address: str, now: float) -> None:
        """Record a failure."""
        for key, limit in self._limits(user, address):
            _remember(self._forgiven_at, key, max(now, self._until(key, limit, now)) + limit.seconds)

    def succeeded(self, user: str, address: str) -> None:
        """Record a successful login: the pair is known from now on, and its failures are reset."""
        _remember(self._familiar, (user, address), None)
        self._forgiven_at.pop((user, address), None)

    def _limits(self, user: str, address: str) -> tuple[tuple[Key, Limit], ...]:
        if (user, address) in self._familiar:
            return (((user, address), OF_USER),)
        return (("user", user, ""), OF_USER), (("address", address, ""), OF_ADDRESS)

    def _until(self, key: Key, limit: Limit, now: float) -> float:
        """When the last failure expires; limited, in case the clock was set back."""
        return min(self._forgiven_at.get(key, now), now + limit.failures * limit.seconds)

    def _wait(self, key: Key, limit: Limit, now: float) -> float:
        return max(0.0, self._until(key, limit, now) - now - (limit.failures - 1) * limit.seconds)


def _remember(known: OrderedDict[Key, Any], key: Key, value: object) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > MOST:
        known.popitem(last=False)


def address_of(environ: WSGIEnvironment) -> str:
    """The client's address; behind a web server on this machine, as that server reports it.

    For IPv6, it is the /64 network, because a client usually has all addresses of one.
    """
    address = _address(environ.get("REMOTE_ADDR", ""))
    if address is None or address.is_loopback:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        address = _address(forwarded) or address
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


_FORWARDED = ("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "VIA")
"""Headers that web servers and proxies add to requests that they pass on."""


def is_of_this_machine(environ: WSGIEnvironment) -> bool:
    """Whether a request certainly comes from this machine; False if a server in front does not report the client."""
    if not is_loopback(environ.get("REMOTE_ADDR", "")):
        return False
    if not any(f"HTTP_{name}" in environ for name in _FORWARDED):
        return True
    return all(map(is_loopback, environ.get("HTTP_X_FORWARDED_FOR", "").split(",")))


def is_loopback(address: str) -> bool:
    """Whether it is a loopback address."""
    found = _address(address)
    return found is not None and found.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address without zone and port; IPv4-mapped IPv6 addresses become IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:  # Unix sockets have no address
        return None
    return getattr(address, "ipv4_mapped", None) or address
