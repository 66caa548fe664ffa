"""PUBLIC/rules/index.html: every rule by its code, with the text of `eggwatch explain` and its weight in this index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from jinja2 import Environment

PATH = "rules/index.html"


class RuleText(Protocol):
    """What the page shows about a rule."""

    @property
    def code(self) -> str:
        """Its stable code: the page's fragment, `rules/#CODE`."""
        ...

    @property
    def title(self) -> str:
        """What is wrong, in a few words."""
        ...

    @property
    def rule(self) -> str:
        """What it asks."""
        ...

    @property
    def why(self) -> str:
        """Why it asks that."""
        ...

    @property
    def remedy(self) -> str:
        """What to do."""
        ...

    @property
    def source(self) -> str:
        """By which standard."""
        ...


def rules_page(
    chapters: Mapping[str, Sequence[RuleText]], env: Environment, *, weights: Mapping[str, str], principle: str
) -> dict[str, bytes]:
    """The page by its path. `weights` are by code: refuse, warn, off, or always; `principle` is that of the profile."""
    html = env.get_template("rules.html").render(chapters=chapters, weights=weights, principle=principle)
    return {PATH: html.encode()}
