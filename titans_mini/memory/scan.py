"""Linear recurrences y_t = a_t y_{t-1} + b_t over the tokens of a chunk, as products.

Decay matrices are masked cumulative products, never differences of logarithms, so that factors of exactly 0 and 1
are exact and have finite gradients.
"""

import torch
from torch import Tensor


def decay_matrix(factors: Tensor) -> Tensor:
    """(..., c) factors a_s -> (..., c, c) lower triangular D[t, j] = prod_{s=j+1..t} a_s, with D[t, t] = 1."""
    c = factors.shape[-1]
    below = torch.ones(c, c, dtype=torch.bool, device=factors.device).tril(-1)
    return torch.where(below, factors.unsqueeze(-1), 1.0).cumprod(-2).tril()


def linear_scan(factors: Tensor, inputs: Tensor, start: Tensor) -> Tensor:
    """Solves y_t = factors_t y_{t-1} + inputs_t from y_{-1} = start (..., 1); all else (..., c)."""
    factors = factors.expand_as(inputs)
    driven = torch.matmul(decay_matrix(factors), inputs.unsqueeze(-1)).squeeze(-1)  # (..., c)
    return torch.addcmul(driven, factors.cumprod(-1), start)


def average_scan(rate: Tensor, targets: Tensor, start: Tensor) -> Tensor:
    """Exponential average y_t = y_{t-1} + rate_t (targets_t - y_{t-1}); shapes as in `linear_scan`."""
    if targets.shape[-1] == 1:  # one token: the same without a matrix
        return torch.lerp(start, targets, rate)
    return linear_scan(1 - rate, rate * targets, start)


def before(series: Tensor, start: Tensor) -> Tensor:
    """The series one token earlier: (..., c) and start (..., 1) -> [start, series_0, ..., series_{c-2}]."""
    if series.shape[-1] == 1:
        return start
    return torch.cat([start.expand_as(series[..., :1]), series[..., :-1]], dim=-1)


def last(series: Tensor) -> Tensor:
    """The final token of a series, kept as an axis: (..., c) -> (..., 1)."""
    return series[..., -1:]
