"""PUBLIC/history/: what was published, yanked and removed, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from jinja2 import Environment
from markupsafe import Markup

from eggwatch.model.events import EventKind
from eggwatch.model.site import Front, Happening
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.frame import LastRendered, page

PATH = "history/index.html"
MOST = 200
"""Events that the history shows, at most."""
WORDS = {EventKind.ADMITTED: "published", EventKind.IMPORTED: "published"}
"""What people call an event, where it is another word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happenings:
    """Events in a row that say the same of files of one release."""

    last: Happening
    word: str
    filenames: tuple[str, ...]


def history_page(front: Front, env: Environment, options: LandingOptions, known: LastRendered) -> dict[str, bytes]:
    """The page by its path, if it changes: what happened, by days."""
    if not known.note(PATH, front.history):
        return {}
    days = [(at, list(_together(found))) for at, found in groupby(front.history, key=lambda one: one.at[:10])]
    known.lines = {one: known.lines.get(one) or _line(one, env) for _, found in days for one in found}
    return page(env, "history.html", PATH, options, days=days, most=MOST, line=known.lines.__getitem__)


def _line(one: Happenings, env: Environment) -> Markup:
    html = env.get_template("site/history_line.html").render(one=one, root="../" * PATH.count("/"))
    return Markup(html)  # noqa: S704 - what Jinja has escaped


def _together(history: Iterable[Happening]) -> Iterator[Happenings]:
    for _, group in groupby(history, key=_said):
        found = list(group)
        names = dict.fromkeys(one.filename for one in found)
        yield Happenings(
            last=found[0], word=WORDS.get(found[0].kind, str(found[0].kind)), filenames=tuple(sorted(names))
        )


def _said(one: Happening) -> tuple[object, ...]:
    word = WORDS.get(one.kind, str(one.kind))
    what = one.filename if one.kind is EventKind.REJECTED else (one.name, one.version)
    return word, what, one.page, one.uploader, one.reason, one.flaws
