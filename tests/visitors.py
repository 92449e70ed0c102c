"""Many sessions of the app at once: pages in Chromium, and callers that speak its websocket without a browser."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import NamedTuple

import websockets
from browsing import BUSY, CHROMIUM, CURVE, FLAGS, Server, watch
from playwright.async_api import async_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from titans_course.figures.trace import ROWS, series
from titans_mini import SimulationConfig, simulate
from titans_mini.memory.fast.rows import compiled

LAMBDAS = (1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 1e-2)
DEFAULTS = {name: getattr(SimulationConfig(), name) for name in ("tau", "beta", "lam")}
PAGES = ("", "anatomy", "variants", "miras", "tuning", "operations", "claims")
CURVES = [name for row in ROWS for name in row if name != "g_forget"]  # which is 1 - g_write
PATIENCE = 120.0  # seconds until a picture that does not come is an error
FOLDERS = "titans_mini-app-*/visitor-*"  # of sessions that opened the page Operations, below TMPDIR


class Move(NamedTuple):
    """One move of a slider: what the page is set to, seconds until its new picture, and the curves as they came."""

    settings: dict[str, float]
    seconds: float
    curves: list[str]  # base64 of each curve's floats


class Caller:
    """A session over the websocket alone: it sends what a browser sends, and reads all that comes back."""

    kind = "over the websocket alone"

    def __init__(self, socket: websockets.ClientConnection, tokens: int) -> None:
        self.socket, self.query = socket, f"tokens={tokens}&stream=text&hide=tour"
        self.settings = dict(DEFAULTS)
        self.sliders: dict = {}  # control -> what the app said of its slider
        self.stream = None  # what the app said of the list of streams
        self.curves: list[str] = []
        self.errors: list[str] = []

    async def open(self) -> None:
        """The first run of the page."""
        await self._run()

    async def move(self, name: str, choices: random.Random) -> Move:
        """Sets one slider to another value."""
        while (value := _value(name, choices)) == self.settings[name]:
            pass
        self.settings[name] = value
        return Move(dict(self.settings), await self._run(), self.curves)

    async def visit(self, page: str) -> None:
        """Opens another page."""
        await self._run(page)

    async def _run(self, page: str = "") -> float:
        """One run of the script; seconds until the curves came."""
        message, began, arrived = BackMsg(), time.monotonic(), 0.0
        message.rerun_script.query_string, message.rerun_script.page_name = self.query, page
        for name, slider in self.sliders.items():
            state = message.rerun_script.widget_states.widgets.add(id=slider.id)
            if slider.options:
                state.string_array_value.data.append(f"{self.settings[name]:g}")
            else:
                state.double_array_value.data.append(self.settings[name])
        if self.stream is not None:
            message.rerun_script.widget_states.widgets.add(id=self.stream.id, string_value="text")
        await self.socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            if answer.WhichOneof("type") == "script_finished":
                if answer.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue  # another page is drawn in a second run
                return arrived or time.monotonic() - began
            if answer.WhichOneof("type") == "delta" and self._take(answer.delta.new_element):
                arrived = time.monotonic() - began

    def _take(self, element) -> bool:
        """Keeps what is wanted of an element; whether it holds the curves."""
        name = element.WhichOneof("type")
        if name == "exception":
            self.errors.append(element.exception.message)
        elif name == "slider" and element.slider.id.rpartition("-")[2] in DEFAULTS:
            self.sliders[element.slider.id.rpartition("-")[2]] = element.slider
        elif name == "selectbox" and element.selectbox.id.endswith("-stream"):
            self.stream = element.selectbox
        elif name == "bidi_component" and element.bidi_component.id.endswith("-feed_run"):
            self.curves = curves_of(element.bidi_component.bytes)
            return True
        return False


class Page:
    """A session in Chromium."""

    kind = "in Chromium"

    def __init__(self, page, url: str, tokens: int, settings: dict[str, float]) -> None:
        self.page, self.settings = page, settings
        self.up = dict.fromkeys(settings, True)
        link = "&".join(f"{name}={value:g}" for name, value in settings.items())
        self.url = f"{url}?tokens={tokens}&stream=text&hide=tour&{link}"
        self.errors = watch(page)

    async def open(self) -> None:
        """First paint."""
        await self.page.goto(self.url)
        await self._settle()
        await self.page.evaluate(STOPWATCH)

    async def move(self, name: str, choices: random.Random) -> Move:
        """Presses a key on one slider: on in one direction until its end is near, so that no picture comes twice."""
        value, (low, high) = self.settings[name], (1e-5, 1e-2) if name == "lam" else (0.05, 0.95)
        if not low < value < high:
            self.up[name] = value <= low
        up = self.up[name]
        await self.page.locator(f".st-key-{name} input").press("ArrowRight" if up else "ArrowLeft")
        await self.page.wait_for_function("taken !== null", timeout=PATIENCE * 1000)
        await self._settle()
        taken, curves = await self.page.evaluate("[taken, drawn()]")
        query = dict(re.findall(r"(\w+)=([^&#]+)", self.page.url))
        self.settings = {**self.settings, **{name: float(query.get(name, DEFAULTS[name])) for name in DEFAULTS}}
        return Move(dict(self.settings), taken / 1000, curves)

    async def _settle(self) -> None:
        """Waits until the script has run and the curves are drawn."""
        await self.page.wait_for_selector(CURVE, timeout=PATIENCE * 1000)
        await self.page.wait_for_function(f"!document.querySelector('{BUSY}')", timeout=PATIENCE * 1000)


# In the page: `taken` is null from a key until the curves have changed, then the milliseconds that took.
STOPWATCH = """async () => {
  const paths = () => [...document.querySelectorAll('.curves path.mean')].map(e => e.getAttribute('d')).join();
  const { store } = await window.titansCurves.promise;
  window.taken = null;
  window.drawn = () => Object.values(store.run.curves).map(curve => {
    const bytes = new Uint8Array(curve.buffer, curve.byteOffset, curve.byteLength);
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  });
  window.addEventListener('keydown', () => {
    const began = performance.now(), before = paths();
    window.taken = null;
    const look = () => {
      const now = paths();
      if (now && now !== before) window.taken = performance.now() - began;
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, true);
}"""


def curves_of(sent: bytes) -> list[str]:
    """The curves of a run as the app sends it, in base64."""
    length = int.from_bytes(sent[:4], "little")
    size, floats = 4 * json.loads(sent[4 : 4 + length])["count"], sent[4 + length :]
    return [base64.b64encode(floats[at : at + size]).decode() for at in range(0, len(floats), size)]


def _value(name: str, choices: random.Random) -> float:
    return choices.choice(LAMBDAS) if name == "lam" else choices.randrange(1, 99) / 100


@contextlib.asynccontextmanager
async def sessions(server: Server, callers: int, pages: int, tokens: int) -> AsyncIterator[list[Caller | Page]]:
    """Opens so many sessions of both kinds, one after the other, each independent of the others."""
    async with contextlib.AsyncExitStack() as stack:
        found: list[Caller | Page] = []
        if pages:
            chromium = await (await stack.enter_async_context(async_playwright())).chromium.launch(
                executable_path=CHROMIUM, args=FLAGS
            )
            stack.push_async_callback(chromium.close)
        for place in range(pages):
            page = await (await chromium.new_context(viewport={"width": 1400, "height": 900})).new_page()
            settings = {"tau": 0.1 + 0.03 * place, "beta": 0.7 - 0.02 * place, "lam": LAMBDAS[place % len(LAMBDAS)]}
            found.append(Page(page, server.url, tokens, settings))
        for _ in range(callers):
            found.append(Caller(await stack.enter_async_context(connect(server)), tokens))
        for session in found:
            await session.open()
        yield found


def connect(server: Server):
    """A websocket of the app."""
    url = server.url.replace("http", "ws") + "_stcore/stream"
    return websockets.connect(url, subprotocols=["streamlit"], max_size=None)


async def slide(session: Caller | Page, seed: int, end: float, pause: float, most: int = 10**9) -> list[Move]:
    """A person's moves until `end` (monotonic), pausing about `pause` seconds after each."""
    choices, moves = random.Random(seed), []
    await asyncio.sleep(choices.random() * pause)
    while time.monotonic() < end and len(moves) < most:
        moves.append(await session.move(list(DEFAULTS)[len(moves) % 3], choices))
        await asyncio.sleep(pause * (0.5 + choices.random()))
    return moves


class Visits(NamedTuple):
    """How many pages a session has opened, and the errors that it saw there."""

    visits: int
    errors: list[str]


async def roam(server: Server, seed: int, rounds: int, tokens: int) -> Visits:
    """A session that opens every page `rounds` times, in an order of its own, and moves tau on the Simulator."""
    choices, count = random.Random(seed), 0
    async with connect(server) as socket:
        caller = Caller(socket, tokens)
        for _ in range(rounds):
            for page in choices.sample(PAGES, len(PAGES)):
                await caller.visit(page)
                count += 1
                if page == "" and caller.sliders:
                    await caller.move("tau", choices)
                    count += 1
    return Visits(count, caller.errors)


def unlike(moves: Iterable[Move], tokens: int) -> list[Move]:
    """The moves whose curves are not, bit for bit, those of a run of the same settings here."""
    compiled(wait=None)  # as the server has it
    alone: dict[tuple, list[str]] = {}
    wrong = []
    for move in moves:
        key = tuple(move.settings.items())
        if key not in alone:
            trace = simulate(SimulationConfig(tokens=tokens, **move.settings))
            alone[key] = [base64.b64encode(series(trace, name)).decode() for name in CURVES]
        wrong += [move] if move.curves != alone[key] else []
    return wrong


async def drop(server: Server, count: int, tokens: int) -> AsyncIterator[int]:
    """Sessions that use the Simulator and Operations and vanish without a word; yields how many have gone so far."""
    for number in range(count):
        async with connect(server) as socket:
            caller = Caller(socket, tokens)
            await caller.open()
            await caller.move("tau", random.Random(number))
            await caller.visit("operations")
            assert not caller.errors, caller.errors
            socket.transport.abort()
        yield number + 1


def held(folder: Path) -> int:
    """Sessions that still have their folder."""
    return len(list(folder.glob(FOLDERS)))
