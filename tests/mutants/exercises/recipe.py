"""Lesson 03."""

import math

import torch

from . import BOTH, PROPERTY, VALUE, Mutant


def _token_by_token(raw, past_of=lambda raw, t: raw[:t], floor=0.05, clip=True, correction=0, both=torch.maximum):
    out = torch.ones_like(raw)
    for t in range(1, len(raw)):
        past = past_of(raw, t)
        deviation = past.std(correction=correction) if len(past) > correction else past.new_zeros(())
        spread = both(deviation, floor * past.mean() if floor else past.new_tensor(1e-9))
        score = (raw[t] - past.mean()) / (4 * spread)
        out[t] = score.clamp(0, 1) if clip else score
    return out


def whole_stream(raw):
    return _token_by_token(raw, lambda raw, t: raw)


def counts_itself(raw):
    return _token_by_token(raw, lambda raw, t: raw[: t + 1])


def floor_where_flat(raw):
    return _token_by_token(raw, both=lambda deviation, floor: deviation if deviation > 0 else floor)


def absolute_floor(raw):
    return _token_by_token(raw, both=lambda deviation, floor: deviation.clamp_min(0.05))


def no_clip(raw):
    return _token_by_token(raw, lambda raw, t: raw[:t], clip=False)


def gate_overflows(S, tau, softness, lam, eta):
    write = 1 / (1 + math.exp(-(S - tau) / softness))
    return eta * write, lam * (1 - write)


def forgets_where_it_writes(S, tau, softness, lam, eta):
    theta, alpha = gate_overflows(S, tau, softness, lam, eta)
    return theta, lam - alpha


def gate_falls(S, tau, softness, lam, eta):
    return gate_overflows(tau, S, softness, lam, eta)


MUTANTS = {
    "excess": [
        Mutant(whole_stream, BOTH, "whole stream"),
        Mutant(counts_itself, BOTH, "count the token itself"),
        Mutant(lambda raw: _token_by_token(raw, both=lambda deviation, _: deviation), BOTH, "nearly flat|NaN"),
        Mutant(lambda raw: _token_by_token(raw, floor=0.0), BOTH, "nearly flat has a deviation of at least 5%"),
        Mutant(floor_where_flat, BOTH, "nearly flat has a deviation of at least 5%"),
        Mutant(absolute_floor, BOTH, "5% of the mean, not 0.05"),
        Mutant(lambda raw: _token_by_token(raw, both=torch.add), BOTH, "not their sum"),
        Mutant(lambda raw: _token_by_token(raw, correction=1), VALUE, "should be"),
        Mutant(no_clip, BOTH, "should be"),
        Mutant(lambda raw: [None] * len(raw), BOTH, "NaN|must be a tensor"),
    ],
    "recipe_gate": [
        Mutant(gate_overflows, PROPERTY, "OverflowError"),
        Mutant(forgets_where_it_writes, BOTH, "forgets where it writes"),
        Mutant(gate_falls, BOTH, "opens above tau"),
        Mutant(lambda S, tau, softness, lam, eta: (0.0, 0.0), BOTH, "theta is 0"),
    ],
    "writes_per_1k": [
        Mutant(lambda g: float((g > 0.5).sum()), BOTH, "count"),
        Mutant(lambda g: 1000 * (g >= 0.5).double().mean().item(), PROPERTY, "exactly 0.5"),
        Mutant(lambda g: 1000 / 97 * float((g > 0.5).sum()), PROPERTY, "same rate"),
        Mutant(lambda g: round(1000 * (g > 0.5).double().mean().item()), VALUE, "need not be a whole"),
        Mutant(lambda g: 1000 * int((g > 0.5).sum()) // len(g), VALUE, "should be|whole"),
        Mutant(lambda g: 1000 * g.mean().item(), BOTH, "does not count"),
    ],
}
