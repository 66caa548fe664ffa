"""Sites that tell news outside, and what their courier keeps."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.archive_factory import sdist
from tests.cli.program import Site

GOOD, BAD = sdist("demo"), ("junk-1.0-py3-none-any.whl", b"no archive" * 50)
ME = os.environ.get("USER", "root") if os.geteuid() else "root"


def configured(site: Site, news: str) -> None:
    """An index with these tables below [index.main]."""
    site.write_config()
    site.config.write_text(site.config.read_text() + news)


def mail_table(port: int, more: str = "") -> str:
    """[index.main.mail] to a maintainer and to uploaders."""
    return (
        f'\n[index.main.mail]\nserver = "127.0.0.1:{port}"\nfrom = "eggwatch@example.com"\n'
        f'to = ["team@example.com"]\ndomain = "example.com"\n{more}'
    )


def hook_table(url: str, more: str = "", name: str = "one") -> str:
    """[index.main.webhook.one]."""
    return f'\n[index.main.webhook.{name}]\nurl = "{url}"\n{more}'


def state_of(site: Site) -> dict[str, Any]:
    """What the courier keeps of every subscription."""
    try:
        subscriptions: dict[str, Any] = json.loads((site.state / "news" / "state.json").read_bytes())["subscriptions"]
    except FileNotFoundError:
        return {}
    return subscriptions


def letters_of(site: Site) -> list[dict[str, Any]]:
    """The dead letters."""
    try:
        return [json.loads(line) for line in (site.state / "news" / "undelivered.jsonl").read_bytes().splitlines()]
    except FileNotFoundError:
        return []
