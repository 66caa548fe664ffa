"""Does the description render? As PyPI shows it, and as the metadata of the time wrote it down."""

from __future__ import annotations

import re

import pytest

from eggwatch.archives.metadata.readme import LINK_REL, readme_flaws, readme_html, unfolded
from tests.archive_factory import RST, core_metadata

README = """\
.. image:: https://example.org/demo.svg
   :target: https://example.org/

=====
Title
=====

* one

  * two::

      code
"""


def pkg_info(first: str, others: str) -> bytes:
    """A PKG-INFO of setuptools' first ten years, whose description is a field of several lines."""
    lines = README.splitlines()
    field = "\n".join([f"{first}{lines[0]}", *(f"{others}{line}" for line in lines[1:])])
    head = "Metadata-Version: 1.1\nName: demo\nVersion: 1.0\n"
    return f"{head}Description: {field}\nPlatform: UNKNOWN\n".encode()


@pytest.mark.parametrize("others", [" " * 8, " " * 7 + "|"])
def test_a_description_that_is_a_field_is_rendered_without_its_indentation(others: str) -> None:
    """distutils' eight blanks, and the specification's seven and a bar."""
    assert list(readme_flaws(pkg_info("", others))) == []


def test_empty_lines_of_such_a_field_may_have_lost_their_blanks() -> None:
    """Editors and mailers take blanks off the end of a line."""
    assert unfolded("Title\n        =====\n\n        * one\n          * two\n  ") == "Title\n=====\n\n* one\n  * two\n"


@pytest.mark.parametrize("text", ["one line", "", "Title\n=====\n\n        a quote", "a\n    b\n        c"])
def test_other_descriptions_are_left_as_they_are(text: str) -> None:
    """What is not indented throughout means its blanks."""
    assert unfolded(text) == text


def test_a_description_behind_the_fields_is_rendered_as_it_stands() -> None:
    """Since metadata 2.1 nothing is indented."""
    sound = core_metadata(metadata_extra=RST).partition(b"\n\n")[0] + b"\n\n" + README.encode()
    assert list(readme_flaws(sound)) == []
    broken = sound.replace(b"=====\nTitle", b"=======\nTitle")
    assert [flaw.code for flaw in readme_flaws(broken)] == ["readme-unrenderable"]


@pytest.mark.parametrize(
    ("image", "shown"),
    {
        "![build **passing**](https://example.org/b.svg)": "build passing",
        "[![docs](https://example.org/d.svg)](https://example.org/)": ">docs</a>",
        "![](https://example.org/b.svg)": "<p>before  after</p>",
        '![a < b & "c" <img src=x>](https://example.org/b.svg)': "&lt;img",
    }.items(),
)
def test_an_image_is_shown_by_its_alternative_text(image: str, shown: str) -> None:
    """Nothing is loaded from elsewhere, and the text can't become markup."""
    html = readme_html(f"before {image} after", "text/markdown")
    assert html is not None and shown in html and "<img" not in html


@pytest.mark.parametrize(
    ("levels", "shown"), [("123", "345"), ("1332", "3444"), ("41", "33"), ("2", "3"), ("123456", "345666")]
)
def test_headings_begin_below_those_of_the_page_and_leave_no_level_out(levels: str, shown: str) -> None:
    html = readme_html("\n\n".join("#" * int(level) + " title" for level in levels), "text/markdown")
    assert html is not None
    assert "".join(re.findall("<h(.)", html)) == "".join(re.findall("</h(.)", html)) == shown


def test_a_heading_that_was_only_a_picture_is_left_out() -> None:
    html = readme_html('<h1 align="center">\n<img src="logo.svg" width="300">\n</h1><br>\n\ntext', "text/markdown")
    assert html is not None and "<h" not in html and "text" in html


def test_an_id_is_there_once_and_code_is_in_no_language_that_people_speak() -> None:
    html = readme_html("<b id=a>1</b> <b id=a>2</b>\n\n```python\n1\n```", "text/markdown")
    assert html is not None and html.count(' id="readme-a"') == 1 and " lang=" not in html


def test_the_title_of_a_table_of_contents_leads_to_the_top() -> None:
    page = readme_html("Title\n=====\n\n.. contents::\n\nHistory\n-------\n\ntext\n", "text/x-rst")
    assert page is not None and f'<a href="#top" rel="{LINK_REL}">Contents</a>' in page


def test_a_list_of_tasks_shows_what_is_done() -> None:
    """Without controls that nobody can use."""
    html = readme_html("- [x] this\n- [ ] that", "text/markdown")
    assert html is not None and "\u2611 this" in html and "\u2610 that" in html and "<input" not in html
