"""STATE/tokens.json: API tokens as their hashes, so that who reads the file can't use one."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eggwatch.errors import ConfigurationError, FolderError
from eggwatch.linux.accounts import run_as_owner
from eggwatch.model.events import timestamp
from eggwatch.store import durable
from eggwatch.store.drop.answer_folders import AnswerFolders, NotOurs
from eggwatch.store.drop.folder import Drop
from eggwatch.store.durable import Permissions

PATTERN = re.compile(r"eggwatch_([0-9a-f]{8})_[0-9a-f]{64}")
"""What a token looks like; its first part is its id, by which it is listed and revoked."""

ACTIONS = ("upload", "yank", "remove")
"""What a token can be for; who may yank may take it back, too."""

USES_FOLDER = ".tokens"
NOTED_SECONDS = 60.0
NOTING = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

log = logging.getLogger("eggwatch.http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token without its secret: who uses it, for which projects (patterns; none: all), and until when."""

    id: str
    sha256: str
    user: str
    projects: tuple[str, ...] = ()
    may: tuple[str, ...] = ("upload",)
    created: str
    actor: str
    expires: str | None = None

    def is_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and timestamp(now) >= self.expires

    def is_meant(self, secret: str) -> bool:
        """Whether this is the token that was shown; takes the same time whatever is wrong."""
        return hmac.compare_digest(self.sha256, digest(secret))


def new_secret() -> str:
    """A new token: 32 random bytes after a prefix that secret scanners find."""
    return f"eggwatch_{secrets.token_hex(4)}_{secrets.token_hex(32)}"


def digest(secret: str) -> str:
    """The hash by which a token is stored. A plain one is enough, because 32 random bytes can't be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def id_of(secret: str) -> str | None:
    """The id of what looks like a token; None if it does not."""
    match = PATTERN.fullmatch(secret)
    return match[1] if match else None


def parse_tokens(data: bytes) -> dict[str, Token]:
    """The tokens of the file, by id. ValueError if it holds anything else."""
    try:
        rows = json.loads(data)["tokens"]
        tokens = [Token(**row) for row in rows]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a list of tokens: {error}") from error
    return {token.id: replace(token, projects=tuple(token.projects), may=tuple(token.may)) for token in tokens}


class TokenUses:
    """When each token was last used: an empty file for each, with that time, in the folder of the upload door."""

    def __init__(self, folder: Path) -> None:
        self._door, self._folder = folder.name, folder / USES_FOLDER
        self._folders = AnswerFolders(Drop(folder.parent, ()), Path(), durable.OURS)
        self._noted: dict[str, float] = {}

    def note(self, token_id: str, now: float) -> None:
        """Note a use, but not more than one a minute of each token."""
        if now - self._noted.get(token_id, -NOTED_SECONDS) < NOTED_SECONDS:
            return
        self._noted[token_id] = now
        try:
            with self._folders.in_drop(self._door, USES_FOLDER) as folder:
                os.fchmod(folder.folder, 0o755)  # a strict umask would hide it from who lists tokens
                fd = os.open(token_id, NOTING, 0o644, dir_fd=folder.folder)
            try:
                os.utime(fd, (now, now))
            finally:
                os.close(fd)
        except (NotOurs, OSError) as error:
            log.warning("the last use of the token %s can't be noted: %s", token_id, error)

    def all(self) -> dict[str, float]:
        """Seconds since the epoch, by the id of the token."""
        try:
            with os.scandir(self._folder) as entries:
                return {entry.name: entry.stat(follow_symlinks=False).st_mtime for entry in entries}
        except FileNotFoundError:
            return {}


class TokenFile:
    """The tokens of one index, for who may write to its state."""

    def __init__(self, state: Path, permissions: Permissions = durable.OURS) -> None:
        self.path = state / "tokens.json"
        self._permissions = permissions

    def read(self) -> dict[str, Token]:
        """All tokens, by id, the oldest first; none if there is no file. ConfigurationError if it is damaged."""
        try:
            return parse_tokens(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigurationError(
                f"{self.path} is damaged: {error}.", remedy="Take it from a backup, or delete it and create new tokens."
            ) from error

    def add(self, token: Token) -> None:
        """Keep a token. FolderError if this account may not."""
        with self._changing() as tokens:
            tokens[token.id] = token

    def revoke(self, token_id: str) -> Token | None:
        """Delete a token; None if there is none with that id."""
        with self._changing() as tokens:
            return tokens.pop(token_id, None)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Token]]:
        """The tokens, written back at the end; two commands at once do it one after the other."""
        try:
            fd = os.open(
                self.path.with_name("tokens.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            remedy = run_as_owner(self.path.parent)
            raise FolderError(f"{self.path} can't be written to: {error.strerror}.", remedy=remedy) from error
        try:
            durable.give_to_owner(fd, self.path.parent)
            fcntl.flock(fd, fcntl.LOCK_EX)
            tokens = self.read()
            before = dict(tokens)
            yield tokens
            if tokens != before:
                self._write(tokens)
        finally:
            os.close(fd)

    def _write(self, tokens: Mapping[str, Token]) -> None:
        """Replace the file, which is its owner's and on the disk before it gets the name."""
        rows = [asdict(token) for token in tokens.values()]
        new = self.path.with_name(f".{self.path.name}.new")
        durable.unlink(new)  # of a killed command, perhaps of root
        durable.write(new, json.dumps({"schema": 1, "tokens": rows}, indent=1).encode(), permissions=self._permissions)
        fd = os.open(new, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            durable.give_to_owner(fd, self.path.parent)
        finally:
            os.close(fd)
        durable.sync([new])
        durable.rename(new, self.path)
        durable.sync([self.path.parent])
