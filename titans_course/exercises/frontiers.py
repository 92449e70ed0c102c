"""Lesson 10: a memory in 8 bits, what a decision was worth, and a gate that learns from reward."""

import torch
from torch import Tensor

from titans_mini.messages import Message
from titans_mini.quantize import dequantize, quantize

from .check import Answer, Draw, Exercise
from .values import CLOSE, agree, as_tensor, require


def _rounded(answer: Answer, W: Tensor) -> tuple[Tensor, Tensor]:
    codes, scale = answer.several(2, W)
    require(isinstance(codes, Tensor) and codes.dtype == torch.int8, "the codes must be a tensor of dtype torch.int8")
    codes = as_tensor(codes, W.shape, Message("the codes"))
    return codes, as_tensor(scale, (len(W), 1), Message("the scale, one a row,"))


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
    said = as_tensor(said, (5, 7), answer.name)
    agree(said.mean(0), torch.zeros(7), "over all episodes the advantages of a step must average to 0; step")
    bonus = answer.tensor((5, 7), rewards + draw.normal(7))
    agree(bonus, said, "a bonus that every episode gets changes no decision, so the advantage")
    past = rewards.clone()
    past[0, 2] += 5
    moved = (answer.tensor((5, 7), past) - said).abs().amax(0) > CLOSE
    require(not moved[3:].any(), "a reward at step 2 changed what the decision at a later step was worth")
    require(bool(moved[:3].all()), "a reward at step 2 must count for the decisions at steps 0, 1 and 2")


FACT, NOISE = 0, 1


def _stream(draw: Draw, count: int) -> tuple[Tensor, Tensor]:
    """What each token is (n,), and what is seen of it (n, 2): how surprising, and how unlike all before it."""
    kind = draw.between(0, 3, count).long()
    middle = torch.tensor([[0.6, 0.2], [0.9, 0.9], [0.1, 0.5]]).double()  # facts, noise, fillers
    return kind, middle[kind] + draw.between(-0.08, 0.08, count, 2)


def _earned(draw: Draw, answer: Answer, cost: float, always: float = 0.0) -> tuple[float, float, Tensor, Tensor]:
    """What a learned gate earns a token on a new stream, what the best gate earns there; what it wrote, the kinds."""
    kind, seen = _stream(draw, 300)

    def reward(write: Tensor) -> Tensor:
        return write * ((kind == FACT).double() - cost) + always

    w, b = answer.several(2, seen, reward)
    w, b = as_tensor(w, (2,), "w"), as_tensor(b, (), "b")
    kind, seen = _stream(draw, 300)
    write = (seen @ w + b > 0).double()
    gains = (kind == FACT).double() - cost
    return (write * gains).mean().item(), gains.clamp_min(0).mean().item(), write.bool(), kind


def _gate_value(answer: Answer, draw: Draw) -> None:
    earned, best, write, kind = _earned(draw, answer, draw.number(0.2, 0.4))
    noisy = write[kind == NOISE].double().mean().item()
    text = "it writes {share:.0%} of the noise, which is surprising and brings nothing"
    require(noisy < 0.5, text, share=noisy)
    facts = write[kind == FACT].double().mean().item()
    require(facts > 0.5, "it writes {share:.0%} of the facts: does it go up the reward?", share=facts)
    text = "on new tokens it earns {earned:.3f} each, where {best:.3f} can be had"
    require(earned > 0.9 * best, text, earned=earned, best=best)


def _gate_property(answer: Answer, draw: Draw) -> None:
    _, _, write, _ = _earned(draw, answer, 1.5)
    require(not write.any(), "where a write costs more than a fact brings the gate must learn to stay shut")
    earned, best, *_ = _earned(draw, answer, 0.3, always=50.0)
    why = Message("what every decision earns alike says nothing about any: take the mean off")
    text = "with 50 more for each token it earns {earned:.3f}, not {best:.3f}: {why}"
    require(earned > 0.9 * best, text, earned=earned, best=best, why=why)


check_quantize_rows = Exercise(
    "quantize_rows", 10, "a memory in 8 bits", (2, 2), 3, 12, _quantize_value, _quantize_property,
    (
        "Each row has its own scale: the size of its largest entry stands for the code 127.",
        "The largest size in a row gets the code 127, and the others follow by the same scale. What of a row of zeros?",
        "Round before you change the dtype, which would cut off. Keep the scale of an empty row away from 0.",
    ),
)  # fmt: skip
check_advantage = Exercise(
    "advantage", 10, "what a decision was worth", (2, 2), 3, 10, _advantage_value, _advantage_property,
    (
        "A decision is worth the rewards from its own step on, compared with what other episodes got from there on.",
        "Two parts: all that comes from a step on, and the mean of that over the episodes, which is taken off.",
        "A sum to the end is a running sum from behind: `flip` turns steps round. Over which dim is the mean?",
    ),
)  # fmt: skip
check_learn_gate = Exercise(
    "learn_gate", 10, "a gate that learns from reward", (2, 2), 4, 15, _gate_value, _gate_property,
    (
        "Decide by chance at first, with the probability sigmoid(seen @ w + b), and see what the decisions earn.",
        "Make what earned more than usual likelier: the log-probability of each decision times its advantage goes up.",
        "`torch.bernoulli` decides, a few hundred steps of Adam with lr 0.1 learn. Do not forget the baseline.",
    ),
    seconds=12.0,
)  # fmt: skip

EXERCISES = (check_quantize_rows, check_advantage, check_learn_gate)
