"""The samples on a page of the documentation, as an administrator copies them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

from docs.reference import ROOT


def block(page: str, caption: str, changes: Mapping[str, str] | None = None) -> str:
    """The code block of that caption; `changes` are the placeholders of it that have other values here."""
    text = (ROOT / "docs" / f"{page}.rst").read_text("utf-8")
    pattern = rf"^\.\. code-block:: \w+\n   :caption: {re.escape(caption)}\n\n((?:   .*\n|\n)+)"
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"docs/{page}.rst has no sample {caption!r}"
    sample = textwrap.dedent(match[1]).strip() + "\n"
    for shipped, ours in (changes or {}).items():
        assert shipped in sample, (shipped, sample)
        sample = sample.replace(shipped, ours)
    return sample
