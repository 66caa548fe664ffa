"""Answers to GET and HEAD from published trees: status, headers, and one open descriptor to send from."""

from __future__ import annotations

import html
import logging
import mimetypes
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from eggwatch.model.names import shown
from eggwatch.service.negotiation import (
    Form,
    Span,
    UnsatisfiableRangeError,
    Validators,
    choose_form,
    form_parameter,
    gzip_wanted,
    is_unchanged,
    span_wanted,
)
from eggwatch.service.public_tree import (
    Absent,
    Archive,
    Moved,
    Page,
    Place,
    Plain,
    Segments,
    join_path,
    locate,
    open_below,
    split_target,
)

REVALIDATE = "max-age=0, must-revalidate"
"""Pages: a new upload shows at once, and an unchanged page costs a 304."""
FOREVER = "max-age=31536000, immutable"
"""Archives and their metadata: a filename never stands for other bytes (law 5)."""
NOT_STORED = "no-store"
"""Refusals: what is missing now may be published in a second."""

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    # Pages hold an inline <style> and no script; nothing is loaded from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

_TEXT = "text/plain; charset=utf-8"
_TYPES = mimetypes.MimeTypes()  # the table in Python itself, not the machine's: the same answer everywhere

log = logging.getLogger("eggwatch.http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A GET or HEAD; header names in lower case, repeated headers joined by commas (RFC 9110, 5.3)."""

    target: str
    headers: Mapping[str, str]
    is_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: `text`, or `span` of the open `descriptor`; whoever takes the answer closes it."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    text: bytes = b""
    descriptor: int | None = None
    span: Span | None = None

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor is not None:
            os.close(self.descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    """A published tree and the path that it is shown at: () or (NAME,)."""

    prefix: Segments
    root: Path

    def url(self, *below: str) -> str:
        return join_path((*self.prefix, *below))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An open file with the headers that tell what it is; `variant` sets apart what may share an inode."""

    descriptor: int
    headers: Mapping[str, str]
    variant: str = ""


class StaticSite:
    """One tree at /simple/ ({"": PUBLIC}) or several at /NAME/simple/ ({"NAME": PUBLIC, …})."""

    def __init__(self, trees: Mapping[str, Path]) -> None:
        self._trees = dict(trees)

    def show(self, trees: Mapping[str, Path]) -> None:
        """Serve these trees from the next request on, and no others."""
        self._trees = dict(trees)

    def __repr__(self) -> str:
        return f"StaticSite({sorted(self._trees)})"

    def answer(self, request: Request) -> Answer:
        """The answer to one request; never raises for what a client or the disk does."""
        segments, query = split_target(request.target)
        if segments is None:
            return refusal(HTTPStatus.NOT_FOUND, "No file has such a path.")
        mount, below = self._mount(segments)
        if mount is None:
            return self._outside(segments)
        if not below:
            return _moved((*segments, ""), query)
        return _answer_below(mount, below, query, request)

    def _mount(self, segments: Segments) -> tuple[_Mount | None, Segments]:
        name, trees = segments[0], self._trees
        if name and name in trees:
            return _Mount(prefix=(name,), root=trees[name]), segments[1:]
        if "" in trees:
            return _Mount(prefix=(), root=trees[""]), segments
        return None, segments

    def _outside(self, segments: Segments) -> Answer:
        """With several indexes: the page that links them, or a word on where they are."""
        if segments == ("",):
            return _overview(sorted(self._trees))
        places = ", ".join(join_path((name, "simple", "")) for name in sorted(self._trees))
        return refusal(HTTPStatus.NOT_FOUND, f"Several indexes are served here: {places}")


def refusal(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A short plain text that says what is wrong."""
    return Answer(
        status=status,
        headers={"Content-Type": _TEXT, "Cache-Control": NOT_STORED, **SECURITY, **(headers or {})},
        text=f"{int(status)} {status.phrase}\n{message}\n".encode(),
    )


def _overview(names: Iterable[str]) -> Answer:
    items = "".join(
        f'<li><a href="{html.escape(join_path((name, "")))}">{html.escape(name)}</a></li>\n' for name in names
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Package indexes</title>\n'
        f"</head>\n<body>\n<h1>Package indexes</h1>\n<ul>\n{items}</ul>\n</body>\n</html>\n"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": REVALIDATE, **SECURITY}
    return Answer(status=HTTPStatus.OK, headers=headers, text=page.encode())


def _moved(path: Segments, query: str) -> Answer:
    location = join_path(path) + (f"?{_ascii(query)}" if query else "")
    # `locate` has dropped empty segments: a path that began with // would be another host (RFC 3986, 4.2).
    headers = {"Location": location, "Cache-Control": REVALIDATE}
    return refusal(HTTPStatus.MOVED_PERMANENTLY, f"It lies at {shown(location)}", headers)


def _ascii(query: str) -> str:
    return quote(query, safe="%/?:@!$&'()*+,;=", encoding="latin-1")


def _answer_below(mount: _Mount, below: Segments, query: str, request: Request) -> Answer:
    place = locate(below)
    if isinstance(place, Moved):
        return _moved((*mount.prefix, *place.path), query)
    if isinstance(place, Absent):
        return refusal(HTTPStatus.NOT_FOUND, place.message)
    try:
        found = _find(mount.root, place, query, request.headers)
    except FileNotFoundError:
        return _not_found(mount, place)
    except IsADirectoryError:
        is_other_spelling = isinstance(place, Plain) and below[-1]
        return _moved((*mount.prefix, *below, ""), query) if is_other_spelling else _not_found(mount, place)
    except OSError as error:
        log.warning("cannot read the published tree: %s", error)
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The published files cannot be read at the moment.")
    return _answer_from(found, request)


def _not_found(mount: _Mount, place: Place) -> Answer:
    everything = mount.url("simple", "")
    match place:
        case Page(folder=("simple", project)):
            message = f"There is no project {project} in this index. All projects: {everything}"
        case Archive(path=(_, project, filename)):
            page = mount.url("simple", project, "")
            message = f"There is no file {shown(filename)} in project {shown(project)}. Its files: {page}"
        case _:
            message = f"There is nothing at this path. All projects: {everything}"
    return refusal(HTTPStatus.NOT_FOUND, message)


def _find(root: Path, place: Place, query: str, headers: Mapping[str, str]) -> _Found:
    match place:
        case Page(folder=folder, form=form):
            chosen = form or choose_form(headers.get("accept"), form_parameter(query))
            return _find_page(root, folder, chosen, headers)
        case Archive(path=path):
            kind = _TEXT if path[-1].endswith(".metadata") else "application/octet-stream"
            described = {"Content-Type": kind, "Cache-Control": FOREVER}
            return _Found(descriptor=open_below(root, path), headers=described)
        case Plain(path=path):
            return _find_plain(root, path, headers)
    raise FileNotFoundError(place)


def _find_page(root: Path, folder: Segments, form: Form, headers: Mapping[str, str]) -> _Found:
    described = {"Content-Type": form.content_type, "Cache-Control": REVALIDATE}
    negotiated = {**described, "Vary": "Accept, Accept-Encoding"}
    return _twin_or_file(root, (*folder, form.filename), negotiated, headers)


def _find_plain(root: Path, path: Segments, headers: Mapping[str, str]) -> _Found:
    described = {"Content-Type": _type_of(path[-1]), "Cache-Control": REVALIDATE}
    if path != ("index.html",):
        return _Found(descriptor=open_below(root, path), headers=described)
    return _twin_or_file(root, path, {**described, "Vary": "Accept-Encoding"}, headers)


def _twin_or_file(root: Path, path: Segments, described: Mapping[str, str], headers: Mapping[str, str]) -> _Found:
    """The compressed twin if the client takes it and it is there, else the file itself."""
    twin = f"{path[-1]}.gz"
    if gzip_wanted(headers.get("accept-encoding")):
        with suppress(FileNotFoundError, IsADirectoryError):
            descriptor = open_below(root, (*path[:-1], twin))
            compressed = {**described, "Content-Encoding": "gzip"}
            return _Found(descriptor=descriptor, headers=compressed, variant=f"-{twin}")
    return _Found(descriptor=open_below(root, path), headers=described, variant=f"-{path[-1]}")


def _type_of(filename: str) -> str:
    kind, encoding = _TYPES.guess_type(filename)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _answer_from(found: _Found, request: Request) -> Answer:
    """Everything said about the file comes from the descriptor that it is sent from, so that a page that is
    replaced meanwhile never gives the length or the tag of one version and the bytes of another (law 2)."""
    state = os.fstat(found.descriptor)
    validators = _validators(found, state)
    headers = {
        **found.headers,
        **SECURITY,
        "Accept-Ranges": "bytes",
        "ETag": validators.etag,
        "Last-Modified": format_datetime(validators.modified, usegmt=True),
    }
    asked = request.headers
    if is_unchanged(validators, asked.get("if-none-match"), asked.get("if-modified-since")):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers, descriptor=found.descriptor)
    try:
        # Ranges are defined for GET alone (RFC 9110, 14.2).
        wanted = None if request.is_head else asked.get("range")
        span = span_wanted(state.st_size, validators, wanted, asked.get("if-range"))
    except UnsatisfiableRangeError:
        os.close(found.descriptor)
        return _unsatisfiable(state.st_size)
    if span is None:
        whole = Span(start=0, length=state.st_size)
        return Answer(status=HTTPStatus.OK, headers=headers, descriptor=found.descriptor, span=whole)
    headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{state.st_size}"
    return Answer(status=HTTPStatus.PARTIAL_CONTENT, headers=headers, descriptor=found.descriptor, span=span)


def _validators(found: _Found, state: os.stat_result) -> Validators:
    """A new version of a page is a new inode with a new time; two forms may share both (hard links)."""
    return Validators(
        etag=f'"{state.st_ino:x}-{state.st_size:x}-{state.st_mtime_ns:x}{found.variant}"',
        modified=datetime.fromtimestamp(state.st_mtime_ns // 10**9, UTC),
    )


def _unsatisfiable(size: int) -> Answer:
    message = f"The file has {size} bytes; the range asked for begins behind its end."
    return refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, message, {"Content-Range": f"bytes */{size}"})
