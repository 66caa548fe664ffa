"""The tables [index.NAME.mail], .webhook.…, .command.… and .apprise.… of eggwatch.toml → subscriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from eggwatch.config.grammar import Grammar, KeyPath, Setting, SeveralError, duration, read_table, text, url
from eggwatch.model.events import EventKind
from eggwatch.model.news import ANNOUNCED
from eggwatch.policy.subscriptions import DAY, Apprise, Digest, Mail, MailServer, Program, Subscription, Webhook

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[A-Za-z0-9.-]+")
_SECURITY = ("none", "starttls", "tls")
_FORMS = ("json", "slack", "matrix")


def _one_of(*words: str) -> Grammar:
    def grammar(value: object) -> str:
        if value not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return str(value)

    return grammar


def _address(value: object) -> str:
    if not isinstance(value, str) or _ADDRESS.fullmatch(value) is None:
        raise ValueError('is not an address; write "packages@example.com"')
    return value


def _addresses(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('is not a list of addresses; write ["packages@example.com"]')
    return tuple(dict.fromkeys(map(_address, value)))


def _address_book(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError('is not a table; write { alice = "alice@example.com" }')
    return {account: _address(address) for account, address in value.items()}


def _domain(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value) is None:
        raise ValueError('is not a domain; write "example.com"')
    return value


def _events(value: object) -> frozenset[EventKind]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"is not a list; write some of {', '.join(ANNOUNCED)}")
    wrong = [item for item in value if item not in ANNOUNCED]
    if wrong:
        raise ValueError(f"names {wrong[0]!r}; the events are {', '.join(ANNOUNCED)}")
    return frozenset(map(EventKind, value))


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ValueError('is not a command; write ["/usr/local/bin/deploy", "--now"]')
    if not value[0].startswith("/"):
        raise ValueError(f"names {value[0]!r}; the program needs its whole path")
    return tuple(value)


def _server(value: object) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?", str(value))
    if match is None or not 0 < int(match[2] or 25) < 65536:
        raise ValueError('is not a server; write "localhost:25"')
    return match[1].strip("[]"), int(match[2] or 25)


def timeout(value: object) -> float:
    """More than nothing, which no server is fast enough for, and no more than the kernel can wait for."""
    if not 0 < (seconds := duration(value)) <= DAY:
        raise ValueError('is not between "1ms" and "1d"')
    return seconds


COMMON: dict[str, Setting] = {
    "events": Setting(
        says="Which events are announced.",
        read=_events,
        default=json.dumps(ANNOUNCED),
    ),
    "timeout": Setting(says="How long one attempt may take.", read=timeout, default='"10s"'),
    "give-up-after": Setting(
        says="How long delivery is retried. After that it is put aside for `eggwatch notify --retry`.",
        read=duration,
        default='"3d"',
    ),
}
"""What all tables take."""
MAIL: dict[str, Setting] = {
    "to": Setting(says="The maintainers' addresses.", read=_addresses, example='["packages@example.com"]'),
    "domain": Setting(says="Uploaders get mail at ACCOUNT@DOMAIN.", read=_domain, example='"example.com"'),
    "addresses": Setting(
        says="Uploaders with other addresses.", read=_address_book, example='{ bob = "robert@example.org" }'
    ),
    "from": Setting(says="The sender's address.", read=_address, example='"eggwatch@example.com"'),
    "server": Setting(says="The SMTP server that takes the mail.", read=_server, default='"localhost:25"'),
    "security": Setting(
        says='How the connection is encrypted: "none", "starttls" or "tls".', read=_one_of(*_SECURITY), default='"none"'
    ),
    "user": Setting(says="The account at the server.", read=text, example='"eggwatch"'),
    "password-file": Setting(says="The file with its password.", read=text, example='"/etc/eggwatch/mail.password"'),
    "digest": Setting(
        says="Send the maintainers one mail for all events of this period. Uploaders get theirs at once.",
        read=duration,
        example='"1d"',
    ),
    "templates": Setting(
        says="A folder with one or more of: admitted.txt rejected.txt changed.txt digest.txt.",
        read=text,
        example='"mails"',
    ),
    **COMMON,
}
WEBHOOK: dict[str, Setting] = {
    "url": Setting(says="Where to post to.", read=url, example='"https://ci.example.com/eggwatch"'),
    "url-file": Setting(says="Instead of `url`, if that is a secret: the file that holds it.", read=text),
    "form": Setting(
        says='The format of the request: "json", "slack" or "matrix".', read=_one_of(*_FORMS), default='"json"'
    ),
    "secret-file": Setting(
        says="The key in this file signs each request, in the form json.",
        read=text,
        example='"/etc/eggwatch/ci.secret"',
    ),
    "token-file": Setting(
        says="The token in this file is sent with each request, as Authorization: Bearer.",
        read=text,
        example='"/etc/eggwatch/ci.token"',
    ),
    **COMMON,
}
PROGRAM: dict[str, Setting] = {
    "run": Setting(
        says="The command. It gets the event as JSON on standard input.",
        read=_command,
        example='["/usr/local/bin/deploy", "--staging"]',
    ),
    **COMMON,
}
APPRISE: dict[str, Setting] = {
    "urls-file": Setting(
        says="A file with one URL a line; needs eggwatch[apprise].", read=text, example='"/etc/eggwatch/apprise.urls"'
    ),
    **COMMON,
}
TABLES = {"mail": MAIL, "webhook.ci": WEBHOOK, "command.deploy": PROGRAM, "apprise.team": APPRISE}
"""The tables of the sample; the second part of a name is of the administrator's choice."""


def mail(value: object) -> tuple[Subscription, ...]:
    """[index.NAME.mail]: a mail for each event, and with `digest` one for many."""
    values = read_table(value, MAIL)
    host, port = values.pop("server", ("localhost", 25))
    names = ("security", "user", "password_file")
    server = MailServer(host=host, port=port, **{name: values.pop(name) for name in names if name in values})
    values["sender"] = values.pop("from", None)
    every, to = values.pop("digest", None), values.pop("to", ())
    if not (to or "domain" in values or values.get("addresses")):
        raise ValueError('has no recipient; name "to", "domain" or "addresses"')
    if every is None:
        return (Mail(server=server, to=to, **values),)
    if not to:
        raise SeveralError([(("digest",), 'has no recipient; name "to"')])
    return (Mail(server=server, **values), Digest(server=server, to=to, every=every, **values))


def _each(settings: Mapping[str, Setting], make: Callable[..., Subscription]) -> Grammar:
    """The grammar of a table of tables, such as [index.NAME.webhook.ANY]: one subscription for each."""
    return partial(_read_each, settings=settings, make=make)


def _read_each(
    value: object, *, settings: Mapping[str, Setting], make: Callable[..., Subscription]
) -> tuple[Subscription, ...]:
    """Each of them; SeveralError names what is wrong in all of them."""
    if not isinstance(value, dict) or not value or not all(isinstance(table, dict) for table in value.values()):
        raise ValueError("needs a name of your choice: [index.INDEX.KIND.NAME]")
    made: list[Subscription] = []
    problems: list[tuple[KeyPath, str]] = []
    for name, table in value.items():
        try:
            made.append(make(name=name, **read_table(table, settings, (name,))))
        except SeveralError as error:
            problems.extend(error.problems)
        except ValueError as error:
            problems.append(((name,), str(error)))
    if problems:
        raise SeveralError(problems)
    return tuple(made)


def _webhook(*, name: str, **values: Any) -> Webhook:
    if ("url" in values) == ("url_file" in values):
        raise ValueError('needs either "url" or "url-file"')
    if values.get("form", "json") != "json" and "secret_file" in values:
        raise ValueError('signs nothing in this form: "secret-file" is for form = "json"')
    return Webhook(name=f"webhook.{name}", **values)


def _program(*, name: str, **values: Any) -> Program:
    if "run" not in values:
        raise ValueError('needs "run"')
    return Program(name=f"command.{name}", **values)


def _apprise(*, name: str, **values: Any) -> Apprise:
    if "urls_file" not in values:
        raise ValueError('needs "urls-file", a file with one URL a line')
    return Apprise(name=f"apprise.{name}", **values)


NEWS: dict[str, Setting] = {
    "mail": Setting(says="A mail for each event, or one for many.", read=mail),
    "webhook": Setting(says="A request to a URL for each event.", read=_each(WEBHOOK, _webhook)),
    "command": Setting(says="A program that is run for each event.", read=_each(PROGRAM, _program)),
    "apprise": Setting(says="Chats and other services that the library apprise knows.", read=_each(APPRISE, _apprise)),
}
