"""What the browser is sent to show a memory that reads: the component with its words, and what a run needs.

The memory learns again in the browser, so no curve is sent. Streamlit sends no message over 10 kB again while the
browser has it: the code goes out once, the tables when the memory's shape or seed changes, the stream when another
text is read. A move of a slider sends the settings; play, steps and scrubbing send nothing.
"""

import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import shelf
import streamlit as st
from controls import DEFAULT
from runs import Run, first_write
from style import HERE, HISTORY
from texts import language, say

from titans_course import playground
from titans_mini import SimulationConfig

CODE = HISTORY + playground.bundle() + (HERE / "tape.js").read_text("utf8")
# Waits for the code, which may come after the first run.
FEED = """\
const tape = (window.titansTape ??= Promise.withResolvers());
export default async (part) => (await tape.promise)(part);
"""
FED = "feed_tape"
STREAMS = 2  # that a session keeps
_tape = st.components.v2.component("tape", js=CODE, css=playground.style(), isolate_styles=False)
_feed = st.components.v2.component("tape_feed", js=FEED, isolate_styles=False)


def show(
    run: Run,
    other: Run | None,
    chosen: int | None,
    moved: Callable[[int], None],
    *,
    hide: tuple[str, ...] = (),
    live: bool = False,
) -> None:
    """The tape of a run, beside run A or else the defaults with the other gate. It opens at the chosen token; None: at
    the one that shows most.

    The cursor stays where the visitor puts it until the session's "cursor" is forgotten. `hide`: parts of the
    component. `moved` is told the token when the visitor opens another page; with `live`, soon after each move, too.
    """
    settings, source = run.trace.settings, run.source
    shape, tables = _tables(_still(settings, scenario="text", tokens=1))
    key = _still(settings), source.digest
    stream = shelf.fetch("streams", key, lambda: playground.stream(settings, source.text), STREAMS)
    wanted = {"tables": shape, "stream": _mark(key), "runs": [_told("this", settings), _beside(run, other)]}
    turn = st.session_state.setdefault("cursor", str(time.time_ns()))
    _feed(key="feed_tables", data={"part": "tables", "mark": shape, "value": tables})
    _feed(key="feed_stream", data={"part": "stream", "mark": wanted["stream"], "value": stream})
    wanted |= {"cursor": place(run, chosen), "chosen": chosen is not None, "turn": turn, "live": live, "hide": hide}
    wanted["told"] = st.session_state.get("told")
    _feed(key=FED, data=wanted, on_token_change=lambda: _take(moved, len(run.trace) - 1))
    _tape(key="tape", data=playground.words_of(language()))


def place(run: Run, chosen: int | None) -> int:
    """The chosen token of a run, or the one that shows most: the end of the story's surprise, else the first write."""
    if chosen is None:
        chosen = playground.CURSOR if run.source.stream == "story" else first_write(run.trace)
    return min(chosen, len(run.trace) - 1)


def _still(settings: SimulationConfig, **more) -> SimulationConfig:
    """What tables and streams depend on: the same for all positions of the sliders."""
    return replace(settings, **{name: getattr(DEFAULT, name) for name in playground.SETTINGS}, **more)


@lru_cache(maxsize=8)
def _tables(settings: SimulationConfig) -> tuple[str, dict]:
    return _mark(settings), playground.tables(settings)


def _mark(key: object) -> str:
    return f"{zlib.crc32(repr(key).encode()):08x}"


def _beside(run: Run, other: Run | None) -> dict:
    """The run to compare with: run A if it has the same memory and stream, else the defaults with the other gate."""
    settings = run.trace.settings
    alike = other and (other.source.digest, _still(other.trace.settings)) == (run.source.digest, _still(settings))
    if alike:
        return _told("other", other.trace.settings, say("pinned"))
    gate = "constant" if settings.gate == "surprise" else "surprise"
    return _told("other", replace(DEFAULT, gate=gate, memory=settings.memory))


def _told(name: str, settings: SimulationConfig, label: str | None = None) -> dict:
    return {"name": name, "label": label or say(f"gate={settings.gate}"), "settings": playground.settings(settings)}


def _take(moved: Callable[[int], None], last: int) -> None:
    """Callback: hands on the token, if it is one, and lets the browser know that it came."""
    match st.session_state[FED].token:
        case [int(token), mark]:
            st.session_state.told = mark
            if 0 <= token <= last:
                moved(token)
