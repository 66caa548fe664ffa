"""The chapter of the booted machine about news: mail, webhook and journal, by the unit that has a network."""

from __future__ import annotations

import json
import sys

from tests.contrib.inside import CONFIG, run, seconds_until, seen, show, upload

UNIT = "eggwatch-news.service"
TABLES = """
[index.main.mail]
server = "127.0.0.1:{port}"
from = "eggwatch@example.com"
to = ["team@example.com"]
domain = "example.com"

[index.main.webhook.ci]
url = "{url}"
"""


def news() -> None:
    """A refusal reaches its uploader and a URL, and the journal explains it; the daemon itself has no network."""
    sys.path.append("/share/libraries")
    from tests.notifiers.receiving import http_server, smtp_server

    before = CONFIG.read_text()
    with smtp_server() as (mailbox, port), http_server() as hooks:
        CONFIG.write_text(before + TABLES.format(port=port, url=hooks.url))
        seen["reload for news"] = run("systemctl", "reload", "eggwatch.service")
        seen["test of news"] = run("eggwatch", "notify", "--test")
        seen["upload for news"] = upload("bob", "worse-1.0.tar.gz")
        seen["told"] = seconds_until(lambda: mailbox.to("bob@example.com") and len(hooks.requests) == 2)
        seen["subjects"] = [str(message["Subject"]) for message in mailbox.to("bob@example.com")]
        seen["hooks"] = [body["event"] for body in hooks.bodies]
    seen["news unit"] = show("ActiveState", "NRestarts", "User", unit=UNIT)
    seen["news capabilities"] = capabilities(int(show("MainPID", unit=UNIT)["MainPID"]))
    wanted = ("-u", "eggwatch.service", "EGGWATCH_FILENAME=worse-1.0.tar.gz", "EGGWATCH_EVENT=rejected")
    seconds_until(lambda: "PRIORITY" in run("journalctl", "--no-pager", "-o", "json", *wanted))
    seen["entry"] = json.loads(run("journalctl", "--no-pager", "-n", "1", "-o", "json", *wanted) or "{}")
    seen["explained"] = run("journalctl", "--no-pager", "-x", *wanted)
    CONFIG.write_text(before)
    seen["reload after news"] = run("systemctl", "reload", "eggwatch.service")


def capabilities(process: int) -> str:
    """The permitted set of a process, in hexadecimal."""
    with open(f"/proc/{process}/status", encoding="utf-8") as file:
        return next(line.split()[1] for line in file if line.startswith("CapPrm:"))
