"""PUBLIC/rules/index.html: every rule by its code, with the text of `eggwatch explain` and its weight in this index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import Environment

from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.frame import page

PATH = "rules/index.html"


def rules_page(
    chapters: Mapping[str, Sequence[object]], env: Environment, options: LandingOptions, *, principle: str
) -> dict[str, bytes]:
    """The page by its path; `chapters` are those of `policy.rules`, which pages may not import.

    The weights are refuse, warn, off, or always; `principle` is that of the profile.
    """
    return page(env, "rules.html", PATH, options, chapters=chapters, weights=options.weights, principle=principle)
