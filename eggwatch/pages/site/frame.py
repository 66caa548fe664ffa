"""What all pages of the site share: the frame with title and links, and how values are written in it."""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from eggwatch.pages.landing import LandingOptions

_NO_HTML = re.compile(
    "[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane << 16 | end) for plane in range(1, 17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
"""Characters that no page may have, not even escaped (HTML, 13.2.3.5)."""
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\f\r"})
_RARE = re.compile(b"\xc2[\x80-\x9f]|\xef\xb7|\xbf[\xbe\xbf]")
"""What all others of them have in them, and few characters besides, as UTF-8."""
_UNITS = ("bytes", "kB", "MB", "GB")


class LastRendered:
    """What the pages of the whole index were rendered from last, so that only those are rendered that change."""

    def __init__(self) -> None:
        self._hashes: dict[str, int] = {}
        self.lines: dict[Hashable, Markup] = {}
        """The lines of the history by what they say."""

    def note(self, path: str, *said: Hashable) -> bool:
        """Remember what a page is rendered from, beside templates and options; True if it was something else before."""
        before, self._hashes[path] = self._hashes.get(path), hash(said)
        return before != self._hashes[path]


def path_of(project: str, version: str | None = None) -> str:
    """The path of a project's page, or that of one of its releases."""
    return f"project/{project}/index.html" if version is None else f"project/{project}/{version}/index.html"


def page(env: Environment, template: str, path: str, options: LandingOptions, **values: Any) -> dict[str, bytes]:
    """One page by its path; links in it are relative, so that it also works in a subfolder, and from a disk."""
    html = env.get_template(f"site/{template}").render(
        root="../" * path.count("/"), options=options, size=size, day=day, **values
    )
    data = html.encode()
    # Looked for in bytes, they take 0.1 ms of a page of 28 kB; in text 0.8 ms, a third of all its rendering.
    if len(data.translate(None, _CONTROLS)) < len(data) or _RARE.search(data):
        data = _NO_HTML.sub("\ufffd", html).encode()
    return {path: data}


def size(value: int) -> str:
    """Bytes as people read them."""
    scaled, unit = float(value), 0
    while scaled >= 1000 and unit < len(_UNITS) - 1:
        scaled, unit = scaled / 1000, unit + 1
    return f"{scaled:.1f} {_UNITS[unit]}" if unit else f"{value} bytes"


@functools.lru_cache(4096)
def day(at: str | None) -> Markup | str:
    """A moment (RFC 3339, UTC) as its day, with the second for machines."""
    return Markup('<time datetime="{}Z">{}</time>').format(at[:19], at[:10]) if at else ""
