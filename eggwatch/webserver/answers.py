"""The responses to uploads: a status, and a message in each place where some client looks for one.

twine and distutils show only the reason phrase, uv the key `code` of a JSON object, flit and curl the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from werkzeug.wrappers import Request, Response

from eggwatch.errors import EggwatchError
from eggwatch.model.codes import Code
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw, Level

LONGEST_REASON = 1000
"""The maximum length of a reason phrase: proxies accept a few KiB for all headers of a response."""
RETRY_SECONDS = 10

_OF_RIGHTS = (Code.NOT_OWNER, Code.NAME_RESERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A status with a message, and more lines of text; `data` is only in JSON responses."""

    status: HTTPStatus
    message: str
    more: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)


def published(filename: str) -> Reply:
    """The file can be installed now."""
    return Reply(status=HTTPStatus.OK, message=f"{shown(filename)} is published.")


def rejected(filename: str, found: Iterable[Flaw]) -> Reply:
    """All flaws; `file-exists` is first, because its message begins like PyPI's, which clients look for."""
    flaws = [flaw for flaw in found if flaw.level is Level.REFUSE]
    flaws.sort(key=lambda flaw: flaw.code != Code.FILE_EXISTS)
    codes = {flaw.code for flaw in flaws}
    status = HTTPStatus.BAD_REQUEST
    if codes & set(_OF_RIGHTS):
        status = HTTPStatus.FORBIDDEN
    elif codes == {Code.FILE_TOO_LARGE}:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    lines = [f"{flaw.code}: {flaw.message}" for flaw in flaws]
    if Code.FILE_EXISTS in codes and status is HTTPStatus.BAD_REQUEST:
        return Reply(status=status, message=flaws[0].message, more=tuple(lines[1:]))
    return Reply(status=status, message=f"{shown(filename)} was rejected.", more=tuple(lines))


def wrong(message: str) -> Reply:
    """The request is not a valid upload."""
    return Reply(status=HTTPStatus.BAD_REQUEST, message=message)


def later(message: str) -> Reply:
    """The upload was not accepted; the same request may succeed later."""
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Reply(status=HTTPStatus.SERVICE_UNAVAILABLE, message=message, headers=headers)


def trouble(error: EggwatchError) -> Reply:
    """The same, for a fault that the administrator has to fix."""
    return later(error.message)


def response(answer: Reply, request: Request) -> Response:
    """The answer as an HTTP response."""
    lines = [answer.message, *answer.more]
    text = "\n".join(lines)
    phrase = answer.status.phrase if answer.status is HTTPStatus.OK else _reason(" ".join(lines))
    if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
        said = {"message": text, "code": f"{int(answer.status)} {text}", "title": answer.status.phrase, **answer.data}
        body, kind = json.dumps(said), "application/json"
    else:
        body, kind = f"{text}\n", "text/plain; charset=utf-8"
    reply = Response(body.encode(), status=f"{int(answer.status)} {phrase}", content_type=kind)
    reply.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **answer.headers})
    return reply


def _reason(text: str) -> str:
    """One line of text for the status line."""
    line = " ".join(text.split()).replace("…", "...").encode("latin-1", "replace").decode("latin-1")
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1].rstrip()}..."
