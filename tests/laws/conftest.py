"""READMEs are rendered in the test's own process, and each once: starting one takes longer than most steps here."""

from __future__ import annotations

import functools

import pytest

from eggwatch.archives.metadata.readme import content_type, readme_html
from eggwatch.inspection.readmes import Readmes

rendered = functools.lru_cache(readme_html)


@pytest.fixture(autouse=True)
def _readmes_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the site itself have the real process."""

    def html(_: Readmes, text: str, said: str) -> str | None:
        return rendered(text, said) if text.strip() and content_type(said)[0] != "text/plain" else None

    if request.path.name != "test_site.py":
        monkeypatch.setattr(Readmes, "html", html)
