"""Flaws of an upload, and the verdicts about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ADVICE = re.compile(
    r"(?<=[.;:!?] )(?:Add|Ask|Build|Change|Choose|Copy|Fix|Give|Have|Increase|Keep|Leave|Let|Look|Pack|Publish|Put|"
    r"Raise|Remove|Rename|Repair|Set|Shorten|Store|Try|Unpack|Update|Upload|Use|Write)\b"
)
"""Where the advice of a message begins: at the first sentence in the imperative."""


class Level(StrEnum):
    """The level of a flaw: one `refuse` rejects the upload, a `warn` is reported and the upload published."""

    REFUSE = "refuse"
    WARN = "warn"


class VerdictWord(StrEnum):
    """The names of the verdicts in JSON and in metrics."""

    ADMIT = "admit"
    KNOWN = "known"
    DEFER = "defer"
    REJECT = "reject"
    HOLD = "hold"
    """No verdict, because of an error in eggwatch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong with an upload.

    `code` is stable and kebab-case, `subject` is the filename, member or field, `message` says what was found, what was
    expected and how to fix it. It ends with '(At byte N.)' if it is about bytes.
    """

    code: str
    subject: str
    message: str
    level: Level = Level.REFUSE

    def as_json(self) -> dict[str, str]:
        """The flaw as docs/contract.rst prints it: code, level, subject, message."""
        return {"code": str(self.code), "level": str(self.level), "subject": self.subject, "message": self.message}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> Flaw:
        """The flaw back from `as_json`."""
        return cls(
            code=data["code"],
            subject=data["subject"],
            message=data["message"],
            level=Level(data.get("level", "refuse")),
        )


def parted(message: str) -> tuple[str, str]:
    """A flaw's message as (what was found, what to do); a part that is missing is empty.

    Details in parentheses after the advice belong to what was found.
    """
    match = _ADVICE.search(message)
    if match is None:
        return message, ""
    found, (advice, mark, details) = message[: match.start()].rstrip(), message[match.start() :].partition(". (")
    return (f"{found} ({details}", f"{advice}.") if mark and details.endswith(")") else (found, advice + mark + details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Publish it; `warnings` are reported."""

    warnings: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The same bytes have been published with the same name since event `serial`."""

    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """The upload is incomplete: its end is missing, or a check fails where the file has a hole."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Reject it, with every flaw found."""

    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """It was in the drop folder when the same bytes were removed, at `removed_at`; they are not published again."""

    removed_at: str


Verdict = Admit | Known | Defer | Reject | Leave
