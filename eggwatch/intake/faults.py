"""What the operator must mend, for the log and for `status`."""

from __future__ import annotations


class Faults(dict[str, str]):
    """Messages, by what they are about."""

    def note(self, what: str, message: str) -> bool:
        """Something is at fault; True if it is news."""
        news = self.get(what) != message
        self[what] = message
        return news

    def mend(self, what: str) -> bool:
        """A fault is gone; True if it was there."""
        return self.pop(what, None) is not None
