"""Lesson 07: what two stages cost, when they save, and what a tie is."""

import math
import statistics

from titans_mini.tune.store import cost

from ..studies.tuning import T_95, settings_needed
from .check import Answer, Draw, Exercise
from .values import agree, require

COSTS = ("the cost of two stages", "the cost of the full grid", "the share saved")


def _cost_value(answer: Answer, draw: Draw) -> None:
    settings, seeds, keep = draw.whole(20, 60), draw.whole(2, 5), draw.whole(2, 4)
    args = (settings, 10_000, 100_000, keep, seeds)
    two, full, saved = answer.numbers(COSTS, *args)
    wanted = cost(*args)
    first, second = settings * 10_000, keep * 100_000
    slips = {
        "every run is made once a seed": wanted.two_stage / seeds,
        "seeds count in both stages": seeds * first + second,
        "the second stage also costs: keep times final_tokens": seeds * first,
        "a kept setting starts again on the long stream, it does not continue": seeds * (first + keep * 90_000),
    }
    agree(two, wanted.two_stage, "the cost of two stages", slips)
    agree(full, wanted.full, "the cost of the full grid", {"every run is made once a seed": wanted.full / seeds})
    slips = {"it is the share that is spent": 1 - wanted.saved, "it is a share, not per cent": 100 * wanted.saved}
    agree(saved, wanted.saved, "the share saved", slips)


def _cost_property(answer: Answer, draw: Draw) -> None:
    settings = draw.whole(20, 40)
    few, many = answer.numbers(COSTS, settings, 1000, 10_000, 3, 1), answer.numbers(COSTS, settings, 1000, 10_000, 3, 5)
    agree(many[2], few[2], "seeds cost both ways alike, so the share saved")
    two, full, _ = answer.numbers(COSTS, 2, 1000, 10_000, 3, 1)
    agree(two, 2 * 1000 + 2 * 10_000, "of 2 settings 3 cannot be kept, so the cost of two stages")
    agree(full, 20_000, "the full grid of 2 settings on 10,000 tokens costs 20,000; yours")


def _needed_value(answer: Answer, draw: Draw) -> None:
    for saved in (0.62, 0.53, 0.81):  # no quotient is whole, where rounding of floats would decide
        keep = draw.whole(2, 5)
        exact = keep / (1 - saved - 0.1)
        wanted = settings_needed(saved, 10_000, 100_000, keep)
        slips = {
            "the first stage costs as well, a tenth here": math.ceil(keep / (1 - saved)),
            "round up: with fewer settings it saves less": math.floor(exact),
            "a grid has a whole number of settings": exact,
        }
        grid = f"the grid that saves {saved:.0%} with keep = {keep}"
        agree(answer.number(saved, 10_000, 100_000, keep), wanted, grid, slips)


def _needed_property(answer: Answer, draw: Draw) -> None:
    for saved, tokens in ((0.9, 10_000), (0.95, 10_000), (0.5, 60_000)):
        said = answer.any(saved, tokens, 100_000, 3)
        never = f"a first stage of {tokens / 100_000:.0%} never saves {saved:.0%}: return None, not {said!r}"
        require(said is None, never)
    why = "3 / 0.25 is 12, and 12 settings save exactly enough; yours"
    agree(answer.number(0.5, 25_000, 100_000, 3), 12, why)
    for saved, tokens in ((0.72, 10_000), (0.64, 25_000)):
        keep = draw.whole(2, 6)
        grid = answer.number(saved, tokens, 100_000, keep)
        require(grid == int(grid), "a grid has a whole number of settings")
        found, fewer = (cost(int(grid) - less, tokens, 100_000, keep).saved for less in (0, 1))
        require(found >= saved - 1e-9, f"{grid:g} settings save {found:.4f}, less than {saved}")
        require(fewer < saved - 1e-9, f"{grid - 1:g} settings are enough: they save {fewer:.4f}")


def _scores(draw: Draw, gap: float, noise: float, shared: float = 0.0) -> tuple[list[float], list[float]]:
    """Scores of two settings over 5 seeds: the second is `gap` worse, up to seeded noise; `shared` moves both."""
    common = (shared * draw.normal(5)).tolist()
    jitter = _jitter(draw, noise)
    best = [1 + c for c in common]
    return best, [b - gap + j for b, j in zip(best, jitter, strict=True)]


def _jitter(draw: Draw, noise: float) -> list[float]:
    return [noise * sign * draw.number(0.9, 1.1) for sign in (1, -1, 1, -1, 0)]


def _near_the_limit(draw: Draw, share: float) -> tuple[list[float], list[float]]:
    """Scores whose mean gap is `share` of the limit t sd / sqrt(n)."""
    jitter = [0.1 * step * draw.number(0.9, 1.1) for step in (2, -1, -1, 0.5, -0.5)]  # its median is not its mean
    mean, limit = statistics.fmean(jitter), T_95[3] * statistics.stdev(jitter) / math.sqrt(5)
    return [1.0] * 5, [1 - share * limit + j - mean for j in jitter]


def _tie_value(answer: Answer, draw: Draw) -> None:
    t = T_95[3]  # five seeds
    # With n in place of n - 1 the limit is 11% lower, between 0.95 and 0.85 of the right one.
    cases = [_scores(draw, gap, 0.1) for gap in (0.0, 0.05, 0.2)]
    for best, other in cases + [_near_the_limit(draw, share) for share in (0.85, 0.95, 1.05)]:
        gaps = [a - b for a, b in zip(best, other, strict=True)]
        limit = t * statistics.stdev(gaps) / math.sqrt(5)
        wanted = statistics.fmean(gaps) <= limit
        relation = "within" if wanted else "above"
        sentence = f"the mean gap {statistics.fmean(gaps):.3f} is {relation} t sd / sqrt(n) = {limit:.3f}"
        said = answer.truth(best, other, t)
        if wanted and not said and statistics.fmean(gaps) > t * statistics.pstdev(gaps) / math.sqrt(5):
            sentence = f"{sentence} (the deviation of a sample, with n - 1)"
        require(said == wanted, f"{sentence}: that is {'a' if wanted else 'no'} tie")


def _tie_property(answer: Answer, draw: Draw) -> None:
    best, other = _scores(draw, 0.2, 0.02, shared=2.0)
    clear = "0.2 ahead on every single seed is no tie, however much seeds differ: compare seed by seed"
    require(not answer.truth(best, other, T_95[3]), clear)
    best, other = _scores(draw, 0.01, 0.1, shared=2.0)
    require(answer.truth(best, other, T_95[3]), "0.01 ahead with gaps that change sign from seed to seed is a tie")
    require(answer.truth(best, best, T_95[3]), "a setting ties with itself")
    best, other = _near_the_limit(draw, 0.95)
    require(answer.truth(best, other, T_95[3]), "a gap just within the limit is a tie: a sample's deviation has n - 1")


check_two_stage_cost = Exercise(
    "two_stage_cost", 7, "the price of two stages", (2, 2), 2, 8, _cost_value, _cost_property,
    (
        "Count token updates: runs times tokens of each run. A run is one setting with one seed.",
        "First stage: all settings on `tokens`. Second: `keep` of them on `final_tokens`. Full: all on those.",
        "No more can be kept than there are: `min(keep, settings)`. saved = 1 - two / full.",
    ),
)  # fmt: skip
check_grid_needed = Exercise(
    "grid_needed", 7, "the grid that makes two stages worth it", (2, 2), 3, 12, _needed_value, _needed_property,
    (
        "saved = 1 - tokens / final_tokens - keep / settings. Solve for settings.",
        "settings = keep / (1 - saved - tokens / final_tokens), rounded up. What if the divisor is 0 or less?",
        "Return None there. Before rounding up, round(x, 6): floats make 15.000000000000004 of 15.",
    ),
)  # fmt: skip
check_is_tie = Exercise(
    "is_tie", 7, "ahead, or a tie?", (2, 2), 3, 12, _tie_value, _tie_property,
    (
        "The same seed gives both settings the same text and start. Take the gap seed by seed.",
        "A tie: the mean gap is at most t times the standard deviation of the gaps over sqrt(n).",
        "`statistics.fmean(gaps) <= t * statistics.stdev(gaps) / math.sqrt(len(gaps))`.",
    ),
)  # fmt: skip

EXERCISES = (check_two_stage_cost, check_grid_needed, check_is_tie)
