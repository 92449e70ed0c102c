"""Claims on the best settings and on how to search for them: sweeps of one setting, scored as `titans-mini tune` does.

Two objectives: the inner loss along a text, and the recall of facts stated in it.
"""

import math
from dataclasses import replace

from titans_mini.config import MemoryConfig, SimulationConfig
from titans_mini.data import bundled_text
from titans_mini.messages import Message
from titans_mini.simulation import simulate_many
from titans_mini.tune import TuneConfig, Tuning, tune
from titans_mini.tune.objectives import OBJECTIVES
from titans_mini.tune.store import setting_of

from ..studies.tuning import settings_needed
from .claim import MIRAS, TITANS, Claim, Judged
from .finding import Figures, Size, Spread, finite, grade

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
    """Value of the setting -> its score for each seed; a run that diverged gets the worst score."""
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


def _told(figures: Figures, name: str, values: tuple, claimed: float) -> Message:
    best = {objective: _best(figures, objective, values) for objective in OBJECTIVES}
    return Message(
        "loss: best {name} {loss}; {claimed:g} has {here}; recall: best {name} {recall}; {claimed:g} has {there}",
        name=name, claimed=claimed, **best,
        here=figures[f"loss_{claimed:g}"].tell(), there=figures[f"recall_{claimed:g}"].tell(),
    )  # fmt: skip


def _best(figures: Figures, objective: str, values: tuple) -> Message:
    """The best value by an objective, and those that tie with it."""
    best = figures[f"best_{objective}"]
    others = [f"{value:g}" for value in tied(figures, objective, values) if value != best]
    if others:
        return Message("{value:g}, a tie with {others}", value=best, others=", ".join(others))
    return Message("{value:g}, ahead by more than the noise", value=best)


def measure_beta(size: Size) -> Figures:
    """Loss and recall over beta."""
    return standing("beta", BETAS, size)


def judge_beta(figures: Figures) -> Judged:
    """Holds if 0.7 alone is best at both objectives, in part if it is among the best at one."""
    best = [tied(figures, objective, BETAS) for objective in OBJECTIVES]
    verdict = grade(*(values == [0.7] for values in best), any(0.7 in values for values in best))
    return Judged(verdict, _told(figures, "beta", BETAS, 0.7))


BETA = Claim(
    key="beta", section="2.2, 3", source=TITANS,
    claim="S_t = β·S_t-1 + (1-β)·surprise (β=0.7 is best by experiment)",
    claim_zh="S_t = β·S_t-1 + (1-β)·surprise(β=0.7 实验最优)",
    papers="eta_t is learned for each token, and nothing is weighted by 1 - beta (eq. 14)",
    measure=measure_beta, judged=judge_beta,
)  # fmt: skip


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


def judge_tau(figures: Figures) -> Judged:
    """Holds if the best tau, ties included, lies in 0.2..0.4 at both objectives, in part if one there ties at one."""
    best = [tied(figures, objective, TAUS) for objective in OBJECTIVES]
    inside = [[value in ADVISED for value in values] for values in best]
    told = Message(
        "{told}; loss at softness 0.01: {low}, 0.05: {middle}, 0.2: {high}",
        told=_told(figures, "tau", TAUS, 0.3), low=figures["loss_softness_0.01"].tell(),
        middle=figures["loss_softness_0.05"].tell(), high=figures["loss_softness_0.2"].tell(),
    )  # fmt: skip
    return Judged(grade(*map(all, inside), any(map(any, inside))), told)


TAU = Claim(
    key="tau", section="2.2, 3", source=TITANS,
    claim="τ∈[0.2,0.4] is the surprise threshold, α=0.05 controls the softness",
    claim_zh="τ∈[0.2,0.4] 为惊喜阈值,α=0.05 控制软化程度",
    papers="no threshold; theta_t is learned for each token (eq. 14)",
    measure=measure_tau, judged=judge_tau,
)  # fmt: skip


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


def judge_depth(figures: Figures) -> Judged:
    """Parts, one for each objective: the second layer gains in every seed, and more layers gain less than 1%."""
    second, deeper = (
        {objective: figures[f"gain_{name}_{objective}"] for objective in OBJECTIVES} for name in ("second", "deeper")
    )
    told = Message(
        "a second layer changes the loss by {loss:+.1f}% and recall by {recall:+.1f} points, the best of 3 and 4 "
        "layers against 2 the loss by {more_loss:+.1f}% and recall by {more_recall:+.1f} points",
        loss=-100 * second["loss"].mean, recall=100 * second["recall"].mean,
        more_loss=-100 * deeper["loss"].mean, more_recall=100 * deeper["recall"].mean,
    )  # fmt: skip
    right = [second[objective].low > 0 and deeper[objective].mean < SMALL_GAIN for objective in OBJECTIVES]
    return Judged(grade(*right), told)


DEPTH = Claim(
    key="depth", section="2.1, 3", source=f"{TITANS}; {MIRAS}",
    claim="Memory depth: 1~4 layers; 2 layers; deeper → marginal gain < 1%",
    claim_zh="记忆深度 … 1~4 层 … 2 层 … 再深→边际收益 < 1%",
    papers="deeper is better, and slower, from 1 to 4 layers (a figure, no numbers); 2 layers and width 4x are MIRAS'",
    measure=measure_depth, judged=judge_depth,
)  # fmt: skip


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


def judge_grid(figures: Figures) -> Judged:
    """Parts: 80% saved by count; 80% saved in seconds, less a tenth for noise; the setting found is best or tied."""
    noise = Message("within the noise of") if figures["tied"] else Message("beyond the noise of")
    told = Message(
        "at 10,000 and 100,000 tokens {settings} settings save {saved_by_count:.0%} of the updates, and any grid below "
        "{settings_needed} settings less than 80%; at {short:,} and {long:,} tokens {saved_seconds:.0%} of the time "
        "was saved, and the setting found is number {place} of the full grid, {behind:.2g} behind, {noise} the best",
        **figures, noise=noise,
    )  # fmt: skip
    saved = [figures[name] >= SAVED * share for name, share in (("saved_by_count", 1.0), ("saved_seconds", 0.9))]
    return Judged(grade(*saved, bool(figures["tied"])), told)


GRID = Claim(
    key="grid", section="3",
    claim="first a coarse sweep on a 10k-token subset, then the best three points on 100k to confirm: saves 80% of the "
    "GPU",
    claim_zh="先在 10k token 子集粗扫,再把最佳三点搬到 100k 验证,节省 80% GPU。",
    measure=measure_grid, judged=judge_grid,
)  # fmt: skip
