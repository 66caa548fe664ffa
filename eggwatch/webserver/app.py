"""The WSGI application: serves published trees by GET and HEAD, and accepts uploads by POST if they are configured.

Each page or file is sent from the one descriptor that its headers describe.
"""

from __future__ import annotations

import logging
import mimetypes
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from waitress.buffers import ReadOnlyFileBasedBuffer
from werkzeug.datastructures import Range
from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from eggwatch.model.names import shown
from eggwatch.webserver.doors import classifiers, explanation
from eggwatch.webserver.negotiation import (
    Form,
    Span,
    UnsatisfiableRangeError,
    Validators,
    choose_form,
    gzip_wanted,
    span_wanted,
)
from eggwatch.webserver.public_tree import (
    Absent,
    Archive,
    Location,
    Moved,
    Page,
    Plain,
    Segments,
    has_root_page,
    join_path,
    locate,
    open_below,
    split_target,
)
from eggwatch.webserver.responses import (
    FOREVER,
    REVALIDATE,
    SECURITY,
    TEXT,
    overview,
    refusal,
    response,
    told,
)
from eggwatch.webserver.uploads import Door

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_TYPES = mimetypes.MimeTypes()  # Python's own table, not the machine's, so that the types are the same everywhere
_TYPES.add_type("application/atom+xml", ".atom")  # which that table does not have

log = logging.getLogger("eggwatch.http")


BLOCK = 128 * 1024
"""The size of one read of a file."""
SMALL = 64 * 1024
"""Smaller files are read completely, so that no descriptor is open while they are sent."""

LONGEST_LOGGED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    """A published tree and the path that it is shown at: () or (NAME,)."""

    prefix: Segments
    root: Path

    def url(self, *below: str) -> str:
        return join_path((*self.prefix, *below))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An open file with its headers; `variant` distinguishes responses that may share an inode."""

    descriptor: int
    headers: Mapping[str, str]
    variant: str = ""


DOORS: tuple[Segments, ...] = ((), ("",), ("legacy",), ("legacy", ""))
"""Where packages are uploaded to, below an index."""


class Application:
    """One tree at /simple/ ({"": PUBLIC}) or several at /NAME/simple/ ({"NAME": PUBLIC, …}).

    `doors` are the upload doors, by the same names.
    """

    def __init__(self, trees: Mapping[str, Path], doors: Mapping[str, Door] | None = None) -> None:
        self._trees, self._doors = dict(trees), dict(doors or {})

    def __repr__(self) -> str:
        return f"Application({sorted(self._trees)})"

    def show(self, trees: Mapping[str, Path], doors: Mapping[str, Door] | None = None) -> None:
        """Serve only these trees and doors, from the next request on."""
        self._trees, self._doors = dict(trees), dict(doors or {})

    def has_doors(self) -> bool:
        """Whether anything can be uploaded."""
        return bool(self._doors)

    def sweep(self) -> None:
        """Delete uploads that killed processes have left."""
        for door in list(self._doors.values()):
            door.sweep()

    def door_at(self, target: str) -> Door | None:
        """The upload door at this path; None if there is none."""
        segments, _ = split_target(target)
        if segments is None:
            return None
        mount, below = self._mount(segments)
        return None if mount is None or below not in DOORS else self._doors.get("".join(mount.prefix))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        reply = self.answer(request)
        mounted = environ.get("SCRIPT_NAME", "")
        if mounted and (location := reply.headers.get("Location")):
            reply.headers["Location"] = mounted + location
        agent = _one_line(request.headers.get("User-Agent", "-"))
        line = _one_line(f"{request.method} {_target(request)} {environ['SERVER_PROTOCOL']}")
        length = reply.headers.get("Content-Length", "0")
        log.info('%s "%s" %d %s "%s"', request.remote_addr, line, reply.status_code, length, agent)
        return reply(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The response to one request; errors of clients and of the disk are responses too."""
        target = _target(request)
        if not request.query_string.isascii():
            return refusal(HTTPStatus.BAD_REQUEST, "A query has no such characters (RFC 3986, 3.4).")
        if (door := self.door_at(target)) is not None and (answered := self._at_door(door, request)) is not None:
            return answered
        if request.method not in ("GET", "HEAD"):
            return self._read_only()
        segments, query = split_target(target)
        if segments is None:
            return refusal(HTTPStatus.NOT_FOUND, "No file can have this path.")
        mount, below = self._mount(segments)
        if mount is None:
            # With several indexes: the page that links them, or a message with their paths.
            if segments == ("",):
                return overview(sorted(self._trees))
            places = ", ".join(join_path((name, "simple", "")) for name in sorted(self._trees))
            return refusal(HTTPStatus.NOT_FOUND, f"Several indexes are served here: {places}")
        if not below:
            return _moved((*segments, ""), query)
        return _answer_below(mount, below, query, request)

    def _at_door(self, door: Door, request: Request) -> Response | None:
        """What GET shows at the URL for uploads; None if there is a page."""
        if request.method == "POST":
            return door.answer(request)
        if request.method not in ("GET", "HEAD"):
            return None
        if request.args.get(":action") == "list_classifiers":
            return told(classifiers())
        path = split_target(_target(request))[0] or ()
        if "legacy" not in path[-2:]:
            return None
        here = f"{request.host_url.rstrip('/')}{join_path((*path[: path.index('legacy')], ''))}"
        base = f"{(door.url or here).rstrip('/')}/"  # the web server in front may speak HTTPS
        return told(explanation(f"{base}legacy/", f"{base}simple/"))

    def _read_only(self) -> Response:
        places = ", ".join(join_path((*filter(None, (name,)), "legacy", "")) for name in sorted(self._doors))
        to_do = f"Upload to {places}" if places else "To upload, copy files into the drop folder of the index."
        message = f"This address is read-only. {to_do}"
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, message, {"Allow": "GET, HEAD"})

    def _mount(self, segments: Segments) -> tuple[_Mount | None, Segments]:
        name, trees = segments[0], self._trees
        if name and name in trees:
            return _Mount(prefix=(name,), root=trees[name]), segments[1:]
        if "" in trees:
            return _Mount(prefix=(), root=trees[""]), segments
        return None, segments


def _target(request: Request) -> str:
    """The request target as it was sent, below the path that this application is mounted at."""
    environ = request.environ
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")  # waitress and mod_wsgi; gunicorn
    if raw is None:
        raw = quote(f"{request.root_path}{request.path}") + (f"?{request.query_string.decode('latin-1')}")
    return str(raw).removeprefix(environ.get("SCRIPT_NAME", ""))


def _moved(path: Segments, query: str) -> Response:
    location = join_path(path) + (f"?{_ascii(query)}" if query else "")
    # `locate` has dropped empty segments: a path that began with // would be another host (RFC 3986, 4.2).
    headers = {"Location": location, "Cache-Control": REVALIDATE}
    return refusal(HTTPStatus.MOVED_PERMANENTLY, f"Moved to {shown(location)}", headers)


def _ascii(query: str) -> str:
    return quote(query, safe="%/?:@!$&'()*+,;=", encoding="latin-1")


def _answer_below(mount: _Mount, below: Segments, query: str, request: Request) -> Response:
    place = locate(below)
    if isinstance(place, Moved):
        return _moved((*mount.prefix, *place.path), query)
    if isinstance(place, Absent):
        return _not_found(mount, place)
    try:
        found = _find(mount.root, place, request)
    except FileNotFoundError:
        return _not_found(mount, place)
    except IsADirectoryError:
        is_other_spelling = isinstance(place, Plain) and below[-1]
        return _moved((*mount.prefix, *below, ""), query) if is_other_spelling else _not_found(mount, place)
    except OSError as error:
        log.warning("cannot read the published tree: %s", error)
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The published files cannot be read at the moment.")
    return _answer_from(found, request)


_NO_TREE = "There is no simple/index.html in the published folder: it is not mounted, or nothing was published yet."


def _not_found(mount: _Mount, place: Location) -> Response:
    """404, but 503 below simple/ and files/ of a tree without a root page: after a 404, installers would try another
    index (see `public_tree`)."""
    is_simple = not isinstance(place, Plain)
    if is_simple and not has_root_page(mount.root):
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, _NO_TREE)
    everything = mount.url("simple", "")
    match place:
        case Absent(message=message):
            pass
        case Page(folder=("simple", project)):
            message = f"There is no project {project} in this index. All projects: {everything}"
        case Archive(path=(_, project, filename)):
            page = mount.url("simple", project, "")
            message = f"There is no file {shown(filename)} in project {shown(project)}. Its files: {page}"
        case _:
            message = f"There is nothing at this path. All projects: {everything}"
    return refusal(HTTPStatus.NOT_FOUND, message)


def _find(root: Path, place: Location, request: Request) -> _Found:
    match place:
        case Page(folder=folder, form=form):
            chosen = form or choose_form(request.accept_mimetypes, _format(request))
            return _find_page(root, folder, chosen, request)
        case Archive(path=path):
            kind = TEXT if path[-1].endswith(".metadata") else "application/octet-stream"
            described = {"Content-Type": kind, "Cache-Control": FOREVER}
            return _Found(descriptor=open_below(root, path), headers=described)
        case Plain(path=path):
            return _find_plain(root, path, request)
    raise FileNotFoundError(place)


def _find_page(root: Path, folder: Segments, form: Form, request: Request) -> _Found:
    described = {"Content-Type": form.content_type, "Cache-Control": REVALIDATE}
    negotiated = {**described, "Vary": "Accept, Accept-Encoding"}
    return _twin_or_file(root, (*folder, form.filename), negotiated, request)


def _find_plain(root: Path, path: Segments, request: Request) -> _Found:
    described = {"Content-Type": _type_of(path[-1]), "Cache-Control": REVALIDATE}
    if path != ("index.html",):
        return _Found(descriptor=open_below(root, path), headers=described)
    return _twin_or_file(root, path, {**described, "Vary": "Accept-Encoding"}, request)


def _twin_or_file(root: Path, path: Segments, described: Mapping[str, str], request: Request) -> _Found:
    """The compressed file if it exists and the client accepts it, else the file itself."""
    twin = f"{path[-1]}.gz"
    if gzip_wanted(request.accept_encodings):
        with suppress(FileNotFoundError, IsADirectoryError):
            descriptor = open_below(root, (*path[:-1], twin))
            compressed = {**described, "Content-Encoding": "gzip"}
            return _Found(descriptor=descriptor, headers=compressed, variant=f"-{twin}")
    return _Found(descriptor=open_below(root, path), headers=described, variant=f"-{path[-1]}")


def _format(request: Request) -> str | None:
    """The value of `?format=`; a plus in it is a plus and not a space (PEP 691). Spaces are treated as in headers."""
    wanted = request.args.get("format")
    return " ".join(wanted.replace(" ", "+").split()) if wanted else None


def _type_of(filename: str) -> str:
    if filename == "json":  # pypi/<project>/json, a path that PyPI has laid down
        return "application/json"
    kind, encoding = _TYPES.guess_type(filename)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _answer_from(found: _Found, request: Request) -> Response:
    """Everything said about the file comes from the descriptor that it is sent from, so that a page that is
    replaced meanwhile never gives the length or the tag of one version and the bytes of another (law 2)."""
    file = os.fdopen(found.descriptor, "rb", buffering=0)
    state = os.fstat(file.fileno())
    # A new version of a page is a new inode with a new time; two forms may share both (hard links).
    validators = Validators(
        etag=f"{state.st_ino:x}-{state.st_size:x}-{state.st_mtime_ns:x}{found.variant}",
        modified=datetime.fromtimestamp(state.st_mtime_ns // 10**9, UTC),
    )
    headers = {
        **found.headers,
        **SECURITY,
        "Accept-Ranges": "bytes",
        "ETag": f'"{validators.etag}"',
        "Last-Modified": http_date(validators.modified),
    }
    if _is_unchanged(validators, request):
        file.close()
        return response(HTTPStatus.NOT_MODIFIED, headers)
    try:
        span = span_wanted(state.st_size, validators, _range_of(request), request.if_range)
    except UnsatisfiableRangeError:
        file.close()
        return _unsatisfiable(state.st_size)
    if span is None:
        return _sent(HTTPStatus.OK, headers, file, Span(start=0, length=state.st_size), request)
    headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{state.st_size}"
    return _sent(HTTPStatus.PARTIAL_CONTENT, headers, file, span, request)


def _is_unchanged(ours: Validators, request: Request) -> bool:
    """Whether the client has this version. If-None-Match takes precedence over If-Modified-Since (RFC 9110, 13.2.2)."""
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(ours.etag)
    since = request.if_modified_since
    return since is not None and ours.modified <= since


def _range_of(request: Request) -> Range | None:
    """The requested range, for GET only (RFC 9110, 14.2), and never if only a weak tag matches (13.1.5)."""
    is_weak = request.headers.get("If-Range", "").startswith("W/")
    return request.range if request.method == "GET" and not is_weak else None


class _Piece(ReadOnlyFileBasedBuffer):  # type: ignore[misc]
    """A file, or a range of it, that waitress sends piece by piece in its main thread, without a copy."""

    def get(self, numbytes: int = -1, skip: bool = False) -> bytes:  # noqa: FBT001, FBT002 (as waitress has it)
        size = BLOCK if numbytes < 0 else min(numbytes, BLOCK)
        data: bytes = super().get(size, skip)
        if (
            size and self.remain and not data
        ):  # so that the client does not take the next response for the rest of this file
            raise OSError("another program has shortened the file while it was sent")
        return data


def _sent(status: HTTPStatus, headers: Mapping[str, str], file: FileIO, span: Span, request: Request) -> Response:
    described = {**headers, "Content-Length": str(span.length)}
    if request.method == "HEAD" or span.length <= SMALL:
        with file:
            text = b"" if request.method == "HEAD" else os.pread(file.fileno(), span.length, span.start)
        return response(status, described, text)
    file.seek(span.start)
    reply = response(status, described)
    reply.response, reply.direct_passthrough = _Piece(file), True
    return reply


def _unsatisfiable(size: int) -> Response:
    message = f"The file has {size} bytes; the requested range begins after its end."
    return refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, message, {"Content-Range": f"bytes */{size}"})


def _one_line(text: str) -> str:
    r"""Log text that cannot forge a line or a field: control characters, quotes and non-ASCII as `\xNN`."""
    return text[:LONGEST_LOGGED].encode("unicode_escape").decode("ascii").replace('"', "\\x22")
