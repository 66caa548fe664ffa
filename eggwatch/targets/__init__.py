"""Where pages are published: one protocol of two verbs, and the places that keep it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Protocol


class Target(Protocol):
    """A place that holds pages by path (relative to PUBLIC, with slashes)."""

    def read(self, path: str) -> bytes | None:
        """The page that is published at this path, None if there is none."""
        ...

    def publish(self, pages: Mapping[str, bytes]) -> tuple[str, ...]:
        """Publish pages in their order, each atomically; durable when this returns. Answers with the changed paths.

        A page that is there with the same content is not touched (twins in `.gz` are compared unpacked).
        """
        ...


def same_page(path: str, one: bytes | None, other: bytes) -> bool:
    """Whether two versions of a page have the same content."""
    if one is None or one == other:
        return one is not None
    return path.endswith(".gz") and _unpacked(one) == gzip.decompress(other)


def _unpacked(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, ValueError):
        return None
