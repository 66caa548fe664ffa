"""Failed log-ins, of each user and each address, and how long the next attempt has to wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Key = tuple[str, ...]

MOST = 4096
"""Users, addresses and pairs of them that are remembered; beyond that those who failed longest ago are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many failures at once; then one more each `seconds`."""

    failures: int
    seconds: float


OF_USER = Limit(failures=10, seconds=15.0)
OF_ADDRESS = Limit(failures=20, seconds=5.0)


class Attempts:
    """Who has failed how often. Where a user has logged in from an address before, others' failures don't count:
    nobody is kept out by who guesses at his password from elsewhere, or at other passwords from his address."""

    def __init__(self) -> None:
        self._forgiven_at: OrderedDict[Key, float] = OrderedDict()
        self._familiar: OrderedDict[Key, None] = OrderedDict()

    def wait(self, user: str, address: str, now: float) -> float:
        """Seconds until this user may try from this address; 0 if at once."""
        return max(self._wait(key, limit, now) for key, limit in self._limits(user, address))

    def failed(self, user: str, address: str, now: float) -> None:
        """Remember a failure."""
        for key, limit in self._limits(user, address):
            _remember(self._forgiven_at, key, max(now, self._until(key, limit, now)) + limit.seconds)

    def succeeded(self, user: str, address: str) -> None:
        """The pair is familiar from now on, and its failures are forgiven."""
        _remember(self._familiar, (user, address), None)
        self._forgiven_at.pop((user, address), None)

    def _limits(self, user: str, address: str) -> tuple[tuple[Key, Limit], ...]:
        if (user, address) in self._familiar:
            return (((user, address), OF_USER),)
        return (("user", user, ""), OF_USER), (("address", address, ""), OF_ADDRESS)

    def _until(self, key: Key, limit: Limit, now: float) -> float:
        """When the last failure is forgiven; never further away than all of them, should the clock be set back."""
        return min(self._forgiven_at.get(key, now), now + limit.failures * limit.seconds)

    def _wait(self, key: Key, limit: Limit, now: float) -> float:
        return max(0.0, self._until(key, limit, now) - now - (limit.failures - 1) * limit.seconds)


def _remember(known: OrderedDict[Key, Any], key: Key, value: object) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > MOST:
        known.popitem(last=False)


def address_of(environ: WSGIEnvironment) -> str:
    """Where a request comes from; behind a web server on this machine, from where that one says.

    Of IPv6 the network counts (/64): whoever has one address of it has them all.
    """
    address = _address(environ.get("REMOTE_ADDR", ""))
    if address is None or address.is_loopback:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        address = _address(forwarded) or address
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


_FORWARDED = ("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "VIA")
"""Headers by which a web server or proxy in front tells that a request has come through it."""


def is_of_this_machine(environ: WSGIEnvironment) -> bool:
    """Whether a request comes from this machine for certain; not if a server in front does not say from where."""
    if not is_loopback(environ.get("REMOTE_ADDR", "")):
        return False
    if not any(f"HTTP_{name}" in environ for name in _FORWARDED):
        return True
    return all(map(is_loopback, environ.get("HTTP_X_FORWARDED_FOR", "").split(",")))


def is_loopback(address: str) -> bool:
    """Whether it is an address of this machine for itself."""
    found = _address(address)
    return found is not None and found.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address without zone and port, and one of IPv4 as such where a socket for both tells it as one of IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:  # a socket in the file system has none
        return None
    return getattr(address, "ipv4_mapped", None) or address
