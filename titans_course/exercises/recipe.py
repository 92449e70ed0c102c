"""Lesson 03: the recipe's normaliser, its gate, and a tau read off a curve."""

import math

import torch
from torch import Tensor

from titans_mini.memory.gates import SurpriseGate, initial_gate_state
from titans_mini.messages import Message

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
    slips = {
        "mean and spread must come from the tokens before; yours see the whole stream": _score(
            raw, raw.mean(), raw.std(correction=0)
        ),
        "mean and spread must come from the tokens before; yours count the token itself": _score(
            raw, seen, torch.maximum(spread, 0.05 * seen)
        ),
        "a past that is nearly flat has a deviation of at least 5%, as a share of its mean": _score(raw, before, bare),
        "the least deviation is the mean times 5%, not 0.05": _score(raw, before, bare.clamp_min(0.05)),
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
    why = "the least spread that a nearly flat past has is its mean times 5%, so the surprise"
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
        agree(theta, eta * write, Message("at S = {S:g} and a softness of 1e-4 theta", S=S))
        agree(alpha, lam * (1 - write), Message("at S = {S:g} and a softness of 1e-4 alpha", S=S))


TAU = ("tau", "the first token written")


def _read_off(answer: Answer, S: Tensor, rate: float) -> None:
    """Tau must leave as many tokens above it as the rate says, and the first of them must be named."""
    tau, first = answer.numbers(TAU, S, rate)
    wanted, above, below = round(rate * len(S) / 1000), int(S.gt(tau).sum()), int(S.lt(tau).sum())
    text = "above tau = {tau:.4g} lie {above} of {tokens} tokens, which is {found:g} per 1,000, not {rate:g}"
    said = Message(text, tau=tau, above=above, tokens=len(S), found=1000 * above / len(S), rate=rate)
    if below == wanted != above:
        said = Message("{said}: {why}", said=said, why=Message("the gate opens where S lies above tau"))
    if above == min(round(rate), len(S)) != wanted:
        said = Message("{said}: {why}", said=said, why=Message("the rate is per 1,000 tokens"))
    require(above == wanted, "{said}", said=said)
    opened = int(S.gt(tau).nonzero()[0])
    slips = {"the first is asked for, not the highest": int(S.argmax()), "tokens are counted from 0": opened + 1}
    agree(first, opened, "the first token written", slips)


def _tau_value(answer: Answer, draw: Draw) -> None:
    S = draw.between(0.0, 1.0, 200) ** 3
    S[0], S[150] = 0.5 * S.median(), 1.01  # the first token is not written, the highest is not the first
    _read_off(answer, S, 5 * draw.whole(6, 16))


def _tau_property(answer: Answer, draw: Draw) -> None:
    S = draw.between(0.0, 1.0, 400) ** 3
    for rate in (2.5, 5 * draw.whole(6, 16), 1000):  # one token, the article's band, all tokens
        _read_off(answer, S, rate)
        _read_off(answer, S.flip(0), rate)


check_excess = Exercise(
    "excess", 3, "surprise from 0 to 1, from the past only", (2, 2), 4, 15, _excess_value, _excess_property,
    (
        "Walk through the tokens: what do you know of token t before you read it? Only raw[:t].",
        "Token 0 has no past. All others have a mean and a deviation of raw[:t]; the result is brought into 0..1.",
        "A past that never changes has the deviation 0. The larger of two numbers counts, one of them from its mean.",
    ),
)  # fmt: skip
check_recipe_gate = Exercise(
    "recipe_gate", 3, "the recipe's two gates", (2, 2), 2, 8, _gate_value, _gate_property,
    (
        "g_write is a sigmoid of how far S lies above tau, in units of softness.",
        "theta = eta * g_write and alpha = lam * (1 - g_write).",
        "math.exp(5000) overflows. Which function of math goes from -1 to 1 and never does? Shift it, and halve it.",
    ),
)  # fmt: skip
check_tau_for_rate = Exercise(
    "tau_for_rate", 3, "read tau off a curve", (1, 1), 2, 6, _tau_value, _tau_property,
    (
        "Think of tau as a level line across the plotted curve: how many points must lie above the line?",
        "Of t tokens n = rate * t / 1000 lie above it. So it runs between two heights: which, after sorting?",
        "If all tokens are to be written there is no height below the line: any number under the lowest will do.",
    ),
)  # fmt: skip

EXERCISES = (check_excess, check_recipe_gate, check_tau_for_rate)
