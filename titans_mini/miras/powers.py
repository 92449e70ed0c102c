"""Polynomial features of a key: all products of up to p of its numbers. Paper: ATLAS (arXiv 2505.23735).

A matrix over d features holds about d pairs exactly, since no more than d keys can be independent; over phi_p there
are about d^p / p! features, and so many keys can be. Differs: phi is scaled so that a key of norm 1 has features of
norm 1 (the gradient's size, and so theta, keep their meaning), and the coefficients 1 / i! are not trained.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor


def powers(width: int, degree: int) -> Callable[[Tensor], Tensor]:
    """x (..., width) -> phi(x) (..., count), where phi(x) . phi(y) = sum_i c_i (x . y)^i, c_i as 1 / i! with sum 1.

    The function's own `width` is count, the sum over i = 1..degree of (width + i - 1 choose i).
    """
    total = sum(1 / math.factorial(i) for i in range(1, degree + 1))
    groups = []
    for i in range(1, degree + 1):
        picked = list(itertools.combinations_with_replacement(range(width), i))
        repeats = [math.prod(math.factorial(one.count(index)) for index in set(one)) for one in picked]
        # (x . y)^i is the sum over all products of i numbers, each i! / repeats times: in every order of its numbers
        size = torch.tensor([1 / many / total for many in repeats], dtype=torch.float64).sqrt()
        groups.append((torch.tensor(picked), size))

    def lift(x: Tensor) -> Tensor:
        """x (..., width) -> (..., count)."""
        parts = [x[..., index.to(x.device)].prod(-1) * size.to(x) for index, size in groups]
        return torch.cat(parts, dim=-1)

    lift.width = sum(len(size) for _, size in groups)
    return lift
