"""READMEs are rendered in the test's own process, and each once: starting one takes longer than most steps here."""

from __future__ import annotations

import functools

from eggwatch.archives.metadata.readme import content_type, readme_html
from eggwatch.inspection.readmes import Readmes

rendered = functools.lru_cache(readme_html)


def html(_: Readmes, text: str, said: str) -> str | None:
    """In place of `Readmes.html`."""
    return rendered(text, said) if text.strip() and content_type(said)[0] != "text/plain" else None
