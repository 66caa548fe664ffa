"""Receipts: DROP/receipts/<filename>.txt, the last verdict on a name in a few lines that a person reads."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eggwatch.errors import FolderError, in_words
from eggwatch.linux.accounts import door_user
from eggwatch.model.events import Entry, Event, EventKind, timestamp
from eggwatch.model.instructions import pip_install, shell_word
from eggwatch.model.names import only_for, shown, stored_name
from eggwatch.model.news import headline
from eggwatch.model.verdicts import Flaw, Level, parted
from eggwatch.policy.rules import OF_THE_INDEX, RULES
from eggwatch.store.drop.answers import Answers

log = logging.getLogger("eggwatch")


@contextmanager
def _no_obstacle(path: str) -> Iterator[None]:
    """A receipt of what is no event is not written later: where it can't be written now, that is logged."""
    try:
        yield
    except (OSError, FolderError) as error:
        log.error("announce %s: no receipt: %s", shown(path), in_words(error))


class Receipts:
    """Leaves a receipt for each upload that was published or refused; and for others, where one can be written."""

    name = "receipts"

    def __init__(
        self,
        answers: Answers,
        *,
        index_url: str,
        rules_url: str | None = None,
        oldest: str,
        retold: int = 0,
        since: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """`since(filename)` returns since when a file with exactly this name is in the index, None if none is.

        Events up to the serial `retold` may have been delivered before, followed by later ones about the same name. Of
        these, events before `oldest` (RFC 3339) are skipped, because receipts are kept for 7 days only. (Later events
        are never skipped, whatever the clock says: it may have been set back.)
        """
        self._answers = answers
        self._index_url, self._rules_url = index_url, rules_url
        self._oldest = oldest
        self._retold = retold
        self._since = since

    def tell(self, entry: Entry) -> None:
        """Write the receipt of one event."""
        event = entry.event
        if event.filename is None or (entry.serial <= self._retold and self._is_over(event.filename, event.at)):
            return
        if event.kind is EventKind.ADMITTED:
            self._answers.retract_refusal(event.filename, before=entry.serial)
            self._answers.write_receipt(
                event.filename, published_text(event, index_url=self._index_url, rest=self._answers.REST)
            )
        elif event.kind is EventKind.REJECTED:
            since, place = self._since(event.filename), self._answers.rejected
            text = refused_text(event, since=since, rules_url=self._rules_url, place=place)
            self._answers.write_receipt(event.filename, text)
        elif event.kind is EventKind.REMOVED:
            self._tell_removed(event.filename, event)

    def _tell_removed(self, filename: str, event: Event) -> None:
        """A receipt that says that a file is in the index says now that it was removed; none is written for this.

        One that is empty or all zeros is replaced: a power cut leaves that of a file whose name was on the disk before
        its bytes.
        """
        receipt = self._answers.receipt(filename)
        text, aside, block = (receipt or "").partition(_ASIDE)
        is_lost = receipt is not None and not text.strip("\0")
        if is_lost or text.startswith(f"{shown(filename)}: PUBLISHED"):
            what = f"{shown(filename)}: REMOVED, it is not in the index any more"
            text = f"{what}\n{event.at}, {headline(event)}.\n"
        elif f"{_IN_INDEX} since " in text.partition("\n")[0]:
            text = re.sub(f"{_IN_INDEX} since [^,]*, unchanged", f"REMOVED on {event.at[:19]}Z", text, count=1)
        else:
            return
        self._answers.write_receipt(filename, text + aside + block)

    def _is_over(self, filename: str, at: str) -> bool:
        verdict = _VERDICT.search(self._answers.receipt(filename) or "")
        return at < self._oldest or (verdict is not None and verdict["at"] > at)

    def make_last(self) -> None:
        """Sync the receipts of what is no event: until then their files are open, so that their disk is busy."""
        with _no_obstacle("receipts"):
            self._answers.sync()

    def tell_known(self, event: Event, *, since: str) -> None:
        """Write the receipt of an upload that was published already."""
        if event.filename is not None:
            with _no_obstacle(event.filename):
                text = known_text(event, since=since, index_url=self._index_url, rest=self._answers.REST)
                self._answers.write_receipt(event.filename, text)

    def tell_staying(self, filename: str, path: str, why: str) -> None:
        """Add to the receipt of a name that its original can't be removed, why, and what can be done."""
        with _no_obstacle(path):
            text, aside, block = (self._answers.receipt(filename) or "").partition(_ASIDE)
            line = f"{shown(path)} was not removed from the drop folder: {why}.\n"
            if text and line not in text:
                self._answers.write_receipt(filename, text + line + aside + block)

    def tell_gone(self, path: str) -> None:
        """Update the receipt of a name if it mentions a file without a verdict that is no longer at this path."""
        with _no_obstacle(path):
            self._tell_gone(path, _name(path))

    def _tell_gone(self, path: str, filename: str) -> None:
        verdict, aside, block = (self._answers.receipt(filename) or "").partition(_ASIDE)
        lying = block if aside else verdict
        if not any(f"{start}{shown(path)}{end}" in lying for start, end in _LIES_AT):
            return
        if aside:
            self._answers.write_receipt(filename, verdict)
        elif not _VERDICT.search(verdict):
            head = headline_of(filename, "GONE, it is not in the index", since=self._since(filename))
            gone = f"It is no longer at {shown(path)}: it was deleted or moved away. No action is needed."
            before = [f"Previously: {line}" for line in verdict.splitlines()[1:2]]
            self._answers.write_receipt(filename, "\n".join([head, gone, *before]) + "\n")

    def tell_not_taken(self, path: str, remark: str) -> None:
        """Write the receipt of a file that is left where it is: in a format that is not published, or unreadable."""
        self._tell_lying(path, "NOT ACCEPTED, it is not in the index", remark, f"It stays at {shown(path)}.")

    def tell_unfinished(self, path: str, why: str, *, since: float, until: float) -> None:
        """Write the receipt of an upload whose end is missing; `since` and `until` in seconds since the epoch."""
        self._tell_lying(
            path,
            "UNFINISHED, it is not in the index yet",
            f"The end of the file is missing, and no data has arrived since {_second(since)}. {why.rstrip('.')}.",
            "Upload the whole file again: it replaces this one, and nothing else needs to be done.",
            f"It waits for the rest at {shown(path)} until {_second(until)}; then it is checked as it is.",
        )

    def tell_held(self, path: str) -> None:
        """Write the receipt of an upload that could not be judged because of a fault on this side."""
        self._tell_lying(
            path,
            "HELD, it is not in the index yet",
            "The file could not be checked, because of an error in eggwatch or its installation, not in your upload.",
            "The administrator finds the error in the log and in the output of 'eggwatch status'.",
            f"It stays at {shown(path)}, and is checked again when you upload it again.",
        )

    def tell_waiting(self, path: str, reason: str) -> None:
        """Write the receipt of an upload that waits for the administrator."""
        self._tell_waiting(path, reason, f"It stays at {shown(path)}. No action is needed.")

    def tell_too_large(self, path: str, reason: str) -> None:
        """Write the receipt of an upload that waits because of its own size."""
        what = "If it is a package, ask the administrator for more disk space; it is then checked. Otherwise delete it."
        self._tell_waiting(path, reason, f"It stays at {shown(path)}. {what}")

    def _tell_waiting(self, path: str, reason: str, what_to_do: str) -> None:
        self._tell_lying(path, "WAITING, it is not in the index yet", f"{reason}.", what_to_do)

    def _tell_lying(self, path: str, fate: str, *lines: str) -> None:
        """Write the receipt of a file without a verdict, below a receipt that is about another path."""
        filename = _name(path)
        with _no_obstacle(path):
            verdict = (self._answers.receipt(filename) or "").partition(_ASIDE)[0]
            judged = _VERDICT.search(verdict)
            if judged is not None and judged["path"] != shown(path):
                head = f"{verdict}{_ASIDE}{shown(path)}: {fate.partition(',')[0]}"
            else:
                head = headline_of(filename, fate, since=self._since(filename))
            self._answers.write_receipt(filename, "\n".join([head, *lines]) + "\n")


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def headline_of(filename: str, fate: str, *, since: str | None) -> str:
    """The first line of a receipt; `since` when there is a published file of that name, which nothing has changed."""
    if since is None:
        return f"{shown(filename)}: {fate}"
    word = fate.partition(",")[0].lower()
    other = f"another file of that name was {_PAST.get(word, word)}"
    return f"{shown(filename)}: {_IN_INDEX} since {since}, unchanged; {other}"


_PAST = {
    "waiting": "not accepted yet",
    "unfinished": "not finished",
    "held": "not judged",
    "gone": "not judged, and is gone",
}
_IN_INDEX = "IN THE INDEX"
_ASIDE = "\nAnother file of that name, at "
"""What follows is about a file at another path than that of the verdict."""
_LIES_AT = (("It stays at ", "."), ("It stays at ", ","), ("waits for the rest at ", " until "))
"""The text before and after the path of a file that has no verdict."""
_VERDICT = re.compile(r"^(?P<at>\d{4}-[0-9T:.-]+Z), (?:from (?P<path>.*), uploaded by )?", re.MULTILINE)
"""The facts, which a receipt has if it is about a verdict."""


def _second(moment: float) -> str:
    """A moment, in seconds since the epoch, as precise as people need it."""
    return f"{timestamp(moment)[:19]}Z"


def _facts(event: Event) -> str:
    where = f", from {shown(event.path)}" if event.path else ""
    return f"{event.at}{where}, uploaded by {event.uploader or 'an unknown account'}"


def _bytes(event: Event) -> str:
    return f"{event.size} bytes, sha256 {event.sha256}"


def published_text(event: Event, *, index_url: str, rest: str = Answers.REST) -> str:
    """The five lines about a published file; warnings follow. `rest` says what becomes of the upload."""
    lines = [
        f"{shown(event.filename or '')}: PUBLISHED",
        _facts(event),
        _bytes(event),
        f"Install it: {pip_install(index_url, f'{event.project}=={event.version}')}",
        f"{rest} The filename can't be used for another file.",
    ]
    notes = filter(None, [only_for(event.filename or "")])
    warnings = [f"Warning, {shown(flaw.code)}: {shown(flaw.subject)}: {shown(flaw.message)}" for flaw in event.flaws]
    return "\n".join([*lines, *map(shown, notes), *warnings]) + "\n"


def known_text(event: Event, *, since: str, index_url: str, rest: str = Answers.REST) -> str:
    """The five lines about an upload of bytes that are published already."""
    lines = [
        f"{shown(event.filename or '')}: PUBLISHED, unchanged: the same file has been in the index since {since}",
        _facts(event),
        _bytes(event),
        f"Install it: {pip_install(index_url, f'{event.project}=={event.version}')}",
        f"Nothing was changed. {rest}",
    ]
    return "\n".join(lines) + "\n"


def refused_text(
    event: Event, *, since: str | None = None, rules_url: str | None = None, place: str = "rejected"
) -> str:
    """The five lines about a refused file; `since` when there is a published one of that name.

    `place` is the folder of the reasons; if it is not in the drop folder, rejected files stay where they are.
    """
    refusing = [flaw for flaw in event.flaws if flaw.level is Level.REFUSE]
    more = f" (and {len(refusing) - 1} more)" if len(refusing) > 1 else ""
    page = f"; the rule: {rules_url}#{refusing[0].code}" if rules_url and refusing else ""
    where = "The file is now in rejected/, and" if place == "rejected" else f"It stays at {shown(event.path or '')};"
    where = where if is_kept(event) else "It came over HTTP and is not kept;"
    reason = f"{place}/{shown(stored_name(event.filename or ''))}.reason.txt"
    lines = [
        headline_of(event.filename or "", "REJECTED, it is not in the index", since=since),
        f"Reason: {summary(refusing[0])}{more}" if refusing else f"Reason: {event.reason}",
        *([f"To fix it: {remedy(refusing[0])}"] if refusing else []),
        f"{where} all reasons are in {reason}{page}",
        f"{_facts(event)}, {_bytes(event)}",
    ]
    return "\n".join(lines) + "\n"


def is_kept(event: Event) -> bool:
    """Whether a rejected file is kept: one that came over HTTP is not."""
    return door_user(event.path or "") is None


def reason_text(event: Event, *, rules_url: str | None = None) -> str:
    """`<filename>.reason.txt`: every flaw, what refuses first, and the facts last; for the colleague with scp."""
    flaws = refusing_first(event)
    head = [f"{shown(event.filename or '')} was rejected and is not in the index.", ""]
    body = [line for flaw in flaws for line in [*flaw_lines(flaw, rules_url), ""]]
    codes = " ".join(dict.fromkeys(shown(flaw.code) for flaw in flaws))
    command = again(event)
    tail = [f"More about the rules: eggwatch explain {codes}"]
    tail += [] if command is None else [f"To check it on your own machine: {command}"]
    return "\n".join([*head, *body, *tail, "", _facts(event), _bytes(event)]) + "\n"


def again(event: Event) -> str | None:
    """The command that finds the same elsewhere; None where only this index could know."""
    refusing = {flaw.code for flaw in event.flaws if flaw.level is Level.REFUSE}
    if refusing and refusing <= OF_THE_INDEX:
        return None
    return f"eggwatch check {shell_word(event.filename or 'FILE')}"


def refusing_first(event: Event) -> list[Flaw]:
    """The flaws of an event: what refuses, then what is only warned of."""
    return sorted(event.flaws, key=lambda flaw: flaw.level is not Level.REFUSE)


def flaw_lines(flaw: Flaw, rules_url: str | None) -> list[str]:
    """One flaw for a person: what is wrong, what to do, what was found, and the URL of the rule."""
    lines = [f"[{flaw.level}] {shown(flaw.code)}: {shown(flaw.subject)}"]
    rule, (found, _) = RULES.get(flaw.code), parted(flaw.message)
    lines += [f"  {rule.title}."] if rule else []
    lines += [f"  To fix it: {remedy(flaw)}"]
    lines += [f"  {shown(found)}"] if found else []
    return [*lines, *([f"  The rule: {rules_url}#{shown(flaw.code)}"] if rules_url else [])]


def summary(flaw: Flaw) -> str:
    """What is wrong, in a line: the rule's title and what it is about; the flaw's own words without a rule."""
    rule = RULES.get(flaw.code)
    return shown(f"{rule.title}: {flaw.subject}" if rule else parted(flaw.message)[0] or flaw.message)


def remedy(flaw: Flaw) -> str:
    """The one thing to do: as the flaw itself says it, which knows the case best; else as the rule does."""
    rule, own = RULES.get(flaw.code), parted(flaw.message)[1]
    return shown(own or (rule.remedy if rule else "Fix it and upload it again."))
