"""A reader who follows every link and hash of a published tree, at any instant."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FORMS = ("index.html", "index.v1_html", "index.v1_json")
Link = tuple[Path, str | None]
"""What a page points at, and the sha256 that it promises."""


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str]] = []
        self.ended = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append({key: value or "" for key, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        self.ended = self.ended or tag == "html"


def problems_of(public: Path) -> list[str]:
    """Everything that a reader of this tree would stumble over."""
    problems = []
    simple = public / "simple"
    folders = [simple, *sorted(path for path in simple.iterdir() if path.is_dir())] if simple.is_dir() else []
    for page in [public / "index.html", *(path for folder in folders for path in _pages(folder))]:
        if page.exists():
            problems += _problems_of_page(page)
    return problems


def _pages(folder: Path) -> list[Path]:
    return [folder / f"{form}{suffix}" for form in FORMS for suffix in ("", ".gz")]


def _problems_of_page(page: Path) -> Iterator[str]:
    try:
        links = list(links_of_page(page))
    except (OSError, EOFError, ValueError, KeyError) as error:
        yield f"{page} is no whole page: {error!r}"
        return
    for path, sha256 in links:
        problem = _problem_of_link(path, sha256)
        if problem:
            yield f"{page}: {problem}"


def _problem_of_link(path: Path, sha256: str | None) -> str | None:
    if sha256 is None:
        missing = [str(page) for page in _pages(path) if not page.exists()]
        return f"links to a project whose pages are missing: {', '.join(missing)}" if missing else None
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return f"links to {path}, which is not there"
    return None if found == sha256 else f"{path} has another hash than the page says"


def links_of_page(page: Path) -> Iterator[Link]:
    """Files with their hashes, or projects. ValueError and the like if the page is not whole."""
    data = page.read_bytes()
    if page.suffix == ".gz":
        data = gzip.decompress(data)
    if ".v1_json" in page.name:
        yield from _json_links(page.parent, json.loads(data))
    else:
        yield from _html_links(page.parent, data.decode())


def _json_links(folder: Path, data: dict[str, object]) -> Iterator[Link]:
    projects, files = data.get("projects", []), data.get("files", [])
    assert isinstance(projects, list) and isinstance(files, list)
    for project in projects:
        yield folder / project["name"], None
    for file in files:
        path = _below(folder, file["url"])
        yield path, file["hashes"]["sha256"]
        if file.get("core-metadata"):
            yield path.with_name(f"{path.name}.metadata"), file["core-metadata"]["sha256"]


def _html_links(folder: Path, text: str) -> Iterator[Link]:
    parser = _Anchors()
    parser.feed(text)
    if not parser.ended:
        raise ValueError("the end is missing")
    for anchor in parser.anchors:
        href = urlsplit(anchor["href"])
        if href.scheme or href.netloc or not href.path:
            continue
        path = _below(folder, href.path)
        if "/files/" in str(path):
            yield path, href.fragment.removeprefix("sha256=")
            metadata = re.fullmatch(r"sha256=([0-9a-f]{64})", anchor.get("data-core-metadata", ""))
            if metadata:
                yield path.with_name(f"{path.name}.metadata"), metadata[1]
        elif "/simple/" in str(path):
            yield path.parent if path.name == FORMS[0] else path, None  # the site names the root page itself


def _below(folder: Path, url: str) -> Path:
    parts = list(folder.parts)
    for part in unquote(urlsplit(url).path).split("/"):
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return Path(*parts)


def links_of(public: Path) -> list[tuple[Path, str]]:
    """Every file that some project page links, with its hash."""
    pages = sorted((public / "simple").glob(f"*/{FORMS[2]}"))
    return [(path, sha256) for page in pages for path, sha256 in links_of_page(page) if sha256 is not None]


def problems_of_held(public: Path, held: Path) -> list[str]:
    """What a reader stumbles over who still follows the links of a moment ago."""
    if not held.exists():
        return []
    links = [(public / path, sha256) for path, sha256 in json.loads(held.read_text())]
    found = [_problem_of_link(path, sha256) for path, sha256 in links]
    return [f"the page of a moment ago {problem}" for problem in found if problem]
