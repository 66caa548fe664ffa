"""What goes wrong is told in words."""

from __future__ import annotations

import errno
import os

import pytest

from eggwatch.archives.findings import bytes_in_words
from eggwatch.errors import in_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "/srv/drop"), "Read-only file system: /srv/drop"),
        (OSError(errno.EXDEV, os.strerror(errno.EXDEV), "/a", None, "/b"), "Invalid cross-device link: /b"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (OSError("timed out"), "timed out"),
        (ValueError("no JSON"), "no JSON"),
    ],
)
def test_an_error_is_told_without_its_number(error: Exception, words: str) -> None:
    """The kernel's numbers tell nobody anything."""
    assert in_words(error) == words


@pytest.mark.parametrize(("data", "words"), [(b"<!DO", "'<!DO'"), (b"\x1f\x8b", "1f 8b"), (b"", ""), (b"a\n", "61 0a")])
def test_bytes_are_shown_as_text_or_as_numbers(data: bytes, words: str) -> None:
    """Not as Python writes them."""
    assert bytes_in_words(data) == words
