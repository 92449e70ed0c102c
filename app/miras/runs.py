"""Runs of the MIRAS page: a long one says that it runs, and a button stops it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import parts
import shelf
import streamlit as st
from texts import say
from torch import Tensor

from miras.rules import SIZES, Rule, make_rule, spell
from titans_course.studies.asking import Answers, read_pairs
from titans_course.studies.divergence import MILDER
from titans_course.studies.streams import Pairs, make_pairs
from titans_mini.memory.mlp import Weights
from titans_mini.miras.architecture import ARCHITECTURES
from titans_mini.miras.running import MirasTrace
from titans_mini.threads import one_thread

WAIT, BEAT = 1.5, 0.5  # seconds until a run says that it runs, and between two words of it
STOPPED = "miras_stopped"  # in the session: the run that the visitor stopped
KEPT = 12  # runs; one of 1,000 tokens and 32 features takes 0.6 MB
LASTING = 0.9  # momentum above this is blamed first


class Cause(NamedTuple):
    """The control to blame for a memory that blew up, and a value of it with which the same run stays finite."""

    name: str
    old: float
    new: float


@dataclass(frozen=True)
class Run:
    """A rule over a stream, asked at each token, and where and why it ended early."""

    rule: Rule
    stream: Pairs
    trace: MirasTrace
    answers: Answers
    ended: int | None
    cause: Cause | None

    @property
    def norms(self) -> tuple[float, float]:
        """Memory norm after the first token and after the last that has one."""
        lived = self.trace.memory_norm[np.isfinite(self.trace.memory_norm)]
        return (lived[0], lived[-1]) if len(lived) else (np.nan, np.nan)


def get_run(rule: Rule, stream: dict) -> Run:
    """The run of this rule over make_pairs(**stream), computed unless the session still has it.

    Where the visitor stopped it, the page ends here with a button that runs it.
    """
    key = rule, tuple(stream.items())
    if st.session_state.get(STOPPED) == key:
        st.info(say("miras_stopped"))
        parts.button("run_miras", _stop, None, icon="play_arrow")
        st.stop()
    place = st.empty()
    run = shelf.fetch("miras_runs", key, lambda: _run(rule, stream, _beat(place, key)), KEPT)
    place.empty()
    return run


def _stop(key: tuple | None) -> None:
    """Callback: this run is not to run; None: any run may."""
    st.session_state[STOPPED] = key


def _beat(place, key: tuple) -> Callable[[], None]:
    """What a run calls now and then: after a while it shows the seconds so far, and a button that stops it."""
    began, note = time.monotonic(), []
    due = [began + WAIT]

    def beat() -> None:
        if time.monotonic() < due[0]:
            return
        if not note:
            with place.container():
                note.append(st.empty())
                parts.button("stop", _stop, key, key=f"stop_{spell(key[0])}", icon="stop", help=say("stop_miras?"))
        note[0].info(say("miras_running", seconds=time.monotonic() - began))
        due[0] = time.monotonic() + BEAT

    return beat


def _run(rule: Rule, stream: dict, beat: Callable[[], None]) -> Run:
    pairs, seed = make_pairs(**stream), stream["seed"]
    with one_thread():
        trace, answers, ended = _read(rule, pairs, seed, beat)
        cause = None if ended is None else _cause(rule, pairs, seed, beat)
    return Run(rule, pairs, trace, answers, ended, cause)


def _read(rule: Rule, pairs: Pairs, seed: int, beat: Callable[[], None]) -> tuple[MirasTrace, Answers, int | None]:
    """As `read_pairs`, with a beat each time the memory answers."""
    memory = rule.memory(pairs.keys.shape[1])
    made = ARCHITECTURES[rule.config.architecture].build(memory)

    def apply(weights: Weights, x: Tensor) -> Tensor:
        beat()
        return made.apply(weights, x)

    return read_pairs(rule.config, pairs, memory=memory, seed=seed, architecture=made._replace(apply=apply))


def _cause(rule: Rule, pairs: Pairs, seed: int, beat: Callable[[], None]) -> Cause | None:
    """Found by trying: the first milder setting under which the run stays finite; None if none helps."""
    config = rule.config
    sizes = {name: getattr(rule, name) for name in SIZES}
    tries = []
    if config.algorithm in ("momentum", "muon") and config.number("algorithm") > LASTING:
        tries.append((f"{config.algorithm}_eta", config.number("algorithm"), 0.5, {"algorithm_number": 0.5}))
    for factor in MILDER:
        theta = float(f"{config.theta * factor:.3g}")
        tries.append(("write", config.theta, theta, {"theta": theta}))
    for name, old, new, change in tries:
        milder = make_rule(replace(config, **change), **sizes)
        if _read(milder, pairs, seed, beat)[2] is None:
            return Cause(name, old, new)
    return None
