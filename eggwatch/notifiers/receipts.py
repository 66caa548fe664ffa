"""Receipts: DROP/receipts/<filename>.txt, the last verdict on a name in a few lines that a person reads."""

from __future__ import annotations

import re
import shlex

from eggwatch.model.events import Entry, Event
from eggwatch.model.instructions import pip_install
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw, Level
from eggwatch.policy.rules import OF_THE_INDEX
from eggwatch.store.answers import Answers


class Receipts:
    """Leaves a receipt for each upload that was published or refused."""

    name = "receipts"

    def __init__(self, answers: Answers, *, index_url: str, oldest: str, retold: int = 0) -> None:
        """Up to the serial `retold` an event may have been told before, and something later about the same name too.

        Of these, events before the moment `oldest` (RFC 3339) are not told any more; receipts are kept for 7 days only.
        (What happens from now on is told, whatever the clock says: somebody may have set it back.)
        """
        self._answers = answers
        self._index_url = index_url
        self._oldest = oldest
        self._retold = retold

    def tell(self, entry: Entry) -> None:
        """Write the receipt of one event."""
        event = entry.event
        if event.filename is None or (entry.serial <= self._retold and self._is_over(event.filename, event.at)):
            return
        if event.kind == "admitted":
            self._answers.retract_refusal(event.filename, before=entry.serial)
            self._answers.write_receipt(event.filename, published_text(event, index_url=self._index_url))
        elif event.kind == "rejected":
            self._answers.write_receipt(event.filename, refused_text(event))

    def _is_over(self, filename: str, at: str) -> bool:
        return at < self._oldest or self._at_of_receipt(filename) > at

    def _at_of_receipt(self, filename: str) -> str:
        """The moment that the receipt of a name speaks of; empty if there is none."""
        lines = (self._answers.receipt(filename) or "").splitlines()
        match = re.match(r"\d{4}-[0-9T:.-]+Z", lines[1]) if len(lines) > 1 else None
        return match[0] if match else ""

    def tell_known(self, event: Event, *, since: str) -> None:
        """Write the receipt of an upload that was there already."""
        if event.filename is not None:
            self._answers.write_receipt(event.filename, known_text(event, since=since, index_url=self._index_url))

    def tell_staying(self, filename: str, path: str) -> None:
        """Add to the receipt of a name that its original stays, because the daemon may not remove it."""
        text = self._answers.receipt(filename)
        line = f"But {shown(path)} stays: the daemon may not remove it. Delete it yourself.\n"
        if text and line not in text:
            self._answers.write_receipt(filename, text + line)

    def tell_not_taken(self, path: str, filename: str, remark: str) -> None:
        """Write the receipt of something that stays where it is: of no published format, or not to be read."""
        lines = [f"{shown(filename)}: NOT TAKEN, it is not in the index", remark, f"It stays at {shown(path)}."]
        self._answers.write_receipt(filename, "\n".join(lines) + "\n")

    def tell_held(self, path: str, filename: str) -> None:
        """Write the receipt of an upload that could not be judged because of a fault on this side."""
        lines = [
            f"{shown(filename)}: HELD, it is not in the index yet",
            "A fault in eggwatch, or in its installation, kept it from judging the file: your upload is not to blame.",
            "The administrator has been told, with the error: in the log, and by 'eggwatch status'.",
            f"It stays at {shown(path)}, and is judged again when it is uploaded anew.",
        ]
        self._answers.write_receipt(filename, "\n".join(lines) + "\n")

    def tell_waiting(self, path: str, filename: str, reason: str) -> None:
        """Write the receipt of an upload that waits for the administrator."""
        self._tell_waiting(filename, reason, f"It stays at {shown(path)}, and there is nothing for you to do.")

    def tell_too_large(self, path: str, filename: str, reason: str) -> None:
        """Write the receipt of an upload that waits because of its own size."""
        what = "Delete it if that is no package of yours; if it is, ask the administrator for room, and it goes on."
        self._tell_waiting(filename, reason, f"It stays at {shown(path)}. {what}")

    def _tell_waiting(self, filename: str, reason: str, what_to_do: str) -> None:
        lines = [f"{shown(filename)}: WAITING, it is not in the index yet", f"{reason}.", what_to_do]
        self._answers.write_receipt(filename, "\n".join(lines) + "\n")


def _facts(event: Event) -> str:
    where = f", from {shown(event.path)}" if event.path else ""
    return f"{event.at}{where}, uploaded by {event.uploader or 'an unknown account'}"


def _bytes(event: Event) -> str:
    return f"{event.size} bytes, sha256 {event.sha256}"


def published_text(event: Event, *, index_url: str) -> str:
    """The five lines about a published file; warnings follow."""
    lines = [
        f"{shown(event.filename or '')}: PUBLISHED",
        _facts(event),
        _bytes(event),
        f"Install it: {pip_install(index_url, f'{event.project}=={event.version}')}",
        "The file leaves the drop folder by itself; its published name is never used for other bytes.",
    ]
    return "\n".join([*lines, *map(_warning, event.flaws)]) + "\n"


def _warning(flaw: Flaw) -> str:
    return f"Warning, {shown(flaw.code)}: {shown(flaw.subject)}: {shown(flaw.message)}"


def known_text(event: Event, *, since: str, index_url: str) -> str:
    """The five lines about an upload of bytes that are published already."""
    lines = [
        f"{shown(event.filename or '')}: PUBLISHED ALREADY, with the same bytes, since {since}",
        _facts(event),
        _bytes(event),
        f"Install it: {pip_install(index_url, f'{event.project}=={event.version}')}",
        "Nothing had to be done; the copy leaves the drop folder by itself.",
    ]
    return "\n".join(lines) + "\n"


def refused_text(event: Event) -> str:
    """The five lines about a refused file."""
    refusing = [flaw for flaw in event.flaws if flaw.level is Level.REFUSE]
    name = shown(event.filename or "")
    more = f" (and {len(refusing) - 1} more)" if len(refusing) > 1 else ""
    lines = [
        f"{name}: REFUSED, it is not in the index",
        _facts(event),
        _bytes(event),
        f"Because: {shown(refusing[0].message)}{more}" if refusing else f"Because: {event.reason}",
        f"The file is kept in rejected/, with every reason in rejected/{name}.reason.txt",
    ]
    return "\n".join(lines) + "\n"


def reason_text(event: Event) -> str:
    """`<filename>.reason.txt`: every flaw, for the colleague with scp."""
    head = [
        f"{shown(event.filename or '')} was refused and is not in the index.",
        _facts(event),
        _bytes(event),
        "",
    ]
    body = [line for flaw in event.flaws for line in _flaw_lines(flaw)]
    codes = " ".join(dict.fromkeys(shown(flaw.code) for flaw in event.flaws))
    command = again(event)
    tail = [f"To read more about it: eggwatch explain {codes}"]
    tail += [] if command is None else [f"To see this again on your own machine: {command}"]
    return "\n".join([*head, *body, *tail]) + "\n"


def again(event: Event) -> str | None:
    """The command that finds the same elsewhere; None where only this index could know."""
    refusing = {flaw.code for flaw in event.flaws if flaw.level is Level.REFUSE}
    if refusing and refusing <= OF_THE_INDEX:
        return None
    return f"eggwatch check {shell_word(event.filename or 'FILE')}"


def shell_word(name: str) -> str:
    r"""A filename as it can be pasted into a shell: control characters and bytes that are no UTF-8 as `$'\x0a'`."""
    if name.isprintable():
        return shlex.quote(name)
    raw = name.encode("utf-8", "surrogateescape")
    letters = (chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'" else f"\\x{byte:02x}" for byte in raw)
    return f"$'{''.join(letters)}'"


def _flaw_lines(flaw: Flaw) -> list[str]:
    return [f"[{flaw.level}] {shown(flaw.code)}: {shown(flaw.subject)}", f"  {shown(flaw.message)}", ""]
