"""Subscription → the messenger that carries its news; the courier's part of `assembly`."""

from __future__ import annotations

import importlib.resources

from eggwatch.notifiers import Messenger
from eggwatch.notifiers.apprise import AppriseMessenger
from eggwatch.notifiers.mail import DigestMessenger, MailMessenger, Templates
from eggwatch.notifiers.program import ProgramMessenger
from eggwatch.notifiers.webhook import WebhookMessenger
from eggwatch.policy.subscriptions import Apprise, Digest, Mail, Program, Subscription, Webhook


def messenger_of(subscription: Subscription) -> Messenger:
    """What carries the news of a subscription. ConfigurationError if something that it needs is missing or wrong."""
    match subscription:
        case Digest():
            return DigestMessenger(subscription, Templates(own_template, subscription.templates))
        case Mail():
            return MailMessenger(subscription, Templates(own_template, subscription.templates))
        case Webhook():
            return WebhookMessenger(subscription)
        case Program():
            return ProgramMessenger(subscription)
        case Apprise():
            return AppriseMessenger(subscription)
    raise AssertionError(subscription)


def own_template(name: str) -> str:
    """The text of one of eggwatch's own mail templates."""
    return (importlib.resources.files("eggwatch.notifiers") / "templates" / name).read_text("utf-8")
