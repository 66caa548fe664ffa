"""--url of yank, unyank and remove: orders to an index on another machine, by its upload door."""

from __future__ import annotations

import http.client
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from eggwatch.cli.output import say_error
from eggwatch.cli.sending import form_of
from eggwatch.errors import EggwatchError
from eggwatch.model.instructions import trusted_host
from eggwatch.readers.remote import NoRedirects, NotReachedError, RemoteReader, not_reached
from eggwatch.store.state.tokens import PATTERN

LARGEST_ANSWER = 16 << 20
SECONDS = 60.0
"""How long a server may take for its answer."""


class NotObeyedError(EggwatchError):
    """The server refuses an order: nobody has logged in, or not who may give it."""

    exit_code = 1


class NotNowError(EggwatchError):
    """The daemon of the index does not answer."""

    exit_code = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Afar:
    """An index at a URL, and the token for it."""

    url: str
    token: str

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Have an order carried out, and answer as the daemon does. EggwatchError says why it is not.

        Of the files that a person has agreed to (`only`), each by an order of its own: there may be more by now.
        """
        door = f"{RemoteReader(url=self.url).base}legacy/"
        if (host := trusted_host(door)) is not None:
            say_error(f"Warning: the token is sent unencrypted to {host}.")
        changed: list[str] = []
        matched, report = 0, dict[str, Any]()
        for spec in order.get("only", [order["spec"]]):
            report = self._ask({**order, "spec": spec}, door)
            changed, matched = [*changed, *report["changed"]], matched + report["matched"]
            if report.get("error"):
                break
        return {**report, "changed": changed, "matched": matched}

    def _ask(self, order: dict[str, Any], door: str) -> dict[str, Any]:
        dry_run = "1" if order["dry_run"] else ""
        fields = {":action": order["verb"], "spec": order["spec"], "reason": order["reason"] or "", "dry_run": dry_run}
        boundary = secrets.token_hex(16)  # no value has more than one line
        body = f"{form_of(fields, boundary)}--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(door, body, headers)  # noqa: S310 - http(s) only
        try:
            with urllib.request.build_opener(NoRedirects).open(request, timeout=SECONDS) as answer:
                return _report_of(answer.read(LARGEST_ANSWER), door)
        except urllib.error.HTTPError as error:
            return _refusal(error, door)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise not_reached(door, error, "--url") from error


def _report_of(data: bytes, door: str) -> dict[str, Any]:
    try:
        report = json.loads(data)["order"]
        return {**report, "changed": list(report["changed"]), "matched": int(report["matched"])}
    except (KeyError, TypeError, ValueError) as error:
        raise NotReachedError(f"{door} does not answer as an index does.", remedy="Check --url.") from error


def _refusal(error: urllib.error.HTTPError, door: str) -> dict[str, Any]:
    """What the daemon answers beside an error; else the error is raised."""
    try:
        data = error.read(LARGEST_ANSWER)
        said = json.loads(data)
        message = str(said["message"])
    except (KeyError, TypeError, ValueError, OSError):
        data, said, message = b"", {}, f"{error.code} {error.reason}"
    if isinstance(said.get("order"), dict):
        return _report_of(data, door)
    if error.code == 503:
        raise NotNowError(f"{door}: {message}", remedy="Try again later.") from error
    if error.code in (401, 403, 429):
        raise NotObeyedError(f"{door}: {message}") from error
    raise NotReachedError(f"{door}: the server says {message}.", remedy="Check --url, and that it accepts uploads.")


TOKEN_OPTIONS = (
    click.option(
        "--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file with the token."
    ),
    click.option(
        "--token",
        envvar="EGGWATCH_TOKEN",
        help="Log in with a token; `ps` shows it to others.  [default: $EGGWATCH_TOKEN]",
    ),
)


def afar_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url, --token and --token-file, of which the command gets `afar`, or None."""

    @wraps(function)
    def wrapper(*, url: str | None, token: str | None, token_file: Path | None, **values: Any) -> Any:
        afar = None if url is None else Afar(url=url, token=token_of(token, token_file))
        return function(afar=afar, **values)

    for option in (
        *TOKEN_OPTIONS,
        click.option("--url", metavar="URL", help="The index on another machine, by its uploads over HTTP."),
    ):
        wrapper = option(wrapper)
    return wrapper


def token_of(token: str | None, file: Path | None) -> str:
    """The token, of the file if there is one. click.UsageError if it can be none, which is never shown."""
    secret = file.read_text("utf-8", "replace").strip() if file is not None else token
    if secret is None:
        raise click.UsageError("--url needs a token: set $EGGWATCH_TOKEN, or use --token-file FILE.")
    if PATTERN.fullmatch(secret) is None:
        raise click.UsageError("This is not a token of eggwatch; 'eggwatch token create' makes one.")
    return secret
