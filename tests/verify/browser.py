"""A headless Chromium for one test, driven by the DevTools protocol (chromedevtools.github.io): what a person sees of a
page, and what the page says on its console."""

import base64
import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.chromium import find

START_LIMIT, ANSWER_LIMIT = 60.0, 30.0
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    # Nothing leaves the machine: no name resolves.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-port=0",
)


def chromium() -> str:
    """The program; skips the test where there is none."""
    found = find()
    if found is None:
        pytest.skip("no browser on this machine to look at the report in (`make browser` brings one, or says why not)")
    return found


CONTRASTS = """
[...document.querySelectorAll("%s")].filter(e => e.checkVisibility()).map(element => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const bright = colour => {
    const [r, g, b] = numbers(colour).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  const clear = e => { const c = numbers(getComputedStyle(e).backgroundColor); return c.length === 4 && c[3] === 0; };
  while (clear(behind)) behind = behind.parentElement;
  const one = bright(getComputedStyle(element).color), two = bright(getComputedStyle(behind).backgroundColor);
  return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
})
"""
"""Expression for how much each visible element of a selector stands out from what is behind it, as WCAG 2 has it."""

ALL_RENDERED = """
read => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { content-visibility: visible !important }");
  document.adoptedStyleSheets.push(sheet);
  try { return read(); } finally { document.adoptedStyleSheets.pop(); }
}
"""
"""Function that reads a page with every part of it rendered. A browser leaves out `content-visibility: auto` outside of
its window, and inside it until the next frame: such an element is visible, and its innerText empty."""


def luminance(colour: str) -> float:
    """How bright an rgb() is, 0 to 1."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class Page:
    """One page; `problems` are errors of its console and requests that it made."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket, self._session, self._ids = socket, session, itertools.count(100)
        self.problems: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return command(self._socket, next(self._ids), method, parameters, self._session, self._event)

    def open(self, file: Path, scheme: str = "light", width: int = 1200, height: int = 900) -> None:
        """Show a file in a window of this size, to somebody who prefers this colour scheme."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=file.as_uri())
        end = time.monotonic() + ANSWER_LIMIT
        while self.run("document.readyState + location.href") != f"complete{file.as_uri()}":
            assert time.monotonic() < end, "the page did not load"
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def seen(self, selector: str) -> list[str]:
        """The texts of the elements that are visible, on one line each, wherever on the page they are."""
        elements = f"[...document.querySelectorAll({json.dumps(selector)})].filter(e => e.checkVisibility())"
        texts = rf"{elements}.map(e => e.innerText.replace(/\s+/g, ' ').trim())"
        return self.run(f"({ALL_RENDERED})(() => {texts})")

    def click(self, selector: str) -> None:
        """Click an element."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def press_tab(self) -> str:
        """Press Tab; returns the id of what has the focus then."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        return self.run("document.activeElement.id")

    def picture(self, file: Path) -> None:
        """Write a picture of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def _event(self, event: dict[str, Any]) -> None:
        parameters = event["params"]
        if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])
        elif event["method"] == "Runtime.exceptionThrown" or (
            event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning")
        ):
            self.problems.append(json.dumps(parameters))
        elif event["method"] == "Network.requestWillBeSent":
            url = str(parameters["request"]["url"])
            if not url.startswith(("file:", "data:")):
                self.problems.append(f"asks for {url}")


@contextmanager
def page(folder: Path) -> Iterator[Page]:
    """An empty page; `folder` is for the browser's own files."""
    program, profile = chromium(), folder / "profile"
    # Its own home and temporary folder: it writes into both.
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    try:
        with connect(_address(process, profile, folder), max_size=None, open_timeout=ANSWER_LIMIT) as socket:
            target = command(socket, 1, "Target.createTarget", {"url": "about:blank"})["targetId"]
            attached = command(socket, 2, "Target.attachToTarget", {"targetId": target, "flatten": True})
            yield Page(socket, attached["sessionId"])
            command(socket, 3, "Browser.close", {})
        process.wait(ANSWER_LIMIT)
    finally:
        process.kill()
        process.wait()


def command(
    socket: ClientConnection,
    number: int,
    method: str,
    parameters: dict[str, Any],
    session: str | None = None,
    event: Any = lambda message: None,
) -> dict[str, Any]:
    """Send one command and wait for its result; events that come meanwhile go to `event`."""
    where = {"sessionId": session} if session is not None else {}
    socket.send(json.dumps({"id": number, "method": method, "params": parameters, **where}))
    while True:
        message = json.loads(socket.recv(timeout=ANSWER_LIMIT))
        if message.get("id") == number:
            assert "error" not in message, message
            return message["result"]
        if "method" in message:
            event(message)


def _address(process: "subprocess.Popen[bytes]", profile: Path, folder: Path) -> str:
    """Where the browser listens, which it writes into its profile once it does."""
    file, end = profile / "DevToolsActivePort", time.monotonic() + START_LIMIT
    while time.monotonic() < end and process.poll() is None:
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    said = (folder / "chromium.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise AssertionError(f"Chromium did not start: {said[-1] if said else 'it said nothing'}")
