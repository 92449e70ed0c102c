"""Results of the Claims page: those of the package, and small measurements that live in the session alone."""

from __future__ import annotations

import streamlit as st
import turns
from texts import quoted, say

from titans_course.claims import load_results
from titans_course.claims.live import measure_apart
from titans_course.claims.report import Result
from titans_mini.errors import ConfigError

SMALL = "claims_measured_here"


def full() -> dict[str, Result]:
    """What the package holds; a file that cannot be read is one line and no results."""
    try:
        return load_results()
    except ConfigError as error:
        st.error(say("claims_bad", error=quoted(error)))
        return {}


def small() -> dict[str, Result]:
    """What was measured in this session: at most one result for each row."""
    return st.session_state.setdefault(SMALL, {})


def measure(key: str) -> None:
    """Measures one row, small, under a line with its seconds; a click elsewhere cuts it short and ends its process."""
    note = st.empty()
    try:
        with turns.measuring(lambda seconds: note.info(say("claims_waiting", seconds=seconds))):
            small()[key] = measure_apart(key, beat=lambda seconds: note.info(say("claims_measuring", seconds=seconds)))
    except ConfigError as error:
        note.error(quoted(error))
        return
    st.rerun()  # the table above has the new figures beside the full ones
