"""Lesson 04."""

import torch

from titans_mini.memory.scan import decay_matrix

from . import BOTH, PROPERTY, VALUE, Mutant


def quotients(alpha):
    kept = (1 - alpha).cumprod(0)
    return (kept[:, None] / kept).tril()


def from_j(alpha):
    return decay_matrix(1 - alpha) * (1 - alpha)


def all_kept(alpha):
    return decay_matrix(1 - alpha) + torch.ones(len(alpha), len(alpha)).triu(1)


def other_order(theta, eta, alpha):
    return decay_matrix(eta) @ decay_matrix(1 - alpha) * theta


def rows(theta, eta, alpha):
    return decay_matrix(1 - alpha) @ decay_matrix(eta) * theta[:, None]


def no_momentum(theta, eta, alpha):
    return decay_matrix(1 - alpha) * theta


def no_forgetting(theta, eta, alpha):
    return decay_matrix(eta) * theta


def read(W, keys, values, queries, coef, start, *, factor=2.0):
    delta = factor * (keys @ W.T - values)
    return start[:, None] * (queries @ W.T) - ((queries @ keys.T) * coef) @ delta


def read_at_the_end(W, keys, values, queries, coef, start):
    return read(W, keys, values, queries, coef[-1].expand_as(coef), start[-1].expand_as(start))


def read_before_its_write(W, keys, values, queries, coef, start):
    return read(W, keys, values, queries, coef.tril(-1), start)


def read_without_decay(W, keys, values, queries, coef, start):
    return read(W, keys, values, queries, coef, torch.ones_like(start))


MUTANTS = {
    "decay": [
        Mutant(quotients, PROPERTY, "NaN"),
        Mutant(from_j, BOTH, "own forgetting"),
        Mutant(all_kept, BOTH, "above the diagonal"),
        Mutant(lambda alpha: decay_matrix(1 - alpha).T, BOTH, "above the diagonal"),
        Mutant(decay_matrix, BOTH, "not what is kept"),
    ],
    "coef": [
        Mutant(other_order, VALUE, "D @ E"),
        Mutant(rows, BOTH, "column"),
        Mutant(no_momentum, VALUE, "momentum is missing"),
        Mutant(no_forgetting, BOTH, "forgetting is missing"),
    ],
    "chunk_read": [
        Mutant(read_at_the_end, BOTH, "chunk's end"),
        Mutant(read_before_its_write, BOTH, "own write"),
        Mutant(read_without_decay, VALUE, r"start\[t\] is missing"),
        Mutant(lambda *args: read(*args, factor=1.0), VALUE, "factor 2"),
        Mutant(lambda *args: read(*args, factor=-2.0), VALUE, "subtracted"),
    ],
}
