"""A real Chromium, driven over its debugging pipe: opens pages, types, and keeps what its console said."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.running import PATIENT

CHROMIUM = shutil.which("chromium")
_DIALOG = "Page.javascriptDialogOpening"


class Browser:
    """One page. `messages` are what the console and the network had to complain of."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._answers = write, os.fdopen(read, "rb")
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._loaded = False
        self.messages: list[str] = []
        self.requested: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """One command of the DevTools protocol, and its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            data += byte
        message: dict[str, Any] = json.loads(data)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", _DIALOG):
            self.messages.append(json.dumps(params))

    def open(self, url: str) -> None:
        """Open a page, and wait until it has loaded."""
        self._load("Page.navigate", url=url)

    def submit(self) -> None:
        """Press Enter in a form, and wait until the page that it leads to has loaded."""
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self._load("Input.dispatchKeyEvent", type="keyDown", text="\r", **enter)

    def follow(self, change: Callable[[], object]) -> None:
        """Change something, and wait until the page has opened itself anew because of it."""
        self._loaded = False
        change()
        while not self._loaded:
            self._receive()

    def _load(self, method: str, **params: Any) -> None:
        self._loaded = False
        self.call(method, **params)
        while not self._loaded:
            self._receive()

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait for the page to fulfil a condition; it is looked at after every frame."""
        late = f"fail(new Error({json.dumps(f'waited in vain for {condition}')}))"
        self.evaluate(
            f"new Promise((done, fail) => {{ setTimeout(() => {late}, {PATIENT * 1000:g}); "
            f"const look = () => {{ if ({condition}) done(); else requestAnimationFrame(look); }}; look(); }})"
        )

    def type(self, text: str) -> None:
        """Type into whatever has the focus, key by key."""
        for character in text:
            self.call("Input.dispatchKeyEvent", type="char", text=character)

    def press(self, key: str) -> None:
        """Press a key that is no character."""
        codes = {"ArrowDown": 40, "ArrowUp": 38, "Tab": 9, " ": 32}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def wear(self, *, width: int = 1280, height: int = 800, scheme: str = "light", media: str = "screen") -> None:
        """The size of the window, light or dark, screen or print."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def screenshot(self) -> bytes:
        """What the page looks like, as a PNG."""
        self.call("Emulation.setScrollbarsHidden", hidden=True)
        return b64decode(self.call("Page.captureScreenshot")["data"])


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium of its own, ended afterwards."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = [
        str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=900,700",
        "--remote-debugging-pipe", f"--user-data-dir={profile}", "--disable-background-networking",
        "--disable-component-update",
    ]  # fmt: skip
    line = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", line, "bash", *command], pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        process.terminate()
        process.wait()
        os.close(ours_out)
