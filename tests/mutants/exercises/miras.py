"""Lesson 06."""

import torch

from . import BOTH, PROPERTY, VALUE, Mutant


def lp(r, p, steep=1000.0, eps=1e-6):
    return p * torch.tanh(steep * r) * torch.sqrt(r * r + eps) ** (p - 1)


def unstable(W, update, alpha):
    made = W ** (1 - alpha) * update.exp()
    return made / made.sum(-1, keepdim=True)


def shifted_as_a_whole(W, update, alpha):
    made = W ** (1 - alpha) * (update - update.max()).exp()
    return made / made.sum(-1, keepdim=True)


def lq(A, q):
    return A / (A.abs() ** q).sum() ** ((q - 2) / q)


MUTANTS = {
    "huber_slope": [
        Mutant(lambda r, delta: r.clamp(-delta, delta), BOTH, "r\\^2, whose slope is 2 r"),
        Mutant(lambda r, delta: 2 * r, BOTH, "l2 has this slope"),
        Mutant(lambda r, delta: 2 * r.clamp(max=delta), BOTH, "with the sign of r"),
        Mutant(lambda r, delta: torch.where(r.abs() > delta, delta * r.sign(), 2 * r), VALUE, "meets the square one"),
    ],
    "lp_slope": [
        Mutant(lambda r, p: p * r.sign() * r.abs() ** (p - 1), PROPERTY, "not finite|rise through 0"),
        Mutant(lambda r, p: lp(r, p) / p, BOTH, "factor p"),
        Mutant(lambda r, p: lp(r, p, steep=100.0), PROPERTY, "near 0"),
        Mutant(lambda r, p: lp(r, p, eps=1e-4), PROPERTY, "near 0"),
        Mutant(lambda r, p: p * torch.tanh(1000 * r) * r.abs().clamp_min(1e-3) ** (p - 1), PROPERTY, "near 0"),
        Mutant(lambda r, p: lp(r, p).abs(), BOTH, "sign of r"),
        Mutant(lambda r, p: lp(r, p + 1) / (p + 1) * p, BOTH, "goes down by one"),
    ],
    "kl_retention": [
        Mutant(unstable, PROPERTY, "NaN"),
        Mutant(lambda W, u, alpha: ((1 - alpha) * W.log() + u).softmax(0), BOTH, "dim=-1"),
        Mutant(lambda W, u, alpha: ((1 - alpha) * W + u).softmax(-1), BOTH, "added to log W"),
        Mutant(lambda W, u, alpha: (W.log() + u).softmax(-1), BOTH, "shrinks log W"),
        Mutant(lambda W, u, alpha: ((1 - alpha) * (W.log() + u)).softmax(-1), BOTH, "only on the old memory"),
        Mutant(lambda W, u, alpha: ((1 - alpha) * W.log() + u.clamp(-50, 50)).softmax(-1), PROPERTY, "2000"),
        Mutant(shifted_as_a_whole, PROPERTY, "NaN"),
    ],
    "lq_weights": [
        Mutant(lq, PROPERTY, "NaN"),
        Mutant(lambda A, q: A / (A.abs() ** q).sum() ** (q - 2), BOTH, "is a root"),
        Mutant(lambda A, q: A / (A.abs() ** q).sum().clamp_min(1e-24) ** (1 / q), BOTH, "power q - 2"),
        Mutant(lambda A, q: A / (A**q).sum().clamp_min(1e-24) ** ((q - 2) / q), VALUE, "should be|NaN"),
        Mutant(lambda A, q: A / (A.abs() ** q).sum().clamp_min(1) ** ((q - 2) / q), PROPERTY, "small memory"),
    ],
}
