"""Lesson 09: what a memory takes by count, a half-life read off a curve, and how far a memory reaches."""

import math

import torch
from torch import Tensor

from .check import Answer, Draw, Exercise
from .values import agree

SHARE = ("the number of weights", "the share", "the megabytes")


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


def _fading(draw: Draw, lam: float, tokens: int) -> tuple[Tensor, Tensor]:
    """Norm of the memory after each token (t,), and the write gate (t,): 0 in silence, alpha = lam (1 - g_write)."""
    opened = draw.between(0.0, 1.0, tokens // 10) < 0.4
    opened[0], opened[1], opened[2], opened[-1] = True, False, True, False
    gate = draw.between(0.2, 0.9, tokens) * opened.repeat_interleave(10)
    M, norm = 0.1 * draw.normal(6, 6), []
    for g in gate.tolist():
        M = (1 - lam * (1 - g)) * M + 0.2 * g * draw.normal(6, 6)
        norm.append(M.norm())
    return torch.stack(norm), gate


def _life(keep: Tensor | float) -> float:
    return math.log(0.5) / math.log(keep) if 0 < keep < 1 else math.inf


def _silence_value(answer: Answer, draw: Draw) -> None:
    lam = draw.number(0.005, 0.03)
    norm, gate = _fading(draw, lam, 90)
    ratio, quiet = norm[1:] / norm[:-1], gate[1:] == 0
    drop = (norm[:-1] - norm[1:])[quiet].mean()
    slips = {
        "use silent tokens alone: norm[t] / norm[t - 1] where g_write[t] is 0; elsewhere writes move the norm": _life(
            ratio.mean()
        ),
        "norm[t] is taken after token t, so the gate of token t says what moved it there": _life(
            ratio[gate[:-1] == 0].mean()
        ),
        "the norm falls by a share of itself, not by the same amount each token": (norm[0] / 2 / drop).item(),
        "it is the share lost in one token; asked is after how many half is left": lam,
        "1 / lambda is the time after which the share left is 37%": 1 / lam,
    }
    agree(answer.number(norm, gate), _life(1 - lam), "the half-life", slips, tolerance=1e-3)


def _silence_property(answer: Answer, draw: Draw) -> None:
    lam = draw.number(0.002, 0.02)
    norm, gate = _fading(draw, lam, 300)
    agree(answer.number(norm, gate), _life(1 - lam), "the half-life", tolerance=1e-3)
    agree(answer.number(1000 * norm, gate), _life(1 - lam), "of a larger memory the half-life", tolerance=1e-3)
    agree(
        answer.number(*_fading(draw, 0.0, 60)), math.inf, "a memory that loses nothing in silence has math.inf; yours"
    )


def _reach(gaps: list[int], memory: Tensor, control: Tensor) -> int:
    reached = 0
    for gap, worst, best in zip(gaps, memory.amin(0), control.amax(0), strict=True):
        if worst <= best:
            break
        reached = gap
    return reached


def _reach_value(answer: Answer, draw: Draw) -> None:
    gaps = [4, 8, 16, 32, 64, 128, 256]
    level = torch.tensor([[1.0, 0.95, 0.8, 0.7, 0.4, 0.7, 0.3], [0.1, 0.2, 0.5, 0.5, 0.6, 0.1, 0.1]]).double()
    memory, control = (line + draw.between(-0.02, 0.02, 3, 7) for line in level)
    memory[:, 3], control[:, 3] = torch.tensor([0.9, 0.49, 0.9]), torch.tensor([0.5, 0.1, 0.55])  # one seed lies under
    slips = {
        "at 32 the worst seed of the memory lies under the best of the control": 32,
        "it ends where they first overlap; what lies above beyond that does not count": 256,
    }
    agree(answer.number(gaps, memory, control), 16, "the reach", slips)


def _reach_property(answer: Answer, draw: Draw) -> None:
    gaps, high = [10, 20, 40], draw.between(0.8, 1.0, 4, 3)
    agree(
        answer.number(gaps, high, high),
        0,
        "a control that recalls as much shows that the memory does nothing: the reach",
    )
    agree(answer.number(gaps, high, high - 0.7), 40, "where all lie above the control the reach is the last gap; yours")
    low = 0.05 + 0.1 * high
    agree(answer.number(gaps, low, low / 10), 40, "a low recall may still be above the control: the reach")
    tied = high.clone()
    tied[:, 1], control = 0.5, torch.full((2, 3), 0.5, dtype=torch.float64)  # two seeds of the control
    agree(answer.number(gaps, tied, control), 10, "equal is not above, so the reach")


check_memory_share = Exercise(
    "memory_share", 9, "a memory by count", (2, 2), 2, 8, _share_value, _share_property,
    (
        "The memory is a small MLP: width -> hidden -> width, without biases.",
        "How many rows, and how many columns, has each of the two matrices?",
        "8 bits are a byte, and 10**6 bytes a megabyte here. A share lies between 0 and 1.",
    ),
)  # fmt: skip
check_silent_half_life = Exercise(
    "silent_half_life", 9, "a half-life read off a curve", (2, 2), 3, 10, _silence_value, _silence_property,
    (
        "Which tokens of the figure show forgetting and nothing else?",
        "From one token to the next in silence the norm is multiplied by the same number. Which two points give it?",
        "After n such tokens that number to the power n is left: when is it a half? What if nothing is lost?",
    ),
)  # fmt: skip
check_reach_of = Exercise(
    "reach_of", 9, "how far a memory reaches", (2, 2), 2, 10, _reach_value, _reach_property,
    (
        "A recall says something only beside the same model without memory. Compare the two at each gap.",
        "In every seed above every seed: which seed of the memory, and which of the control, decide that?",
        "Walk from the smallest gap up and stop at the first at which the two overlap.",
    ),
)  # fmt: skip

EXERCISES = (check_memory_share, check_silent_half_life, check_reach_of)
