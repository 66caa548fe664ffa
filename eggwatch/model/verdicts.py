"""What is thought of an upload: flaws, and the four verdicts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ADVICE = re.compile(
    r"(?<=[.;:!?] )(?:Add|Ask|Build|Change|Choose|Copy|Fix|Give|Have|Keep|Leave|Let|Look|Mend|Pack|Publish|Put|Raise|"
    r"Remove|Rename|Repair|Set|Shorten|Store|Try|Unpack|Update|Upload|Use|Write)\b"
)
"""Where the advice of a message begins: with the first sentence that tells to do something."""


class Level(StrEnum):
    """How much a flaw weighs: one `refuse` is enough to refuse, a `warn` is told and published."""

    REFUSE = "refuse"
    WARN = "warn"


class VerdictWord(StrEnum):
    """How verdicts are called in JSON and in metrics."""

    ADMIT = "admit"
    KNOWN = "known"
    DEFER = "defer"
    REJECT = "reject"
    HOLD = "hold"
    """None, because of an error of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong with an upload.

    `code` is stable and kebab-case, `subject` names the filename, member or field, `message` says what was
    found, what was expected and how to mend it; it ends with '(At byte N.)' where it is about bytes.
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
    """A flaw's message as (what was found, what to do); empty where it doesn't say so.

    Details that stand behind the advice, in parentheses of their own, belong to what was found.
    """
    match = _ADVICE.search(message)
    if match is None:
        return message, ""
    found, (advice, mark, details) = message[: match.start()].rstrip(), message[match.start() :].partition(". (")
    return (f"{found} ({details}", f"{advice}.") if mark and details.endswith(")") else (found, advice + mark + details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Publish it; `warnings` are told but stop nothing."""

    warnings: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The same name with the same bytes is published already, since event `serial`."""

    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """The upload is not finished: its end is missing, or a check fails where the file has a hole."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Refuse it, with every flaw found."""

    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """It lay there already when the same bytes were removed, at `removed_at`: they don't return by themselves."""

    removed_at: str


Verdict = Admit | Known | Defer | Reject | Leave
