"""Maps a URL to an open file of PUBLIC, without leaving the tree."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from eggwatch.model.names import project_name
from eggwatch.webserver.negotiation import Form

Segments = tuple[str, ...]
"""A path, split at its slashes and decoded; an empty last segment is a slash at the end."""

_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_FORMS = {form.filename: form for form in Form}
_NOT_A_FILE = {errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO}
"""Errors that mean 404: a link, a file instead of a folder, a name that is too long, a socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the simple API in the folder `folder`; `form` is None if Accept decides."""

    folder: Segments
    form: Form | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file under files/: its bytes never change, because names are never reused."""

    path: Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Any other file of PUBLIC: the landing page, status.json, a robots.txt of the operator's."""

    path: Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A redirect to the canonical path."""

    path: Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Nothing can exist at this path; `message` says why."""

    message: str


Location = Page | Archive | Plain | Moved | Absent


def split_target(target: str) -> tuple[Segments | None, str]:
    """Take a request target apart into path and query; a path that no file can have is None.

    Dot segments are rejected, not resolved: clients resolve them before they send a request (RFC 3986, 5.2.4), so
    these are attacks. So are NULs, other control characters, encoded slashes, and bytes that are not UTF-8.
    """
    path, _, query = target.partition("#")[0].partition("?")
    path = _ORIGIN.sub("", path, count=1) or "/"
    if not path.startswith("/"):
        return None, query
    try:
        segments = tuple(unquote_to_bytes(part.encode("latin-1")).decode() for part in path[1:].split("/"))
    except UnicodeError:
        return None, query
    return (segments if all(map(_is_lawful, segments)) else None), query


def _is_lawful(segment: str) -> bool:
    """Empty segments are valid, and dropped by `locate`. Dotfiles such as .eggwatch are never served."""
    return not segment.startswith(".") and "/" not in segment and (segment.isprintable() or not segment)


def join_path(segments: Segments) -> str:
    """The path of `segments`, the inverse of `split_target`."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def locate(segments: Segments) -> Location:
    """What a path below PUBLIC means (docs/contract.rst, Folders), without accessing the disk."""
    single = (*filter(None, segments[:-1]), segments[-1])
    if single != segments:
        return Moved(path=single)
    match segments:
        case ("simple",) | ("rules",):
            return Moved(path=(*segments, ""))
        case ("simple", *_):
            return _page(segments[1:])
        case ("files", project, filename) if project and filename:
            return Archive(path=segments)
        case ("files", *_):
            return Absent(message="Files lie at files/<project>/<filename>. No folder is listed.")
        case (*_, ""):
            return Plain(path=(*segments[:-1], "index.html"))
        case _:
            return Plain(path=segments)


def _page(below: Segments) -> Location:
    """The meaning of a path below simple/: root page, project pages, and the single forms of both."""
    match below:
        case ("",):
            return Page(folder=("simple",))
        case (name,) if name in _FORMS:
            return Page(folder=("simple",), form=_FORMS[name])
        case (project,) | (project, "") if _PROJECT.fullmatch(project):
            normal = project_name(project)
            # Names are redirected even if there is no such project, so that the disk is not accessed.
            lawful = ("simple", normal, "")
            return Page(folder=lawful[:2]) if below == lawful[1:] else Moved(path=lawful)
        case (project, name) if name in _FORMS and _PROJECT.fullmatch(project):
            return Page(folder=("simple", project), form=_FORMS[name])
        case _:
            return Absent(message="That is no project name. Pages lie at simple/<project>/.")


def open_below(root: Path, path: Segments) -> int:
    """A descriptor of the regular file `path` below `root`; no link is followed anywhere below `root`.

    Raises FileNotFoundError if there is no such regular file, IsADirectoryError if it is a folder, another
    OSError if the tree cannot be read.
    """
    folder = _open_root(root)
    try:
        for name in path[:-1]:
            inner = _open_within(folder, name, os.O_DIRECTORY)
            os.close(folder)
            folder = inner
        return _regular(_open_within(folder, path[-1], os.O_NONBLOCK))
    finally:
        os.close(folder)


def has_root_page(root: Path) -> bool:
    """Whether simple/index.html exists, as it does from the first `ready` on, unless the folder is not mounted."""
    try:
        os.close(open_below(root, ("simple", "index.html")))
    except OSError:
        return False
    return True


def _open_root(root: Path) -> int:
    """A missing tree is an error of the server: after a 404, installers would try another index."""
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise OSError(errno.ENODEV, "the published tree is missing", str(root)) from error


def _open_within(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise FileNotFoundError(errno.ENOENT, "no regular file", name) from None
        raise


def _regular(descriptor: int) -> int:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("a folder")
    raise FileNotFoundError("no regular file")
