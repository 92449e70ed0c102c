"""Searches of the Tuning page: rows live only in the session, a search runs in the page, and a stop keeps its rows.

The rows of the page's own search also stand in a file, which `tools/kept.py` writes.
"""

import time
from functools import cache
from pathlib import Path

import streamlit as st
from texts import say

from titans_course.studies.duration import Clock, Speed, measure, seconds_left
from titans_course.studies.tuning import so_far
from titans_mini.threads import one_thread
from titans_mini.tune import TuneConfig, Tuning, steps
from titans_mini.tune.store import Store
from tuning import controls as own

KEPT = 4000  # rows of a session; a row takes 1 kB
BEAT = 0.2  # seconds between two progress updates
LAST = "tuning_last"
OWN = own.config_of(own.PAGE.defaults)
KEPT_FILE = Path(__file__).with_name("kept.jsonl")


def store_of(objective: str) -> Store:
    """The session's rows of one objective, all on the bundled text and at one width."""
    stores: dict[str, Store] = st.session_state.setdefault("tuning_stores", {})
    return stores.setdefault(objective, Store())


def last() -> TuneConfig | None:
    """The search whose results are shown: the one started last, or one found complete since then."""
    return st.session_state.get(LAST)


def found(config: TuneConfig) -> Tuning:
    """The session's rows of a search; a search that needs no run becomes the last one."""
    known = so_far(config, store_of(config.objective))
    if known.complete:
        st.session_state[LAST] = config
    return known


def kept(config: TuneConfig) -> Tuning | None:
    """The result of a search whose runs were all measured before; None for any other."""
    known = so_far(config, _kept()) if config.objective == OWN.objective else None
    return known if known is not None and known.complete else None


@cache
def _kept() -> Store:
    return Store(KEPT_FILE)


@st.cache_data(show_spinner=False, max_entries=4)
def _speed(width: int, depth: int) -> Speed:
    """Once a process: the speed of this machine."""
    with one_thread():
        return measure(width, depth)


def speeds(config: TuneConfig) -> dict[int, Speed]:
    """The speed of each depth of the grid."""
    return {depth: _speed(config.width, depth) for depth in config.depth}


def seconds(config: TuneConfig, known: Tuning) -> float:
    """The remaining time of a search, in seconds."""
    return seconds_left(config, speeds(config), store_of(config.objective).rows, known.chosen)


def run(config: TuneConfig) -> None:
    """Runs the missing part of a search, with a bar and the time left; after a stop the session keeps what is done."""
    st.session_state[LAST] = config
    store = store_of(config.objective)
    clock, bar, shown = Clock(config, speeds(config), store.rows), st.progress(0.0), [0.0]
    stage = "coarse"

    def beat(job=None, read: int = 0) -> None:
        if job is None or time.monotonic() - shown[0] > BEAT:
            share, left = clock.now(job, read)
            bar.progress(share, say(f"searching={stage}", share=share, left=spell(left)))
            shown[0] = time.monotonic()

    try:
        with one_thread():
            for step in steps(config, store, beat=beat):
                stage = step.stage
                clock.step(step, store.rows)
                beat()
    finally:  # also when a button, or a change of the settings, cuts it short
        _forget(config, store)
    bar.empty()


def _forget(config: TuneConfig, store: Store) -> None:
    """Drops the oldest rows beyond `KEPT`, but none of this search."""
    wanted = {(setting, tokens) for setting in config.settings() for tokens in (config.tokens, config.final_tokens)}
    old = [key for key in store.rows if (key.setting, key.tokens) not in wanted]
    for key in old[: max(0, len(store.rows) - KEPT)]:
        del store.rows[key]


def spell(left: float) -> str:
    """Seconds as a person says them."""
    if left < 1:
        return say("time=second")
    if left < 90:
        return say("time=seconds", count=round(left))
    return say("time=minutes", count=round(left / 60))
