"""Lesson 02."""

import math

import torch

from . import BOTH, PROPERTY, VALUE, Mutant


def old_push(M, S, grad, theta, eta, alpha):
    return (1 - alpha) * M + S, eta * S - theta * grad


def forgets_the_push(M, S, grad, theta, eta, alpha):
    S = eta * S - theta * grad
    return (1 - alpha) * (M + S), S


def smoothed(M, S, grad, theta, eta, alpha):
    S = eta * S - (1 - eta) * theta * grad
    return (1 - alpha) * M + S, S


def pushed_in_place(M, S, grad, theta, eta, alpha):
    S.mul_(eta).sub_(theta * grad)
    return (1 - alpha) * M + S, S


def rounded_half_life(alpha):
    if alpha in (0, 1):
        return math.inf if alpha == 0 else 0.0
    kept = 1 - alpha
    return math.log(0.5) / math.log(kept) if kept < 1 else math.inf


def counted(alpha):
    if alpha < 1e-9:
        return math.log(2) / alpha if alpha else math.inf
    kept, tokens = 1.0, 0
    while kept > 0.5:
        kept, tokens = kept * (1 - alpha), tokens + 1
    return float(tokens)


def one_token_at_the_end(alpha):
    return 1.0 if alpha == 1 else math.log(0.5) / math.log1p(-alpha) if alpha else math.inf


MUTANTS = {
    "two_loops": [
        Mutant(old_push, BOTH, "from before this token"),
        Mutant(forgets_the_push, VALUE, "only on the old M"),
        Mutant(smoothed, BOTH, "recipe's smoothing"),
        Mutant(pushed_in_place, PROPERTY, "argument number 2 in place"),
        Mutant(lambda *args: old_push(*args)[0], BOTH, "must return 2 things"),
    ],
    "half_life": [
        Mutant(lambda alpha: math.log(0.5) / math.log(1 - alpha), PROPERTY, "ZeroDivisionError"),
        Mutant(rounded_half_life, PROPERTY, "log1p"),
        Mutant(lambda alpha: math.log(2) / alpha, BOTH, "only for small alpha|is .* but should be"),
        Mutant(lambda alpha: 1 / alpha, BOTH, "37%"),
        Mutant(counted, BOTH, "in place of counting"),
        Mutant(one_token_at_the_end, PROPERTY, "all is gone at once"),
    ],
    "kept_share": [
        Mutant(lambda alpha: (1 - alpha).log().cumsum(0).exp(), PROPERTY, "gradient is NaN"),
        Mutant(lambda alpha: (1 - alpha.clamp(1e-6, 1 - 1e-6)).cumprod(0), PROPERTY, "exactly 0"),
        Mutant(lambda alpha: 1 - alpha.cumsum(0), BOTH, "multiply"),
        Mutant(lambda alpha: (1 - alpha).detach().cumprod(0), PROPERTY, "gradients flow"),
        Mutant(lambda alpha: torch.cat([alpha.new_ones(1), (1 - alpha).cumprod(0)[:-1]]), BOTH, "a token late"),
    ],
}
