"""Runs of one session: the last few are kept, and one may be pinned as run A."""

from collections.abc import Iterable
from dataclasses import dataclass

import shelf
import streamlit as st
from sources import Source

from titans_course.studies.divergence import Cause, find_cause
from titans_mini import SimulationConfig, Trace, simulate
from titans_mini.trace import WRITE_LEVEL

KEPT = 8  # runs; one of 10,000 tokens takes 0.7 MB
MOST_TEXT = 10_000_000  # characters of visitors' own texts that the runs of a session keep


@dataclass
class Run:
    """A trace with its source, and what has been computed from it so far."""

    trace: Trace
    source: Source
    cause: Cause | None = None  # of its divergence

    @property
    def key(self) -> tuple:
        return self.trace.settings, self.source.digest, self.source.file


def get_run(settings: SimulationConfig, source: Source) -> Run:
    """The run of these settings over this source, computed unless the session still has it."""

    def make() -> Run:
        trace = simulate(settings, source.text)
        return Run(trace, source, find_cause(trace, source.text))

    return shelf.fetch(
        "runs", (settings, source.digest, source.file), make, KEPT, lambda runs: _characters(runs) > MOST_TEXT
    )


def pinned() -> Run | None:
    """Run A, if one is pinned."""
    return st.session_state.get("pinned")


def pin(run: Run | None) -> None:
    """Makes `run` run A; None removes run A."""
    st.session_state.pinned = run


def first_write(trace: Trace) -> int:
    """The first token that is written, else 0."""
    return int((trace.g_write > WRITE_LEVEL).argmax())


def _characters(runs: Iterable[Run]) -> int:
    """The size of the texts that some runs were read from, each counted once."""
    return sum({run.source.digest: len(run.source.text or "") for run in runs}.values())
