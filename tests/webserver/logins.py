"""Logins at an upload door, at a moment that the test sets."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request

from eggwatch.config.uploads import UploadDoor
from eggwatch.model.events import timestamp
from eggwatch.store.state.tokens import Token, TokenFile, digest, id_of, new_secret
from eggwatch.webserver.users import Refused, User, Users

NOW = 1_800_000_000.0


class Door:
    """The users of one door, and requests to it at a moment that the test sets."""

    def __init__(self, base: Path, text: str | None = None, **settings: Any) -> None:
        self.base, self.file, self.now = base, base / "htpasswd", NOW
        base.mkdir(exist_ok=True)
        if text is not None:
            self.file.write_text(text)
        door = UploadDoor(users=None if text is None else self.file, **settings)
        self.users = Users(door, base / "http", base / "tokens.json")

    def ask(self, authorization: str | None = None, **environ: str) -> User | Refused:
        """The user of a request with this header, or why it is refused."""
        given = {"REMOTE_ADDR": "192.0.2.1", **environ}
        if authorization is not None:
            given["HTTP_AUTHORIZATION"] = authorization
        return self.users.authenticate(Request(given), now=self.now)

    def basic(self, user: str, password: str, **environ: str) -> User | Refused:
        """The same with a user name and a password."""
        return self.ask(basic(user, password), **environ)

    def token(self, **fields: Any) -> str:
        """A new token of `ci`."""
        secret = new_secret()
        token_id = id_of(secret)
        assert token_id is not None
        token = Token(
            id=token_id, sha256=digest(secret), created=timestamp(NOW), actor="root", **{"user": "ci", **fields}
        )
        TokenFile(self.base).add(token)
        return secret


def basic(user: str, password: str, encoding: str = "utf-8") -> str:
    """The header of a login with a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode(encoding)).decode()


def status(answer: User | Refused) -> int:
    """The HTTP status of a refusal."""
    assert isinstance(answer, Refused), answer
    return int(answer.status)
