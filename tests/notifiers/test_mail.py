"""Mails: encrypted, logged in, harmless whatever stands in an archive, and marked as sent by a program."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from eggwatch.model.events import Event, EventKind
from eggwatch.model.names import stored_name
from eggwatch.model.news import Notice
from eggwatch.model.verdicts import Flaw, Level
from eggwatch.notifiers import NeverDelivered, NotDelivered
from eggwatch.notifiers.mail import MailMessenger, Templates, values_of
from eggwatch.notifiers.registry import own_template
from eggwatch.policy.subscriptions import Mail, MailServer
from tests.notifiers.receiving import Mailbox, free_port, smtp_server

AT = "2026-01-02T03:04:05.000000Z"
HOSTILE = "a\r\nBcc: everybody@example.com\x1b[31m"


def notice(**values: object) -> Notice:
    """A rejection with these changes."""
    event = {
        "kind": "rejected",
        "at": AT,
        "project": "demo",
        "version": "1.0",
        "filename": "demo-1.0.tar.gz",
        "sha256": "0" * 64,
        "size": 3,
        "uploader": "alice",
        "flaws": (Flaw(code="bad", subject="there", message="is wrong"),),
        **values,
    }
    return Notice(key="main-1-abc", index="main", serial=1, event=Event(**event), index_url="http://h/simple/")  # type: ignore[arg-type]


def deliver(settings: Mail, *notices: Notice) -> None:
    """By eggwatch's own templates."""
    MailMessenger(settings, Templates(own_template, None)).deliver(notices)


def mailed(**values: object) -> str:
    """The mail to the uploader about such a rejection."""
    one = notice(**values)
    return Templates(own_template, None).render("rejected.txt", **values_of(one), circle="uploader")[1]


def test_a_mail_names_the_rejected_file_that_is_there() -> None:
    """Under a shorter name if its own is over 200 bytes; none if it came over HTTP."""
    long = f"{'a' * 210}-1.0.tar.gz"
    assert f" rejected/{stored_name(long)}." in mailed(filename=long)
    assert "rejected/" not in mailed(path="http/alice/demo-1.0.tar.gz")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", cert, *names]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@contextmanager
def locked_server(certificate: tuple[Path, Path], *, tls: bool) -> Iterator[tuple[Mailbox, int]]:
    """A server that takes mail only from Egg, over an encrypted connection."""

    def authenticate(*arguments: object) -> AuthResult:
        given = arguments[-1]
        assert isinstance(given, LoginPassword)
        return AuthResult(success=(given.login, given.password) == (b"egg", b"watch"), handled=False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    how = {"ssl_context": context, "auth_require_tls": False} if tls else {"tls_context": context}
    mailbox = Mailbox()
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), authenticator=authenticate, auth_required=True, **how
    )
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_handed_in_encrypted_and_logged_in(
    certificate: tuple[Path, Path], security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is in a file. With a wrong one, or an untrusted certificate, the mail is sent later."""
    password = tmp_path / "password"
    password.write_text("watch\n")
    with locked_server(certificate, tls=security == "tls") as (mailbox, port):
        server = MailServer(host="127.0.0.1", port=port, security=security, user="egg", password_file=str(password))
        settings = Mail(server=server, to=("team@example.com",))
        with pytest.raises(NotDelivered, match="certificate"):
            deliver(settings, notice())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        deliver(settings, notice())
        assert len(mailbox.messages) == 1
        password.write_text("guess\n")
        with pytest.raises(NotDelivered, match="535"):
            deliver(settings, notice())


def test_text_from_archives_adds_no_header_and_sends_no_control_character() -> None:
    flaw = Flaw(code="bad", subject=HOSTILE, message=HOSTILE)
    with smtp_server() as (mailbox, port):
        settings = Mail(server=MailServer(host="127.0.0.1", port=port), to=("team@example.com",))
        deliver(settings, notice(filename=HOSTILE, flaws=(flaw,)), notice(kind=EventKind.YANKED, reason=HOSTILE))
    for _, message in mailbox.messages:
        assert message["Bcc"] is None
        assert "\x1b" not in message.as_string()
        assert "everybody" in message["Subject"], "shown, and harmless"


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?a=0d=0aBcc:_everybody=40example.com?=", "=?utf-7?q?+2AA-?=", "=?utf-8?q?=00?="]
)
def test_a_filename_like_an_encoded_word_is_not_decoded(name: str) -> None:
    """It could hold a line break, and so a header; and half a surrogate pair, with which no mail could be sent."""
    with smtp_server() as (mailbox, port):
        settings = Mail(server=MailServer(host="127.0.0.1", port=port), to=("team@example.com",))
        deliver(settings, notice(filename=name))
    ((_, message),) = mailbox.messages
    assert message["Bcc"] is None
    assert message["Subject"].startswith(f"[main] {name.replace('=?', '= ?')} was rejected")
    assert f"file     {name}" in message.get_content()


def test_a_mail_says_that_no_person_has_written_it_and_names_the_event() -> None:
    with smtp_server() as (mailbox, port):
        server = MailServer(host="127.0.0.1", port=port)
        deliver(Mail(server=server, to=("team@example.com",), sender="egg@example.com"), notice())
    ((to, message),) = mailbox.messages
    assert to == ["team@example.com"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<main-1-abc.maintainers@example.com>"
    assert message["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"


def test_a_maintainer_who_uploads_gets_one_mail_not_two() -> None:
    with smtp_server() as (mailbox, port):
        server = MailServer(host="127.0.0.1", port=port)
        deliver(Mail(server=server, to=("alice@example.com",), domain="example.com"), notice())
    assert [to for to, _ in mailbox.messages] == [["alice@example.com"]]


def test_warnings_are_told_with_what_was_published() -> None:
    warning = Flaw(code="summary-too-long", subject="Summary", message="is long", level=Level.WARN)
    with smtp_server() as (mailbox, port):
        server = MailServer(host="127.0.0.1", port=port)
        deliver(Mail(server=server, to=("team@example.com",)), notice(kind=EventKind.ADMITTED, flaws=(warning,)))
    ((_, message),) = mailbox.messages
    assert "published with 1 warning:" in message.get_content()
    assert "[summary-too-long] Summary" in message.get_content()


def test_while_one_reader_s_mail_has_to_wait_the_others_get_theirs_once() -> None:
    """A full mailbox may be full for days, and is tried every hour."""
    with smtp_server() as (mailbox, port):
        server = MailServer(host="127.0.0.1", port=port)
        to, known = ("a@example.com", "b@example.com"), {"alice": "c@example.com"}
        settings = Mail(server=server, to=to, addresses=known)
        messenger = MailMessenger(settings, Templates(own_template, None))
        mailbox.refuses = {"b@example.com": "452 mailbox full", "c@example.com": "450 greylisted"}
        for _ in range(3):
            with pytest.raises(NotDelivered, match=r"c@\S+: 450 greylisted; b@\S+: 452 mailbox full"):
                messenger.deliver([notice()])
        assert [to for to, _ in mailbox.messages] == [["a@example.com"]]
        mailbox.refuses = {"c@example.com": "550 no such user"}
        with pytest.raises(NeverDelivered, match=r"c@\S+: 550"):
            messenger.deliver([notice()])
        assert [to for to, _ in mailbox.messages] == [["a@example.com"], ["b@example.com"]]


@pytest.mark.parametrize(("answer", "error"), [("451 later", NotDelivered), ("554 never", NeverDelivered)])
def test_a_server_that_will_not_take_a_message_says_whether_to_come_again(
    answer: str, error: type[NotDelivered]
) -> None:
    """4xx: later; 5xx: never (RFC 5321, 4.2.1)."""
    with smtp_server() as (mailbox, port):
        mailbox.answer = answer
        settings = Mail(server=MailServer(host="127.0.0.1", port=port), to=("team@example.com",))
        with pytest.raises(NotDelivered, match=answer) as caught:
            deliver(settings, notice())
        assert type(caught.value) is error


def test_many_events_share_a_session() -> None:
    with smtp_server() as (mailbox, port):
        settings = Mail(server=MailServer(host="127.0.0.1", port=port), to=("team@example.com",))
        deliver(settings, notice(), notice(), notice())
    assert (len(mailbox.messages), mailbox.sessions) == (3, 1)
