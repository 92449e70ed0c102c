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


def read_tau(S, rate, *, off=0, turned=False, per=1000, first=lambda S, tau: int(S.gt(tau).nonzero()[0])):
    heights = S.sort(descending=not turned).values
    n = round(rate * len(S) / per) + off
    tau = (heights[n - 1] + heights[n]) / 2 if n < len(S) else heights[-1] - 1
    return tau.item(), first(S, tau)


def quantile(S, rate):
    tau = S.quantile(1 - rate / 1000)
    return tau.item(), int(S.gt(tau).nonzero()[0])


MUTANTS = {
    "excess": [
        Mutant(whole_stream, BOTH, "whole stream"),
        Mutant(counts_itself, BOTH, "count the token itself"),
        Mutant(lambda raw: _token_by_token(raw, both=lambda deviation, _: deviation), BOTH, "nearly flat|NaN"),
        Mutant(lambda raw: _token_by_token(raw, floor=0.0), BOTH, "nearly flat has a deviation of at least 5%"),
        Mutant(floor_where_flat, BOTH, "nearly flat has a deviation of at least 5%"),
        Mutant(absolute_floor, BOTH, "the mean times 5%, not 0.05"),
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
    "tau_for_rate": [
        Mutant(lambda S, rate: read_tau(S, rate, turned=True), BOTH, "opens where S lies above tau"),
        Mutant(lambda S, rate: read_tau(S, rate, off=-1), BOTH, "per 1,000, not"),
        Mutant(lambda S, rate: read_tau(S, rate, per=len(S)), BOTH, "the rate is per 1,000|IndexError"),
        Mutant(quantile, PROPERTY, "lie 399 of 400 tokens"),
        Mutant(lambda S, rate: read_tau(S, rate, first=lambda S, tau: int(S.argmax())), BOTH, "not the highest"),
        Mutant(lambda S, rate: (*quantile(S, rate)[:1], quantile(S, rate)[1] + 1), BOTH, "counted from 0"),
    ],
}
