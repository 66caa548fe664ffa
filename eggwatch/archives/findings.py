"""What an inspection has found so far: flaws, damaged byte ranges, and whether the end of the file is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from eggwatch.model.codes import Code
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw, Level

MOST_FLAWS = 50
"""Flaws that reject an archive; the inspection stops after so many."""

MOST_WARNINGS = 50
"""After so many warnings, only the first warning of each further code is reported. The inspection continues."""

LONGEST_TEXT = 200
"""Most characters that are quoted from an archive."""

BUILD_AGAIN = "Build it again with 'python -m build'."
IF_YOURS = "Current pip and uv install it anyway. Build it again with 'python -m build' if the project is yours."
"""The advice of a flaw that only warns."""
UPLOAD_AGAIN = "Upload it again; if that does not help, build it again with 'python -m build'."

ByteRange = tuple[int, int]
"""A range of bytes in the file: the first offset, and the offset after the last byte."""


class BrokenError(Exception):
    """A flaw after which a member, or the archive, can't be read any further. Never leaves this package.

    `where` is the damaged range of bytes, None if no bytes are damaged. `at` is the offset that the message gives; by
    default the first byte of `where`.
    """

    def __init__(
        self, code: Code, subject: str, message: str, where: ByteRange | None = None, *, at: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.subject = subject
        self.message = message
        self.where = where
        self.at = at


def clipped(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text from an archive, made printable and cut to `longest` characters and an ellipsis."""
    # Cut before it is made printable, so that 64 KiB of a name cost no more than 200 characters.
    printable = shown(text[: longest + 1])
    return printable if len(printable) <= longest else printable[:longest] + "…"


def quoted(text: str) -> str:
    """Text from an archive in quotation marks, as `clipped` returns it. (`repr` would escape it a second time.)"""
    return f"'{clipped(text)}'"


def bytes_in_words(data: bytes) -> str:
    """Bytes from an archive for a message: as text if they are printable ASCII, else in hexadecimal."""
    text = data.decode("latin-1")
    return f"'{text}'" if data and text.isascii() and text.isprintable() else data.hex(" ")


def located(message: str, at: int | None, inside: str = "") -> str:
    """The message followed by the offset, if it is known: '… (At byte 1234.)'.

    `inside` says what the offset counts in, if that is not the file: ' of the tar'.
    """
    return message if at is None else f"{message} (At byte {at}{inside}.)"


@dataclass(slots=True, kw_only=True)
class Findings:
    """Collects the flaws of one inspection; every check adds to it."""

    flaws: list[Flaw] = field(default_factory=list)
    suspects: list[ByteRange] = field(default_factory=list)
    end_missing: str | None = None
    _warned: Counter[str] = field(default_factory=Counter)
    """The number of warnings of each code."""

    @property
    def full(self) -> bool:
        """True if there are so many flaws that the inspection should stop."""
        return len(self.flaws) >= MOST_FLAWS and len(self.flaws) - self._warnings >= MOST_FLAWS

    @property
    def _warnings(self) -> int:
        return sum(self._warned.values())

    def extend(self, flaws: Iterable[Flaw]) -> None:
        """Add flaws, up to the limits."""
        for flaw in flaws:
            if flaw.level is not Level.WARN:
                if not self.full:
                    self.flaws.append(flaw)
            # The first of each code is always reported: a profile or the configuration may make it reject.
            elif not self._warned[flaw.code] or self._warnings < MOST_WARNINGS:
                self._warned[flaw.code] += 1
                self.flaws.append(flaw)

    def refuse(
        self, code: Code, subject: str, message: str, where: ByteRange | None = None, *, at: int | None = None
    ) -> None:
        """Add a flaw that rejects. `where` is the damaged range, which may be a part that was never written.

        The message ends with the offset `at`, by default that of the first damaged byte.
        """
        if where is not None:
            self.suspect(where)
            at = where[0] if at is None else at
        self.extend([Flaw(code=code, subject=clipped(subject), message=located(message, at))])

    def suspect(self, where: ByteRange) -> None:
        """Add a range of bytes that may never have been written."""
        self.suspects.append(where)

    def warn(self, code: Code, subject: str, message: str) -> None:
        """Add a flaw that only warns."""
        self.extend([Flaw(code=code, subject=clipped(subject), message=message, level=Level.WARN)])

    def note(self, code: Code, subject: str, message: str) -> None:
        """Add a flaw at the default level of its code."""
        self.extend([Flaw(code=code, subject=clipped(subject), message=message, level=code.level)])

    def broken(self, error: BrokenError) -> None:
        """Add the flaw that stopped the reading of a member or of the archive."""
        self.refuse(error.code, error.subject, error.message, error.where, at=error.at)

    def ends_early(self, sentence: str) -> None:
        """Record that the end of the upload is missing; the first reason is kept."""
        self.end_missing = self.end_missing or sentence

    def in_order(self, incomplete: str | None, subject: str) -> tuple[Flaw, ...]:
        """All flaws in the order of the report: `incomplete` first, `more-flaws` last."""
        first = [] if incomplete is None else [_incomplete(incomplete, subject)]
        last = [_more(subject)] if self.full else []
        return (*first, *self.flaws, *last)


def _incomplete(sentence: str, subject: str) -> Flaw:
    return Flaw(
        code=Code.INCOMPLETE,
        subject=clipped(subject),
        message=f"{sentence} The upload is incomplete. Upload the whole file again.",
    )


def _more(subject: str) -> Flaw:
    return Flaw(
        code=Code.MORE_FLAWS,
        subject=clipped(subject),
        message=f"The inspection stopped after {MOST_FLAWS} flaws; there may be more. {BUILD_AGAIN}",
    )
