"""Claims on the best settings and on how to search for them: sweeps of one setting, scored as `titans-mini tune` does.

Two objectives: the inner loss along a text, and the recall of facts told in it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from titans_mini.config import MemoryConfig, SimulationConfig
from titans_mini.data import bundled_text
from titans_mini.simulation import simulate_many
from titans_mini.tune import TuneConfig, Tuning, tune
from titans_mini.tune.objectives import OBJECTIVES
from titans_mini.tune.store import setting_of, settings_needed

from .finding import Figures, Finding, Size, Spread, finite, grade

DEFAULT = dict(tau=(0.3,), beta=(0.7,), lam=(1e-4,), eta=(1e-3,), depth=(2,))
BETAS, TAUS, DEPTHS = (0.5, 0.6, 0.7, 0.8, 0.9), (0.1, 0.2, 0.3, 0.4, 0.5), (1, 2, 3, 4)
ADVISED = (0.2, 0.3, 0.4)  # taus; recipe: 2.2
SOFTNESS = (0.01, 0.05, 0.2)
SMALL_GAIN = 0.01  # of a deeper memory; recipe: section 3
SAVED = 0.8  # of the compute; recipe: section 3


def sweep(name: str, values: tuple, size: Size, objective: str) -> Tuning:
    """All values of one setting, the others at the recipe's, over the size's tokens and seeds."""
    shape = dict(tokens=size.tokens, final_tokens=size.tokens, seeds=size.seeds, width=size.width)
    return tune(TuneConfig(objective, **shape, **{**DEFAULT, name: values}))


def scores(found: Tuning, name: str) -> dict[object, list[float]]:
    """Value of the setting -> its score for each seed; one that diverged is as bad as can be."""
    worst = -OBJECTIVES[found.config.objective].sign * math.inf
    by_value: dict[object, list[float]] = {value: [] for value in getattr(found.config, name)}
    for row in sorted(found.rows, key=lambda row: row["seed"]):
        by_value[row[name]].append(worst if row["score"] is None else row["score"])
    return by_value


def standing(name: str, values: tuple, size: Size) -> Figures:
    """Per objective: each value's score, the best value, and for each value 1 if it is best or ties with it."""
    figures: Figures = {}
    for objective in OBJECTIVES:
        found = sweep(name, values, size, objective)
        lines = found.table()
        figures[f"best_{objective}"] = lines[0][name]
        figures |= {f"{objective}_{value:g}": Spread.of(series) for value, series in scores(found, name).items()}
        figures |= {f"tied_{objective}_{line[name]:g}": int(line is lines[0] or bool(line["tie"])) for line in lines}
    return figures


def tied(figures: Figures, objective: str, values: tuple) -> list:
    """Those values that are best or tie with the best."""
    return [value for value in values if figures[f"tied_{objective}_{value:g}"]]


def _told(figures: Figures, name: str, values: tuple, claimed: float) -> str:
    parts = []
    for objective in OBJECTIVES:
        others = [f"{value:g}" for value in tied(figures, objective, values) if value != figures[f"best_{objective}"]]
        noise = f", a tie with {', '.join(others)}" if others else ", ahead by more than the noise"
        best, here = figures[f"best_{objective}"], figures[f"{objective}_{claimed:g}"]
        parts.append(f"{objective}: best {name} {best:g}{noise}; {claimed:g} has {here}")
    return "; ".join(parts)


def measure_beta(size: Size) -> Figures:
    """Loss and recall over beta."""
    return standing("beta", BETAS, size)


def judge_beta(figures: Figures) -> Finding:
    """Holds if 0.7 alone is best at both objectives, in part if it is among the best at one."""
    best = [tied(figures, objective, BETAS) for objective in OBJECTIVES]
    verdict = grade(*(values == [0.7] for values in best), any(0.7 in values for values in best))
    return Finding(verdict, figures, _told(figures, "beta", BETAS, 0.7))


def measure_tau(size: Size) -> Figures:
    """Loss and recall over tau, and the loss over softness at tau 0.3."""
    return standing("tau", TAUS, size) | _softness(size)


def _softness(size: Size) -> Figures:
    """Mean relative inner loss of the second half, per softness."""
    losses: dict[float, list[float]] = {softness: [] for softness in SOFTNESS}
    memory, text = MemoryConfig.preset("recipe", dim=size.width), bundled_text()
    for seed in size.all_seeds:
        base = SimulationConfig(tokens=size.tokens, seed=seed, memory=memory)
        for trace in simulate_many([replace(base, softness=softness) for softness in SOFTNESS], text):
            losses[trace.settings.softness].append(float(trace.loss[size.tokens // 2 :].mean()))
    return {f"loss_softness_{softness:g}": Spread.of(series) for softness, series in losses.items()}


def judge_tau(figures: Figures) -> Finding:
    """Holds if the best tau, ties included, lies in 0.2..0.4 at both objectives, in part if one there ties at one."""
    best = [tied(figures, objective, TAUS) for objective in OBJECTIVES]
    inside = [[value in ADVISED for value in values] for values in best]
    verdict = grade(*map(all, inside), any(map(any, inside)))
    soft = ", ".join(f"{value:g}: {figures[f'loss_softness_{value:g}']}" for value in SOFTNESS)
    return Finding(verdict, figures, f"{_told(figures, 'tau', TAUS, 0.3)}; loss at softness {soft}")


def measure_depth(size: Size) -> Figures:
    """Gain of a second layer, and of the best of 3 and 4 over 2: share of the loss, points of recall."""
    figures: Figures = {}
    for objective, target in OBJECTIVES.items():
        by_depth = scores(sweep("depth", DEPTHS, size, objective), "depth")
        figures |= {f"{objective}_{depth}": Spread.of(series) for depth, series in by_depth.items()}
        deeper = max((3, 4), key=lambda depth: target.sign * figures[f"{objective}_{depth}"].mean)
        for name, shallow, deep in (("second", 1, 2), ("deeper", 2, deeper)):
            pairs = zip(by_depth[shallow], by_depth[deep], strict=True)
            gains = [target.sign * (b - a) / (a if objective == "loss" else 1) for a, b in pairs]
            figures[f"gain_{name}_{objective}"] = Spread.of(gains)
    return figures


def judge_depth(figures: Figures) -> Finding:
    """Per objective: the second layer gains in every seed, and more layers gain less than 1%."""
    right = [
        figures[f"gain_second_{objective}"].low > 0 and figures[f"gain_deeper_{objective}"].mean < SMALL_GAIN
        for objective in OBJECTIVES
    ]
    gains = {
        (name, objective): 100 * figures[f"gain_{name}_{objective}"].mean
        for name in ("second", "deeper")
        for objective in OBJECTIVES
    }
    told = (
        f"a second layer changes the loss by {-gains['second', 'loss']:+.1f}% and recall by "
        f"{gains['second', 'recall']:+.1f} points, the best of 3 and 4 layers against 2 the loss by "
        f"{-gains['deeper', 'loss']:+.1f}% and recall by {gains['deeper', 'recall']:+.1f} points"
    )
    return Finding(grade(*right), figures, told)


def measure_grid(size: Size) -> Figures:
    """What two stages save by count at the recipe's lengths and in seconds here, and whether they keep the best.

    The grid and the ratio of the lengths are the recipe's; the lengths are the size's.
    """
    recipe = TuneConfig()
    short, long = size.stages
    config = replace(recipe, tokens=short, final_tokens=long, seeds=min(size.seeds, 3), width=size.width)
    two, full = tune(config), tune(replace(config, tokens=long))
    lines = full.table()
    place, winner = next(
        (place, line) for place, line in enumerate(lines, 1) if setting_of(line) == setting_of(two.best)
    )
    seconds = [sum(row["seconds"] for row in found.rows) for found in (two, full)]
    return {
        "settings": len(recipe.settings()),
        "saved_by_count": recipe.cost().saved,
        "settings_needed": settings_needed(SAVED, recipe.tokens, recipe.final_tokens, recipe.keep),
        "short": short,
        "long": long,
        "saved_seconds": 1 - seconds[0] / seconds[1],
        "place": place,
        "behind": finite(math.inf if winner["behind"] is None else winner["behind"]),
        "tied": int(winner["tie"] or place == 1),
    }


def judge_grid(figures: Figures) -> Finding:
    """Parts: 80% saved by count, 80% in seconds (a tenth of it allowed for noise), the best setting found or tied."""
    saved = [figures[name] >= SAVED * share for name, share in (("saved_by_count", 1.0), ("saved_seconds", 0.9))]
    noise = "within the noise of" if figures["tied"] else "beyond the noise of"
    told = (
        f"at 10,000 and 100,000 tokens {figures['settings']} settings save {figures['saved_by_count']:.0%} of the "
        f"updates, and any grid below {figures['settings_needed']} settings less than 80%; at {figures['short']:,} and "
        f"{figures['long']:,} tokens {figures['saved_seconds']:.0%} of the time was saved, and the setting found is "
        f"number {figures['place']} of the full grid, {figures['behind']:.2g} behind, {noise} the best"
    )
    return Finding(grade(*saved, bool(figures["tied"])), figures, told)
