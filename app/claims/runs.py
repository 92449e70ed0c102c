"""Results of the Claims page: those of the package, and small measurements that live only in the session."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import shelf
import streamlit as st
from texts import quoted, say

from titans_course.claims import load_results
from titans_course.claims.live import measure_apart
from titans_course.claims.report import Result
from titans_mini.errors import ConfigError

SMALL = "claims_measured_here"
BEAT = 0.5  # seconds between two updates while a visitor waits
_measuring = threading.Lock()


def full() -> dict[str, Result]:
    """What the package holds; a file that cannot be read is one line and no new results."""
    return shelf.last_good("claims_full", load_results, "claims_bad") or {}


def small() -> dict[str, Result]:
    """The small measurements of this session: at most one result per row."""
    return st.session_state.setdefault(SMALL, {})


def measure(key: str) -> None:
    """Measures one row, small, under a line with its seconds; a click elsewhere cuts it short and ends its process."""
    note = st.empty()
    try:
        with measuring(lambda seconds: note.info(say("claims_waiting", seconds=seconds))):
            small()[key] = measure_apart(key, beat=lambda seconds: note.info(say("claims_measuring", seconds=seconds)))
    except ConfigError as error:
        note.error(quoted(error))
        return
    st.rerun()  # the table above has the new figures beside the full ones


@contextlib.contextmanager
def measuring(waiting: Callable[[float], None]) -> Iterator[None]:
    """The turn to measure. A measurement uses the whole machine, so the server runs one visitor's at a time.

    Until the turn comes, `waiting` is called with the seconds so far; an exception from it gives up the place.
    """
    began = time.monotonic()
    while not _measuring.acquire(timeout=BEAT):
        waiting(time.monotonic() - began)
    try:
        yield
    finally:
        _measuring.release()
