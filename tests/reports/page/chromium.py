"""A headless Chromium for tests of pages, controlled through a pipe."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
from PIL import Image

_SWITCHES = (
    *("--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars"),
    *("--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe"),
)

_READY = "document.getElementById('readout')?.dataset.ready === 'yes'"


def find_chromium() -> str:
    """Return the path of Chromium, or skip the test."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    return found


class Chromium:
    """One page in a headless Chromium."""

    def __init__(self, size: tuple[int, int] = (1440, 1000), switches: tuple[str, ...] = ()) -> None:
        self.folder = tempfile.mkdtemp()
        to_read, self.write = os.pipe()
        self.read, to_write = os.pipe()

        command = [find_chromium(), *_SWITCHES, *switches, f"--user-data-dir={self.folder}", "about:blank"]
        # Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
        shell = f'exec 3<&{to_read} 4>&{to_write}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attach = {"targetId": target["targetId"], "flatten": True}
        self.session = self.call("Target.attachToTarget", **attach)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(*size)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready = select.select([self.read], [], [], max(until - time.monotonic(), 0))[0]
            part = os.read(self.read, 1 << 20) if ready else b""
            if not part:
                raise TimeoutError("Chromium does not answer.")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, seconds: float = 60, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + seconds
        while True:
            answer = self._next(until)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """Set the size of the page in CSS pixels, which are those of screenshots."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page, awaited."""
        options = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", **options)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def open(self, file: Path, seconds: float = 60, ready: str = _READY) -> float:
        """Open a page and wait until its viewer is ready; return the seconds that took."""
        start = time.monotonic()
        self.call("Page.navigate", url=file.resolve().as_uri())
        while not self.evaluate(ready):
            assert time.monotonic() - start < seconds, "the page is not ready"
            time.sleep(0.05)
        taken = time.monotonic() - start
        self.frame()
        return taken

    def processor_seconds(self) -> float:
        """Return the seconds that all processes of the browser have computed, on Linux."""
        spent: dict[int, float] = {}
        parents: dict[int, int] = {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # a process that has ended
                fields = file.read_text().rsplit(")", 1)[1].split()
                number = int(file.parent.name)
                parents[number] = int(fields[1])
                spent[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        own = {self.process.pid}
        while grown := {number for number, parent in parents.items() if parent in own} - own:
            own |= grown
        return sum(spent.get(number, 0.0) for number in own)

    def frame(self) -> None:
        """Wait until the page has drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)
        self.frame()

    def click(self, x: float, y: float) -> None:
        """Click at a point of the page."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        self.frame()

    def screenshot(self) -> np.ndarray:
        """Return the page as pixels (H, W, 3), 0 to 255."""
        picture = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)

    def messages(self) -> list[str]:
        """Return what the page wrote to the console, and errors."""
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(event["params"]["exceptionDetails"])[:500])
            if event.get("method") == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
            if event.get("method") == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "assert"):
                found.append(str(event["params"]["args"])[:500])
        return found

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, without those inside the file."""
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("data:", "blob:"))]
