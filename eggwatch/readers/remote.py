"""What can be known of an index from afar: its pages and PUBLIC/status.json, by HTTP."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from eggwatch.errors import EggwatchError, in_words
from eggwatch.model.events import Event, EventKind, timestamp
from eggwatch.model.names import JSON_NAME
from eggwatch.model.status import Status
from eggwatch.readers.status_fields import is_silent

T = TypeVar("T")
SECONDS = 15.0
"""How long a server may be silent,"""
LONGEST = 30.0
"""and how long it may take for a whole answer."""
LARGEST = 64 << 20
"""No answer is larger, in bytes; the page of all projects has about 100 for each."""
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/json;q=0.1"


class NotReachedError(EggwatchError):
    """The server at --url did not answer, or not as an index does."""

    exit_code = 2


def not_reached(url: str, error: Exception, option: str) -> NotReachedError:
    """Why a server can't be reached; `option` has named it."""
    reason = getattr(error, "reason", None) or error
    for one in (error, reason):
        if isinstance(one, ssl.SSLCertVerificationError):
            remedy = "If it is of a CA of your own, set SSL_CERT_FILE to a file with the certificate of that CA."
            return NotReachedError(
                f"The certificate of {url} is not trusted: {one.verify_message.rstrip('.')}.", remedy=remedy
            )
    words = in_words(reason) if isinstance(reason, BaseException) else reason
    return NotReachedError(f"{url} can't be reached: {words}.", remedy=f"Check {option}, or try again.")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the answer: what is sent along is for the server that was named, and for no other."""

    def redirect_request(self, *_: Any) -> None:
        """Another request is never made."""


def in_time(answer: Callable[[], T]) -> T:
    """What the function returns or raises; TimeoutError if that takes too long: a timeout of a socket begins anew with
    each byte."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(answer())
        except BaseException as error:  # raised where the answer is waited for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    if not wait([future], LONGEST).done:
        raise TimeoutError(f"no whole answer in {LONGEST:g} seconds")
    return future.result()


def whole(answer: IO[bytes]) -> bytes:
    """The body of an answer; ValueError if it is larger than any page."""
    body = answer.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"its answer is larger than {LARGEST >> 20} MiB")
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReader:
    """An index at a URL, with or without /simple/ at its end; every call asks the server."""

    url: str

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
        except ValueError:  # brackets that are no IPv6 address
            parts = urlsplit("")
        if "@" in parts.netloc:  # it is not shown: the output of build servers is read by many
            raise NotReachedError(
                "A URL with a user or a password is not supported.", remedy="Leave them out of --url."
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotReachedError(
                f"{self.url!r} is not a URL.", remedy="Write --url http://packages.example.com/simple/."
            )

    @property
    def base(self) -> str:
        """The URL of PUBLIC, with its slash."""
        return self.url.rstrip("/").removesuffix("/simple") + "/"

    def projects(self) -> list[dict[str, Any]]:
        """The published projects as the root page has them, sorted. NotReachedError if there is no index."""
        root = self._page("simple/")
        if root is None:
            raise NotReachedError(f"There is no index at {self.base}simple/.", remedy="Check --url.")
        try:
            return [_checked(row, "name") for row in root["projects"]]
        except (KeyError, TypeError) as error:
            raise self._no_page("simple/") from error

    def project(self, name: str) -> dict[str, Any] | None:
        """A project's page (PEP 691), with what only eggwatch has; None if it has none."""
        page = self._page(f"simple/{name}/")
        if page is None:
            return None
        try:
            files = [_file(file) for file in page["files"]]
            removed = [_checked(file, "filename", "sha256", "at") for file in page.get("_removed", [])]
        except (KeyError, TypeError) as error:
            raise self._no_page(f"simple/{name}/") from error
        return {**page, "files": files, "_removed": removed}

    def status(self) -> Status | None:
        """What the daemon lets monitors know; None if the server does not show it."""
        found = self._ask("status.json", JSON_TYPE)
        if found is None:
            return None
        data, date = found
        try:
            return replace(Status.from_json(self._parsed("status.json", data)), asked_at=timestamp(date))
        except (KeyError, TypeError, AttributeError) as error:
            raise self._no_page("status.json") from error

    def events(self, project: str | None) -> list[Event]:
        """Publications and removals according to the pages, oldest first; of one project, or of all."""
        events: list[Event] = []
        for name in [row["name"] for row in self.projects()] if project is None else [project]:
            page = self.project(name) or {}
            events += [_published(name, file) for file in page.get("files", [])]
            events += [_removed(name, file) for file in page.get("_removed", [])]
        return sorted(events, key=lambda event: event.at)

    def is_running(self) -> bool:
        """Whether a daemon is at work; taken for granted where the server does not show status.json."""
        state = self.status()
        return state is None or (state.running is not False and not is_silent(state))

    def pending(self) -> list[Any]:
        """Nothing: the drop folder can't be seen."""
        return []

    def latest(self, _: str, __: Callable[[Event], bool]) -> Event | None:
        """None: rejections are only visible in the drop folder."""
        return None

    def latest_of(self, _: str, __: Callable[[Event], bool]) -> Event | None:
        """Nothing, likewise."""
        return None

    def _page(self, folder: str) -> dict[str, Any] | None:
        """The JSON form of a page: its file where files are served as they are, else by Accept."""
        for path, accept in ((folder + JSON_NAME, JSON_TYPE), (folder, _ACCEPT)):
            if (found := self._ask(path, accept)) is not None:
                return self._parsed(path, found[0])
        return None

    def _ask(self, path: str, accept: str) -> tuple[bytes, float] | None:
        """An answer, and when it was given by the server's own clock."""
        request = urllib.request.Request(self.base + path, headers={"Accept": accept})  # noqa: S310 - http(s) only
        try:
            return in_time(lambda: _answer(request))
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            raise NotReachedError(f"{self.base}{path}: the server says {error.code} {error.reason}.") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise not_reached(self.base, error, "--url") from error

    def _parsed(self, path: str, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not (found.get("schema") == 1 or "meta" in found):
            raise self._no_page(path)
        return found

    def _no_page(self, path: str) -> NotReachedError:
        return NotReachedError(f"{self.base}{path} is not a page of an index.", remedy="Check --url.")


def _answer(request: urllib.request.Request) -> tuple[bytes, float]:
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return whole(answer), _date(answer.headers.get("Date"))


JSON_TYPE = "application/json"


def _date(header: str | None) -> float:
    try:
        return parsedate_to_datetime(header or "").timestamp()
    except ValueError:
        return time.time()


_OPTIONAL = {"requires-python": None, "yanked": False, "size": None, "upload-time": ""}
"""Of a file, what pages of other indexes may lack (PEP 691, PEP 700)."""


def _checked(row: dict[str, Any], *texts: str) -> dict[str, Any]:
    """A row of a page. KeyError or TypeError if it is none, or one of these is no text."""
    if wrong := [key for key in texts if not isinstance(row[key], str)]:
        raise TypeError(wrong)
    return row


def _file(row: dict[str, Any]) -> dict[str, Any]:
    file = {**row, **{key: value for key, value in _OPTIONAL.items() if key not in row}}
    _checked(file["hashes"], "sha256")
    return _checked(file, "filename", "upload-time")


def _published(project: str, file: dict[str, Any]) -> Event:
    return Event(
        kind=EventKind.ADMITTED,
        at=file["upload-time"],
        project=project,
        filename=file["filename"],
        sha256=file["hashes"]["sha256"],
        size=file["size"],
        requires_python=file["requires-python"],
        uploader=file.get("_uploader"),
    )


def _removed(project: str, file: dict[str, Any]) -> Event:
    return Event(
        kind=EventKind.REMOVED, at=file["at"], project=project, filename=file["filename"], sha256=file["sha256"]
    )
