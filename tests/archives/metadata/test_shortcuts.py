"""What saves time with ordinary metadata gives the same result as the long way."""

from __future__ import annotations

import re
import warnings
from unittest import mock

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.metadata import parse_email

from eggwatch.archives.metadata import bounds, field_rules, metadata
from eggwatch.archives.metadata.bounds import ambiguity, excess, head_of
from eggwatch.archives.metadata.fields import parsed_fields
from eggwatch.model.archives import CoreMetadata

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


@settings(max_examples=1000)
@given(metadatas)
def test_the_fields_are_those_that_packaging_reads_in_the_whole_text(content: bytes) -> None:
    found = parsed_fields(content)
    fields, unparsed = parse_email(content.decode("utf-8", "replace"))
    assert found is not None and found[0] == fields and found[1].keys() == unparsed.keys()
    for name, values in unparsed.items():  # a part of a message is not equal to any other
        assert [value for value in found[1][name] if isinstance(value, str)] == [
            v for v in values if isinstance(v, str)
        ]


@settings(max_examples=1000)
@given(metadatas)
def test_pkginfo_reads_the_same_in_the_lines_that_are_used(content: bytes) -> None:
    head = head_of(content)
    assume(ambiguity(head) is None)
    assert _as_pkginfo_reads(metadata._used(head)) == _as_pkginfo_reads(head)


def _as_pkginfo_reads(head: bytes) -> CoreMetadata:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metadata._core(metadata._Distribution(head))


@settings(max_examples=1000)
@given(metadatas)
def test_what_is_found_to_be_unambiguous_at_once_is_so_line_by_line(content: bytes) -> None:
    head = head_of(content)
    at_once = ambiguity(head), excess(content)
    with mock.patch.object(bounds, "_FIELDS", _NOTHING), mock.patch.object(bounds, "may_be_multipart", lambda _: True):
        assert (ambiguity(head), excess(content)) == at_once


_NOTHING = re.compile(rb"(?!)")


@settings(max_examples=1000)
@given(st.from_regex(field_rules._PLAIN, fullmatch=True))
def test_a_plain_requirement_has_no_flaws(text: str) -> None:
    assert field_rules._requirement(text) == ()
