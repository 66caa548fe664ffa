"""Takes the pictures of docs/site.rst: an index of real packages, and one of 10 000 projects, in a real Chromium.

`python -m docs.screenshots` downloads the packages with pip; it needs chromium and Pillow (`eggwatch[docs]`).
"""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from PIL import Image

from benchmarks.search import ENV, OPTIONS
from eggwatch.model.releases import RootEntry, RootListing
from eggwatch.model.site import Card, Front
from eggwatch.pages.site.front import front_pages
from eggwatch.pages.site.search import Search
from tests.browser import Browser, browser

PICTURES = Path(__file__).parent / "pictures"
COLOURS = 48
"""Of a picture: enough for text and rules, and a third of the bytes."""
WIDE, NARROW = (1120, 800), (360, 720)
PACKAGES = (
    "requests==2.31.0", "requests", "django==5.2", "django", "flask", "httpx", "rich", "pydantic", "numpy==2.3.1",
    "numpy", "certifi", "idna", "urllib3", "asgiref", "sqlparse",
)  # fmt: skip
WHAT = (
    "archive", "audio", "batch", "billing", "cache", "calendar", "chart", "cluster", "crystal", "csv", "dataset",
    "device", "disk", "email", "energy", "event", "forecast", "graph", "grid", "image", "inventory", "invoice",
    "ledger", "log", "map", "message", "metric", "model", "network", "order", "payment", "plan", "price", "queue",
    "radar", "report", "sample", "sensor", "signal", "station", "stock", "table", "ticket", "tide", "traffic",
    "transport", "vector", "video", "wave", "weather",
)  # fmt: skip
KINDS = (
    "api", "client", "file", "index", "job", "key", "lake", "pipe", "record", "rule", "schema", "service",
    "session", "set", "task", "token", "type", "unit", "view", "window",
)  # fmt: skip
USES = (
    "checker", "editor", "exporter", "importer", "loader", "parser", "reader", "scheduler", "server", "viewer",
)  # fmt: skip
"""Of these are the names of projects that do not exist."""
NUMPY = (("3.13", "win_amd64"), ("3.13", "macosx_14_0_arm64"), ("3.12", "manylinux_2_28_x86_64"))
"""Wheels of the newest numpy beside that for this machine, by Python and platform."""
INDEX = """\
[index.main]
drop = "drop"
public = "public"
state = "state"
url = "https://packages.example.com/simple/"
contact = "packages@example.com"
linger = "0s"

[index.main.site]
title = "Packages of the Egg Company"
text = "What we build and what we have tried: everything here works together."
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page of one of the two indexes, as it is shown; `typed` into the search, `at` the element it is scrolled to."""

    name: str
    page: str
    index: str = "real"
    size: tuple[int, int] = WIDE
    scheme: str = "light"
    typed: str = ""
    at: str = ""


def pictures() -> Iterator[Picture]:
    """All of them: what matters most in both schemes and widths."""
    looks = [(f"{size}-{scheme}", WIDE if size == "wide" else NARROW, scheme)
             for size in ("wide", "narrow") for scheme in ("light", "dark")]  # fmt: skip
    for look, size, scheme in looks:
        yield Picture(name=f"front-{look}", page="index.html", size=size, scheme=scheme)
        yield Picture(name=f"numpy-{look}", page="project/numpy/index.html", size=size, scheme=scheme)
        found = Picture(name=f"search-{look}", page="search/index.html", typed="weather se", size=size, scheme=scheme)
        yield replace(found, index="many")
        yield Picture(name=f"many-{look}", page="projects/w/index.html", index="many", size=size, scheme=scheme)
    yield Picture(name="django", page="project/django/index.html")
    yield Picture(name="requests", page="project/requests/index.html", scheme="dark")
    yield Picture(name="wheels", page="project/numpy/index.html", at="#files")


def real(folder: Path) -> Path:
    """An index of real packages, published as anywhere else; its PUBLIC."""
    drop = folder / "drop"
    drop.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(drop)]
    for package in PACKAGES:
        subprocess.run([*pip, package], check=True)
    for python, platform in NUMPY:
        only = ["--only-binary", ":all:", "--python-version", python, "--platform", platform]
        subprocess.run([*pip, *only, "numpy"], check=True)
    (folder / "eggwatch.toml").write_text(INDEX)
    command = [sys.executable, "-m", "eggwatch", "--config", str(folder / "eggwatch.toml")]
    subprocess.run([*command, "run", "--once"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run([*command, "yank", "requests==2.31.0", "--reason", "CVE-2024-35195"], check=True)
    return folder / "public"


def many(folder: Path) -> Path:
    """The front pages and the search of 10 000 projects that do not exist."""
    cards = {}
    for count, (what, kind, use) in enumerate(itertools.product(WHAT, KINDS, USES)):
        project, day = f"{what}-{kind}-{use}", f"2026-11-{count % 28 + 1:02}T08:00:00Z"
        summary = f"{use.title()} for {what} {kind}s"
        cards[project] = Card(
            project=project, name=project, version=f"{count % 5}.{count % 9}", at=day, summary=summary
        )
    entries = tuple(
        RootEntry(project=one, name=one, last_serial=1, newest_version=card.version, newest_at=card.at)
        for one, card in sorted(cards.items())
    )
    whole = Front(listing=RootListing(entries=entries), cards=cards, files=len(cards))
    pages = front_pages(whole, ENV, OPTIONS) | Search().pages(whole, ENV, OPTIONS)
    for file in files("eggwatch.pages.site").joinpath("static").iterdir():
        pages[f"static/{file.name}"] = file.read_bytes()
    for path, page in pages.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(page)
    return folder


def take(picture: Picture, page: Browser, public: Path) -> bytes:
    """The picture as a PNG of few colours."""
    page.wear(width=picture.size[0], height=picture.size[1], scheme=picture.scheme)
    page.open(f"{public.as_uri()}/{picture.page}")
    # The folder is a temporary one; on a server it would be called otherwise.
    page.evaluate(
        "for (const one of document.querySelectorAll('code'))"
        f" one.textContent = one.textContent.replace({json.dumps(str(public.parent))}, '/srv/packages')"
    )
    if picture.typed:
        page.evaluate("document.getElementById('q').focus()")
        page.type(picture.typed)
        page.until("document.querySelectorAll('#found li').length > 0")
    if picture.at:
        page.evaluate(f"document.querySelector({json.dumps(picture.at)}).scrollIntoView()")
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(data := io.BytesIO(), "PNG", optimize=True)
    return data.getvalue()


def main() -> None:
    """Take them all anew."""
    work = Path(tempfile.mkdtemp(prefix="eggwatch-pictures-"))
    try:
        indexes = {"real": real(work / "real"), "many": many(work / "many")}
        PICTURES.mkdir(exist_ok=True)
        with browser(work / "chromium") as page:
            for picture in pictures():
                (PICTURES / f"{picture.name}.png").write_bytes(take(picture, page, indexes[picture.index]))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
