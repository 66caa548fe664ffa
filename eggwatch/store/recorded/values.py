"""What is recorded of one file, and how untrusted text becomes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one document says of one file; `at` is RFC 3339, `yanked` the reason (may be empty) or None."""

    filename: str
    sha256: str | None = None
    at: str | None = None
    uploader: str | None = None
    yanked: str | None = None


def printable(value: object) -> str | None:
    """The value if it is text that may be shown, not empty and of bounded length."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= 1000 else None


def sha256_in(value: object) -> str | None:
    """The digest in `sha256=…`, as in fragments of links and in the lists of dumb-pypi and devpi."""
    algorithm, _, digest = (printable(value) or "").partition("=")
    return digest if algorithm == "sha256" else None
