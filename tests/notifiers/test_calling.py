"""A text in an archive mentions nobody in a chat, and adds no header to a mail."""

from __future__ import annotations

import json

import pytest

from eggwatch.model.events import Event, EventKind
from eggwatch.model.news import Notice
from eggwatch.model.verdicts import Flaw
from eggwatch.notifiers.mail import Letter, message_of
from eggwatch.notifiers.webhook import lines_of, matrix, slack

CALLS = ["@everyone", "@here", "@channel", "@all", "@room", "<!channel>", "<!here>", "<@U12345>", "<@&99>", "<#C1>"]


def notice(call: str) -> Notice:
    """A rejection in which every text of the uploader mentions somebody."""
    event = Event(
        kind=EventKind.REJECTED,
        at="2026-01-02T03:04:05.000000Z",
        filename=f"{call}-1.0.tar.gz",
        uploader=call,
        actor=call,
        flaws=(Flaw(code="not-a-gzip", subject=call, message=f"it starts with {call}"),),
    )
    return Notice(key="k", index="main", serial=1, event=event, index_url="https://pypi.example.com/simple/")


@pytest.mark.parametrize("call", CALLS)
def test_no_form_of_a_webhook_calls_anybody(call: str) -> None:
    """Slack and what is like it, Matrix, the text of the generic form, and the lines that other libraries send."""
    news = notice(call)
    texts = [slack(news)["text"], matrix(news)["body"], news.as_json()["text"], "\n".join(lines_of(news))]
    assert not [text for text in texts if call in text or json.loads(json.dumps(text)) != text]
    assert call in news.as_json()["filename"], "a program gets the name as it is"


def test_what_is_copied_out_of_a_chat_works() -> None:
    """The pip command is eggwatch's own, and is not changed."""
    event = Event(
        kind=EventKind.ADMITTED, at="2026-01-02T03:04:05.000000Z", project="demo", version="1.0", filename="demo"
    )
    url = "https://me@pypi.example.com/simple/"
    news = Notice(key="k", index="main", serial=1, event=event, index_url=url)
    assert f"pip install -i {url} demo==1.0" in lines_of(news)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85"])
def test_a_subject_is_one_header(end: str) -> None:
    """Even if an administrator's template lets line breaks through."""
    subject = " ".join(f"demo{end}Bcc: victim@example.com was rejected".split())
    letter = Letter(key="k", to=("a@example.com",), subject=subject, body="x", at="2026-01-02T03:04:05.000000Z")
    message = message_of(letter, sender="eggwatch@example.com")
    assert "Bcc" not in message and len(message.as_bytes().split(b"\r\n\r\n")) == 2
