"""Runs of the MIRAS page."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import shelf

from miras.rules import SIZES, Rule, make_rule
from titans_course.studies.asking import Answers, read_pairs
from titans_course.studies.divergence import MILDER
from titans_course.studies.streams import Pairs, make_pairs
from titans_mini.miras.running import MirasTrace
from titans_mini.threads import one_thread

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
    """The run of this rule over make_pairs(**stream), computed unless the session still has it."""
    return shelf.fetch("miras_runs", (rule, tuple(stream.items())), lambda: _run(rule, stream), KEPT)


def _run(rule: Rule, stream: dict) -> Run:
    pairs, seed = make_pairs(**stream), stream["seed"]
    with one_thread():
        trace, answers, ended = read_pairs(rule.config, pairs, memory=rule.memory(stream["dim"]), seed=seed)
        cause = None if ended is None else _cause(rule, pairs, seed)
    return Run(rule, pairs, trace, answers, ended, cause)


def _cause(rule: Rule, pairs: Pairs, seed: int) -> Cause | None:
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
        if read_pairs(milder.config, pairs, memory=milder.memory(pairs.keys.shape[1]), seed=seed)[2] is None:
            return Cause(name, old, new)
    return None
