"""What saves time with ordinary metadata gives the same result as the long way."""

from __future__ import annotations

from unittest import mock

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.metadata import parse_email

from eggwatch.archives.metadata import bounds, field_rules, metadata
from eggwatch.archives.metadata.bounds import ambiguity, excess, head_of
from eggwatch.archives.metadata.fields import parsed_fields
from eggwatch.archives.metadata.plain import plain_fields

LINES = (
    *("Metadata-Version: 2.1", "METADATA-VERSION: 2.4", "Name: demo", "name:other", "Version: 1.0", "Summary: short"),
    *("Summary: länger", "Description: in a field", "Description-Content-Type: text/markdown", "Requires-Python: >=3"),
    *("Author: \udcff", "Classifier: a", "", "", " continued", "\tcontinued", "text", "From somebody", ":", "Name : x"),
    *("Content-Type: multipart/mixed; boundary=a", "Content-Type: message/rfc822", "--a", "--a--", "\x0bName: x"),
)
ENDS = ("\n", "\n", "\n", "\r\n", "\r", "", "\n\r")
metadatas = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(ENDS)).map("".join), max_size=14).map(
    lambda lines: "".join(lines).encode("utf-8", "surrogateescape")
)


@settings(max_examples=300)
@given(metadatas)
def test_the_fields_are_those_that_packaging_reads_in_the_whole_text(content: bytes) -> None:
    found = parsed_fields(content)
    fields, unparsed = parse_email(content.decode("utf-8", "replace"))
    assert found is not None and found[0] == fields and found[1].keys() == unparsed.keys()
    for name, values in unparsed.items():  # a part of a message is not equal to any other
        assert [value for value in found[1][name] if isinstance(value, str)] == [
            v for v in values if isinstance(v, str)
        ]


NAMES = (
    *(
        "Name",
        "NAME",
        "Version",
        "Summary",
        "Requires-Python",
        "Metadata-Version",
        "Author",
        "Author-email",
        "Keywords",
    ),
    *(
        "License",
        "License-Expression",
        "License-File",
        "Classifier",
        "Platform",
        "Project-URL",
        "project-url",
        "Dynamic",
    ),
    *("Requires-Dist", "Provides-Extra", "Import-Name", "Home-page", "Description", "Unknown", "Content-Type"),
)
VALUES = (
    *("one", "two", "1.0", "2.1", "1.1", "2.7", "UNKNOWN", "one, two", "Docs, https://example.com", "Docs,other", ","),
    *(
        "länger",
        "a: b",
        "=?utf-8?q?a?=",
        "a\x85b",
        "a\u2028b",
        "a\xa0b",
        "a\xa0",
        "a\tb",
        " a",
        "a ",
        "",
        "\udcff",
        "\x1b[0m",
    ),
)
plain = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(": ".join), max_size=9).map(
    lambda lines: "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
)


@settings(max_examples=500)
@given(plain | metadatas, st.sampled_from((b"", b"\n", b"\n\n", b"\nName: of the description\n")))
def test_plain_metadata_is_read_as_packaging_and_pkginfo_read_it(head: bytes, rest: bytes) -> None:
    content = b"Metadata-Version: 2.1\n" + head + rest
    fields = head_of(content)
    assume(plain_fields(fields) is not None)
    assert parsed_fields(content) == parse_email(content.decode("utf-8", "replace"))
    core = metadata.plain_core(fields)
    assert core is None or (core, True) == metadata._as_pkginfo_reads(fields)
    assert ambiguity(fields) is None and not metadata._COMMANDS.search(fields.decode())


def test_ordinary_metadata_is_plain() -> None:
    """It is read without email: every field of each name once, and several of those that may be repeated."""
    names = [
        name for name in NAMES if name not in ("Description", "Unknown", "Content-Type", "NAME", "Metadata-Version")
    ]
    head = "".join(f"{name}: {name}, länger\n" for name in ("Metadata-Version", *names, "Classifier", "Requires-Dist"))
    assert plain_fields(head.encode()) == parse_email(head)[0]


@settings(max_examples=300)
@given(metadatas)
def test_limits_are_the_same_if_every_line_is_looked_at(content: bytes) -> None:
    at_once = excess(content)
    with mock.patch.object(bounds, "may_be_multipart", lambda _: True):
        assert excess(content) == at_once


@settings(max_examples=300)
@given(st.from_regex(field_rules._PLAIN, fullmatch=True))
def test_a_plain_requirement_has_no_flaws(text: str) -> None:
    assert field_rules._requirement(text) == ()
