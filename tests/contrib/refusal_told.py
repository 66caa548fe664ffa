"""One refusal, as it is told by reason file, receipt, mail, journal and webhook: writes docs/refusal.rst.

python -m tests.contrib.refusal_told       as root, with journald and python3-systemd installed
"""

from __future__ import annotations

import json
import re
import tempfile
from email.message import EmailMessage
from pathlib import Path

from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.contrib.booting import CLONE
from tests.contrib.journald import run_under_journald
from tests.notifiers.receiving import http_server, smtp_server

HEAD = """\
One rejection in five forms
===========================

Alice has built ``demo`` 1.0 again and copied it to the drop folder, but 1.0 is already published. This page shows
what she and the administrator get. Times, the process id and the key are examples; the rest is real output.
``tests/contrib/refusal_told.py`` generates this page, and the tests compare it with the actual output.

"""


def page(base: Path) -> str:
    """The whole page, from a real run in an empty folder."""
    site = Site(base)
    site.config.write_text(f'{site.config.read_text()}url = "https://packages.example.com"\n')
    site.put(sdist("demo"))
    assert site.call("run", "--once").code == 0
    name, data = sdist("demo", files={"demo/__init__.py": b"new = True\n"})
    with smtp_server() as (mailbox, port), http_server() as hooks:
        mail = (
            f'[index.main.mail]\nserver = "127.0.0.1:{port}"\nfrom = "eggwatch@example.com"\ndomain = "example.com"\n'
        )
        site.config.write_text(f'{site.config.read_text()}\n{mail}\n[index.main.webhook.ci]\nurl = "{hooks.url}"\n')
        site.call("run", "--once")  # from now on there is somebody to tell
        site.put((name, data))
        run_under_journald(base)
        ((_, message),) = mailbox.messages
        (body,) = hooks.bodies
    parts = (
        ("The reason file: rejected/demo-1.0.tar.gz.reason.txt", _read(site, f"rejected/{name}.reason.txt")),
        ("The receipt: receipts/demo-1.0.tar.gz.txt", _read(site, f"receipts/{name}.txt")),
        ("The mail to Alice", _letter(message)),
        ("The journal, by journalctl -x", (base / "explained").read_text()),
        ("The webhook", json.dumps(body, indent=2)),
    )
    return HEAD + "\n".join(_section(title, _with_fixed_facts(text)) for title, text in parts)


def _read(site: Site, path: str) -> str:
    return (site.drop / path).read_text()


def _letter(message: EmailMessage) -> str:
    names = ("From", "To", "Subject", "Message-ID", "Auto-Submitted")
    head = "\n".join(f"{name}: {message[name]}" for name in names)
    return f"{head}\n\n{message.get_content()}".replace("\r", "")


def _with_fixed_facts(text: str) -> str:
    """Whose upload it was, and what differs from run to run."""
    for pattern, fixed in (
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "2026-11-24T09:30:00.000000Z"),
        (r"^\w{3} \d\d \d\d:\d\d:\d\d \S+ eggwatch\[\d+\]", "Nov 24 09:30:00 files eggwatch[1234]"),
        (r"main-2-[0-9a-f]{12}", "main-2-6f1d4c0a9b3e"),
        (r"\broot\b", "alice"),
        (r'"uid": 0', '"uid": 1001'),
    ):
        text = re.sub(pattern, fixed, text, flags=re.MULTILINE)
    return text


def _section(title: str, text: str) -> str:
    lines = "\n".join(f"    {line}".rstrip() for line in text.strip("\n").split("\n"))
    return f"{title}\n{'-' * len(title)}\n\n::\n\n{lines}\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        (CLONE / "docs" / "refusal.rst").write_text(page(Path(folder)))
