"""The tables [index.NAME.mail], .webhook.…, .command.… and .apprise.… of eggwatch.toml → subscriptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from eggwatch.config.grammar import SeveralError, duration, text, url
from eggwatch.config.line_numbers import KeyPath
from eggwatch.model.events import EventKind
from eggwatch.model.news import TOLD
from eggwatch.policy.subscriptions import Apprise, Digest, Mail, MailServer, Program, Subscription, Webhook

Grammar = Callable[[object], Any]

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
        raise ValueError('is no address; write "packages@example.com"')
    return value


def _addresses(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('is no list of addresses; write ["packages@example.com"]')
    return tuple(dict.fromkeys(map(_address, value)))


def _address_book(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError('is no table; write { alice = "alice@example.com" }')
    return {account: _address(address) for account, address in value.items()}


def _domain(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value) is None:
        raise ValueError('is no domain; write "example.com"')
    return value


def _events(value: object) -> frozenset[EventKind]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"is no list; write some of {', '.join(TOLD)}")
    wrong = [item for item in value if item not in TOLD]
    if wrong:
        raise ValueError(f"names {wrong[0]!r}; events that are told are {', '.join(TOLD)}")
    return frozenset(map(EventKind, value))


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ValueError('is no command; write ["/usr/local/bin/deploy", "--now"]')
    if not value[0].startswith("/"):
        raise ValueError(f"names {value[0]!r}; the program needs its whole path")
    return tuple(value)


def _server(value: object) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?", str(value))
    if match is None or not 0 < int(match[2] or 25) < 65536:
        raise ValueError('is no server; write "localhost:25"')
    return match[1].strip("[]"), int(match[2] or 25)


_COMMON: dict[str, Grammar] = {"events": _events, "timeout": duration, "give-up-after": duration}
_MAIL: dict[str, Grammar] = {
    **_COMMON,
    "from": _address,
    "to": _addresses,
    "server": _server,
    "security": _one_of(*_SECURITY),
    "user": text,
    "password-file": text,
    "domain": _domain,
    "addresses": _address_book,
    "digest": duration,
    "templates": text,
}
_WEBHOOK: dict[str, Grammar] = {
    **_COMMON,
    "url": url,
    "url-file": text,
    "form": _one_of(*_FORMS),
    "secret-file": text,
    "token-file": text,
}
_PROGRAM: dict[str, Grammar] = {**_COMMON, "run": _command}
_APPRISE: dict[str, Grammar] = {**_COMMON, "urls-file": text}


def _table(value: object, grammars: Mapping[str, Grammar], above: KeyPath = ()) -> dict[str, Any]:
    """The values of a table by their names in Python; SeveralError names all that is wrong."""
    if not isinstance(value, dict):
        raise ValueError("is no table")
    values: dict[str, Any] = {}
    problems: list[tuple[KeyPath, str]] = []
    for key, item in value.items():
        try:
            values[key.replace("-", "_")] = _grammar(key, grammars)(item)
        except ValueError as error:
            said = f"{item!r} {error}" if key in grammars else str(error)
            problems.append(((*above, key), said))
    if problems:
        raise SeveralError(problems)
    return values


def _grammar(key: str, grammars: Mapping[str, Grammar]) -> Grammar:
    if key not in grammars:
        near = get_close_matches(key, grammars, n=1)
        raise ValueError(f"unknown{f'; did you mean {near[0]}?' if near else ''}")
    return grammars[key]


def mail(value: object) -> tuple[Subscription, ...]:
    """[index.NAME.mail]: a mail for each event, and with `digest` one for many."""
    values = _table(value, _MAIL)
    host, port = values.pop("server", ("localhost", 25))
    names = ("security", "user", "password_file")
    server = MailServer(host=host, port=port, **{name: values.pop(name) for name in names if name in values})
    values["sender"] = values.pop("from", None)
    every, to = values.pop("digest", None), values.pop("to", ())
    if not (to or "domain" in values or values.get("addresses")):
        raise ValueError('is read by nobody; name "to", "domain" or "addresses"')
    if every is None:
        return (Mail(server=server, to=to, **values),)
    if not to:
        raise SeveralError([(("digest",), 'is read by nobody; name "to"')])
    return (Mail(server=server, **values), Digest(server=server, to=to, every=every, **values))


def _each(value: object, grammars: Mapping[str, Grammar], make: Callable[..., Subscription]) -> list[Subscription]:
    """One subscription for each table in a table; SeveralError names what is wrong in all of them."""
    if not isinstance(value, dict) or not value or not all(isinstance(table, dict) for table in value.values()):
        raise ValueError("needs a name of your choice: [index.INDEX.KIND.NAME]")
    made: list[Subscription] = []
    problems: list[tuple[KeyPath, str]] = []
    for name, table in value.items():
        try:
            made.append(make(name=name, **_table(table, grammars, (name,))))
        except SeveralError as error:
            problems.extend(error.problems)
        except ValueError as error:
            problems.append(((name,), str(error)))
    if problems:
        raise SeveralError(problems)
    return made


def webhook(value: object) -> tuple[Subscription, ...]:
    """[index.NAME.webhook.ANY]."""
    return tuple(_each(value, _WEBHOOK, _make_webhook))


def _make_webhook(*, name: str, **values: Any) -> Webhook:
    if ("url" in values) == ("url_file" in values):
        raise ValueError('needs either "url" or "url-file"')
    if values.get("form", "json") != "json" and "secret_file" in values:
        raise ValueError('signs nothing in this form: "secret-file" is for form = "json"')
    return Webhook(name=f"webhook.{name}", **values)


def command(value: object) -> tuple[Subscription, ...]:
    """[index.NAME.command.ANY]."""
    return tuple(_each(value, _PROGRAM, _make_program))


def _make_program(*, name: str, **values: Any) -> Program:
    if "run" not in values:
        raise ValueError('needs "run"')
    return Program(name=f"command.{name}", **values)


def apprise(value: object) -> tuple[Subscription, ...]:
    """[index.NAME.apprise.ANY]."""
    return tuple(_each(value, _APPRISE, _make_apprise))


def _make_apprise(*, name: str, **values: Any) -> Apprise:
    if "urls_file" not in values:
        raise ValueError('needs "urls-file", a file with one URL a line')
    return Apprise(name=f"apprise.{name}", **values)


NEWS: dict[str, Grammar] = {"mail": mail, "webhook": webhook, "command": command, "apprise": apprise}
