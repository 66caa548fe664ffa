"""What an inspection has found so far: flaws, suspect places in the file, and whether the end is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from eggwatch.model.codes import Code
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw, Level

MOST_FLAWS = 50
"""Flaws that refuse and are told of one archive; the inspection stops there."""

MOST_WARNINGS = 50
"""Warnings after which only those of a new kind are told; they stop nothing, so the inspection goes on."""

LONGEST_TEXT = 200
"""Characters that are quoted from an archive."""

BUILD_AGAIN = "Build it again with 'python -m build'."
IF_YOURS = "Current pip and uv install it all the same. Build it again with 'python -m build', if the project is yours."
"""After the sentence that says what is wrong with something that only warns."""
UPLOAD_AGAIN = "Upload it again; if that does not help, build it again with 'python -m build'."

ByteRange = tuple[int, int]
"""Bytes of the file from the first offset up to, and without, the second."""


class BrokenError(Exception):
    """A check that ends the reading of one member or of the archive; never leaves this package.

    `where` is the part of the file that the check looked at, None when the flaw is not one of damaged bytes;
    `at` is the offset that is told, the first byte of `where` if nobody knows it better.
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
    """Foreign text for people: printable, and at most `longest` characters and an ellipsis."""
    # Cut before it is made printable, so that 64 KiB of a name cost no more than 200 characters.
    printable = shown(text[: longest + 1])
    return printable if len(printable) <= longest else printable[:longest] + "…"


def quoted(text: str) -> str:
    """Foreign text in quotation marks, as `clipped` shows it: escaped once, not once more by `repr`."""
    return f"'{clipped(text)}'"


def bytes_in_words(data: bytes) -> str:
    """Foreign bytes for people: as text where they are, else as hexadecimal numbers."""
    text = data.decode("latin-1")
    return f"'{text}'" if data and text.isascii() and text.isprintable() else data.hex(" ")


def located(message: str, at: int | None, inside: str = "") -> str:
    """The message, and behind it the offset that it is about, as far as it is known: '… (At byte 1234.)'.

    `inside` says of what, when it is not the file: ' of the tar'.
    """
    return message if at is None else f"{message} (At byte {at}{inside}.)"


@dataclass(slots=True, kw_only=True)
class Findings:
    """The collector that one inspection passes from check to check."""

    flaws: list[Flaw] = field(default_factory=list)
    suspects: list[ByteRange] = field(default_factory=list)
    end_missing: str | None = None
    _warned: Counter[str] = field(default_factory=Counter)
    """How many warnings of each code are told."""

    @property
    def full(self) -> bool:
        """True when so much is wrong that looking on would tell nobody more."""
        return len(self.flaws) - self._warnings >= MOST_FLAWS

    @property
    def _warnings(self) -> int:
        return sum(self._warned.values())

    def extend(self, flaws: Iterable[Flaw]) -> None:
        """Take over flaws that were judged elsewhere, as long as there is room."""
        for flaw in flaws:
            if flaw.level is not Level.WARN:
                if not self.full:
                    self.flaws.append(flaw)
            # The first of each code has to be told: a profile or the configuration may have it refuse.
            elif not self._warned[flaw.code] or self._warnings < MOST_WARNINGS:
                self._warned[flaw.code] += 1
                self.flaws.append(flaw)

    def refuse(
        self, code: Code, subject: str, message: str, where: ByteRange | None = None, *, at: int | None = None
    ) -> None:
        """Note a flaw; `where` are the damaged bytes, which may turn out to be a hole of an upload.

        The message ends with the offset `at`, or else with that of the first damaged byte.
        """
        if where is not None:
            self.suspect(where)
            at = where[0] if at is None else at
        self.extend([Flaw(code=code, subject=clipped(subject), message=located(message, at))])

    def suspect(self, where: ByteRange) -> None:
        """Note a place whose bytes may never have come."""
        self.suspects.append(where)

    def warn(self, code: Code, subject: str, message: str) -> None:
        """Note a flaw that is told but stops nothing."""
        self.extend([Flaw(code=code, subject=clipped(subject), message=message, level=Level.WARN)])

    def note(self, code: Code, subject: str, message: str) -> None:
        """Note a flaw at the level of its code."""
        self.extend([Flaw(code=code, subject=clipped(subject), message=message, level=code.level)])

    def broken(self, error: BrokenError) -> None:
        """Note the flaw that ended a reading."""
        self.refuse(error.code, error.subject, error.message, error.where, at=error.at)

    def ends_early(self, sentence: str) -> None:
        """Note that the end of the upload is missing; the first reason stays."""
        self.end_missing = self.end_missing or sentence

    def told(self, incomplete: str | None, subject: str) -> tuple[Flaw, ...]:
        """All flaws in the order in which they are told: `incomplete` first, `more-flaws` last."""
        first = [] if incomplete is None else [_incomplete(incomplete, subject)]
        last = [_more(subject)] if self.full else []
        return (*first, *self.flaws, *last)


def _incomplete(sentence: str, subject: str) -> Flaw:
    return Flaw(
        code=Code.INCOMPLETE,
        subject=clipped(subject),
        message=f"{sentence} The upload is not finished, or was cut off. Upload the file again.",
    )


def _more(subject: str) -> Flaw:
    return Flaw(
        code=Code.MORE_FLAWS,
        subject=clipped(subject),
        message=f"The inspection stopped after {MOST_FLAWS} flaws that refuse; there may be more. {BUILD_AGAIN}",
    )
