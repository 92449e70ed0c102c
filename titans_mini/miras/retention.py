"""Retention: what happens to the old memory when an update u arrives.

A memory may be kept in another form than it is used in: the state holds A, and `primal` gives the weights W. One
token does A <- keep(A, u, alpha). Tensors (n, ...) of one layer; alpha broadcasts.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..messages import Message
from .choice import MIRAS, Choice, Number, equation, recipe

LINEAR = ("none", "decay", "adaptive")  # the memory after a write is a sum
MIRROR = ("lq", "lq_mirror", "kl", "sigmoid")  # A is not W


def _decay(kept: Tensor, update: Tensor, alpha: Tensor) -> Tensor:
    return (1 - alpha) * kept + update


def _same(kept: Tensor) -> Tensor:
    return kept


class Retention(NamedTuple):
    """A rule of keeping, with its numbers filled in."""

    keep: Callable[[Tensor, Tensor, Tensor], Tensor] = _decay
    primal: Callable[[Tensor], Tensor] = _same
    alpha: float | None = None  # a fixed share to forget; None: the gate's
    sigma: float = 0.0  # noise on each gradient, in units of the clip

    @property
    def linear(self) -> bool:
        """Whether A is W and a write is a sum, which the chunk form can add up."""
        return self.keep is _decay and self.primal is _same and not self.sigma


def _elastic(number: float) -> Retention:
    def keep(kept: Tensor, update: Tensor, alpha: Tensor) -> Tensor:
        moved = _decay(kept, update, alpha)
        return moved - moved.clamp(-number, number)

    return Retention(keep)


def _power(kept: Tensor, q: float) -> Tensor:
    """||A||_q^(q - 2) of each row's layer, (n, 1, ...)."""
    total = (kept.abs() ** q).sum(tuple(range(1, kept.dim())), keepdim=True)
    return total.clamp_min(1e-24) ** ((q - 2) / q)


def _lq(number: float) -> Retention:
    return Retention(primal=lambda kept: kept / _power(kept, number))


def _lq_mirror(number: float) -> Retention:
    return Retention(primal=lambda kept: kept * kept.abs().clamp_min(1e-12) ** (number - 2) / _power(kept, number))


RETENTIONS: dict[str, Choice] = {
    "none": Choice(
        lambda number: Retention(alpha=0.0), "keeps everything", "W + u", Message("linear attention, DeltaNet")
    ),
    "decay": Choice(
        lambda number: Retention(alpha=number), "forgets the same share at every token", "(1 - alpha) W + u", "RetNet",
        Number("alpha", 0.01, 0.0, 1.0),
    ),
    "adaptive": Choice(
        lambda number: Retention(), "forgets the share that the gate says", "(1 - alpha_t) W + u", equation("13")
    ),
    "lq": Choice(
        _lq, "keeps sums A and scales them by their q-norm", "A = (1 - alpha_t) A + u, W = A / ||A||_q^(q-2)",
        f"{MIRAS}, Moneta", Number("q", 4.0, 1.1, 8.0),
    ),
    "lq_mirror": Choice(
        _lq_mirror, "the same with the powers kept: the slope of ||A||_q^2 / 2, so that a write always goes down",
        "A = (1 - alpha_t) A + u, W = sign(A) |A|^(q-1) / ||A||_q^(q-2)", Message("mirror descent"),
        Number("q", 4.0, 2.0, 8.0),
    ),
    "kl": Choice(
        lambda number: Retention(primal=lambda kept: number * torch.softmax(kept, -1)),
        "weights of each slice are shares of a fixed mass", "W = mass softmax((1 - alpha_t) log W + u)",
        f"{MIRAS}, Memora", Number("mass", 1.0, 1e-2, 1e3),
    ),
    "sigmoid": Choice(
        lambda number: Retention(primal=torch.sigmoid), "weights stay between 0 and 1 (a Bregman divergence)",
        "W = sigmoid((1 - alpha_t) logit W + u)", MIRAS,
    ),
    "elastic": Choice(
        _elastic, "forgets, then pulls every weight to zero by a constant: sparse memory",
        "soft((1 - alpha_t) W + u, gamma)", MIRAS, Number("gamma", 1e-3, 0.0, 10.0),
    ),
    "privacy": Choice(
        lambda number: Retention(sigma=number), "clips each token's gradient to C and adds Gaussian noise",
        "(1 - alpha) W + u(clip(grad, C) + sigma C noise)", recipe("4", "Abadi et al. 2016"),
        Number("sigma", 1.0, 1e-3, 1e3),
    ),
}  # fmt: skip
