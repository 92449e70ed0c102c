"""Lesson 09: what a memory takes by count, the spread over seeds, and a verdict by rule."""

import math
import statistics

from ..claims.finding import FAILS, HOLDS, PART, UNTESTED, VERDICTS, grade
from .check import Answer, Draw, Exercise
from .values import agree, article, require

SHARE = ("the number of weights", "the share", "the megabytes")
SPREAD = ("the mean", "the lowest", "the highest")


def _share_value(answer: Answer, draw: Draw) -> None:
    width, expansion, total = 64 * draw.whole(4, 30), draw.whole(2, 4), 10_000_000 * draw.whole(5, 90)
    weights, share, megabytes = answer.numbers(SHARE, width, expansion, total, 32)
    wanted = 2 * expansion * width**2
    slips = {
        "there are two matrices, up and down": wanted / 2,
        "the hidden layer has expansion * width units": 2 * width**2,
        "each matrix has width * hidden weights, not hidden * hidden": 2 * (expansion * width) ** 2,
    }
    agree(weights, wanted, "the number of weights", slips)
    agree(share, wanted / total, "the share", {"it is a share, not per cent": 100 * wanted / total})
    slips = {"8 bits are a byte": 8 * 4 * wanted / 1e6, "a megabyte has 10**6 bytes here": 4 * wanted / 2**20}
    agree(megabytes, 4 * wanted / 1e6, "the megabytes", slips)


def _share_property(answer: Answer, draw: Draw) -> None:
    width, total = 64 * draw.whole(4, 12), 100_000_000
    one, wide = answer.numbers(SHARE, width, 4, total, 32), answer.numbers(SHARE, 2 * width, 4, total, 32)
    agree(wide[0] / one[0], 4.0, "twice the width takes 4 times the weights; yours, as a multiple,")
    few = answer.numbers(SHARE, width, 4, total, 8)
    agree(few[0], one[0], "bits change the size, not the number of weights, which")
    agree(few[2], one[2] / 4, "8 bits take a quarter of what 32 take: the megabytes")


def _spread_value(answer: Answer, draw: Draw) -> None:
    values = draw.between(0.1, 0.9, draw.whole(3, 6)).tolist()
    mean, low, high = answer.numbers(SPREAD, values, 100.0)
    agree(mean, statistics.fmean(values), "the mean", {"it is the mean, not the median": statistics.median(values)})
    off = statistics.stdev(values)
    agree(low, min(values), "the lowest", {"it is the lowest seed, not mean minus deviation": mean - off})
    agree(high, max(values), "the highest", {"it is the highest seed, not mean plus deviation": mean + off})


def _spread_property(answer: Answer, draw: Draw) -> None:
    worst = float(draw.whole(50, 99))
    for lost in (math.nan, math.inf, -math.inf):
        values = [*draw.between(0.1, 0.9, 3).tolist(), lost]
        mean, low, high = answer.numbers(SPREAD, values, worst)
        agree(high, worst, f"a seed that ended in {lost} counts as worst = {worst:g}, it is not dropped: the highest")
        agree(mean, (sum(values[:3]) + worst) / 4, f"with a seed that ended in {lost} the mean")
        agree(low, min(values[:3]), f"with a seed that ended in {lost} the lowest")
    answer.untouched([0.5, math.nan], -worst)
    mean, low, high = answer.numbers(SPREAD, [0.5, math.nan], -worst)
    agree(low, -worst, "where high is good, worst is low: the lowest")


def _verdict(answer: Answer, parts: list[list[bool]]) -> str:
    said = answer(parts)
    require(isinstance(said, str), f"verdict must return a text, not {article(said)}")
    require(said in VERDICTS, f"verdict must return one of {', '.join(map(repr, VERDICTS))}, not {said[:40]!r}")
    return said


def _judged(answer: Answer, parts: list[list[bool]], wanted: str, why: str) -> None:
    said = _verdict(answer, parts)
    require(said == wanted, f"{parts} is {wanted!r}, not {said!r}: {why}")


def _verdict_value(answer: Answer, draw: Draw) -> None:
    yes, no, mixed = [True] * 3, [False] * 3, [True, True, True]
    mixed[draw.whole(0, 2)] = False
    _judged(answer, [yes, yes], HOLDS, "all parts do")
    _judged(answer, [no, no, no], FAILS, "no part does")
    _judged(answer, [yes, no], PART, "one part does")
    _judged(answer, [yes, mixed], PART, "a part holds where it does in every seed")
    _judged(answer, [yes], HOLDS, "one part is enough, if it holds in every seed")
    _judged(answer, [mixed, mixed], FAILS, "a part holds where it does in every seed")


def _verdict_property(answer: Answer, draw: Draw) -> None:
    for parts in ([[True]], [[True], [False]], [[False], [False]]):
        _judged(answer, parts, UNTESTED, "one seed says nothing about the noise")
    for _ in range(8):
        parts = [[draw.whole(0, 3) > 0 for _ in range(2)] for _ in range(draw.whole(2, 4))]
        wanted = grade(*map(all, parts))
        _judged(answer, parts, wanted, "by the parts that hold in both seeds")
        _judged(answer, parts[::-1], wanted, "the order of the parts does not count")


check_memory_share = Exercise(
    "memory_share", 9, "a memory by count", (2, 2), 2, 8, _share_value, _share_property,
    (
        "The memory is a small MLP: width -> hidden -> width, without biases.",
        "hidden = expansion * width; each of the two matrices has width * hidden weights.",
        "`weights * bits / 8` are bytes, and 10**6 of them a megabyte.",
    ),
)  # fmt: skip
check_spread_of = Exercise(
    "spread_of", 9, "mean and range over seeds", (2, 2), 2, 8, _spread_value, _spread_property,
    (
        "A run that diverged gives NaN or infinity. Dropping it would make the setting look better than it is.",
        "`math.isfinite(value)` is False for NaN and for both infinities.",
        "`kept = [v if math.isfinite(v) else worst for v in values]`, then mean, min and max of `kept`.",
    ),
)  # fmt: skip
check_verdict = Exercise(
    "verdict", 9, "a verdict by rule", (2, 2), 2, 8, _verdict_value, _verdict_property,
    (
        "First ask how many seeds there are: with one, nothing can be said.",
        "A part holds if it does in every seed: `all(part)`. Then count the parts that hold.",
        "All hold: 'holds'; some: 'holds in part'; none: 'does not hold'; `all` and `any` of a list do it.",
    ),
)  # fmt: skip

EXERCISES = (check_memory_share, check_spread_of, check_verdict)
