"""Subscriptions: who is notified of what, and how; one frozen value for each in the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from eggwatch.model.events import Event, EventKind
from eggwatch.model.news import ANNOUNCED

KINDS = ("mail", "digest", "webhook", "command", "apprise")
"""What the names of subscriptions begin with."""
DAY = 86400.0
_LOCAL_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""What an account has to be called to be the local part of an address; `uid:1043` and a domain's `EGG\\bob` are not."""


def is_outside(name: str) -> bool:
    """True if a cursor is that of a subscription, not of a notifier on this machine."""
    return name.partition(".")[0] in KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription; `name` is that of its cursor. Times are in seconds; files are paths."""

    name: str
    events: frozenset[EventKind] = frozenset(ANNOUNCED)
    timeout: float = 10.0
    give_up_after: float = 3 * DAY
    """After so long an outage undelivered events are put aside (`undelivered`), one at each try."""

    def wants(self, event: Event) -> bool:
        """True if this subscription is for this event."""
        return event.kind in self.events


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in, by SMTP (RFC 5321)."""

    host: str = "localhost"
    port: int = 25
    security: str = "none"
    """`none`, `starttls` (RFC 3207) or `tls` (RFC 8314)."""
    user: str | None = None
    password_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Subscription):
    """A mail for each event: to the maintainers, and to the uploader where his address is known."""

    name: str = "mail"
    server: MailServer = field(default_factory=MailServer)
    sender: str | None = None
    to: tuple[str, ...] = ()
    domain: str | None = None
    """Where an account without an address of its own gets its mail: ACCOUNT@domain."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    templates: str | None = None

    def address_of(self, account: str | None) -> str | None:
        """The mail address of an uploader; None if unknown."""
        if account is None:
            return None
        if account in self.addresses:
            return self.addresses[account]
        known = self.domain is not None and _LOCAL_PART.fullmatch(account) is not None
        return f"{account}@{self.domain}" if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest(Mail):
    """One mail to the maintainers for all that has happened since the last, at most one in `every` seconds."""

    name: str = "digest"
    every: float = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(Subscription):
    """A request to a URL, in the form `json`, `slack` or `matrix`. Secrets are in files, never in the configuration."""

    url: str | None = None
    url_file: str | None = None
    form: str = "json"
    secret_file: str | None = None
    """The key of the signature, for the form `json`."""
    token_file: str | None = None
    """A bearer token (RFC 6750)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Subscription):
    """A command that gets the event as JSON on its standard input; it is run directly, without a shell."""

    run: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise(Subscription):
    """Services that the library apprise knows by their URLs, which contain passwords and so are in a file."""

    urls_file: str
