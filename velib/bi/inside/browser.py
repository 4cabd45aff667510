"""A headless Chromium, spoken to by its own protocol: open a page, ask it, take its picture."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import websocket

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Root may not sandbox; what a browser does by itself in the background is off.
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *(
        "--enable-unsafe-swiftshader",
        "--use-angle=swiftshader",
        "--remote-debugging-port=0",
        "--remote-allow-origins=*",
    ),
)


def program() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class BrowserError(Exception):
    """The page did not do what was asked of it."""


class Page:
    """A tab."""

    def __init__(self, socket: "websocket.WebSocket") -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']['message']}")
                return dict(message["result"])
            self.events.append(message)

    def ask(self, expression: str) -> Any:
        """What JavaScript gives, awaited."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise BrowserError(f"{expression}: {done['exceptionDetails'].get('exception', {}).get('description')}")
        return done["result"].get("value")

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise BrowserError(f"waited {seconds:.0f} s in vain for {what}")
            time.sleep(0.2)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait(url, lambda: bool(self.ask("document.readyState === 'complete'")))

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextlib.contextmanager
def opened() -> Iterator[Page]:
    """A browser with one tab, gone with everything it has written when left."""
    found = program()
    if found is None:
        raise BrowserError("no Chromium on this machine")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [found, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Page(_connect(Path(folder), process))
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _connect(folder: Path, process: "subprocess.Popen[bytes]") -> "websocket.WebSocket":
    import websocket  # in Superset's environment only

    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, IndexError, StopIteration):
            port = int((folder / "DevToolsActivePort").read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                tab = next(each for each in json.load(answer) if each["type"] == "page")
            return websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=600)
        time.sleep(0.2)
    raise BrowserError("Chromium did not start")
