"""Whether a built site is whole: `python -m website.check FOLDER`, in tools/, prints what is wrong.

Every link leads to a file and an anchor that exist. In Chromium every page opens without an error, asks no other host
for anything and is no wider than its window: once over HTTP, below another folder and light, and once from the disk,
dark and as narrow as a phone.
"""

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Error, sync_playwright

LOADED = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}
SEARCHES = ("search.html?q=surprise", "zh/search.html?q=惊讶度")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Page(HTMLParser):
    """What a page links to, as (tag, attribute, address), and its anchors."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str, str]] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text("utf8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            if name in ("href", "src") and value and tag != "use":
                self.links.append((tag, name, value))


def broken_links(site: Path) -> list[str]:
    """Links that lead nowhere, and what a page loads from another host."""
    pages = {file: Page(file) for file in sorted(site.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        for tag, name, address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if (tag, name) in LOADED and parts.scheme != "data":
                    found.append(f"{file.relative_to(site)}: loads {address}")
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            if not target.is_file() or not target.is_relative_to(site):
                found.append(f"{file.relative_to(site)}: no file {address}")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{file.relative_to(site)}: no anchor {address}")
    return found


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that writes no log."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of a site below a folder, on a server of this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/{site.name}/"
    finally:
        server.shutdown()
        server.server_close()


def troubles(chromium, base: str, names: list[str], *, wait: int = 10_000, **look: object) -> list[str]:
    """What goes wrong in a browser on these pages below an address; `wait` in ms, `look` is a Playwright context's."""
    context = chromium.new_context(**look)
    page, found = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and found.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    own = (base, "data:", "blob:")
    page.on("request", lambda sent: sent.url.startswith(own) or found.append(f"{page.url}: asks for {sent.url}"))
    page.set_default_timeout(wait)
    for name in names:
        page.goto(base + name)
        try:
            for plot in page.locator(".plot").all():
                plot.scroll_into_view_if_needed()
                plot.locator(".main-svg").first.wait_for()
            if "?q=" in name:
                page.locator("#search-results li a").first.wait_for()
        except Error as error:
            found.append(f"{page.url}: {error}")
        wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide > room:
            found.append(f"{page.url}: {wide} px wide in a window of {room}")
    context.close()
    return found


def check(site: Path, chromium) -> list[str]:
    """All that is wrong with a built site."""
    names = [*(file.relative_to(site).as_posix() for file in sorted(site.rglob("*.html"))), *SEARCHES]
    with served(site) as base:
        desk = troubles(chromium, base, names, color_scheme="light", viewport={"width": 1280, "height": 720})
    phone = {"width": 390, "height": 844}
    disk = troubles(chromium, f"{site.as_uri()}/", names, color_scheme="dark", viewport=phone)
    return [*broken_links(site), *desk, *disk]


if __name__ == "__main__":
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        wrong = check(Path(sys.argv[1]).resolve(), playwright.chromium.launch(executable_path=program, args=FLAGS))
    print("\n".join(wrong))
    sys.exit(bool(wrong))
