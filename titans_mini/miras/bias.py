"""Attentional biases: the inner loss that a write goes down, with its slope in the prediction written by hand.

Each takes a prediction M(k) and a value (n, c, d) and its number, and gives the loss (n, c) and its slope (n, c, d).
r = M(k) - v; |r| is smooth: sqrt(r^2 + 1e-6), so that slopes have slopes at zero.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.mlp import InnerLoss, squared_error
from ..messages import Message
from .choice import MIRAS, Choice, Number, equation

STEEP = 1e3  # of the smooth sign tanh(STEEP r): the slope of r / |r| at zero
LEARNED = "yaad"  # the bias whose number is a map of the token
Number_ = float | Tensor  # a number, or one per token (n, c, 1)


def _size(r: Tensor) -> Tensor:
    return torch.sqrt(r * r + 1e-6)


def _length(r: Tensor) -> Tensor:
    """Smooth norm, (n, c, 1)."""
    return torch.sqrt((r * r).sum(-1, keepdim=True) + 1e-6)


def _dot(prediction: Tensor, value: Tensor, number: None) -> tuple[Tensor, Tensor]:
    return -(prediction * value).sum(-1), -value


def _lp(prediction: Tensor, value: Tensor, p: Number_) -> tuple[Tensor, Tensor]:
    r = prediction - value
    size = _size(r)
    return (size**p).sum(-1), p * torch.tanh(STEEP * r) * size ** (p - 1)


def _huber(prediction: Tensor, value: Tensor, delta: Number_) -> tuple[Tensor, Tensor]:
    r = prediction - value
    near = r.clamp(-delta, delta)
    return (near * (2 * r - near)).sum(-1), 2 * near


def _huber_norm(prediction: Tensor, value: Tensor, delta: Number_) -> tuple[Tensor, Tensor]:
    r = prediction - value
    length = _length(r)
    shrink = (delta / length).clamp(max=1)
    loss = torch.where(length > delta, 2 * delta * length - delta**2, length**2)
    return loss.squeeze(-1), 2 * shrink * r


def _switch(prediction: Tensor, value: Tensor, delta: Number_) -> tuple[Tensor, Tensor]:
    r = prediction - value
    size = _size(r)
    far = _length(r) > delta  # (n, c, 1)
    loss = torch.where(far, delta * size, r * r).sum(-1)
    return loss, torch.where(far, delta * r / size, 2 * r)


def _shift(prediction: Tensor, value: Tensor, radius: Number_) -> tuple[Tensor, Tensor]:
    r = prediction - value
    length = _length(r)
    return ((length + radius) ** 2).squeeze(-1), 2 * (1 + radius / length) * r


def _probability(prediction: Tensor, value: Tensor, number: None) -> tuple[Tensor, Tensor]:
    said, meant = functional.log_softmax(prediction, -1), functional.log_softmax(value, -1)
    target = meant.exp()
    return (target * (meant - said)).sum(-1), said.exp() - target


def _fixed(function: Callable) -> Callable[[float | None], InnerLoss]:
    """A builder: the number of the settings -> the bias."""
    return lambda number: lambda prediction, value, features=None: function(prediction, value, number)


def _learned(number: float) -> InnerLoss:
    """The switch whose threshold is softplus of the gate's last feature; `number` only starts it (see `MirasGate`)."""
    return lambda prediction, value, features: _switch(prediction, value, functional.softplus(features[..., -1:]))


THRESHOLD = Number("delta", 1.0, 1e-3, 1e3)

BIASES: dict[str, Choice] = {
    "dot": Choice(_fixed(_dot), "similarity, never satisfied", "-<M(k), v>", Message("linear attention")),
    "l2": Choice(lambda number: squared_error, "squared distance", "||r||^2", equation("12")),
    "lp": Choice(
        _fixed(_lp), "a power of each distance", "sum |r|^p", f"{MIRAS}, Moneta", Number("p", 3.0, 1.0, 8.0)
    ),
    "huber": Choice(
        _fixed(_huber), "square near, straight far, per feature", "sum r^2 or delta (2|r| - delta)", MIRAS, THRESHOLD
    ),
    "huber_norm": Choice(
        _fixed(_huber_norm), "square near, straight far, on the norm: clips the error",
        "||r||^2 or delta (2||r|| - delta)", MIRAS, THRESHOLD,
    ),
    "switch": Choice(
        _fixed(_switch), "l2 while ||r|| <= delta, else delta times l1", "||r||^2 or delta sum |r|", MIRAS, THRESHOLD
    ),
    LEARNED: Choice(
        _learned, "the switch, its delta learned from the token", "||r||^2 or delta_t sum |r|", f"{MIRAS}, Yaad",
        THRESHOLD,
    ),
    "shift": Choice(
        _fixed(_shift), "the worst case of a value shifted by at most delta", "(||r|| + delta)^2", MIRAS,
        Number("delta", 0.1, 0.0, 1e3),
    ),
    "probability": Choice(
        _fixed(_probability), "distance of distributions", "KL(softmax v || softmax M(k))", MIRAS
    ),
}  # fmt: skip
