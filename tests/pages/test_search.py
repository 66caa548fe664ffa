"""The search is a pure function of cards; what a browser does with its shards is done here in Python."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eggwatch.model.releases import RootEntry, RootListing
from eggwatch.model.site import Card, Front
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment
from eggwatch.pages.site import search
from eggwatch.pages.site.search import Search, Shards, shards_for, words_in, words_of
from eggwatch.writer.templates import templates

ENV = environment(templates())
OPTIONS = LandingOptions(index_url="https://packages.example.com/simple/", upload_to="host:drop", site=True)
MANY = Shards(number=64, prefix=2)

texts = st.text(max_size=30, alphabet=st.characters(codec="utf-8"))
names = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True).filter(lambda name: len(name) < 20)


@st.composite
def some_cards(draw: st.DrawFn) -> dict[str, Card]:
    found = draw(
        st.dictionaries(names, st.tuples(texts, st.lists(texts, max_size=2), st.lists(texts, max_size=2)), max_size=8)
    )
    return {
        project: Card(
            project=project, name=project, version="1", summary=said, keywords=tuple(keywords), classifiers=tuple(more)
        )
        for project, (said, keywords, more) in found.items()
    }


def front(cards: dict[str, Card]) -> Front:
    entries = tuple(RootEntry(project=project, name=project, last_serial=1) for project in cards)
    return Front(listing=RootListing(entries=entries), cards=cards, files=0)


def pages(cards: dict[str, Card], known: Search | None = None) -> dict[str, bytes]:
    return (known or Search()).pages(front(cards), ENV, OPTIONS)


def shard(pages: dict[str, bytes], name: str) -> list[Any]:
    text = pages[f"search/{name}.js"].decode()
    told, data = json.loads("[" + text.removeprefix("shard(").removesuffix(");\n") + "]")
    assert told == name
    return data  # type: ignore[no-any-return]


def found(pages: dict[str, bytes], word: str, shards: Shards) -> set[str]:
    """The projects that have the word, by its shard alone."""
    _, *rows = shard(pages, f"words/{shards.of_word(word)}")
    return {project for project, *fields in rows if any(word in field.split(" ") for field in fields)}


@given(some_cards())
def test_a_project_is_found_by_each_of_its_words_and_by_no_other(cards: dict[str, Card]) -> None:
    rendered = search.word_pages(cards.values(), MANY, range(MANY.number))
    words = {project: {word for field in words_of(card) for word in field} for project, card in cards.items()}
    for word in set().union(*words.values()):
        assert found(rendered, word, MANY) == {project for project, having in words.items() if word in having}


@given(some_cards(), some_cards())
def test_after_any_change_the_changed_shards_complete_those_before(
    one: dict[str, Card], other: dict[str, Card]
) -> None:
    known = Search()
    before = pages(one, known)
    assert {**before, **pages(one | other, known)} == pages(one | other)


@given(some_cards())
def test_a_new_summary_changes_the_shards_of_its_words_and_of_the_project_alone(cards: dict[str, Card]) -> None:
    cards |= {"demo": Card(project="demo", name="demo", version="1", summary="old words")}
    new = replace(cards["demo"], summary="new words")
    before, after = (
        search.word_pages(these.values(), MANY, range(MANY.number))
        | search.card_pages(these.values(), MANY, range(MANY.number))
        for these in (cards, cards | {"demo": new})
    )
    changed = {path for path in after if before[path] != after[path]}
    words = {MANY.of_word("old"), MANY.of_word("new")}
    assert changed == {f"search/words/{number}.js" for number in words} | {f"search/cards/{MANY.of('demo')}.js"}


def test_a_new_version_changes_the_shard_that_shows_the_project_and_no_words() -> None:
    cards = {f"p{number}": Card(project=f"p{number}", name=f"p{number}", version="1") for number in range(500)}
    known = Search()
    pages(cards, known)
    after = pages(cards | {"p7": replace(cards["p7"], version="2")}, known)
    assert [path for path in after if path != "search/index.html"] == [f"search/cards/{shards_for(500).of('p7')}.js"]


def test_a_project_whose_files_are_all_removed_is_found_no_longer() -> None:
    gone = Card(project="demo", name="Demo", summary="once here")
    rendered = pages({"demo": gone})
    assert shard(rendered, "words/0") == [[]]
    assert shard(rendered, "cards/0") == []


def test_a_word_that_very_many_projects_have_is_found_in_their_names_only(monkeypatch: Any) -> None:
    monkeypatch.setattr(search, "COMMON", 3)
    cards = {
        f"p{number}": Card(project=f"p{number}", name=f"p{number}", version="1", summary="python")
        for number in range(4)
    }
    cards["python-thing"] = Card(project="python-thing", name="python-thing", version="1")
    common, *rows = shard(pages(cards), "words/0")
    assert common == ["python"]
    assert {project for project, *fields in rows if "python" in " ".join(fields).split(" ")} == {"python-thing"}


def test_words_are_compared_without_case_width_and_punctuation() -> None:
    assert words_in("Zope.Interface: \uff21\uff22\uff23, naïve_x2") == ["zope", "interface", "abc", "naïve", "x2"]


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_with_more_projects_there_are_never_fewer_shards(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert shards_for(fewer).number <= shards_for(more).number
    assert shards_for(more).number * search.PER_SHARD >= more


def test_a_search_page_has_what_the_script_needs_and_nothing_inline() -> None:
    html = pages({})["search/index.html"].decode()
    assert 'data-shards="1" data-prefix="1"' in html
    assert "style=" not in html
    assert "<script>" not in html
