"""Lesson 07: the step that recalls best, how many settings a short stage must keep, and what a tie is."""

import math
import statistics

import torch
from torch import Tensor
from torch.nn.functional import normalize

from titans_mini.messages import Message

from ..studies.tuning import T_95
from .check import Answer, Draw, Exercise
from .values import agree, require


def _best(keys: Tensor, values: Tensor, thetas: list[float], when: str = "end", carried: bool = False) -> float:
    """The theta of the smallest error of all pairs: at the end, or each `before` or `after` its own write."""
    errors, M = [], torch.zeros(values.shape[1], keys.shape[1], dtype=keys.dtype)
    for theta in thetas:
        M, seen = M if carried else torch.zeros_like(M), {"before": 0.0, "after": 0.0}
        for k, v in zip(keys, values, strict=True):
            seen["before"] += (M @ k - v).square().sum()
            M = M - 2 * theta * torch.outer(M @ k - v, k)
            seen["after"] += (M @ k - v).square().sum()
        seen["end"] = (keys @ M.T - values).square().sum()
        errors.append(torch.as_tensor(seen[when]).nan_to_num(math.inf).item())
    return thetas[errors.index(min(errors))]


def _tune_value(answer: Answer, draw: Draw) -> None:
    wanted, slips, thetas = 0.0, {"": 0.0}, [0.02, 0.1, 0.2, 0.3, 0.5, 0.8]
    while wanted in slips.values():  # until each plausible mistake gives something else
        keys, values = normalize(draw.normal(12, 8), dim=-1), draw.normal(12, 4)
        wanted = _best(keys, values, thetas)
        slips = {
            "it is best just after each write; later writes disturb what was written": _best(
                keys, values, thetas, "after"
            ),
            "it is best just before each write, as the inner loss sees it": _best(keys, values, thetas, "before"),
            "all pairs are asked for at the end, not only the last one": _best(keys[-1:], values[-1:], thetas),
            "each theta must start with an empty memory": _best(keys, values, thetas, carried=True),
            "the largest step is not the best": max(thetas),
        }
    agree(answer.number(keys, values, thetas), wanted, "theta", slips)


def _tune_property(answer: Answer, draw: Draw) -> None:
    keys, values = 9 * normalize(draw.normal(400, 8), dim=-1), draw.normal(400, 4)
    thetas = [
        0.9,
        0.02,
        0.0005,
        0.005,
    ]  # above 1 / |k|^2 = 0.012 a step diverges, the first so fast that it ends in NaN
    answer.untouched(keys, values, thetas)
    said = answer.number(keys, values, thetas)
    text = "with theta = {theta:g} the memory diverges: is NaN sorted out before errors are compared?"
    require(said < 1 / 81, text, theta=said)
    agree(said, _best(keys, values, thetas), "among steps of which some diverge, theta")
    right = torch.eye(8, dtype=torch.float64)[:3]
    agree(answer.number(right, values[:3], [0.1, 0.5, 0.9]), 0.5, "keys at right angles disturb nothing: theta")


def _kept(short: Tensor, long: Tensor) -> int:
    return 1 + int((short > short[long.argmax()]).sum())


def _keep_value(answer: Answer, draw: Draw) -> None:
    wanted, slips = 0, {"": 0}
    while wanted in slips.values():  # until each plausible mistake gives something else
        short, long = draw.between(0.2, 0.8, 12, 3), draw.between(0.2, 0.8, 12, 3)
        means = short.mean(1), long.mean(1)
        wanted = _kept(*means)
        slips = {
            "how many are kept is asked, not a place counted from 0": wanted - 1,
            "it ranks the early winner at the end, not the late winner early": _kept(*means[::-1]),
            "high is good": _kept(-means[0], -means[1]),
            "a setting's score is its mean over seeds, not its best seed": _kept(short.amax(1), long.amax(1)),
            "a setting's score is its mean over seeds, not the first seed": _kept(short[:, 0], long[:, 0]),
        }
    agree(answer.number(short, long), wanted, "the number to keep", slips)


def _keep_property(answer: Answer, draw: Draw) -> None:
    short = draw.between(0.2, 0.8, 9, 4)
    agree(answer.number(short, short), 1, "where both stages agree one is enough; yours")
    agree(answer.number(short, -short), 9, "where the order is turned round all must be kept; yours")


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
        mean, limit = statistics.fmean(gaps), t * statistics.stdev(gaps) / math.sqrt(5)
        text = "the mean gap {mean:.3f} is above t sd / sqrt(n) = {limit:.3f}: that is no tie"
        if mean <= limit:
            text = "the mean gap {mean:.3f} is within t sd / sqrt(n) = {limit:.3f}: that is a tie"
        said = Message(text, mean=mean, limit=limit)
        if t * statistics.pstdev(gaps) / math.sqrt(5) < mean <= limit:
            said = Message("{said}: {why}", said=said, why=Message("the deviation of a sample has n - 1"))
        require(answer.truth(best, other, t) == (mean <= limit), "{said}", said=said)


def _tie_property(answer: Answer, draw: Draw) -> None:
    best, other = _scores(draw, 0.2, 0.02, shared=2.0)
    clear = "0.2 ahead on every single seed is no tie, however much seeds differ: compare seed by seed"
    require(not answer.truth(best, other, T_95[3]), clear)
    best, other = _scores(draw, 0.01, 0.1, shared=2.0)
    require(answer.truth(best, other, T_95[3]), "0.01 ahead with gaps that change sign from seed to seed is a tie")
    require(answer.truth(best, best, T_95[3]), "a setting ties with itself")
    best, other = _near_the_limit(draw, 0.95)
    require(answer.truth(best, other, T_95[3]), "a gap just within the limit is a tie: a sample's deviation has n - 1")


check_tune_theta = Exercise(
    "tune_theta", 7, "tune for what you need", (2, 2), 3, 12, _tune_value, _tune_property,
    (
        "What you need is recall once all has been read. Which pairs do you ask for, and when?",
        "For each theta start with an empty memory, write all pairs in turn, and only then compare all answers.",
        "A theta that is too large gives infinity or NaN. `min` believes NaN if it comes first: sort those out.",
    ),
)  # fmt: skip
check_keep_needed = Exercise(
    "keep_needed", 7, "read off how many to keep", (2, 1), 2, 8, _keep_value, _keep_property,
    (
        "Two columns of a figure: the order after the short stage, and the order after the long one.",
        "Find the setting that wins in the end. At which place was it after the short stage?",
        "Means over seeds first (dim 1); the place is one more than the number of settings that were ahead of it.",
    ),
)  # fmt: skip
check_is_tie = Exercise(
    "is_tie", 7, "ahead, or a tie?", (2, 2), 3, 12, _tie_value, _tie_property,
    (
        "The same seed gives both settings the same text and start. Take the gap seed by seed.",
        "A tie: the mean gap is at most t times the standard deviation of the gaps over sqrt(n).",
        "`statistics.stdev` divides by n - 1 and `pstdev` by n: which one tells the noise from a few seeds?",
    ),
)  # fmt: skip

EXERCISES = (check_tune_theta, check_keep_needed, check_is_tie)
