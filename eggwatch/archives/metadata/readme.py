"""Renders descriptions: for a check, an extra one because it costs milliseconds, and for pages.

Needs `eggwatch[readme]`; `inspect(file, text, extra_checks=(readme_flaws,))`.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from email.message import EmailMessage
from functools import partial
from importlib import import_module
from typing import Any

from eggwatch.archives.cpu_limit import OutOfTimeError, cpu_limit
from eggwatch.archives.findings import clipped
from eggwatch.archives.metadata.fields import parsed_fields
from eggwatch.model.codes import Code
from eggwatch.model.parsing import parsed
from eggwatch.model.verdicts import Flaw

LONGEST_README = 512 << 10
"""Most characters that are rendered; docutils takes 200 ms for 100 000 characters of ordinary text."""

MOST_SECONDS = 5.0
"""Most CPU time for rendering, where it can be limited: docutils takes 10 s for one table of 180 KiB."""

MOST_SECONDS_OF_PAGE = 2.0
"""The same for a page, which others wait for; of a hundred READMEs from PyPI none takes more than 0.15 s."""

ID_PREFIX = "readme-"
LINK_REL = "nofollow noopener noreferrer"
_OUTWARD = re.compile("#|https?://|mailto:", re.IGNORECASE)
_LONGEST_CLASS = 2
"""Characters of a class that is kept. Those of Pygments that the style sheet knows have no more, and its own have."""
_EMPTY_LINK = re.compile(f'<a (?:title="[^"<>]*" )?href="#[^"<>]*" rel="{LINK_REL}"></a>')
"""Renderers put one at each heading: a stop for the keyboard without a name."""
_IMAGE = re.compile('<img(?: [a-z]+="[^"]*")*>')
_ALT = re.compile(' alt="([^"]*)"')
_CHECKBOX = re.compile('<input(?: [a-z]+="[^"]*")*>')
_HEADING = re.compile("<(/?)h([1-6])(?=[ >])")
_EMPTY_HEADING = re.compile("<h([1-6])[^>]*>(?:\\s|<br>)*</h\\1>")
_INDENT = 8
_INDENTS = (" " * _INDENT, " " * (_INDENT - 1) + "|")

_RENDERERS = {"text/plain": "txt", "text/x-rst": "rst", "text/markdown": "markdown", "": "rst"}
"""Without a type it is reStructuredText (PyPI)."""


def readme_flaws(content: bytes) -> Iterator[Flaw]:
    """A flaw if PyPI's renderer can't render the description; raises ImportError without readme-renderer."""
    fields, _ = parsed_fields(content) or ({}, {})
    text = unfolded(fields.get("description", ""))
    if not text.strip() or text.strip() == "UNKNOWN":
        return
    kind, parameters = content_type(fields.get("description_content_type", ""))
    warnings = io.StringIO()
    message = None
    if len(text) > LONGEST_README:
        message = (
            f"The README is too long to be rendered. Shorten the README. ({LONGEST_README} characters are allowed.)"
        )
    elif _rendered(kind, text, warnings, parameters) is None:
        reason = clipped(warnings.getvalue().strip()) or "no reason given"
        message = f"The README can't be rendered as {kind or 'text/x-rst'}: {reason}. Try it with 'twine check'."
    if message is not None:
        yield Flaw(
            code=Code.README_UNRENDERABLE, subject="Description", message=message, level=Code.README_UNRENDERABLE.level
        )


def content_type(said: str) -> tuple[str, dict[str, str]]:
    """The type of a description, and its parameters; "" where none is said, or what is said is none."""
    return (parsed(_of_mail, said) if 0 < len(said) <= 200 else None) or ("", {})


def readme_html(text: str, said: str) -> str | None:
    """A description as part of a page: its links lead to the web or to itself, and it loads nothing.

    None if it can't be rendered, or not in `MOST_SECONDS_OF_PAGE`; `said` is its content type.
    """
    if len(text) > LONGEST_README:
        return None
    kind, parameters = content_type(said)
    end = None
    try:
        with cpu_limit(MOST_SECONDS_OF_PAGE) as end:
            page = _rendered(kind, text, io.StringIO(), parameters)
            return None if page is None else _tamed(page)
    except OutOfTimeError as error:
        if error.end != end:
            raise
        return None


def _tamed(page: str) -> str:
    """What PyPI's renderer lets through, without what would be loaded from elsewhere or look like part of our page."""
    nh3 = import_module("nh3")
    allowed = import_module("readme_renderer.clean")
    tamed: str = nh3.clean(
        page,
        tags=allowed.ALLOWED_TAGS,
        attributes=allowed.ALLOWED_ATTRIBUTES,
        attribute_filter=partial(_tamed_attribute, set()),
        link_rel=LINK_REL,
        url_schemes={"http", "https", "mailto"},
        id_prefix=ID_PREFIX,
    )
    in_words = _CHECKBOX.sub(_as_text, _IMAGE.sub(_in_words, tamed))
    return _below_ours(_EMPTY_HEADING.sub("", _EMPTY_LINK.sub("", in_words)))


def _in_words(image: re.Match[str]) -> str:
    """An image by its alternative text: browsers show a broken image for one that is not loaded."""
    alt = _ALT.search(image[0])
    return "" if alt is None else html.escape(html.unescape(alt[1]))


def _as_text(checkbox: re.Match[str]) -> str:
    """A box of a list of tasks as a character: nobody can check it, and it has no label."""
    return "\u2611" if " checked=" in checkbox[0] else "\u2610"


def _below_ours(page: str) -> str:
    """Its headings from the third level on, without gaps: above them are that of the page and "Description"."""
    above: list[int] = []

    def moved(heading: re.Match[str]) -> str:
        level = int(heading[2])
        if not heading[1]:
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
        return f"<{heading[1]}h{min(2 + len(above), 6)}"

    return _HEADING.sub(moved, page)


def _tamed_attribute(ids: set[str], tag: str, name: str, value: str) -> str | None:
    """The value that an attribute may keep; `ids` are those that were seen, because one can't be there twice."""
    if name == "id":
        is_new = value not in ids
        ids.add(value)
        return value if is_new else None
    if name == "href":
        # "#top" is the top of every page: tables of contents made by docutils lead there.
        value = f"#{ID_PREFIX}{value[1:]}" if value.startswith("#") and value != "#top" else value
        return value if _OUTWARD.match(value) else None
    if name == "class":
        return " ".join(word for word in value.split() if tag == "span" and len(word) <= _LONGEST_CLASS) or None
    # `lang` is what code is written in, and no language that a screen reader speaks.
    return None if name in ("src", "lang") else value


def unfolded(text: str) -> str:
    """A description without the indentation of a field of several lines.

    Before metadata 2.1 the description was a field: distutils indented each line except the first by eight spaces; the
    specification has seven spaces and a '|'.
    """
    first, *rest = text.split("\n")
    if not all(line.startswith(_INDENTS) or not line.strip() for line in rest):
        return text
    return "\n".join([first, *(line[_INDENT:] for line in rest)])


def _of_mail(text: str) -> tuple[str, dict[str, str]]:
    message = EmailMessage()
    message["content-type"] = text
    header: Any = message["content-type"]
    return message.get_content_type(), dict(header.params)


def _rendered(kind: str, text: str, warnings: io.StringIO, parameters: dict[str, str]) -> str | None:
    renderer = import_module(f"readme_renderer.{_RENDERERS.get(kind, 'txt')}")
    end = None  # before the limit begins, the error belongs to an outer limit
    try:
        with cpu_limit(MOST_SECONDS) as end:
            if kind in ("text/x-rst", ""):
                page: str | None = renderer.render(text, stream=warnings)
            else:
                page = renderer.render(text, **parameters)
    except OutOfTimeError as error:
        if error.end != end:
            raise
        warnings.write(f"it takes more than {MOST_SECONDS:g} seconds")
        return None
    except BaseException as error:  # docutils, comrak and nh3 may raise anything
        # A panic in Rust is a BaseException.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        warnings.write(f"{type(error).__name__}: {error}")
        return None
    return page
