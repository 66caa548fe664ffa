"""The form of an upload, read as a stream: whatever a client sends, in whatever portions it comes."""

from __future__ import annotations

import hashlib
import io
import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggwatch.webserver.form import LONGEST_VALUE, MOST_PARTS, FormReader, MalformedError, Sink, UploadForm
from tests.webserver.door import multipart

BOUNDARY = "boundary"


def head(name: str, more: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()


END = f"--{BOUNDARY}--\r\n".encode()


def read_form(body: bytes, sink: Sink, sizes: Iterable[int] = (1 << 16,), boundary: str = BOUNDARY) -> UploadForm:
    """Read a form that comes in portions of these sizes, in turn."""
    reader, at = FormReader(boundary, sink), 0
    for size in itertools.cycle([*sizes] or [1 << 16]):
        if at >= len(body):
            break
        reader.feed(body[at : at + size])
        at += size
    return reader.end()


def test_the_file_goes_to_the_sink_and_the_fields_that_are_needed_are_kept() -> None:
    """With its digests, by the names of their fields."""
    data = bytes(range(256)) * 1000
    body, kind = multipart([(":action", "file_upload"), ("summary", "x" * 100_000), ("name", "demo")], ("a.whl", data))
    sink = io.BytesIO()
    form = read_form(body, sink, boundary=kind.partition("=")[2])
    assert sink.getvalue() == data
    assert form.fields == {":action": "file_upload", "name": "demo"}
    assert (form.filename, form.size) == ("a.whl", len(data))
    assert form.digests["md5_digest"] == hashlib.md5(data).hexdigest()
    assert form.digests["blake2_256_digest"] == hashlib.blake2b(data, digest_size=32).hexdigest()


ENDS = re.compile(rb"[\r\n]--boundary(--|\s)")
CONFUSING = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--boundary", b"x", b"\r\n--boundary.", b"\r\n--bound"]), max_size=20
).map(b"".join)


@given(
    data=st.one_of(st.binary(max_size=2000), CONFUSING.filter(lambda data: not ENDS.search(b"\n" + data + b"\n"))),
    sizes=st.lists(st.integers(1, 50), max_size=5),
)
@settings(deadline=None, max_examples=300)
def test_any_bytes_arrive_as_they_were_sent_however_they_are_cut(data: bytes, sizes: list[int]) -> None:
    """Also those that look like the end of lines or a boundary."""
    body = head("name") + b"demo\r\n" + head("content", '; filename="a.whl"') + data + b"\r\n" + END
    sink = io.BytesIO()
    form = read_form(body, sink, sizes)
    assert (sink.getvalue(), form.digests["sha256_digest"]) == (data, hashlib.sha256(data).hexdigest())


DISPOSITION = b"Content-Disposition: form-data"
PIECES = st.sampled_from(
    [
        b"--boundary", b"--boundary\r\n", b"--boundary--", b"--boundary--\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n",
        DISPOSITION, DISPOSITION + b'; name="content"; filename="a.whl"', DISPOSITION + b'; name="name"',
        DISPOSITION + b'; name=":action"\r\n\r\nsubmit', b"Content-Disposition:", b'; name="version"', b"\xff\xfe",
        b":", b" \t", b"\x00", b"--", b"x" * 300, b"; filename*=utf-8''%FF%00",
    ]
)  # fmt: skip


@given(
    body=st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=30).map(b"".join),
    sizes=st.lists(st.integers(1, 300), max_size=4),
)
@settings(deadline=None, max_examples=400)
def test_what_is_no_form_is_said_to_be_none(body: bytes, sizes: list[int]) -> None:
    """Whatever else it is: there is an answer, never an error of ours."""
    try:
        form = read_form(body, io.BytesIO(), sizes)
    except MalformedError:
        return
    assert set(form.digests) == {"md5_digest", "sha256_digest", "blake2_256_digest"}


MALFORMED = {
    "nothing": b"",
    "no end": head("name") + b"demo",
    "cut in the head": head("name")[:20],
    "too many parts": b"".join(head("x") + b"\r\n" for _ in range(MOST_PARTS + 1)) + END,
    "a long head": head("x" * 300_000) + b"\r\n" + END,
    "a long value": head("name") + b"x" * (LONGEST_VALUE + 1) + b"\r\n" + END,
    "two files": (head("content", '; filename="a"') + b"x\r\n") * 2 + END,
    "two names": (head("name") + b"x\r\n") * 2 + END,
    "no disposition": f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n".encode() + END,
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_form_is_refused(case: str) -> None:
    """With a sentence; little of it was kept."""
    with pytest.raises(MalformedError, match=r"^The .*\.$"):
        read_form(MALFORMED[case], io.BytesIO())
