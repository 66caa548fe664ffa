"""What the search in the browser costs: bytes that a query loads, time until it shows something, shards that an upload
changes, CPU time to render.

    python benchmarks/search.py [PROJECTS …]

The projects are generated: names of one to three words, summaries of ten, by Zipf's law from 40 000 words, and six of a
dozen classifiers. CPU times are of this process; bytes are before compression, and with gzip.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from eggwatch.model.releases import RootEntry, RootListing
from eggwatch.model.site import Card, Front
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment
from eggwatch.pages.site.search import Search, shards_for
from eggwatch.writer.templates import templates
from tests.browser import CHROMIUM, browser

LETTERS = "etaoinsrhldcumfpgwybvkxjqz"
"""The usual ones first."""
WORDS = 40_000
QUERIES = ("tea", "pyd", "tea pyd con")
TYPED = """new Promise((done) => {
  const begun = performance.now();
  new MutationObserver(() => requestAnimationFrame(() => done(performance.now() - begun)))
    .observe(document.getElementById("told"), {childList: true});
  const input = document.getElementById("q");
  input.value = %s;
  input.dispatchEvent(new Event("input"));
})"""
ENV = environment(templates())
OPTIONS = LandingOptions(index_url="https://packages.example.com/simple/", upload_to="host:drop", site=True)


def generated(number: int) -> Iterator[Card]:
    """Projects with different names, always the same."""
    source = random.Random(1)
    usual = [1 / (rank + 5) for rank in range(len(LETTERS))]
    words = ["".join(source.choices(LETTERS, usual, k=source.randint(4, 10))) for _ in range(WORDS)]
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    for count in range(number):
        project = "-".join([*source.choices(words, cum_weights=weights, k=source.randint(1, 2)), f"x{count}"])
        summary = " ".join(source.choices(words, cum_weights=weights, k=10))
        classifiers = tuple(f"Topic :: Number {topic}" for topic in source.sample(range(12), 6))
        yield Card(project=project, name=project, version="1.0", summary=summary, classifiers=classifiers)


def front(cards: dict[str, Card]) -> Front:
    """All that the search is rendered from."""
    entries = tuple(RootEntry(project=project, name=project, last_serial=1) for project in cards)
    return Front(listing=RootListing(entries=entries), cards=cards, files=len(cards))


def rendered(search: Search, cards: dict[str, Card]) -> tuple[dict[str, bytes], float]:
    """The pages, and the seconds of CPU time that they took."""
    begun = time.process_time()
    pages = search.pages(front(cards), ENV, OPTIONS)
    return pages, time.process_time() - begun


def milliseconds_in_a_browser(pages: dict[str, bytes]) -> Iterator[tuple[str, float]]:
    """For each query the milliseconds from when it is typed until its first results are shown, shards from the disk."""
    with tempfile.TemporaryDirectory(prefix="eggwatch-bench-", ignore_cleanup_errors=True) as name:
        for file in files("eggwatch.pages.site").joinpath("static").iterdir():
            pages[f"static/{file.name}"] = file.read_bytes()
        for path, page in pages.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(page)
        with browser(Path(name) / "chromium") as tab:
            for query in QUERIES:
                tab.open(f"{Path(name).as_uri()}/search/index.html")
                yield query, tab.evaluate(TYPED % json.dumps(query))


def main(number: int) -> None:
    """Print the figures of one size."""
    cards = {card.project: card for card in generated(number)}
    search, shards, some = Search(), shards_for(number), next(iter(cards))
    pages, seconds = rendered(search, cards)
    print(f"{number:,} projects: {len(pages):,} pages, {sum(map(len, pages.values())) / 1e6:.1f} MB, {seconds:.1f} s")
    for query in QUERIES:
        loaded = [pages[f"search/words/{one}.js"] for one in {shards.of_word(word) for word in query.split()}]
        packed = sum(len(gzip.compress(page)) for page in loaded)
        print(f"  {query!r} loads {sum(map(len, loaded)) / 1e3:.0f} kB of words ({packed / 1e3:.0f} kB with gzip)")
    largest = sorted((len(page) for path, page in pages.items() if "/cards/" in path), reverse=True)[:20]
    print(f"  20 results load at most {sum(largest) / 1e3:.0f} kB of cards")
    if CHROMIUM is not None:
        shown = ", ".join(f"{query!r} {taken:.0f} ms" for query, taken in milliseconds_in_a_browser(dict(pages)))
        print(f"  shown in Chromium after: {shown}")
    for what, change in {"version": {"version": "2.0"}, "summary": {"summary": "other words"}}.items():
        cards[some] = replace(cards[some], **change)
        pages, seconds = rendered(search, cards)
        print(f"  another {what} changes {len(pages) - 1} shards, {seconds:.2f} s")


if __name__ == "__main__":
    for projects in [int(word) for word in sys.argv[1:]] or [1000, 10_000]:
        main(projects)
