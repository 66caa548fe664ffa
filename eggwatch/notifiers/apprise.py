"""Whatever the library apprise can reach: chats, telephones, pagers (an extra: `pip install eggwatch[apprise]`)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eggwatch.errors import ConfigurationError
from eggwatch.model.news import Notice, headline, inert
from eggwatch.notifiers import NotDelivered
from eggwatch.notifiers.webhook import lines_of
from eggwatch.policy.subscriptions import Apprise


class AppriseMessenger:
    """Tells all services whose URLs stand in a file."""

    def __init__(self, settings: Apprise) -> None:
        """ConfigurationError if the library is not there, or a URL is none that it knows."""
        self._apprise = _library().Apprise()
        for number, url in enumerate(_urls(settings.urls_file), 1):
            if not self._apprise.add(url):
                raise ConfigurationError(
                    f"{settings.urls_file}: URL {number} is none that apprise knows.",
                    remedy="Its documentation lists the services.",
                )

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Tell each service; the library says only whether all have taken it."""
        for notice in notices:
            body = "\n".join(lines_of(notice)[1:]) or inert(headline(notice.event))
            if not self._apprise.notify(body=body, title=f"[{notice.index}] {inert(headline(notice.event))}"):
                raise NotDelivered("apprise could not reach every service; the lines before this one may say why")


def _library() -> Any:
    try:
        return importlib.import_module("apprise")
    except ImportError as error:
        raise ConfigurationError(
            "[index.….apprise] is configured, and apprise is not installed.",
            remedy="Install it: pip install 'eggwatch[apprise]'",
        ) from error


def _urls(path: str) -> list[str]:
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}.", remedy="One URL a line.") from error
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not urls:
        raise ConfigurationError(f"{path} holds no URL.", remedy="One URL a line.")
    return urls
