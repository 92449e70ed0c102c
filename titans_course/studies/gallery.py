"""The failure gallery: each "failure looks like" of the recipe's table, provoked, measured and judged.

Recipe: section 3. Each row runs next to the default on the same stream; its number and its rule are in code, so
that a verdict is a measurement: seen, dead, not seen, or not possible. A dead memory (see Trace.dead_at) has also lost
what it knew, but it gets its own outcome because it cannot learn anything again.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from titans_mini.config import SimulationConfig
from titans_mini.errors import check_choice
from titans_mini.messages import Message
from titans_mini.simulation import simulate
from titans_mini.trace import Trace

from . import measures


class Failure(NamedTuple):
    """One row: the setting, what the article says happens, and how to detect it."""

    title: Message
    claim: Message  # the article's word for what happens
    changes: dict  # against the default; those of the memory under `memory`
    scenario: str
    number: Message  # name of the measure, for people
    measure: Callable[[Trace], float]
    seen: Callable[[float, float], bool] | None  # (value, value at the default) -> outcome; None: not possible
    rule: Message  # the same in words
    reason: Message  # why the outcome is what it is


FAILURES: dict[str, Failure] = {
    "tau_low": Failure(
        title=Message("tau too low"),
        claim=Message("memory explosion"),
        changes={"tau": 0.0},
        scenario="text",
        number=Message("memory norm at the end over the start"),
        measure=measures.norm_growth,
        seen=lambda value, default: value > 2,
        rule=Message("seen if the norm at least doubles"),
        reason=Message(
            "every token is written, but a write is driven by the error that is left: as the memory learns, "
            "its steps shrink, and the norm does not run away"
        ),
    ),
    "tau_high": Failure(
        title=Message("tau too high"),
        claim=Message("hollow memory"),
        changes={"tau": 0.9},
        scenario="text",
        number=Message("writes per 1,000 tokens"),
        measure=measures.writes_per_1k,
        seen=lambda value, default: value < 1,
        rule=Message("seen if fewer than 1 token in 1,000 is written"),
        reason=Message("smoothed surprise hardly ever passes the threshold, so what the text teaches is not kept"),
    ),
    "beta_small": Failure(
        title=Message("beta too small"),
        claim=Message("jitter"),
        changes={"beta": 0.0},
        scenario="text",
        number=Message("total variation of S per 1,000 tokens"),
        measure=measures.total_variation,
        seen=lambda value, default: value >= 2 * default,
        rule=Message("seen if S varies at least twice as much as at the default"),
        reason=Message("without smoothing S is the surprise of the single token"),
    ),
    "beta_large": Failure(
        title=Message("beta too large"),
        claim=Message("lag"),
        changes={"beta": 0.98},
        scenario="topic_shift",
        number=Message("tokens from the new topic until the write gate opens"),
        measure=measures.delay,
        seen=lambda value, default: value >= default + 10,
        rule=Message("seen if the gate opens at least 10 tokens later than at the default"),
        reason=Message("S averages over about 1 / (1 - beta) tokens and passes the threshold that much later"),
    ),
    "lam_small": Failure(
        title=Message("lambda too small"),
        claim=Message("out of memory"),
        changes={"lam": 0.0},
        scenario="text",
        number=Message("memory norm at the end over the start"),
        measure=measures.norm_growth,
        seen=None,
        rule=Message("cannot happen"),
        reason=Message(
            "the memory is a fixed set of weights: its size in bytes is the same after every token; only its "
            "norm can grow"
        ),
    ),
    "lam_large": Failure(
        title=Message("lambda too large"),
        claim=Message("forgetting"),
        changes={"lam": 1e-2},
        scenario="text",
        number=Message("recall of the first tenth of the text at the end"),
        measure=measures.recall_of_old,
        seen=lambda value, default: value < default / 2,
        rule=Message("seen if less than half of the default's recall is left"),
        reason=Message(
            "decay acts on every token that is not written, which is nearly all of them; weights near zero get no "
            "gradient, so the memory cannot come back"
        ),
    ),
    "lam_start": Failure(
        title=Message("lambda too large, decay to the start"),
        claim=Message("forgetting"),
        changes={"lam": 1e-2, "memory": {"decay": "start"}},
        scenario="text",
        number=Message("recall of the first tenth of the text at the end"),
        measure=measures.recall_of_old,
        seen=lambda value, default: value < default / 2,
        rule=Message("seen if less than half of the default's recall is left"),
        reason=Message(
            "the weights fade towards their start weights, which still get a gradient: old content is lost, and "
            "the memory keeps learning"
        ),
    ),
}


class Comparison(NamedTuple):
    """The result of a row: the two runs, their numbers and the verdict."""

    failure: Failure
    trace: Trace
    default: Trace
    value: float
    default_value: float
    outcome: Message  # "seen", "dead", "not seen" or "not possible"

    def __str__(self) -> str:
        return (
            f"{self.failure.title} -> {self.failure.claim}: {self.outcome}. {self.failure.number}: "
            f"{self.value:.3g}, at the default {self.default_value:.3g} ({self.failure.rule})"
        )


def failure_settings(name: str, base: SimulationConfig | None = None) -> SimulationConfig:
    """The settings of one row: `base` (default: the recipe's) with the row's scenario and changes."""
    check_choice("failure", name, FAILURES)
    changes = dict(FAILURES[name].changes)
    memory = changes.pop("memory", {})
    settings = replace(base or SimulationConfig(), scenario=FAILURES[name].scenario, gate="surprise", **changes)
    return settings.with_memory(**memory)


def examine(name: str, *, tokens: int = 2000, seed: int = 0, **changes: object) -> Comparison:
    """Runs one row beside the default and judges it; `changes` are further settings of its run, such as another lam."""
    changed = replace(failure_settings(name, SimulationConfig(tokens=tokens, seed=seed)), **changes)
    failure = FAILURES[name]
    default = SimulationConfig(tokens=tokens, seed=seed, scenario=failure.scenario)
    trace, reference = simulate(changed), simulate(default)
    value, default_value = failure.measure(trace), failure.measure(reference)
    return Comparison(failure, trace, reference, value, default_value, _judge(failure, trace, value, default_value))


def _judge(failure: Failure, trace: Trace, value: float, default: float) -> Message:
    if failure.seen is None:
        return Message("not possible")
    if not failure.seen(value, default):
        return Message("not seen")
    return Message("seen") if trace.dead_at is None else Message("dead")
