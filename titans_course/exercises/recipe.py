"""Lesson 03: the recipe's normaliser, its gate, and how often it writes."""

import math

import torch
from torch import Tensor

from titans_mini.memory.gates import SurpriseGate, initial_gate_state

from .check import Answer, Draw, Exercise
from .values import agree, require, unmoved

GATES = ("theta", "alpha")


def _excess(raw: Tensor) -> Tensor:
    """The package's normaliser; over the first 256 tokens its averages weigh all earlier tokens alike."""
    surprise, _, _ = SurpriseGate().double().measure(raw.unsqueeze(0), initial_gate_state(1, raw))
    return surprise[0]


def _score(raw: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return ((raw - mean) / (4 * std)).clamp(0, 1)


def _nearly_flat(draw: Draw) -> Tensor:
    """Eight tokens that hardly differ, and one a little above them: a surprise only to who sees no floor."""
    return torch.cat([3 + 1e-3 * draw.between(0.0, 1.0, 8), draw.between(3.1, 3.3, 1)])


def _running(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of all tokens up to each, itself included."""
    parts = [raw[: t + 1] for t in range(len(raw))]
    spread = torch.stack([part.std(correction=0) for part in parts]).clamp_min(1e-12)
    return torch.stack([part.mean() for part in parts]), spread


def _excess_value(answer: Answer, draw: Draw) -> None:
    raw = torch.cat([_nearly_flat(draw), 1 + draw.between(0.0, 1.0, 30) ** 4])
    raw = torch.cat([raw, raw.mean().view(1) + 2 * raw.std(correction=0)])  # half a surprise, far from both ends
    seen, spread = _running(raw)
    before, bare = (torch.cat([part[:1], part[:-1]]) for part in (seen, spread))
    floor = 0.05 * before
    said = answer.tensor((40,), raw)
    agree(said[0], 1.0, "the first token has nothing before it and is wholly surprising; its surprise")
    rest = "mean and spread must come from the tokens before; yours"
    slips = {
        f"{rest} see the whole stream": _score(raw, raw.mean(), raw.std(correction=0)),
        f"{rest} count the token itself": _score(raw, seen, torch.maximum(spread, 0.05 * seen)),
        "a past that is nearly flat has a deviation of at least 5% of its mean": _score(raw, before, bare),
        "the least deviation is 5% of the mean, not 0.05": _score(raw, before, bare.clamp_min(0.05)),
        "the larger of the two counts, not their sum": _score(raw, before, bare + floor),
        "it is four deviations that make 1, not one": _score(raw, before, torch.maximum(bare, floor) / 4),
    }
    for slip in slips.values():
        slip[0] = 1.0
    agree(said, _excess(raw), "surprise", slips)


def _excess_property(answer: Answer, draw: Draw) -> None:
    raw = 1 + draw.between(0.0, 1.0, 20)
    later = raw.clone()
    later[12] = 9.0
    said, changed = answer.tensor((20,), raw), answer.tensor((20,), later)
    unmoved(said, changed, 12, "mean and spread may use only past tokens")
    for series in (said, changed):
        require(bool(((series >= 0) & (series <= 1)).all()), "surprise must lie between 0 and 1: clip it")
    nearly = _nearly_flat(draw)
    why = "5% of the mean is the least spread that a nearly flat past has, so the surprise"
    agree(answer.tensor((9,), nearly), _excess(nearly), why)
    flat = answer.tensor((6,), torch.full((6,), 2.0, dtype=torch.float64))
    agree(flat[1:], torch.zeros(5), "a stream that never changes surprises nobody, so later surprise")


def _gate_value(answer: Answer, draw: Draw) -> None:
    S, tau, softness = draw.number(0.2, 0.4), 0.3, 0.05
    lam, eta = draw.number(1e-4, 1e-2), draw.number(1e-3, 1e-1)
    write = 1 / (1 + math.exp(-(S - tau) / softness))
    theta, alpha = answer.numbers(GATES, S, tau, softness, lam, eta)
    slips = {
        "it falls where S rises; the gate opens above tau": eta * (1 - write),
        "the step is eta times g_write": write,
    }
    agree(theta, eta * write, "theta", slips)
    slips = {
        "it forgets where it writes; g_forget = 1 - g_write": lam * write,
        "alpha is lam times g_forget": 1 - write,
        "it is what is kept; alpha is what is forgotten": 1 - lam * (1 - write),
    }
    agree(alpha, lam * (1 - write), "alpha", slips)


def _gate_property(answer: Answer, draw: Draw) -> None:
    tau, lam, eta = draw.number(0.2, 0.4), 0.01, 0.5
    theta, alpha = answer.numbers(GATES, tau, tau, 0.05, lam, eta)
    agree(theta, eta / 2, "at S = tau the write gate is half open, so theta")
    agree(alpha, lam / 2, "at S = tau the forget gate is half open, so alpha")
    for S, write in ((0.0, 0.0), (1.0, 1.0)):
        theta, alpha = answer.numbers(GATES, S, tau, 1e-4, lam, eta)
        agree(theta, eta * write, f"at S = {S:g} and a softness of 1e-4 theta")
        agree(alpha, lam * (1 - write), f"at S = {S:g} and a softness of 1e-4 alpha")


def _writes_value(answer: Answer, draw: Draw) -> None:
    gate = draw.between(0.0, 1.0, 97)  # a prime, so that no rate is a whole number
    count = float((gate > 0.5).sum())
    rate = 1000 * count / 97
    slips = {
        "it is a count; a rate does not grow with the stream": count,
        "a gate of 0.4 writes a little but does not count: only those above 0.5 do": 1000 * gate.mean().item(),
        "it is a share of all tokens, not per 1,000": count / 97,
        "it counts the tokens at which the gate is closed": 1000 - rate,
        "a rate need not be a whole number": round(rate),
    }
    agree(answer.number(gate), rate, "writes per 1,000 tokens", slips)


def _writes_property(answer: Answer, draw: Draw) -> None:
    gate = draw.between(0.0, 1.0, 90)
    once, twice = answer.number(gate), answer.number(torch.cat([gate, gate]))
    agree(twice, once, "a stream read twice has the same rate; yours")
    half = torch.tensor([0.5, 0.5, 0.75, 0.25], dtype=torch.float64)
    agree(answer.number(half), 250.0, "a gate of exactly 0.5 does not count; the rate of 0.5, 0.5, 0.75, 0.25")


check_excess = Exercise(
    "excess", 3, "surprise from 0 to 1, from the past only", (2, 2), 4, 15, _excess_value, _excess_property,
    (
        "Walk through the tokens: what do you know of token t before you read it? Only raw[:t].",
        "past = raw[:t]; the score is (raw[t] - past.mean()) / (4 * spread), brought into 0..1; token 0 gets 1.",
        "`spread = max(past.std(correction=0), 0.05 * past.mean())`: a constant past has no spread to divide by.",
    ),
)  # fmt: skip
check_recipe_gate = Exercise(
    "recipe_gate", 3, "the recipe's two gates", (2, 2), 2, 8, _gate_value, _gate_property,
    (
        "g_write is a sigmoid of how far S lies above tau, in units of softness.",
        "theta = eta * g_write and alpha = lam * (1 - g_write).",
        "math.exp(5000) overflows. `0.5 + 0.5 * math.tanh(x / 2)` is the same sigmoid and never does.",
    ),
)  # fmt: skip
check_writes_per_1k = Exercise(
    "writes_per_1k", 3, "writes per 1,000 tokens", (1, 1), 1, 4, _writes_value, _writes_property,
    (
        "Which tokens count as a write? Those at which the gate is more than half open.",
        "Count them, divide by the number of tokens, times 1,000.",
        "`1000 * (g_write > 0.5).double().mean().item()`.",
    ),
)  # fmt: skip

EXERCISES = (check_excess, check_recipe_gate, check_writes_per_1k)
