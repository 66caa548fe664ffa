"""What can be known of an index from afar: its pages and PUBLIC/status.json, by HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eggwatch.errors import EggwatchError
from eggwatch.model.events import Event
from eggwatch.pages.simple import JSON_NAME

SECONDS = 15.0
"""How long a server may take for one answer."""

LARGEST_ANSWER = 256 << 20
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/json;q=0.1"


class NotReachedError(EggwatchError):
    """The server at --url did not answer, or not as an index does."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReader:
    """An index at a URL, with or without /simple/ at its end; every call asks the server."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotReachedError(f"{self.url!r} is no URL.", remedy="Write --url http://packages.example.com/simple/.")

    @property
    def base(self) -> str:
        """The URL of PUBLIC, with its slash."""
        return self.url.rstrip("/").removesuffix("/simple") + "/"

    def projects(self) -> list[str]:
        """The names of the published projects, sorted. NotReachedError if there is no index."""
        root = self._page("simple/")
        if root is None:
            raise NotReachedError(f"There is no index at {self.base}simple/.", remedy="Mend --url.")
        return [project["name"] for project in root["projects"]]

    def project(self, name: str) -> dict[str, Any] | None:
        """A project's page (PEP 691); None if it has none."""
        return self._page(f"simple/{name}/")

    def status(self) -> dict[str, Any] | None:
        """What the daemon lets monitors know; None if the server does not show it."""
        found = self._get("status.json", JSON_TYPE)
        return None if found is None else self._parsed("status.json", found)

    def events(self, project: str | None) -> list[Event]:
        """Publications and removals as the pages tell of them, oldest first; of one project, or of all."""
        events: list[Event] = []
        for name in self.projects() if project is None else [project]:
            page = self.project(name) or {}
            events += [_published(name, file) for file in page.get("files", [])]
            events += [_removed(name, file) for file in page.get("_removed", [])]
        return sorted(events, key=lambda event: event.at)

    def is_running(self) -> bool:
        """Taken for granted: nobody can tell from afar."""
        return True

    def pending(self) -> list[Any]:
        """Nothing: the drop folder can't be seen."""
        return []

    def latest(self, _: str, __: Callable[[Event], bool]) -> Event | None:
        """Nothing: refusals are told in the drop folder only."""
        return None

    def latest_of(self, _: str, __: Callable[[Event], bool]) -> Event | None:
        """Nothing, likewise."""
        return None

    def _page(self, folder: str) -> dict[str, Any] | None:
        """The JSON form of a page: its file where files are served as they are, else by Accept."""
        for path, accept in ((folder + JSON_NAME, JSON_TYPE), (folder, _ACCEPT)):
            found = self._get(path, accept)
            if found is not None:
                return self._parsed(path, found)
        return None

    def _get(self, path: str, accept: str) -> bytes | None:
        request = urllib.request.Request(self.base + path, headers={"Accept": accept})  # noqa: S310 - http(s) only
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                data: bytes = answer.read(LARGEST_ANSWER)
                return data
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            raise NotReachedError(f"{self.base}{path}: the server says {error.code} {error.reason}.") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise NotReachedError(
                f"{self.base} can't be reached: {reason}.", remedy="Mend --url, or try again."
            ) from error

    def _parsed(self, path: str, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not (found.get("schema") == 1 or "meta" in found):
            raise NotReachedError(f"{self.base}{path} is no page of an index.", remedy="Mend --url.")
        return found


JSON_TYPE = "application/json"


def _published(project: str, file: dict[str, Any]) -> Event:
    return Event(
        kind="admitted",
        at=file["upload-time"],
        project=project,
        filename=file["filename"],
        sha256=file["hashes"]["sha256"],
        size=file["size"],
        requires_python=file["requires-python"],
        uploader=file.get("_uploader"),
    )


def _removed(project: str, file: dict[str, Any]) -> Event:
    return Event(kind="removed", at=file["at"], project=project, filename=file["filename"], sha256=file["sha256"])
