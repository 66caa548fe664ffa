"""A target in memory."""

from __future__ import annotations

from collections.abc import Mapping

from eggwatch.targets import same_page


class MemoryTarget:
    """Pages in a dictionary."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}

    def read(self, path: str) -> bytes | None:
        """The page at a path."""
        return self.pages.get(path)

    def publish(self, pages: Mapping[str, bytes]) -> tuple[str, ...]:
        """Keep pages; answers with those that changed."""
        changed = {path: data for path, data in pages.items() if not same_page(path, self.pages.get(path), data)}
        self.pages.update(changed)
        return tuple(changed)
