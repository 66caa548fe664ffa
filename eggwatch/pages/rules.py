"""PUBLIC/rules/index.html: every rule by its code, with the text of `eggwatch explain` and its weight in this index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import Environment

PATH = "rules/index.html"


def rules_page(
    chapters: Mapping[str, Sequence[object]], env: Environment, *, weights: Mapping[str, str], principle: str
) -> dict[str, bytes]:
    """The page by its path; `chapters` are those of `policy.rules`, which pages may not import.

    `weights` are by code: refuse, warn, off, or always; `principle` is that of the profile.
    """
    html = env.get_template("rules.html").render(chapters=chapters, weights=weights, principle=principle)
    return {PATH: html.encode()}
