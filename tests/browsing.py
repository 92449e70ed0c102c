"""The app in a real browser: a server on a free port, and the system's Chromium driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CURVE = ".curves path.mean"  # of the Simulator
PLOTTED = ".js-plotly-plot .scatterlayer path.js-line"  # of all other figures
BUSY = "[data-testid=stApp][data-test-script-state=running]"


class Server(NamedTuple):
    """A running app: its address, the file that holds its stderr, when it came up (monotonic seconds), its process."""

    url: str
    log: Path
    began: float
    pid: int


def require_chromium(untested: str) -> None:
    """Skips what asks for it where there is no Chromium; fails where the environment does not allow that."""
    if CHROMIUM is None:
        if os.environ.get("TITANS_REQUIRE_CHROMIUM") == "1":
            pytest.fail("Chromium is not installed, and TITANS_REQUIRE_CHROMIUM asks for it")
        pytest.skip(f"Chromium is not installed: {untested}")


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serve(folder: Path, **more: str) -> Iterator[Server]:
    """The app on a free port of this machine; its stderr goes to a file in `folder`. `more`: environment variables."""
    port = free_port()
    log = folder / "stderr.txt"
    command = [sys.executable, "-m", "titans_mini", "app", "--no-browser", "--port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=stderr, env=environment) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
            yield Server(f"http://127.0.0.1:{port}/", log, time.monotonic(), process.pid)
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError("the app's server did not start")


@contextlib.contextmanager
def browser() -> Iterator:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


def settle(page) -> None:
    """Waits until the script has run and the curves are drawn."""
    page.wait_for_selector(f"{CURVE}, {PLOTTED}", state="attached", timeout=60_000)
    page.wait_for_function(f"!document.querySelector('{BUSY}')", timeout=60_000)


def open_sidebar(page) -> None:
    """Opens the sidebar of a narrow page, and waits until it has slid in: a list opened sooner closes again."""
    page.locator("[data-testid=stExpandSidebarButton]").click()
    left = "document.querySelector('[data-testid=stSidebarContent]').getBoundingClientRect().x"
    page.wait_for_function(
        f"() => {{ const before = window.sidebarLeft; window.sidebarLeft = {left};"
        " return before >= 0 && before === window.sidebarLeft; }",
        polling=200,
    )


def watch(page) -> list[str]:
    """What goes wrong in the page from now on: a list that grows."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if is_trouble(message) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def is_trouble(message) -> bool:
    """Errors, but for those of Streamlit itself, which looks for its server below a page's address first."""
    return message.type == "error" and not re.search(r"/\w+/_stcore/[\w-]+$", message.location["url"])


# The contrast of each piece of text below a selector with what lies behind it, as WCAG 2 counts it.
_CONTRASTS = """selector => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => colour.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
  const behind = element => {
    const colour = numbers(getComputedStyle(element).backgroundColor);
    return colour.length === 3 || colour[3] === 1 ? colour : behind(element.parentElement);
  };
  const holdsText = element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll(selector)].filter(holdsText).map(element => {
    const pair = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    return Math.max(...pair) / Math.min(...pair);
  });
}"""


def contrasts(page, selector: str) -> list[float]:
    """Of each element that holds text, from 1 to 21."""
    return page.evaluate(_CONTRASTS, selector)
