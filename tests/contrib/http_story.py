"""The chapter of the booted machine about uploads over HTTP, by a server of its own that systemd passes a socket."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.contrib.inside import CONFIG, DROP, SHARE, events, pid, published, run, seconds_until, seen, show

HTTP, SOCKET = "eggwatch-http.service", "eggwatch-http.socket"
TABLE = """
[index.main.uploads]
account = "eggwatch-http"
"""


def http() -> None:
    """A line in the configuration, then setup; uploads while the server lives, rests, and is killed."""
    seen["units before http"] = Path("/etc/systemd/system", HTTP).exists()
    before = CONFIG.read_text()
    CONFIG.write_text(before + TABLE)
    seen["setup of http"] = run("eggwatch", "setup")
    seen["setup of http again"] = run("eggwatch", "setup")
    token = run("eggwatch", "token", "create", "--user", "ci").split()[0]
    assert pid(HTTP), seen["setup of http"]
    seen["http unit"] = show("ActiveState", "NRestarts", "User", unit=HTTP)
    seen["http upload"] = send(token, "web-1.0.tar.gz")
    seen["http refusal"] = send(token, "worst-1.0.tar.gz")
    seen["http without token"] = send("eggwatch_wrong", "web-1.0.tar.gz")
    seen["http capabilities"] = Path(f"/proc/{pid(HTTP)}/status").read_text().partition("CapEff:")[2].split()[0]
    seen["http tokens"] = run("eggwatch", "token", "list")
    seen["http stop"] = run("systemctl", "stop", HTTP)
    seen["http upload to the socket"] = send(token, "webs-1.0.tar.gz")
    os.kill(pid(HTTP), signal.SIGKILL)
    seen["http upload after kill"] = send(token, "webt-1.0.tar.gz")
    seen["http reload"] = run("systemctl", "reload", "eggwatch.service")
    seconds_until(lambda: "the configuration was read again" in said())
    seen["http said"] = said()
    seen["http events"] = [event for event in events() if " by ci" in event]
    seen["http left"] = sorted(str(path.relative_to(DROP)) for path in (DROP / "http").rglob("*.tar.gz"))
    seen["http published"] = [published(f"web{letter}-1.0.tar.gz") for letter in ("", "s", "t")]
    seen["http doctor"] = run("eggwatch", "doctor", "--json")
    seen["kernel's own sync"] = "/[aio]" in Path(f"/proc/{pid()}/maps").read_text()


def send(token: str, filename: str) -> str:
    """As curl users are told to: what the server answers, and its status."""
    form = ("-F", ":action=file_upload", "-F", f"content=@{SHARE}/uploads/{filename}")
    address = "http://127.0.0.1:8080/legacy/"
    return run("curl", "-sS", "-w", "%{http_code}", "-u", f"__token__:{token}", *form, address)


def said() -> str:
    """By the server."""
    return run("journalctl", "--no-pager", "-o", "cat", "-u", HTTP)


def http_taken_away() -> None:
    """Without the line, setup removes the server."""
    CONFIG.write_text(CONFIG.read_text().replace(TABLE, ""))
    seen["setup without http"] = run("eggwatch", "setup")
    seen["http units after"] = [show("LoadState", "ActiveState", unit=unit) for unit in (HTTP, SOCKET)]
    seen["http files after"] = sorted(path.name for path in Path("/etc/systemd/system").rglob("*eggwatch-http*"))
