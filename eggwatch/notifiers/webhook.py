"""Webhooks: one HTTP request for each event, signed as Standard Webhooks has it; forms for Slack and Matrix."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eggwatch import __version__
from eggwatch.config import grammar
from eggwatch.errors import in_words
from eggwatch.model.events import EventKind
from eggwatch.model.instructions import pip_install
from eggwatch.model.names import shown
from eggwatch.model.news import Notice, headline, inert
from eggwatch.model.verdicts import Level
from eggwatch.notifiers import NeverDelivered, NotDelivered
from eggwatch.policy.subscriptions import Webhook

MOST_FLAWS = 5
"""In a chat; the reason file has all."""
LATER = (401, 403, 404, 407, 408, 409, 421, 425, 429)
"""Client errors (RFC 9110, 15.5) that are about the place, the rights or the moment, and not about what was sent."""
LONGEST_ANSWER = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent for one event."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class WebhookMessenger:
    """Sends one request for each event."""

    def __init__(self, settings: Webhook) -> None:
        self._settings = settings
        self._opener = urllib.request.build_opener(_NoRedirect)

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Send each; an answer from 200 to 299 means that it has arrived."""
        for notice in notices:
            self._send(self._request(notice))

    def _request(self, notice: Notice) -> Request:
        settings = self._settings
        url = settings.url if settings.url is not None else _held(settings.url_file, grammar.url)
        token = {"Authorization": f"Bearer {_held(settings.token_file, grammar.text)}"} if settings.token_file else {}
        if settings.form == "slack":
            return Request(method="POST", url=url, body=_json(slack(notice)), headers=token)
        if settings.form == "matrix":
            return Request(method="PUT", url=matrix_url(url, notice), body=_json(matrix(notice)), headers=token)
        body = _json(notice.as_json())
        key = secret(settings.secret_file) if settings.secret_file else None
        headers = {**token, **identified(notice.key, body, secret_key=key, now=int(time.time()))}
        return Request(method="POST", url=url, body=body, headers=headers)

    def _send(self, request: Request) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": f"eggwatch/{__version__}", **request.headers}
        # A URL without what may be secret in it: of those of chats it is the path.
        parts = urllib.parse.urlsplit(request.url)
        where = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…"
        try:
            asked = urllib.request.Request(request.url, request.body, headers, method=request.method)  # noqa: S310
            with self._opener.open(asked, timeout=self._settings.timeout) as answer:
                answer.read(LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            raise _refusal(where, error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            said = in_words(reason) if isinstance(reason, BaseException) else reason
            raise NotDelivered(f"{where}: {said}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the POST into a GET, and show the token to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Take it for an answer."""
        return


def _refusal(where: str, error: urllib.error.HTTPError) -> NotDelivered:
    with error:
        said = shown(" ".join(error.read(LONGEST_ANSWER).decode("utf-8", "replace").split()))
    text = f"{where}: {error.code} {error.reason}{f': {said}' if said else ''}"
    if 300 <= error.code < 400:
        return NotDelivered(f"{text} (redirects are not followed: write the new URL into the configuration)")
    return NotDelivered(text) if error.code >= 500 or error.code in LATER else NeverDelivered(text)


def _held(path: str | None, read: grammar.Grammar) -> str:
    """A secret that is used as it is. NotDelivered if it can't be: of the libraries some errors would show it."""
    try:
        return str(read(secret(path)))
    except ValueError as error:
        raise NotDelivered(f"what {path} holds {error}") from None


def secret(path: str | None) -> str:
    """What a file holds, without the newline. NotDelivered if it can't be read."""
    try:
        return Path(str(path)).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is no UTF-8"
        raise NotDelivered(f"{path} can't be read: {reason}") from error


def identified(key: str, body: bytes, *, secret_key: str | None, now: int) -> dict[str, str]:
    """The headers of Standard Webhooks: the id, and with a secret the moment and an HMAC-SHA256 (RFC 2104) over all."""
    headers = {"webhook-id": key, "Idempotency-Key": key}
    if secret_key is not None:
        signed = b".".join((key.encode(), str(now).encode(), body))
        mac = base64.b64encode(hmac.digest(signing_key(secret_key), signed, hashlib.sha256)).decode()
        headers |= {"webhook-timestamp": str(now), "webhook-signature": f"v1,{mac}"}
    return headers


def signing_key(text: str) -> bytes:
    """The bytes of a secret: `whsec_` and base64, or any other text unchanged."""
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except ValueError as error:
            raise NotDelivered("the secret begins with whsec_, and what follows is not base64") from error
    return text.encode()


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=True).encode()


def slack(notice: Notice) -> dict[str, Any]:
    """The body of an incoming webhook of Slack, and of what is like it (Mattermost, Rocket.Chat)."""
    text = "\n".join(lines_of(notice))
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # their markup
        text = text.replace(character, entity)
    return {"text": text}


def matrix(notice: Notice) -> dict[str, Any]:
    """The content of an m.room.message (Matrix client-server API v1.11, m.notice: bots)."""
    return {"msgtype": "m.notice", "body": "\n".join(lines_of(notice)), "m.mentions": {}}


def matrix_url(room: str, notice: Notice) -> str:
    """Where to PUT it, below …/rooms/ROOM; the transaction id is the key, so a repetition says nothing twice."""
    return f"{room.rstrip('/')}/send/m.room.message/{urllib.parse.quote(notice.key, safe='')}"


def lines_of(notice: Notice) -> list[str]:
    """An event for a chat."""
    event = notice.event
    flaws = [flaw for flaw in event.flaws if flaw.level is Level.REFUSE]
    lines = [f"[{notice.index}] {inert(headline(event))}"]
    if event.kind is EventKind.ADMITTED:
        lines.append(pip_install(notice.index_url, f"{event.project}=={event.version}"))
    lines += [
        inert(f"• {shown(flaw.code)}: {shown(flaw.subject)}: {shown(flaw.message)}") for flaw in flaws[:MOST_FLAWS]
    ]
    lines += [f"and {len(flaws) - MOST_FLAWS} more"] if len(flaws) > MOST_FLAWS else []
    return lines + ([f"{notice.rules_url}#{shown(flaws[0].code)}"] if notice.rules_url is not None and flaws else [])
