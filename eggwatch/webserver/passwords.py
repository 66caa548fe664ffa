"""Passwords of users, in a file that htpasswd(1) writes: bcrypt, or argon2; libpass compares them."""

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
"""What other hashes of htpasswd(1) begin with; all of them are quick to try."""

BCRYPT_READS = 72
"""Bytes of a password that bcrypt takes into account, and htpasswd(1) too."""

LONGEST_PASSWORD = 1024

MOST_VERIFIED = 1024
VERIFIED_SECONDS = 300.0
"""So long is a password that was right not hashed again, as 'twine upload dist/*' sends it with each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """The users of a file with their hashes; `problems` are its lines by which nobody can log in."""

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
            hashes.setdefault(user, stored)  # as Apache takes the first
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
    """What knows the hashes. ConfigurationError if it is not installed: it is an extra."""
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
    """ConfigurationError if the file is missing, or names every line by which nobody can log in."""
    try:
        problems = parse_passwords(path.read_bytes()).problems
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be read: {error.strerror}.", remedy=f"Make it: htpasswd -BC 12 -c {path} USER"
        ) from error
    if problems:
        raise ConfigurationError("\n  ".join([f"{path} has users who can't log in:", *problems]))


class Verifier:
    """Compares passwords with hashes; what was right is remembered for some minutes, as a keyed hash."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right_at: OrderedDict[bytes, float] = OrderedDict()

    def remembers(self, password: bytes, stored: str, now: float) -> bool:
        """Whether this password was found to be right a moment ago."""
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
    """Whether this is the password that was hashed; takes as long as the hash wants it to."""
    if b"\0" in password or len(password) > LONGEST_PASSWORD:
        return False  # at once, whoever the user is
    is_bcrypt = _context().identify(stored) == "bcrypt"
    return bool(_context().verify(password[:BCRYPT_READS] if is_bcrypt else password, stored))
