"""The site in a real browser: Chromium, driven over its pipe (Chrome DevTools Protocol)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.archive_factory import wheel
from tests.running import Daemon, until

pytestmark = [pytest.mark.parts, pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")]

README = "Description-Content-Type: text/markdown\n\n# Title\n\n![badge](https://elsewhere.example.com/b.svg)\n"


class Browser:
    """One tab; `said` is what came to the console, errors of the Content-Security-Policy included."""

    def __init__(self, profile: str) -> None:
        to_browser, self._commands = os.pipe()
        self._events, from_browser = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        wiring = 'exec 3<&"$0" 4>&"$1"; shift; exec chromium "$@"'
        command = ["bash", "-c", wiring, str(to_browser), str(from_browser), *flags, "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._received, self.said = 0, b"", list[str]()
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Carry out a command of the protocol."""
        self._number += 1
        session = {} if self._session is None else {"sessionId": self._session}
        message = json.dumps({"id": self._number, "method": method, "params": parameters, **session})
        os.write(self._commands, message.encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            more = os.read(self._events, 1 << 16)
            assert more, "the browser has ended"
            self._received += more
        message, _, self._received = self._received.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        if told.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.said.append(json.dumps(told["params"]))
        return told

    def open(self, url: str) -> None:
        """Load a page to its end."""
        self.call("Page.navigate", url=url)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:
        """What JavaScript says."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, userGesture=True)
        return answer["result"].get("value")

    def close(self) -> None:
        """End it."""
        os.close(self._commands)
        self._process.wait()
        os.close(self._events)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        one = Browser(profile)
        yield one
        one.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of an index with a package, and its PUBLIC."""
    (tmp_path / "drop").mkdir()
    name, data = wheel("demo", "1.0", metadata_extra=README)
    (tmp_path / "drop" / name).write_bytes(data)
    command = [sys.executable, "-m", "eggwatch", "run", "--serve", "0"]
    with Daemon(command, cwd=tmp_path) as daemon:
        url = daemon.wait_for(r"ready at (http://\S+)")[1]
        until("the site", lambda: "project/demo" in (tmp_path / "public/index.html").read_text())
        yield url, tmp_path / "public"


PAGES = (
    "index.html",
    "projects/index.html",
    "project/demo/index.html",
    "project/demo/1.0/index.html",
    "rules/index.html",
)


def test_pages_open_without_a_message_wide_and_narrow_over_http_and_from_the_disk(
    browser: Browser, served: tuple[str, Path]
) -> None:
    """The policy forbids nothing that they need; at 320 pixels nothing is wider than the screen; dark is dark."""
    for base in (served[0], f"file://{served[1]}/"):
        for page in PAGES:
            for width in (1200, 320):
                browser.call(
                    "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
                )
                browser.open(base + page)
                assert browser.value("document.documentElement.scrollWidth") <= width, (page, width)
            assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", features=dark)
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(20, 25, 31)"
    assert browser.said == []


def test_the_line_is_copied_that_is_shown(browser: Browser, served: tuple[str, Path]) -> None:
    """And the button says so."""
    url = served[0]
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.open(f"{url}project/demo/index.html")
    browser.value("document.querySelector('[data-copy]').click()")
    until("the copy", lambda: browser.value("document.querySelector('[data-copy]').textContent") == "Copied")
    assert browser.value("navigator.clipboard.readText()") == f"pip install -i {url}simple/ demo"
    assert browser.said == []
