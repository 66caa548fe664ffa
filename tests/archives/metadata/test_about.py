"""What core metadata says to people: each field as a line, or nothing."""

from __future__ import annotations

import pytest

from eggwatch.archives.metadata.about import LONGEST, MOST, about
from eggwatch.model.site import About


def said(lines: str, description: str = "") -> About:
    return about(f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{lines}\n\n{description}".encode())


def test_all_fields_are_shown_as_lines() -> None:
    found = said(
        "Summary: What  it\n  is\nDescription-Content-Type: text/markdown\nLicense-Expression: MIT\n"
        "License: long text\nAuthor: Alice\nAuthor-Email: Alice <alice@example.com>\n"
        "Maintainer-Email: Bob <bob@example.com>\n"
        "Home-page: https://example.com/\nProject-URL: Docs, https://docs.example.com/\nDownload-URL: https://example.com/d\n"
        "Classifier: Typing :: Typed\nClassifier: Typing :: Typed\nKeywords: one,two\nRequires-Dist: other>=2",
        "A README.\n",
    )
    assert found == About(
        summary="What it is",
        description="A README.",
        description_type="text/markdown",
        license="MIT",
        authors=("Alice", "Bob <bob@example.com>"),
        links=(
            ("Homepage", "https://example.com/"),
            ("Docs", "https://docs.example.com/"),
            ("Download", "https://example.com/d"),
        ),
        classifiers=("Typing :: Typed",),
        keywords=("one", "two"),
        requires=("other>=2",),
    )


def test_what_distutils_wrote_for_nothing_is_nothing() -> None:
    found = said("Summary: UNKNOWN\nLicense: UNKNOWN\nAuthor: UNKNOWN\nHome-page: UNKNOWN\nDescription: UNKNOWN")
    assert found == About()


def test_empty_metadata_says_nothing_and_text_without_fields_is_a_description() -> None:
    assert about(b"") == About()
    assert about(b"no metadata at all") == About(description="no metadata at all")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com/",
        "ftp://example.com/",
        'https://e.com/ "x',
        f"https://e.com/{'x' * LONGEST}",
    ],
)
def test_only_addresses_of_the_web_and_of_mail_are_links(url: str) -> None:
    assert said(f"Home-page: {url}\nProject-URL: Label, {url}").links == ()


def test_a_link_without_a_label_is_called_by_its_address() -> None:
    assert said("Project-URL: , https://example.com/").links in (
        (),
        (("https://example.com/", "https://example.com/"),),
    )


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ("License: BSD 3-Clause\n        and more text", "BSD 3-Clause"),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: Public Domain",
            "MIT License, Public Domain",
        ),
        ("", ""),
    ],
)
def test_the_license_is_an_expression_or_a_line_or_what_classifiers_say(lines: str, shown: str) -> None:
    assert said(lines).license == shown


def test_old_keywords_are_separated_by_blanks() -> None:
    assert said("Keywords: one two three").keywords == ("one", "two", "three")


def test_no_field_is_longer_than_a_page_bears() -> None:
    found = said(
        f"Summary: {'x' * 9999}\n" + "".join(f"Classifier: Topic :: {number}\n" for number in range(2 * MOST)).rstrip()
    )
    assert (len(found.summary), len(found.classifiers)) == (LONGEST, MOST)
