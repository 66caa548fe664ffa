"""A file as an upload over HTTP: a form, sent as it is read, and what the server says of it."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from urllib.parse import urlsplit

from eggwatch.cli.output import Bar
from eggwatch.errors import EggwatchError
from eggwatch.readers.remote import not_reached

LARGEST_ANSWER = 1 << 20
SECONDS = 60.0
"""How long a server may take for its answer, or to accept a piece."""

PIECE = 64 << 10
PIECES_A_STEP = 16
"""The progress is counted in MiB."""


class ChangedError(EggwatchError):
    """A file is not the same at the end of its upload as at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a server answers: its status, the text, and after how many seconds to try again."""

    status: int
    text: str
    retry_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where uploads go, and the value of the header Authorization, if there is a login."""

    url: str
    login: str | None

    def upload(self, file: Path) -> Said:
        """Send one file, and return what the server says. EggwatchError if it says nothing."""
        connection = _connection(self.url)
        try:
            with closing(connection):
                _send(connection, self, file)
                answer = connection.getresponse()
                return _said(answer, answer.read(LARGEST_ANSWER))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise not_reached(self.url, error, "--to") from error


def basic(user: str, password: str) -> str:
    """The login of a user with a password."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=SECONDS)


def _send(connection: http.client.HTTPConnection, repository: Repository, file: Path) -> None:
    """The request; a server that refuses it may answer and hang up before it has read all."""
    boundary = secrets.token_hex(16)
    with file.open("rb") as opened:
        head = _head(file.name, hashlib.file_digest(opened, "sha256").hexdigest(), boundary)
        tail, size = f"\r\n--{boundary}--\r\n".encode(), opened.tell()
        connection.putrequest("POST", urlsplit(repository.url).path)
        for name, value in _headers(repository, boundary, len(head) + size + len(tail)).items():
            connection.putheader(name, value)
        opened.seek(0)
        connection.endheaders()
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.send(head)
            _send_file(connection, file, opened, size)
            connection.send(tail)


def _send_file(connection: http.client.HTTPConnection, file: Path, opened: BufferedReader, size: int) -> None:
    bar, left, number = Bar(f"{file.name}, MiB", -(-size // (PIECE * PIECES_A_STEP))), size, 0
    try:
        while left:
            piece = opened.read(min(PIECE, left))
            if not piece:
                raise ChangedError(f"{file} was changed during its upload.", remedy="Upload it again.")
            connection.send(piece)
            left, number = left - len(piece), number + 1
            if number % PIECES_A_STEP == 0 or not left:
                bar.step()
    finally:
        bar.clear()


def _headers(repository: Repository, boundary: str, length: int) -> dict[str, str]:
    kind = f"multipart/form-data; boundary={boundary}"
    headers = {"Content-Type": kind, "Content-Length": str(length), "Accept": "application/json"}
    return headers if repository.login is None else {**headers, "Authorization": repository.login}


def _head(filename: str, sha256: str, boundary: str) -> bytes:
    """The form as far as the content of the file."""
    fields = {":action": "file_upload", "protocol_version": "1", "sha256_digest": sha256}
    name = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    disposition = f'Content-Disposition: form-data; name="content"; filename="{name}"'
    content = f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
    return (form_of(fields, boundary) + content).encode("utf-8", "surrogateescape")


def form_of(fields: Mapping[str, str], boundary: str) -> str:
    """The first parts of a form, as browsers send it."""
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    return "".join(f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())


def _said(answer: http.client.HTTPResponse, data: bytes) -> Said:
    try:
        text = str(json.loads(data)["message"])
    except (KeyError, TypeError, ValueError):
        moved = answer.headers.get("Location")
        text = f"{answer.status} {answer.reason}" + (f", see {moved}" if moved else "")
    pause = answer.headers.get("Retry-After", "")
    return Said(status=answer.status, text=text, retry_after=float(pause) if pause.isdecimal() else 5.0)
