"""Lesson 10: a memory in 8 bits, what a decision was worth, and sessions that do not mix."""

from collections.abc import Callable

import torch
from torch import Tensor

from titans_mini.quantize import dequantize, quantize

from .check import Answer, Draw, Exercise
from .values import CLOSE, agree, as_tensor, require


def _rounded(answer: Answer, W: Tensor) -> tuple[Tensor, Tensor]:
    codes, scale = answer.several(2, W)
    require(isinstance(codes, Tensor) and codes.dtype == torch.int8, "the codes must be a tensor of dtype torch.int8")
    return as_tensor(codes, W.shape, "the codes"), as_tensor(scale, (len(W), 1), "the scale, one a row,")


def _quantize_value(answer: Answer, draw: Draw) -> None:
    W = draw.normal(5, 8) * torch.tensor([0.1, 1.0, 5.0, 0.01, 2.0]).double()[:, None]
    codes, scale = _rounded(answer, W)
    largest = W.abs().amax(1, keepdim=True)
    slips = {
        "one scale for the whole matrix wastes the codes of small rows: take one a row": W.abs().max().expand(5, 1)
        / 127,
        "127 is the largest code: divide by it, not by 128": largest / 128,
        "it takes the largest entry, not the largest size: abs() first": W.amax(1, keepdim=True) / 127,
        "symmetric codes use the largest size, not the range": (W.amax(1, keepdim=True) - W.amin(1, keepdim=True))
        / 255,
    }
    agree(scale, largest / 127, "the scale", slips, tolerance=1e-6)
    exact = W / scale
    slips = {"it cuts off instead of rounding": exact.trunc(), "it rounds down, also below 0": exact.floor()}
    agree(codes, exact.round().clamp(-127, 127), "the code", slips)


def _quantize_property(answer: Answer, draw: Draw) -> None:
    W = draw.normal(4, 16) * 3
    codes, scale = _rounded(answer, W)
    require(bool((codes.abs() <= 127).all()), "a code outside -127..127 does not fit")
    again = codes * scale
    require(bool(((again - W).abs() <= scale / 2 + 1e-6).all()), "codes times scale must be within half a step of W")
    theirs = dequantize(quantize(W.float()), torch.float64)
    require(bool(((again - theirs).abs() <= 1e-6 + scale).all()), "codes times scale must be what the package gives")
    W[2] = 0.0
    codes, scale = _rounded(answer, W)
    agree((codes * scale)[2], torch.zeros(16), "a row of zeros must stay zeros; it")
    require(bool(scale.isfinite().all()) and bool((codes[2] == 0).all()), "a row of zeros must get the codes 0")


def _advantage_value(answer: Answer, draw: Draw) -> None:
    rewards = draw.normal(6, 9)
    ahead = rewards.flip(1).cumsum(1).flip(1)
    total = rewards.sum(1, keepdim=True).expand_as(rewards)
    slips = {
        "the baseline is missing: subtract the mean over the episodes": ahead,
        "a decision cannot change what came before it: sum from its own step on": total - total.mean(0),
        "it sums what came before; a decision is worth what comes from its step on": rewards.cumsum(1)
        - rewards.cumsum(1).mean(0),
        "the baseline is a mean over episodes (dim 0), not over steps": ahead - ahead.mean(1, keepdim=True),
        "its own step belongs to what it is worth": ahead - rewards - (ahead - rewards).mean(0),
        "it takes the one reward at that step; later ones count as well": rewards - rewards.mean(0),
    }
    agree(answer.tensor((6, 9), rewards), ahead - ahead.mean(0), "the advantage", slips)


def _advantage_property(answer: Answer, draw: Draw) -> None:
    rewards = draw.normal(5, 7)
    said = answer.untouched(rewards)
    said = as_tensor(said, (5, 7), "advantage")
    agree(said.mean(0), torch.zeros(7), "over all episodes the advantages of a step must average to 0; step")
    bonus = answer.tensor((5, 7), rewards + draw.normal(7))
    agree(bonus, said, "a bonus that every episode gets changes no decision, so the advantage")
    past = rewards.clone()
    past[0, 2] += 5
    moved = (answer.tensor((5, 7), past) - said).abs().amax(0) > CLOSE
    require(not moved[3:].any(), "a reward at step 2 changed what the decision at a later step was worth")
    require(bool(moved[:3].all()), "a reward at step 2 must count for the decisions at steps 0, 1 and 2")


def _step(state: list[float], token: float) -> tuple[float, list[float]]:
    """A memory of one number, kept in a list that is written in place, as careless code does."""
    state[0] = 0.5 * state[0] + token
    return state[0], state


def _alone(events: list[tuple[str, float]], start: float) -> list[float]:
    kept, out = {}, []
    for user, token in events:
        kept[user] = 0.5 * kept.get(user, start) + token
        out.append(kept[user])
    return out


def _reads(answer: Answer, step: Callable, start: list[float], events: list) -> Tensor:
    return answer.tensor((len(events),), step, start, events)


def _events(draw: Draw, users: str) -> list[tuple[str, float]]:
    return [(user, draw.number(0.5, 2.0)) for user in users]


def _pure(state: list[float], token: float) -> tuple[float, list[float]]:
    return 0.5 * state[0] + token, [0.5 * state[0] + token]


def _sessions_value(answer: Answer, draw: Draw) -> None:
    events, start = _events(draw, "abbacabca"), draw.number(0.5, 1.0)
    slips = {
        "all users share one memory: reading b's tokens changed the answers to a": _alone(
            [("all", token) for _, token in events], start
        ),
        "no memory is kept: every token starts from `start`": [0.5 * start + token for _, token in events],
    }
    agree(_reads(answer, _pure, [start], events), _alone(events, start), "the answer", slips)


def _sessions_property(answer: Answer, draw: Draw) -> None:
    events, start = _events(draw, "abcabacbb"), draw.number(0.5, 1.0)
    written = "`start` itself was written to: the next user would begin with somebody else's memory"
    said = as_tensor(answer.untouched(_step, [start], events, why=written), (9,), "read_sessions")
    agree(said, _alone(events, start), "two users share one list: copy `start` for each; the answer")
    mine = [event for event in events if event[0] == "b"]
    alone = _reads(answer, _pure, [start], mine)
    mixed = _reads(answer, _pure, [start], events)[torch.tensor([user == "b" for user, _ in events])]
    agree(mixed, alone, "among others b must get the answers that b gets alone; answer")


check_quantize_rows = Exercise(
    "quantize_rows", 10, "a memory in 8 bits", (2, 2), 3, 12, _quantize_value, _quantize_property,
    (
        "Each row has its own scale: the size of its largest entry stands for the code 127.",
        "scale = W.abs().amax(1, keepdim=True) / 127; codes are W / scale, rounded. What is 0 / 0 in a row of zeros?",
        "`.clamp_min(1e-38)` on the scale; then `(W / scale).round().clamp(-127, 127).to(torch.int8)`.",
    ),
)  # fmt: skip
check_advantage = Exercise(
    "advantage", 10, "what a decision was worth", (2, 2), 3, 10, _advantage_value, _advantage_property,
    (
        "A decision is worth the rewards from its own step on, compared with what other episodes got from there on.",
        "A sum from each step to the end: turn the steps round, cumsum, turn back. The baseline: mean(0).",
        "`ahead = rewards.flip(1).cumsum(1).flip(1); return ahead - ahead.mean(0)`.",
    ),
)  # fmt: skip
check_read_sessions = Exercise(
    "read_sessions", 10, "sessions that do not mix", (2, 2), 2, 10, _sessions_value, _sessions_property,
    (
        "Keep one state for each user: a dict from user to state.",
        "A user who is new begins with `start`; afterwards with what `step` gave back.",
        "`step` may write into what it is given, so begin with `list(start)`, a copy of one's own.",
    ),
)  # fmt: skip

EXERCISES = (check_quantize_rows, check_advantage, check_read_sessions)
