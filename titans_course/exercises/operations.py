"""Lesson 08: an incident read off two curves, a rollback that keeps what was good, and when to serve the shadow."""

from collections.abc import Container

import torch
from torch import Tensor
from torch.nn.functional import normalize

from titans_mini.messages import Message

from .check import Answer, Draw, Exercise
from .values import agree, as_number, as_tensor, require

KINDS = ("clean", "poison", "fault")
FULL, NEARLY = 20, 3  # tokens while the memory fills; tokens by which an incident may be read off too early or late


def _write(M: Tensor, k: Tensor, v: Tensor, theta: float) -> Tensor:
    return M - 2 * theta * torch.outer(M @ k - v, k)


def _drill(draw: Draw, kind: str, at: int, growth: float = 1.0, ends: int = 15) -> tuple[Tensor, Tensor]:
    """Norm and recall (120,) of a memory that rereads two pairs among others, with one incident at token `at`.

    Poison writes the two keys with turned values for `ends` tokens, a fault multiplies the weights by 6.
    """
    keys, values = torch.linalg.qr(draw.normal(8, 2)).Q.T, draw.normal(2, 4) + 1
    M, norm, recall = torch.zeros(4, 8, dtype=torch.float64), [], []
    for token in range(120):
        i, size = token % 2, growth ** (token / 120)
        other = draw.normal(8)
        other = other - keys.T @ (keys @ other)
        if token < FULL - 4 or token % 10 < 2 or (kind == "poison" and at <= token < at + ends):
            sign = -1 if kind == "poison" and at <= token < at + ends else 1
            M = _write(M, keys[i], sign * values[i], 0.4)
        else:
            M = _write(M, other / other.norm(), size * draw.normal(4), 0.2)
        M = 6 * M if kind == "fault" and token == at else M
        norm.append(M.norm())
        recall.append(1 - (keys @ M.T - values).square().sum() / values.square().sum())
    return torch.stack(norm), torch.stack(recall)


def _incident(answer: Answer, draw: Draw, kind: str, why: str, **settings: float) -> None:
    at = draw.whole(40, 80)
    said, token = answer.several(2, *_drill(draw, kind, at, **settings))
    known = isinstance(said, str) and said in KINDS
    require(known, "the kind must be one of {kinds}", kinds=", ".join(map(repr, KINDS)))
    require(said == kind, "this is '{kind}', not '{said}': {why}", kind=kind, said=said, why=Message(why))
    token = as_number(token, Message("the token"))
    if kind == "clean":
        require(token == -1, "clean has -1 in place of a token, not {token:g}", token=token)
    text = "the {kind} incident begins at token {at}, not {token:g}"
    require(kind == "clean" or abs(token - at) <= NEARLY, text, kind=kind, at=at, token=token)


def _incident_value(answer: Answer, draw: Draw) -> None:
    _incident(answer, draw, "clean", "recall stays and no weight jumps")
    _incident(answer, draw, "poison", "recall falls, and the norm shows nothing")
    _incident(answer, draw, "fault", "the norm jumps from one token to the next")


def _incident_property(answer: Answer, draw: Draw) -> None:
    _incident(answer, draw, "clean", "a norm that grows slowly is no jump, however far it goes", growth=60.0)
    _incident(answer, draw, "poison", "recall fell, even if rereading brought it back", ends=3)
    _incident(answer, draw, "fault", "where values grow the jump counts against the token before", growth=10.0)


def _taught(keys: Tensor, values: Tensor, left_out: Container[int] = (), count: int = 30) -> Tensor:
    """The memory after the first `count` tokens without those left out."""
    M = torch.zeros(values.shape[1], keys.shape[1], dtype=keys.dtype)
    for token in range(count):
        M = M if token in left_out else _write(M, keys[token], values[token], 0.3)
    return M


def _rolled(answer: Answer, draw: Draw, first: int, end: int, at: list[int]) -> None:
    keys, values = normalize(draw.normal(30, 5), dim=-1), draw.normal(30, 3)
    snapshots = [(n, _taught(keys, values, count=n)) for n in at]  # poison was read like anything else
    start = max(n for n in at if n <= first)
    left_out = {
        "the poison is in it: take a snapshot from before it, and step over it": (),
        "what came between the snapshot and the poison was good, read it again": range(start, end),
        "what came after the poison was good, read it again": range(first, 30),
        "the last token of the poison was read": range(first, end - 1),
        "the token after the poison is good": range(first, end + 1),
        "a snapshot (n, M) has read tokens 0 to n - 1, so go on with token n": {start, *range(first, end)},
    }
    slips = {why: _taught(keys, values, out) for why, out in left_out.items()}
    said = as_tensor(answer.untouched(snapshots, keys, values, 0.3, first, end), (3, 5), Message("the memory"))
    agree(said, _taught(keys, values, range(first, end)), "the memory", slips)


def _rollback_value(answer: Answer, draw: Draw) -> None:
    _rolled(answer, draw, draw.whole(14, 17), draw.whole(20, 24), [0, 10, 19, 28])


def _rollback_property(answer: Answer, draw: Draw) -> None:
    _rolled(answer, draw, 10, 15, [20, 0, 10])  # taken just before the poison; in no order
    _rolled(answer, draw, 5, 30, [0, 12, 24])  # poison to the end


def _degraded(main: list[float], shadow: list[float], threshold: float, patience: int) -> int:
    streak = 0
    for step, (a, b) in enumerate(zip(main, shadow, strict=True)):
        streak = streak + 1 if a / b - 1 > threshold else 0
        if streak == patience:
            return step
    return -1


def _degrade_value(answer: Answer, draw: Draw) -> None:
    shadow = [draw.number(80, 120) for _ in range(40)]
    # Worse by 20% for two steps, by 3% for a while, by 50% once and then by 5.1%, which is 4.9% of main.
    worse = [1.0] * 5 + [1.2] * 2 + [1.0] + [1.03] * 10 + [1.0] * 2 + [1.5] + [1.051] * 19
    main = [b * factor for b, factor in zip(shadow, worse, strict=True)]
    wanted = _degraded(main, shadow, 0.05, 6)
    slips = {
        "it counts bad steps in all; they must come in a row": 23,
        "it changes at the first bad step; wait for `patience` of them": 5,
        "it changes a step late: the 6th bad step in a row is the one": wanted + 1,
        "it changes where the bad steps begin, before anyone can know": wanted - 5,
        "a difference of perplexities is no share: divide it by the shadow's": 8 + 5,
        "the share is one of the shadow's perplexity: main / shadow - 1": -1,
    }
    agree(answer.number(main, shadow, 0.05, 6), wanted, "the step of the change", slips)


def _degrade_property(answer: Answer, draw: Draw) -> None:
    patience = draw.whole(3, 6)
    almost = ([1.2] * (patience - 1) + [1.0]) * 5
    agree(
        answer.number(almost, [1.0] * len(almost), 0.05, patience), -1, "a good step restarts the count, so the answer"
    )
    agree(answer.number([1.25] * 9, [1.0] * 9, 0.25, 2), -1, "exactly the threshold is not above it, so the answer")
    agree(answer.number([90.0] * 9, [100.0] * 9, 0.05, 2), -1, "where main is better nothing changes, so the answer")
    agree(answer.number([120.0] * 9, [100.0] * 9, 0.05, 2), 1, "20% worse is above 5% whatever the size, so the answer")
    agree(answer.number([104.0] * 9, [100.0] * 9, 0.05, 2), -1, "104 is 4% above 100, not above 5%, so the answer")
    above = "105.1 is 5.1% above the shadow's 100, however little of main that is, so the answer"
    agree(answer.number([105.1] * 9, [100.0] * 9, 0.05, 2), 1, above)


check_read_incident = Exercise(
    "read_incident", 8, "what happened, and when", (2, 2), 3, 12, _incident_value, _incident_property,
    (
        "Plot both curves for a drill of each kind. Which of the two does poison move, and which does a fault?",
        "A fault moves both, so look for it first: compare each norm with the one of the token before.",
        "Leave out the first 20 tokens. Poison begins where recall first lies clearly below what it was before.",
    ),
)  # fmt: skip
check_rolled_back = Exercise(
    "rolled_back", 8, "a memory without the poison", (2, 2), 3, 12, _rollback_value, _rollback_property,
    (
        "Which snapshots have not read any poison? And what has a snapshot not read yet?",
        "Take the newest one with n <= first. Then read on from token n, and step over the poison.",
        "Start from `M` of the snapshot without changing it, and write token after token by the delta rule.",
    ),
)  # fmt: skip
check_degrade_step = Exercise(
    "degrade_step", 8, "when the shadow takes over", (2, 2), 2, 10, _degrade_value, _degrade_property,
    (
        "At each step: is main's perplexity more than `threshold` above the shadow's? Count such steps in a row.",
        "The share is one of the shadow's perplexity. What does a step that is not bad do to the count?",
        "Try it by hand: bad, bad, good, bad, bad with a patience of 2. At which step, counted from 0, does it change?",
    ),
)  # fmt: skip

EXERCISES = (check_read_incident, check_rolled_back, check_degrade_step)
