"""What a client asked for: pure functions of header text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from eggwatch.webserver.app import _format, _is_unchanged, _range_of
from eggwatch.webserver.negotiation import (
    Form,
    Span,
    UnsatisfiableRangeError,
    Validators,
    choose_form,
    gzip_wanted,
    span_wanted,
)

V1 = "application/vnd.pypi.simple.v1"
LATEST = "application/vnd.pypi.simple.latest"


def asking(query: str = "", **headers: str | None) -> Request:
    """A request with these headers; `Accept_Encoding="gzip"` stands for Accept-Encoding."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return Request(EnvironBuilder(query_string=query, headers=named).get_environ())


OURS = Validators(etag="1-a-b", modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Form.HTML),
        ("", Form.HTML),
        ("*/*", Form.HTML),
        ("text/html", Form.HTML),
        ("image/png", Form.HTML),
        (f"{V1}+json", Form.V1_JSON),
        (f"{V1}+html", Form.V1_HTML),
        (f"{LATEST}+json", Form.V1_JSON),
        (f"{LATEST}+html", Form.V1_HTML),
        (f"{V1}+JSON".upper(), Form.V1_JSON),
        (f"{V1}+json, {V1}+html; q=0.1, text/html; q=0.01", Form.V1_JSON),
        (f"{V1}+json, {V1}+html;q=0.2, text/html;q=0.01", Form.V1_JSON),
        (f"{V1}+json, */*;q=0.1", Form.V1_JSON),
        (f"{V1}+json;q=0.5, text/html;q=0.9", Form.HTML),
        (f"text/html, {V1}+html, {V1}+json", Form.HTML),
        (f"{V1}+json, {V1}+html", Form.V1_HTML),
        ("application/*", Form.V1_HTML),
        (f"*/*, text/html;q=0, {V1}+html;q=0", Form.V1_JSON),
        (f"{V1}+json;q=0", Form.HTML),
        (f"{V1}+json;q=banana, {V1}+html;q=0.1", Form.V1_HTML),
        (f"{V1}+json;q=1e3", Form.HTML),
        (",;=,q=;;", Form.HTML),
    ],
)
def test_the_form_with_the_highest_weight_is_chosen_and_ties_go_by_server_order(accept: str | None, form: Form) -> None:
    assert choose_form(asking(Accept=accept).accept_mimetypes) is form


def test_the_format_parameter_wins_over_accept_and_keeps_its_plus() -> None:
    def chosen(accept: str, query: str) -> Form:
        request = asking(query, Accept=accept)
        return choose_form(request.accept_mimetypes, _format(request))

    for query in (f"format={V1}+json", f"a=b&format={V1}%2Bjson", f"format={LATEST}+json&format=text/html"):
        assert chosen("text/html", query) is Form.V1_JSON
    assert chosen(f"{V1}+json", "format=text/html") is Form.HTML
    assert chosen(f"{V1}+json", "other=text/html") is Form.V1_JSON


@pytest.mark.parametrize(
    ("accept_encoding", "wanted"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("x-gzip", True),
        ("gzip, deflate", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.000, deflate", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=1.0", True),
        ("zstd, br", False),
    ],
)
def test_the_compressed_twin_is_sent_only_where_it_is_liked(accept_encoding: str | None, wanted: bool) -> None:
    assert gzip_wanted(asking(Accept_Encoding=accept_encoding).accept_encodings) is wanted


@pytest.mark.parametrize(
    ("none_match", "since", "unchanged"),
    [
        (None, None, False),
        ('"1-a-b"', None, True),
        ('W/"1-a-b"', None, True),
        ('"x", "1-a-b"', None, True),
        ("*", None, True),
        ('"1-a-b-gz"', None, False),
        (None, "Fri, 02 Jan 2026 03:04:05 GMT", True),
        (None, "Fri, 02 Jan 2026 03:04:04 GMT", False),
        (None, "yesterday", False),
        ('"other"', "Fri, 02 Jan 2026 03:04:05 GMT", False),
    ],
)
def test_a_client_that_holds_the_same_version_is_told_so(
    none_match: str | None, since: str | None, unchanged: bool
) -> None:
    assert _is_unchanged(OURS, asking(If_None_Match=none_match, If_Modified_Since=since)) is unchanged


def wanted(size: int, asked: str | None, if_range: str | None = None) -> Span | None:
    """The piece of a file of ours that these headers ask for."""
    request = asking(Range=asked, If_Range=if_range)
    return span_wanted(size, OURS, _range_of(request), request.if_range)


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", Span(start=0, length=1)),
        ("bytes=2-5", Span(start=2, length=4)),
        ("bytes=5-", Span(start=5, length=5)),
        ("bytes=5-999", Span(start=5, length=5)),
        ("bytes=-3", Span(start=7, length=3)),
        ("bytes=-99", Span(start=0, length=10)),
        (None, None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_one_range_is_cut_out_and_anything_else_means_the_whole(asked: str | None, span: Span | None) -> None:
    assert wanted(10, asked) == span


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20"])
def test_a_range_behind_the_end_cannot_be_satisfied(asked: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        wanted(10, asked)


@pytest.mark.parametrize(
    ("if_range", "is_honoured"),
    [
        ('"1-a-b"', True),
        ("Fri, 02 Jan 2026 03:04:05 GMT", True),
        ('W/"1-a-b"', False),
        ('"old"', False),
        ("Fri, 02 Jan 2026 03:04:06 GMT", False),
        ("nonsense", False),
    ],
)
def test_a_range_of_another_version_means_the_whole(if_range: str, is_honoured: bool) -> None:
    assert (wanted(10, "bytes=0-1", if_range) is not None) is is_honoured


def test_an_empty_file_has_no_ranges() -> None:
    assert wanted(0, "bytes=0-1") is None
