"""Whom mail is for, and which events are told."""

from __future__ import annotations

import pytest

from eggwatch.model.events import Event, EventKind
from eggwatch.policy.subscriptions import Mail, Webhook


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("alice", "alice@example.com"),
        ("bob", "robert@example.org"),
        (None, None),
        ("uid:1043", None),
        ("EGG\\carol", None),
        ("-x", None),
        ("a b", None),
    ],
)
def test_an_uploader_is_written_to_where_an_address_is_known(account: str | None, expected: str | None) -> None:
    """By the map first, then at the domain, if the name can be the local part of an address."""
    mail = Mail(domain="example.com", addresses={"bob": "robert@example.org"})
    assert mail.address_of(account) == expected


def test_without_a_domain_only_the_map_counts() -> None:
    assert Mail(addresses={"bob": "b@example.org"}).address_of("alice") is None


def test_a_subscription_wants_the_events_that_it_names() -> None:
    hook = Webhook(name="webhook.x", url="http://h/", events=frozenset({"rejected"}))
    kinds = ("admitted", "rejected", "imported")
    assert [hook.wants(Event(kind=EventKind(kind), at="")) for kind in kinds] == [False, True, False]
