"""The simple repository API: HTML and JSON, both made from one value (PyPUG: simple repository API, version 1.4)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined

from eggwatch.model.names import FILES, JSON_NAME
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile, RootEntry, RootListing, in_order

API_VERSION = "1.4"
RENDERER_VERSION = 1
"""Raised whenever a page of the same listing gets other bytes: then every page is rendered anew."""

HTML_NAMES = ("index.html", "index.v1_html")


def environment(templates: Mapping[str, str]) -> Environment:
    """The jinja2 environment of the pages: everything is escaped, a misspelled name is an error.

    The same one for the same templates: to compile them takes as long as to render some hundred pages.
    """
    return _environment(frozenset(templates.items()))


@lru_cache(maxsize=4)
def _environment(items: frozenset[tuple[str, str]]) -> Environment:
    templates = dict(items)
    return Environment(
        # With its name, which errors say.
        loader=FunctionLoader(lambda name: (templates[name], name, None) if name in templates else None),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def project_pages(listing: ProjectListing, env: Environment, files: str = FILES) -> dict[str, bytes]:
    """A project's pages by path relative to PUBLIC, compressed twins included; `files` is where its archives are."""
    return pages_of_project(project_json(listing, files), env)


def pages_of_project(data: Mapping[str, Any], env: Environment) -> dict[str, bytes]:
    """The pages of a project, from the same value as its JSON."""
    html = env.get_template("project.html").render(page=data, metadata_attributes=_metadata_attributes)
    return _forms(f"simple/{data['name']}", html.encode(), encoded(data))


def project_json(listing: ProjectListing, where: str = FILES) -> dict[str, Any]:
    """The project detail of PEP 691, PEP 700 and PEP 792; keys with an underscore are ours."""
    files = in_order(listing.files)
    return {
        "meta": {"_last-serial": listing.last_serial, "api-version": API_VERSION},
        "name": listing.project,
        # PEP 792: at the top level, as PyPI has it and uv reads it; without it a project is active.
        **({} if listing.status is None else {"project-status": {"status": listing.status}}),
        "versions": list(dict.fromkeys(file.version for file in files)),
        "files": [_file_json(f"{where.rstrip('/')}/{listing.project}/", file) for file in files],
        "_name": listing.name,
        "_removed": [_removed_json(file) for file in sorted(listing.removed, key=lambda file: file.filename)],
    }


def _file_json(folder: str, file: PublishedFile) -> dict[str, Any]:
    data: dict[str, Any] = {
        "filename": file.filename,
        "url": f"{folder}{quote(file.filename)}",
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python,
        "size": file.size,
        "upload-time": file.upload_time,
        "yanked": False if file.yanked is None else (file.yanked or True),
        "_uploader": file.uploader,
    }
    if file.metadata_sha256 is not None:
        data["core-metadata"] = {"sha256": file.metadata_sha256}
    return data


def _removed_json(file: RemovedFile) -> dict[str, str | int]:
    data: dict[str, str | int] = {
        "filename": file.filename,
        "sha256": file.sha256,
        "at": file.at,
        "upload-time": file.upload_time,
        "size": file.size,
    }
    if file.bytes_until is not None:
        data["bytes-until"] = file.bytes_until
    return {**data, "blocked": True} if file.blocked else data


def _metadata_attributes(file: Mapping[str, Any]) -> str:
    return f"sha256={file['core-metadata']['sha256']}"


def root_html(listing: RootListing, env: Environment) -> dict[str, bytes]:
    """The root's two HTML forms, which change only with the set of projects."""
    html = env.get_template("root.html").render(projects=[entry.project for entry in listing.entries])
    return twins({f"simple/{name}": html.encode() for name in HTML_NAMES})


def root_json(listing: RootListing) -> dict[str, bytes]:
    """The root page as JSON. `meta` comes first, so that the serial is found without reading the rest."""
    data = {
        "meta": {"_last-serial": listing.last_serial, "api-version": API_VERSION},
        "projects": [_root_entry_json(entry) for entry in listing.entries],
    }
    return twins({f"simple/{JSON_NAME}": encoded(data)})


def _root_entry_json(entry: RootEntry) -> dict[str, Any]:
    """`_newest` is for `eggwatch list`, here and from afar; a project without files has none."""
    data: dict[str, Any] = {"name": entry.project, "_last-serial": entry.last_serial}
    if entry.newest_version is None:
        return data
    newest = {"version": entry.newest_version, "at": entry.newest_at}
    return {**data, "_newest": {**newest, "yanked": True} if entry.newest_yanked else newest}


def _forms(folder: str, html: bytes, data: bytes) -> dict[str, bytes]:
    pages = {f"{folder}/{name}": html for name in HTML_NAMES}
    return twins({**pages, f"{folder}/{JSON_NAME}": data})


def twins(pages: Mapping[str, bytes]) -> dict[str, bytes]:
    """Each page with its `.gz` right behind it."""
    result: dict[str, bytes] = {}
    packed: dict[bytes, bytes] = {}
    for path, data in pages.items():
        result[path] = data
        if data not in packed:
            packed[data] = gzip.compress(data, 6, mtime=0)
        result[f"{path}.gz"] = packed[data]
    return result


def encoded(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
