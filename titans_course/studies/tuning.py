"""How well a short stage predicts a long one: the order of a grid on short streams against its order on a long one.

A `Tuning` whose `final_tokens` equal its `tokens` is a full grid at one length; two of them can be compared.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from titans_mini.cli.flags import spellings
from titans_mini.errors import ConfigError
from titans_mini.tune.objectives import OBJECTIVES
from titans_mini.tune.search import TuneConfig, Tuning, steps, tune
from titans_mini.tune.store import Setting, Store, setting_of

# Student's t that 1 in 20 passes by chance, for 1, 2, 3 ... degrees of freedom.
T_95 = tuple(stdtrit(range(1, 11), 0.95).round(3).tolist())


class Stand(NamedTuple):
    """The result of two stages, when the full grid on the long stream is also known."""

    place: int  # of the short stage's best in the long order, 1 is first
    needed: int  # how many settings the first stage must keep, so that the best of the long order is among them
    kept: bool  # whether the first stage keeps it
    behind: float  # how much worse the best of those kept is than the best, in units of the score
    correlation: float  # of the two orders, see `rank_correlation`


def so_far(config: TuneConfig, store: Store) -> Tuning:
    """The result of a search on the bundled text from the rows of a store; nothing is run."""
    return next(step for step in steps(config, store) if step.left or step.found.complete).found


def full_grids(config: TuneConfig, lengths: Iterable[int]) -> dict[int, Tuning]:
    """The whole grid at each stream length, in one stage."""
    return {length: tune(replace(config, tokens=length, final_tokens=length)) for length in lengths}


def part(found: Tuning, *, settings: Sequence[Setting] | None = None, seeds: Iterable[int] | None = None) -> Tuning:
    """The same search with only some of its settings and seeds."""
    chosen = None if settings is None else set(settings)
    wanted = set(range(found.config.seeds) if seeds is None else seeds)
    rows = [row for row in found.rows if row["seed"] in wanted and (chosen is None or setting_of(row) in chosen)]
    return Tuning(replace(found.config, seeds=len(wanted)), rows, found.complete)


def order(found: Tuning) -> list[Setting]:
    """The settings of a full grid, best first."""
    return [setting_of(line) for line in found.table()]


def means(found: Tuning) -> dict[Setting, float]:
    """Mean score of each setting of a full grid; NaN where a run diverged."""
    return {setting_of(line): math.nan if line["mean"] is None else line["mean"] for line in found.table()}


def best_by(found: Tuning, name: str) -> dict[float, float]:
    """value of the parameter `name` -> best mean that it reaches with any values of the others; NaN if all diverged."""
    sign, best = OBJECTIVES[found.config.objective].sign, {}
    for setting, mean in means(found).items():
        value = getattr(setting, name)
        best[value] = sign * float(np.fmax(sign * best.get(value, math.nan), sign * mean))
    return dict(sorted(best.items()))


def rank_correlation(short: Tuning, long: Tuning) -> float:
    """Spearman's: 1 if both full grids order their settings alike, 0 if the orders are unrelated.

    Equal scores share a rank, and runs that diverged share the last one. NaN where all scores of one are equal.
    """
    _same(short, long)
    costs = [_costs(found, order(long)) for found in (short, long)]
    if any(len(set(cost)) == 1 for cost in costs):
        return math.nan
    from scipy.stats import spearmanr  # imported here, since it takes most of a second to load

    return float(spearmanr(*costs).statistic)


def stand(short: Tuning, long: Tuning, keep: int) -> Stand:
    """Judges two stages by the full grid at the length of the second; ConfigError if the grids differ."""
    _same(short, long)
    coarse, final, scores = order(short), order(long), means(long)
    chosen = [setting for setting in final if setting in coarse[:keep]]
    sign = OBJECTIVES[long.config.objective].sign
    return Stand(
        place=1 + final.index(coarse[0]),
        needed=1 + coarse.index(final[0]),
        kept=final[0] in coarse[:keep],
        behind=sign * (scores[final[0]] - scores[chosen[0]]) + 0.0,
        correlation=rank_correlation(short, long),
    )


def _costs(found: Tuning, settings: Sequence[Setting]) -> list[float]:
    """The scores of these settings, low is good; infinite where a run diverged."""
    sign, known = OBJECTIVES[found.config.objective].sign, means(found)
    return [math.inf if math.isnan(known[setting]) else -sign * known[setting] for setting in settings]


def _same(short: Tuning, long: Tuning) -> None:
    if set(order(short)) != set(order(long)):
        raise ConfigError("stages must hold the same settings, all of them")


def settings_needed(saved: float, tokens: int, final_tokens: int, keep: int) -> int | None:
    """The smallest grid for which two stages save the share `saved`; None if none is large enough."""
    room = final_tokens * (1 - saved) - tokens  # share of a setting's full length that the second stage may take
    if round(room, 6) <= 0:
        return None
    return math.ceil(round(keep * final_tokens / room, 6))


def command(config: TuneConfig) -> str:
    """The shell command that runs this search on the bundled text."""
    words = ["titans-mini tune"]
    for field in fields(TuneConfig):
        value = getattr(config, field.name)
        numbers = value if isinstance(value, tuple) else (value,)
        words += [spellings(field.name)[-1], *map(str, numbers)]
    return " ".join(words)
