"""The search in a browser: words and projects in small scripts, of which it loads those that a query asks for.

search/words/<number>.js has, of the words that begin alike, which projects have them; search/cards/<number>.js what is
shown of a project. Both are found by a hash, and there are more of them the more projects there are: an upload changes
those of its project alone, except where the number of projects comes to the next step. static/search.js reads them.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass

from jinja2 import Environment

from eggwatch.model.site import Card, Front
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.frame import page

COMMON = 1000
"""A word that more projects have is looked for in their names only: nobody reads on so far."""
PER_SHARD = 64
"""Projects for each shard, at most."""
PREFIXES = ((20_000, 3), (1000, 2), (0, 1))
"""From so many projects on, words that agree in so many characters are in one shard."""
_NONE = array("Q")
_WORD = re.compile(r"[^\W_]+")

Words = tuple[list[str], ...]
"""A project's words by where they are: name, keywords, summary, classifiers; each only in the first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """How many shards of each kind there are, and by how many characters of a word its shard is found."""

    number: int
    prefix: int

    def of(self, text: str) -> int:
        """The shard of a project."""
        return fnv(text) % self.number

    def of_word(self, word: str) -> int:
        """The shard of a word, that of all words that begin alike."""
        return fnv(word[: self.prefix]) % self.number


def shards_for(projects: int) -> Shards:
    """By the number of projects of the root, which never falls: so no shard is ever left over."""
    number = 1
    while number * PER_SHARD < projects:
        number *= 2
    return Shards(number=number, prefix=next(prefix for least, prefix in PREFIXES if projects >= least))


@functools.lru_cache(maxsize=1 << 17)
def fnv(text: str) -> int:
    """FNV-1a in 32 bits over the code points: as short in JavaScript."""
    value = 2166136261
    for character in text:
        value = (value ^ ord(character)) * 16777619 & 0xFFFFFFFF
    return value


def words_in(text: str) -> list[str]:
    """The words of a text as they are compared: NFKC, lower case, letters and digits."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


@functools.lru_cache(maxsize=1 << 12)
def words_of(card: Card) -> Words:
    """The words under which a project is found; none where no file of it is left."""
    if card.version is None:
        return ()
    texts = (f"{card.name} {card.project}", " ".join(card.keywords), card.summary, " ".join(card.classifiers))
    seen: set[str] = set()
    found = []
    for text in texts:
        new = [word for word in dict.fromkeys(words_in(text)) if word not in seen]
        seen.update(new)
        found.append(new)
    return tuple(found)


class Search:
    """The pages of the search; from the second time on only the shards that differ from those before."""

    def __init__(self) -> None:
        self._shards = Shards(number=0, prefix=0)
        self._known: dict[str, tuple[int, array[int]]] = {}
        """The hash of each card, and of its words in each shard the shard's number above 32 bits of their hash."""

    @property
    def is_new(self) -> bool:
        """Whether nothing was rendered yet."""
        return self._shards.number == 0

    def pages(self, front: Front, env: Environment, options: LandingOptions) -> dict[str, bytes]:
        """The page of the search and the shards, by path, as far as they change."""
        shards, cards = shards_for(len(front.listing.entries)), front.cards.values()
        if shards != self._shards:
            pages = page(env, "search.html", "search/index.html", options, shards=shards)  # it may fail
            self._shards, self._known = shards, {}
            self._changed(cards, shards)
            every = range(shards.number)
            return pages | word_pages(cards, shards, every) | card_pages(cards, shards, every)
        words, shown = self._changed(cards, shards)
        pages = card_pages(cards, shards, shown)
        if words:
            having = [card for card in cards if any(row >> 32 in words for row in self._known[card.project][1])]
            pages = word_pages(having, shards, words) | pages
        return pages

    def _changed(self, cards: Iterable[Card], shards: Shards) -> tuple[set[int], set[int]]:
        """The shards of words and those of cards that come out otherwise now."""
        words: set[int] = set()
        shown: set[int] = set()
        for card in cards:
            before, rows = self._known.get(card.project, (0, _NONE))
            if hash(card) != before:
                new = _marks(card, shards)
                self._known[card.project] = hash(card), new
                words |= {row >> 32 for row in set(rows) ^ set(new)}
                shown.add(shards.of(card.project))
        return words, shown


def _marks(card: Card, shards: Shards) -> array[int]:
    rows = _rows(words_of(card), frozenset(), shards)
    return array("Q", [number << 32 | hash(tuple(row)) & 0xFFFFFFFF for number, row in rows])


def word_pages(cards: Iterable[Card], shards: Shards, numbers: Collection[int]) -> dict[str, bytes]:
    """The shards of words with these numbers, by path; `cards` are at least those that have words in them.

    Each has the common words first, then each project with those of its words that are in this shard.
    """
    words = {card.project: words_of(card) for card in cards}
    counts = Counter(word for fields in words.values() for field in fields for word in field)
    common = frozenset(word for word, count in counts.items() if count > COMMON)
    found: dict[int, list[list[str]]] = {number: [[]] for number in numbers}
    for word in sorted(common):
        if (number := shards.of_word(word)) in found:
            found[number][0].append(word)
    for project, fields in words.items():
        for number, row in _rows(fields, common, shards):
            if number in found:
                found[number].append([project, *row])
    return {f"search/words/{number}.js": _script(f"words/{number}", rows) for number, rows in found.items()}


def _rows(fields: Words, common: Container[str], shards: Shards) -> Iterator[tuple[int, list[str]]]:
    """The words of a project in each of their shards, one text a field, without empty ones at the end."""
    found: dict[int, list[list[str]]] = {}
    for place, field in enumerate(fields):
        for word in field:
            if place == 0 or word not in common:
                row = found.setdefault(shards.of_word(word), [])
                row.extend([] for _ in range(place + 1 - len(row)))
                row[place].append(word)
    for number, row in found.items():
        yield number, [" ".join(field) for field in row]


def card_pages(cards: Iterable[Card], shards: Shards, numbers: Collection[int]) -> dict[str, bytes]:
    """The shards of cards with these numbers, by path."""
    found: dict[int, list[list[str | None]]] = {number: [] for number in numbers}
    for card in cards:
        if card.version is not None and (number := shards.of(card.project)) in found:
            shown: list[str | None] = [card.project, card.name, card.version, (card.at or "")[:10], card.summary]
            found[number].append([*shown, "yanked"] if card.yanked else shown)
    return {f"search/cards/{number}.js": _script(f"cards/{number}", rows) for number, rows in found.items()}


def _script(name: str, data: object) -> bytes:
    """A script, and not JSON: a page that was opened from a disk may not read other files, but may run them."""
    return f"shard({json.dumps(name)},{json.dumps(data, ensure_ascii=False, separators=(',', ':'))});\n".encode()
