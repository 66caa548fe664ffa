"""Identifies the user of an upload: by token, password, REMOTE_USER, or as anonymous if this is allowed."""

from __future__ import annotations

import binascii
import logging
import math
import threading
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from eggwatch.config.uploads import Anonymous, UploadDoor
from eggwatch.linux.accounts import USER
from eggwatch.policy.ownership import matches
from eggwatch.store.state.tokens import Token, TokenUses, id_of, parse_tokens
from eggwatch.webserver.attempts import Attempts, address_of, is_of_this_machine
from eggwatch.webserver.passwords import Passwords, Verifier, check_passwords, parse_passwords
from eggwatch.webserver.reread import Reread

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.wrappers import Request

log = logging.getLogger("eggwatch.http")

ANONYMOUS = "anonymous"
OF_USERS = ("upload", "yank")
"""What a login with a password allows; a token has its own list."""
OF_TOKENS = ("", "__token__")
"""The user names that are accepted with every token; a bearer token has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who has logged in. `projects` are the patterns that this log-in is limited to (none: no such limit)."""

    name: str
    token: str | None = None
    """The id of the token, if one was used."""
    projects: tuple[str, ...] = ()
    actions: tuple[str, ...] = OF_USERS

    def may(self, project: str, action: str = "upload") -> bool:
        """Whether this log-in is for that (upload, yank, remove), of a project by its normalised name.

        `owners` still decide whether the user may.
        """
        is_meant = not self.projects or any(matches(project, pattern) for pattern in self.projects)
        return is_meant and action in self.actions

    @property
    def remedy(self) -> str:
        """What a user reads to whom this log-in does not allow something."""
        projects = f" in {', '.join(self.projects)}" if self.projects else ""
        return f"It is for {', '.join(self.actions)}{projects}. Ask the administrator for a token that allows more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why the login failed: 401, 403 or 429, and a message."""

    status: HTTPStatus
    message: str
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credentials:
    user: str
    """Empty for a bearer token."""
    secret: bytes


_LOG_IN = Refused(
    status=HTTPStatus.UNAUTHORIZED,
    message="Log in with a user name and a password, or with the user name __token__ and a token as the password.",
)
_WRONG = Refused(status=HTTPStatus.UNAUTHORIZED, message="The user name or the password is wrong.")
_NO_TOKEN = Refused(status=HTTPStatus.UNAUTHORIZED, message="This token is wrong, or was revoked.")
_NOBODY = Refused(
    status=HTTPStatus.FORBIDDEN,
    message="Nobody can upload here yet. The administrator adds users with 'htpasswd' to the file that 'users' names, "
    "or creates a token with 'eggwatch token create'.",
)
_BROWSER = Refused(
    # Any page can make a browser send a form to any server, also to one that only this machine reaches, and the
    # browser adds the password that it knows.
    status=HTTPStatus.FORBIDDEN,
    message="Web pages can't upload here. Use twine, uv or another client.",
)
_NAME = Refused(
    status=HTTPStatus.FORBIDDEN,
    message="This user name can't be used here: it has 1 to 64 letters, digits and . _ @ + -, and begins with a letter "
    "or digit.",
)


_ANYBODY = User(name=ANONYMOUS, actions=("upload",))
"""The user of uploads without a login."""
_RESERVED = Refused(
    status=HTTPStatus.FORBIDDEN,
    message=f"The user name {ANONYMOUS} stands for uploads without a log-in here, and nobody can log in with it.",
)


class Users:
    """The logins of one index. ConfigurationError if its password file is invalid."""

    def __init__(self, door: UploadDoor, folder: Path, tokens: Path) -> None:
        self._door, self._uses = door, TokenUses(folder)
        if door.users is not None:
            check_passwords(door.users)
        self._passwords = Reread(door.users or Path("/dev/null"), _parsed, Passwords(hashes={}))
        self._tokens: Reread[dict[str, Token]] = Reread(tokens, parse_tokens, {})
        self._attempts, self._verifier = Attempts(), Verifier()
        self._turn = threading.Lock()

    def authenticate(self, request: Request, *, now: float) -> User | Refused:
        """The user of a request, or why it is rejected."""
        found = self._found(request, now=now)
        is_reserved = isinstance(found, User) and found.name == ANONYMOUS and found is not _ANYBODY
        return _RESERVED if is_reserved and self._door.anonymous is not Anonymous.NOWHERE else found

    def may_log_in(self, authorization: str) -> bool:
        """Whether a header may be that of a log-in; said without comparing a password, before a body is stored."""
        if (given := _credentials(authorization)) is None:
            return False
        token_id = id_of(given.secret.decode("ascii", "replace"))
        return (
            given.user in self._passwords.current().hashes if token_id is None else token_id in self._tokens.current()
        )

    def _found(self, request: Request, *, now: float) -> User | Refused:
        if "Origin" in request.headers:
            return _BROWSER
        name = request.environ.get("REMOTE_USER") if self._door.remote_user else None
        if name:
            return User(name=name) if USER.fullmatch(name) else _NAME
        address = address_of(request.environ)
        given = _credentials(request.headers.get("Authorization", ""))
        is_anonymous = self._takes_anonymous(request.environ)
        if given is None:
            return _ANYBODY if is_anonymous else _LOG_IN if self._is_for_anybody() else _NOBODY
        secret = given.secret.decode("ascii", "replace")
        if (token_id := id_of(secret)) is not None:
            return self._by_token(given.user, token_id, secret, now)
        if given.user in OF_TOKENS:
            return _NO_TOKEN
        if is_anonymous and given.user not in self._passwords.current().hashes:
            return _ANYBODY  # old clients always send something
        return self._by_password(given, address, now)

    def _takes_anonymous(self, environ: WSGIEnvironment) -> bool:
        anonymous = self._door.anonymous
        return anonymous is Anonymous.EVERYWHERE or (anonymous is Anonymous.LOOPBACK and is_of_this_machine(environ))

    def _is_for_anybody(self) -> bool:
        return bool(self._door.remote_user or self._passwords.current().hashes or self._tokens.current())

    def _by_token(self, user: str, token_id: str, secret: str, now: float) -> User | Refused:
        """Check a token, without a delay: tokens cannot be guessed, and others' failures must not block their users."""
        token = self._tokens.current().get(token_id)
        if token is None or not token.is_meant(secret):
            return _NO_TOKEN
        if user not in (*OF_TOKENS, token.user):
            return Refused(status=HTTPStatus.UNAUTHORIZED, message="This is the token of another user.")
        if token.is_expired(now):
            message = f"This token expired at {token.expires}. The administrator creates another."
            return Refused(status=HTTPStatus.UNAUTHORIZED, message=message)
        self._uses.note(token_id, now)
        return User(name=token.user, token=token_id, projects=token.projects, actions=token.may)

    def _by_password(self, given: _Credentials, address: str, now: float) -> User | Refused:
        hashes = self._passwords.current().hashes
        if USER.fullmatch(given.user) is None:
            return _NAME
        stored = hashes.get(given.user)
        if not hashes:
            return _WRONG if self._is_for_anybody() else _NOBODY
        if stored and self._verifier.remembers(given.secret, stored, now) and not self._wait(given, address, now):
            return User(name=given.user)
        with self._turn:  # one guess after the other, so that each is counted before the next
            return self._compared(given, hashes, address, now)

    def _wait(self, given: _Credentials, address: str, now: float) -> float:
        return self._attempts.wait(given.user, address, now)

    def _compared(self, given: _Credentials, hashes: Mapping[str, str], address: str, now: float) -> User | Refused:
        if wait := math.ceil(self._wait(given, address, now)):
            log.warning("log-in from %s refused: too many failures", address)
            message = f"Too many log-ins have failed. Try again in {wait} s."
            return Refused(status=HTTPStatus.TOO_MANY_REQUESTS, message=message, retry_after=wait)
        if self._verifier.is_of(given.user, given.secret, hashes, now=now):
            self._attempts.succeeded(given.user, address)
            return User(name=given.user)
        self._attempts.failed(given.user, address, now)
        # Some type their password where the name belongs: only a name that is one is logged.
        log.warning("log-in of %s from %s failed", given.user if given.user in hashes else "an unknown user", address)
        return _WRONG


def _parsed(data: bytes) -> Passwords:
    passwords = parse_passwords(data)
    for problem in passwords.problems:
        log.error("passwords: %s", problem)
    return passwords


def _credentials(header: str) -> _Credentials | None:
    """Parse the Authorization header (RFC 7617, RFC 6750); None if it is invalid or of another kind."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return _Credentials(user="", secret=rest.strip().encode("latin-1", "replace"))
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(rest.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return _Credentials(user=_utf8(user).decode(), secret=_utf8(password)) if colon else None


def claimed_by(header: str) -> str:
    """The user or token id in the Authorization header, unchecked; empty if there is none."""
    given = _credentials(header)
    return "" if given is None else id_of(given.secret.decode("ascii", "replace")) or given.user


def _utf8(text: bytes) -> bytes:
    """Convert credentials from Latin-1, which is all that 'twine' can send, to UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text
