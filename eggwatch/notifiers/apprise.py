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
    """Notifies all services whose URLs are in a file."""

    def __init__(self, settings: Apprise) -> None:
        """Raises ConfigurationError if the library is missing, or does not know a URL."""
        self._apprise = _library().Apprise()
        for number, url in enumerate(_urls(settings.urls_file), 1):
            if not self._apprise.add(url):
                raise ConfigurationError(
                    f"{settings.urls_file}: apprise does not know URL {number}.",
                    remedy="Its documentation lists the services.",
                )

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Notify each service; the library only says whether all have accepted it."""
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
