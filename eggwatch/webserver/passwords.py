"""Checks passwords with libpass, against a file written by htpasswd(1), with hashes of bcrypt or argon2."""

from __future__ import annotations

import functools
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eggwatch.errors import ConfigurationError
from eggwatch.linux.accounts import USER

SCHEMES = ("bcrypt", "argon2")

INSTALL = "Install them: pip install 'eggwatch[uploads]'"

_WEAK = {"$apr1$": "MD5", "{SHA}": "SHA-1", "$1$": "MD5", "$5$": "SHA-256", "$6$": "SHA-512"}
"""How other hashes of htpasswd(1) begin; they are not accepted, because their passwords can be guessed quickly."""

BCRYPT_READS = 72
"""bcrypt uses only so many bytes of a password, and so does htpasswd(1)."""

LONGEST_PASSWORD = 1024

MOST_VERIFIED = 1024
VERIFIED_SECONDS = 300.0
"""How long a correct password is remembered, as 'twine upload dist/*' sends it with each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """The users of a file with their hashes; `problems` lists users who cannot log in."""

    hashes: Mapping[str, str]
    problems: tuple[str, ...] = ()


def parse_passwords(data: bytes) -> Passwords:
    """Read the text of an htpasswd file: `user:hash` a line. Problems name line and user, never the hash."""
    hashes: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, rest = line.partition(":")
        stored = rest.partition(":")[0].strip()
        problem = _problem(user, stored) if colon else "is not 'user:hash'"
        if problem is None:
            hashes.setdefault(user, stored)  # Apache uses the first line of a user
        else:
            problems.append(f"line {number}: {problem}")
    return Passwords(hashes=hashes, problems=tuple(problems))


def _problem(user: str, stored: str) -> str | None:
    if USER.fullmatch(user) is None:
        return "a user name has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or digit"
    scheme = _context().identify(stored)
    if scheme is None:
        kind = next((name for start, name in _WEAK.items() if stored.startswith(start)), None)
        what = f"a hash of kind {kind}, which is quick to guess" if kind else "neither bcrypt nor argon2"
        return f"{user}: {what}. Set the password again with 'htpasswd -BC 12 FILE {user}'"
    try:
        _context().handler(scheme).from_string(stored)
    except ValueError:
        return f"{user}: the hash is damaged. Set the password again with 'htpasswd -BC 12 FILE {user}'"
    return None


@functools.cache
def _context() -> Any:
    """The library for the hashes. ConfigurationError if it is not installed: it is an extra."""
    try:
        from passlib.context import CryptContext

        context = CryptContext(schemes=SCHEMES)
        missing = [scheme for scheme in SCHEMES if not context.handler(scheme).has_backend()]
    except ImportError:
        missing = ["libpass"]
    if missing:
        raise ConfigurationError(
            f"Passwords need Python packages that are missing: {', '.join(missing)}.", remedy=INSTALL
        )
    return context


def check_passwords(path: Path) -> None:
    """ConfigurationError if the file is missing, or with all users who cannot log in."""
    try:
        problems = parse_passwords(path.read_bytes()).problems
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)  # otherwise -c would empty it
        remedy = (
            f"Make it: htpasswd -BC 12 -c {path} USER" if is_missing else "The HTTP server's account has to read it."
        )
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.", remedy=remedy) from error
    if problems:
        raise ConfigurationError("\n  ".join([f"{path} has users who can't log in:", *problems]))


class Verifier:
    """Compares passwords with hashes; correct ones are remembered for some minutes, as keyed hashes."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right_at: OrderedDict[bytes, float] = OrderedDict()

    def is_of(self, user: str, password: bytes, hashes: Mapping[str, str], *, now: float) -> bool:
        """Whether this is the password of a user."""
        if (stored := hashes.get(user)) is not None:
            return self.is_right(password, stored, now)
        # Who is unknown costs as much as who is known, or one could tell them apart; also with a password that is
        # remembered, or it could be guessed under names that no limit is counted for.
        is_password(password, next(iter(hashes.values())))
        return False

    def remembers(self, password: bytes, stored: str, now: float) -> bool:
        """Whether this password is remembered as correct."""
        age = now - self._right_at.get(self._mark(password, stored), now - VERIFIED_SECONDS)
        return 0 <= age < VERIFIED_SECONDS

    def is_right(self, password: bytes, stored: str, now: float) -> bool:
        """Whether this is the password that was hashed."""
        if self.remembers(password, stored, now):
            return True
        if not is_password(password, stored):
            return False
        self._right_at[self._mark(password, stored)] = now
        while len(self._right_at) > MOST_VERIFIED:
            self._right_at.popitem(last=False)
        return True

    def _mark(self, password: bytes, stored: str) -> bytes:
        return hmac.digest(self._key, stored.encode() + b"\0" + password, "sha256")


def is_password(password: bytes, stored: str) -> bool:
    """Whether a password matches a hash; slow, as the hash demands."""
    if b"\0" in password or len(password) > LONGEST_PASSWORD:
        return False  # at once, whoever the user is
    is_bcrypt = _context().identify(stored) == "bcrypt"
    return bool(_context().verify(password[:BCRYPT_READS] if is_bcrypt else password, stored))
