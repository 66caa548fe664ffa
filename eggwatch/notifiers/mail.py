"""Mail by SMTP (RFC 5321): to the maintainers, and to the uploader; plain text from templates that can be replaced."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError

from eggwatch.errors import ConfigurationError, in_words
from eggwatch.model.events import moment_of
from eggwatch.model.instructions import pip_install
from eggwatch.model.names import shown, stored_name
from eggwatch.model.news import Notice, headline
from eggwatch.model.verdicts import Level
from eggwatch.notifiers import NeverDelivered, NotDelivered
from eggwatch.notifiers.receipts import again, flaw_lines, is_kept, refusing_first
from eggwatch.policy.subscriptions import Digest, Mail, MailServer

TEMPLATES = ("admitted.txt", "rejected.txt", "changed.txt", "digest.txt")
"""What mails are made from: the first line is the subject, then an empty line, then the text."""

Sources = Callable[[str], str]
"""A template's text by its name."""


def environment() -> Environment:
    """Jinja for plain text: no HTML is escaped, control characters are shown, and a misspelt name is an error."""
    env = Environment(  # noqa: S701  (plain text)
        trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, finalize=_finalized, keep_trailing_newline=True
    )
    env.filters["headline"] = headline
    return env


def _finalized(value: object) -> object:
    return shown(value) if isinstance(value, str) else value


class Templates:
    """The four templates: each from the folder of the configuration if it is there, else eggwatch's own."""

    def __init__(self, own: Sources, folder: str | None) -> None:
        env, texts = environment(), {}
        for name in TEMPLATES:
            path = Path(folder, name) if folder is not None else None
            try:
                texts[name] = path.read_text("utf-8") if path is not None and path.exists() else own(name)
                env.from_string(texts[name])
            except (OSError, UnicodeDecodeError, TemplateError) as error:
                raise ConfigurationError(
                    f"The mail template {path or name}: {str(error).rstrip('.')}.", remedy="Fix the template."
                ) from error
        self._templates = {name: env.from_string(text) for name, text in texts.items()}

    def render(self, name: str, **values: Any) -> tuple[str, str]:
        """Subject and text; NotDelivered if the template asks for what there is not."""
        try:
            text = self._templates[name].render(**values)
        except TemplateError as error:
            raise NotDelivered(f"the mail template {name}: {error}") from error
        subject, _, body = text.partition("\n")
        return " ".join(subject.removeprefix("Subject:").split()), body.lstrip("\n")


def template_of(notice: Notice) -> str:
    """The name of the template for an event."""
    return f"{notice.event.kind}.txt" if notice.event.is_verdict else "changed.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail on its way: its own key (of which the Message-ID is made), and who gets it."""

    key: str
    to: tuple[str, ...]
    subject: str
    body: str
    at: str


Handed = set[tuple[str, str]]
"""The key of a letter and an address that has had it, while the other readers have to wait for theirs."""


class MailMessenger:
    """One mail for each event and circle of readers."""

    def __init__(self, settings: Mail, templates: Templates) -> None:
        self._settings, self._templates, self._handed = settings, templates, Handed()

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Send all mails in one session; a repeated one has the same Message-ID, so that readers recognise it."""
        letters = [letter for notice in notices for letter in self._letters(notice)]
        if letters:
            hand_in(letters, self._settings, self._handed)

    def _letters(self, notice: Notice) -> Iterator[Letter]:
        event, settings = notice.event, self._settings
        uploader = settings.address_of(event.uploader) if event.is_verdict else None
        circles = [("uploader", (uploader,) if uploader else ()), ("maintainers", settings.to)]
        for circle, to in circles:
            others = tuple(address for address in to if circle == "uploader" or address != uploader)
            if others:
                subject, body = self._templates.render(template_of(notice), **values_of(notice), circle=circle)
                yield Letter(key=f"{notice.key}.{circle}", to=others, subject=subject, body=body, at=event.at)


class DigestMessenger:
    """One mail for many events."""

    def __init__(self, settings: Digest, templates: Templates) -> None:
        self._settings, self._templates, self._handed = settings, templates, Handed()

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Hand in one mail; its key is that of the first and the last event."""
        first, last = notices[0], notices[-1]
        values = {"notices": notices, "index": last.index, "index_url": last.index_url}
        subject, body = self._templates.render("digest.txt", **values)
        key = f"{first.key}.to.{last.serial}"
        letter = Letter(key=key, to=self._settings.to, subject=subject, body=body, at=last.event.at)
        hand_in([letter], self._settings, self._handed)


def values_of(notice: Notice) -> dict[str, Any]:
    """What a template may ask for."""
    event = notice.event
    return {
        "notice": notice,
        "event": event,
        "index": notice.index,
        "index_url": notice.index_url,
        "headline": headline(event),
        "install": pip_install(notice.index_url, f"{event.project}=={event.version}"),
        "again": again(event),
        "kept_as": stored_name(event.filename or "") if is_kept(event) else None,
        "reasons": [flaw_lines(flaw, notice.rules_url) for flaw in refusing_first(event)],
        "refusing": [flaw for flaw in event.flaws if flaw.level is Level.REFUSE],
        "warnings": [flaw for flaw in event.flaws if flaw.level is Level.WARN],
    }


def hand_in(letters: Sequence[Letter], settings: Mail, handed: Handed) -> None:
    """Give letters to the server, but to nobody again; what it takes later or never does not keep the others back."""
    refused, later = list[str](), list[str]()
    lacking = [replace(one, to=tuple(to for to in one.to if (one.key, to) not in handed)) for one in letters]
    with session(settings.server, settings.timeout) as smtp:
        for letter in filter(lambda one: one.to, lacking):
            not_taken = _not_taken(smtp, letter, settings)
            handed.update((letter.key, address) for address in letter.to if address not in not_taken)
            for address, (code, answer) in not_taken.items():
                (later if code < 500 else refused).append(f"{address}: {code} {_text(answer)}")
    if later:
        raise NotDelivered("; ".join(later))
    handed.clear()
    if refused:
        raise NeverDelivered("; ".join(refused))


def _not_taken(smtp: smtplib.SMTP, letter: Letter, settings: Mail) -> Mapping[str, tuple[int, bytes | str]]:
    """The readers that the server does not take it for, and its answers. NotDelivered if it gives none."""
    message = message_of(letter, sender=settings.sender or f"eggwatch@{socket.gethostname()}")
    answer: tuple[int, bytes | str]
    try:
        return smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        answer = 421, "the session has ended"  # of those that are not among them
        return dict.fromkeys(letter.to, answer) | error.recipients
    except smtplib.SMTPResponseException as error:
        answer = error.smtp_code, error.smtp_error
        return dict.fromkeys(letter.to, answer)
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(f"{settings.server.host}: {in_words(error)}") from error


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return shown(" ".join(text.split()))[:300]


def message_of(letter: Letter, *, sender: str) -> EmailMessage:
    """The message, marked as sent by a program (RFC 3834), so that vacation replies ignore it."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, ", ".join(letter.to)
    message["Subject"] = letter.subject.replace("=?", "= ?")  # else EmailMessage decodes it, line breaks and all
    message["Date"] = format_datetime(moment_of(letter.at))
    message["Message-ID"] = f"<{letter.key}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message


@contextmanager
def session(server: MailServer, timeout: float) -> Iterator[smtplib.SMTP]:
    """A session with the server, logged in if that is configured. Raises NotDelivered if there can't be one."""
    try:
        smtp = _connect(server, timeout)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        raise NotDelivered(f"{server.host}:{server.port}: {in_words(error)}") from error
    try:
        yield smtp
    finally:
        # Say goodbye; what was handed in is handed in, whatever is answered.
        try:
            smtp.quit()
        except (OSError, smtplib.SMTPException):
            smtp.close()


def _connect(server: MailServer, timeout: float) -> smtplib.SMTP:
    own = socket.gethostname()
    if server.security == "tls":
        context = ssl.create_default_context()
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, own, timeout=timeout, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, own, timeout=timeout)
    try:
        if server.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if server.user is not None and server.password_file is not None:
            smtp.login(server.user, Path(server.password_file).read_text("utf-8").strip())
    except BaseException:
        smtp.close()
        raise
    return smtp
