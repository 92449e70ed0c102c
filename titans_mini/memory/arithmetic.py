"""The few functions that gates need, on tensors and on plain floats alike.

A tensor that holds one number costs torch about 50 times what a float costs Python, and a gate that decides token by
token does some 25 operations a token. So the same lines of `gates` run on either.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Number = Tensor | float


def maximum(a: Number, b: Number) -> Number:
    """The larger one; NaN in `a` stays."""
    return max(a, b) if isinstance(a, float) else torch.maximum(a, b)


def clamp(x: Number, low: float, high: float = math.inf) -> Number:
    """x brought into low..high; NaN stays."""
    return min(max(x, low), high) if isinstance(x, float) else x.clamp(low, high)


def sqrt(x: Number) -> Number:
    """Square root of x >= 0."""
    return math.sqrt(x) if isinstance(x, float) else x.sqrt()


def tanh(x: Number) -> Number:
    """Hyperbolic tangent."""
    return math.tanh(x) if isinstance(x, float) else torch.tanh(x)


def sigmoid(x: Number) -> Number:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * math.tanh(0.5 * x) if isinstance(x, float) else torch.sigmoid(x)


def inverse(x: Number) -> Number:
    """1 / x."""
    return 1 / x if isinstance(x, float) else x.reciprocal()


def is_single(x: Number) -> bool:
    """Whether x stands for one token: a float, or (..., 1)."""
    return isinstance(x, float) or x.shape[-1] == 1
