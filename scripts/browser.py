"""Chromium, driven through its own pipe: enough to look at a page and to photograph it.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "chromium is missing: apt-get install chromium"


def find() -> str | None:
    """The browser's path."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page in a browser, and what went wrong on it."""

    def __init__(self, out: BinaryIO, back: BinaryIO) -> None:
        self._out, self._back = out, back
        self._number = 0
        self._session: dict[str, str] = {}
        self.problems: list[str] = []
        """Errors and warnings of the console, and requests for anything but the page itself."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command, and its answer."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": params} | self._session
        self._out.write(json.dumps(command).encode() + b"\0")
        self._out.flush()
        answer = self._read(lambda said: said.get("id") == self._number)
        if "result" not in answer:
            raise RuntimeError(f"{method}: {answer.get('error')}")
        return dict(answer["result"])

    def open(self, page: Path, width: int, *, dark: bool = False, scale: int = 1) -> None:
        """Load a page as a window of that width shows it."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=800, deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip
        self.call("Page.navigate", url=page.resolve().as_uri())
        self._read(lambda said: said.get("method") == "Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def picture(self, selector: str = "html") -> bytes:
        """A PNG of the first element that fits the selector, whole."""
        box = self.evaluate(
            f"(b => [b.x + scrollX, b.y + scrollY, b.width, b.height])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def _read(self, wanted: Any) -> dict[str, Any]:
        while True:
            data = bytearray()
            while (byte := self._back.read(1)) != b"\0":
                if not byte:
                    raise RuntimeError("the browser went away")
                data += byte
            said: dict[str, Any] = json.loads(data)
            self._note(said.get("method", ""), said.get("params", {}))
            if wanted(said):
                return said

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(json.dumps(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                self.problems.append(f"asks for {url}")


@contextmanager
def browser() -> Iterator[Page]:
    """A headless browser with one page; it ends with the block.

    :raises RuntimeError: there is no browser.
    """
    path = find()
    if path is None:
        raise RuntimeError(MISSING)
    ends = (*os.pipe(), *os.pipe())
    # Chromium's pipe is always 3 and 4, so ours are none of these.
    take, out, back, give = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        move = f'exec 3<&{take} 4>&{give} && exec "$@"'
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-lcd-text",
        ]
        flags += ["--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            ["/bin/bash", "-c", move, "bash", path, *flags],
            pass_fds=(take, give),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(take)
        os.close(give)
        try:
            with os.fdopen(out, "wb") as ask, os.fdopen(back, "rb") as hear:
                yield Page(ask, hear)
        finally:
            process.terminate()
            process.wait()
