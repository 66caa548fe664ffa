"""The pages of a folder's index, and the values that the next run reads from them.

Their links are relative, so they work over HTTP and as file:// URLs. There are no `.metadata` files, because nothing is
written beside the archives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment
from packaging.version import Version

from eggwatch.model.indexed import IndexedFile, LeftOut, entry_of, listing_of, spelled_name
from eggwatch.model.names import JSON_NAME, project_name
from eggwatch.model.parsing import parsed
from eggwatch.model.releases import ProjectListing, RootEntry, RootListing, in_order
from eggwatch.model.verdicts import Flaw
from eggwatch.pages.landing import newest_releases
from eggwatch.pages.simple import (
    API_VERSION,
    HTML_NAMES,
    encoded,
    pages_of_project,
    project_json,
    root_html,
    twins,
)

VERSION = 1
"""Raise it when the same archives get different pages: then all pages are rendered again."""
UP = "../../"
"""From a project's page to the folder of the index."""
ROOT, LANDING, LINKS, EASY = f"simple/{JSON_NAME}", "index.html", "links.html", "index/index.html"
LEFT_OUT = "simple/left-out.json"
GENERATOR = b'<meta name="generator" content="eggwatch index">'
"""Identifies our pages at paths that other programs use too."""
PROJECT_FILES = frozenset(name + twin for name in (*HTML_NAMES, JSON_NAME) for twin in ("", ".gz"))
_SHA256 = re.compile("[0-9a-f]{64}")

Projects = Mapping[str, Sequence[IndexedFile]]
"""The archives of each project, by its normalised name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which pages there are besides the simple API: front page and links.html, and those for old easy_install."""

    site: bool = True
    easy_install: bool = False

    @property
    def own_pages(self) -> tuple[str, ...]:
        """The pages of the whole index at paths that other programs use too."""
        return ((LANDING, LINKS) if self.site else ()) + ((EASY,) if self.easy_install else ())


def project_of(project: str, files: Sequence[IndexedFile], env: Environment, shape: Shape) -> dict[str, bytes]:
    """A project's pages by path; the JSON last: if it exists, so do the others."""
    listing, places = listing_of(project, files), {file.filename: file for file in files}
    data = project_json(listing)
    del data["meta"]["_last-serial"]
    for row in data["files"]:
        file = places[row["filename"]]
        row |= {"url": UP + quote_path(file.path), "_mtime": file.mtime, "_name": file.name, "_version": file.version}
        if file.apart:
            row["_apart"] = True
    pages = pages_of_project(data, env)
    if shape.easy_install:
        pages = {f"index/{listing.name}/index.html": pages[f"simple/{project}/index.html"], **pages}
    path = f"simple/{project}/{JSON_NAME}"
    return {**{other: page for other, page in pages.items() if other != path}, path: pages[path]}


def front_of(projects: Projects, env: Environment, shape: Shape, state: str) -> dict[str, bytes]:
    """The pages of the whole index by path; the root's JSON, with `state`, is the last."""
    names = sorted(projects)
    root = RootListing(entries=tuple(RootEntry(project=name, name=name, last_serial=0) for name in names))
    pages = root_html(root, env)
    if shape.site:
        pages |= _site([listing_of(name, projects[name]) for name in names], projects, env)
    if shape.easy_install:
        spelled = sorted(spelled_name(projects[name]) for name in names)
        pages[EASY] = env.get_template("easy_install.html").render(names=spelled).encode()
    json_twins = twins({ROOT: encoded(_root(names, state))})
    return {**pages, f"{ROOT}.gz": json_twins[f"{ROOT}.gz"], ROOT: json_twins[ROOT]}


def _root(names: Iterable[str], state: str) -> dict[str, Any]:
    return {
        "meta": {"api-version": API_VERSION, "_state": state},
        "projects": [{"name": name} for name in names],
    }


def _site(listings: Sequence[ProjectListing], projects: Projects, env: Environment) -> dict[str, bytes]:
    root = RootListing(entries=tuple(entry_of(listing) for listing in listings))
    front = env.get_template("folder.html").render(
        entries=root.entries, newest=newest_releases(root), leaf="index.html"
    )
    urls = {file.filename: quote_path(file.path) for files in projects.values() for file in files}
    files = [(urls[file.filename], file) for listing in listings for file in in_order(listing.files)]
    return {LANDING: front.encode(), LINKS: env.get_template("links.html").render(files=files).encode()}


def left_out_page(left_out: Iterable[LeftOut], version: str) -> bytes:
    """The archives that were left out, and why, as JSON; `version` is that of the eggwatch that rejected them."""
    rows = [
        {
            "path": quote_path(one.path),
            "size": one.size,
            "_mtime": one.mtime,
            "instead": one.instead and quote_path(one.instead),
            "flaws": [flaw.as_json() for flaw in one.flaws],
        }
        for one in left_out
    ]
    return encoded({"eggwatch": version, "left-out": rows})


def quote_path(path: str) -> str:
    """A path as a relative URL; it need not be UTF-8."""
    return quote(path.encode("utf-8", "surrogateescape"))


def _path(url: str) -> str:
    return unquote(url, errors="surrogateescape")


def remembered(data: bytes, project: str) -> list[IndexedFile]:
    """The archives on a project's JSON page; raises an exception if the page is not of such an index."""
    return [_remembered(row, project) for row in json.loads(data)["files"]]


def _remembered(row: dict[str, Any], project: str) -> IndexedFile:
    """Where others can write to the folder, a name may lead to another one."""
    name, version, sha256 = row["_name"], row["_version"], row["hashes"]["sha256"]
    mtime, size, requires_python = row["_mtime"], row["size"], row["requires-python"]
    Version(version)
    if project_name(name) != project or not _SHA256.fullmatch(sha256):
        raise ValueError
    if not (isinstance(mtime, int) and isinstance(size, int) and isinstance(requires_python, str | None)):
        raise TypeError
    return IndexedFile(
        path=_path(row["url"].removeprefix(UP)),
        mtime=mtime,
        size=size,
        sha256=sha256,
        project=project,
        name=name,
        version=version,
        requires_python=requires_python,
        apart=row.get("_apart", False) is True,
    )


def remembered_left_out(data: bytes, version: str) -> list[LeftOut]:
    """The archives left out by this version, none if it was another one; raises an exception as above."""
    page = json.loads(data)
    return [
        LeftOut(
            path=_path(row["path"]),
            mtime=row["_mtime"],
            size=row["size"],
            instead=row["instead"] and _path(row["instead"]),
            flaws=tuple(Flaw.from_json(flaw) for flaw in row["flaws"]),
        )
        for row in (page["left-out"] if page["eggwatch"] == version else ())
    ]


def remembered_state(data: bytes) -> str | None:
    """The state in the root's JSON page; None if the page is not of such an index."""
    state = parsed(lambda page: json.loads(page)["meta"]["_state"], data)
    return state if isinstance(state, str) else None
