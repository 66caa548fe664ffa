"""What an examination comes to: what is wrong, where, and how to mend it; and what could not be looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is to be mended; `remedy` is a command to copy, or a sentence where no command will do."""

    where: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Something that this account, or this machine, does not let us look at: it may be sound or not."""

    where: str
    reason: str


CheckOutcome = Finding | Unchecked
