"""What is in a file because it is a secret is in no error, which logs and `status` show to many."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.model.events import Event, EventKind
from eggwatch.model.news import Notice
from eggwatch.notifiers import NotDelivered
from eggwatch.notifiers.webhook import WebhookMessenger
from eggwatch.policy.subscriptions import Webhook

NEWS = Notice(
    key="k",
    index="main",
    serial=1,
    event=Event(kind=EventKind.REJECTED, at="2026-01-02T03:04:05.000000Z", filename="demo-1.0.tar.gz"),
    index_url="https://pypi.example.com/simple/",
)


@pytest.mark.parametrize(
    "held",
    [
        "chat.example.com/hooks/hush",
        "http://127.0.0.1:9/hush hush",
        "http://127.0.0.1:9/hush\n# the channel of our team",
        "http://127.0.0.1:hush/",
        "file:///hush",
        "data:,hush",
    ],
)
def test_what_is_no_url_is_not_shown(tmp_path: Path, held: str) -> None:
    """The URLs of chats are secrets; and none but http and https takes news."""
    file = tmp_path / "url"
    file.write_text(held)
    with pytest.raises(NotDelivered) as caught:
        WebhookMessenger(Webhook(name="webhook.chat", url_file=str(file))).deliver([NEWS])
    assert "hush" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_token_of_several_lines_is_not_shown(tmp_path: Path) -> None:
    """It can't be a header."""
    file = tmp_path / "token"
    file.write_text("hush\nhush")
    with pytest.raises(NotDelivered) as caught:
        WebhookMessenger(Webhook(name="webhook.ci", url="http://127.0.0.1:9/", token_file=str(file))).deliver([NEWS])
    assert "hush" not in str(caught.value)
    assert str(file) in str(caught.value)
