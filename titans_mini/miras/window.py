"""The Omega rule in the chunk form: as `memory.chunk`, with gradients of the last c tokens in each write.

A write at token s takes theta_s sum_i Gamma[s, i] grad_i, where Gamma[s, i] is 1 for i = s, gamma_i for the c - 1
tokens before it, and 0 for all others. So the coefficients of the gradients are Coef Gamma, and the tokens held from
before the chunk take part like those of the chunk, with gradients at the same start weights. Paper: ATLAS (arXiv
2505.23735).
"""

import torch
from torch import Tensor

from ..memory.chunk import TitansRule, coefficients, norms_after_writes, read_write, sources_of
from ..memory.mlp import Weights, gradients
from ..memory.state import Fast, Record, Tokens


def shares(gamma: Tensor, count: int) -> Tensor:
    """gamma (n, held + count) of the held tokens and the chunk's -> Gamma (n, count, held + count)."""
    held = gamma.shape[1] - count
    places = torch.arange(held + count, device=gamma.device)
    ages = places[held:].unsqueeze(1) - places  # (count, held + count)
    return gamma.unsqueeze(1) * ((ages > 0) & (ages <= held)).to(gamma) + (ages == 0).to(gamma)


def held_next(held: Weights, tokens: Tokens, gamma: Tensor) -> Weights:
    """Keys, values, features and gamma of the last tokens, as many as are held."""
    now = tokens.keys, tokens.values, tokens.features, gamma.unsqueeze(-1)
    count = held[0].shape[1]
    return tuple(torch.cat(pair, dim=1)[:, -count:] for pair in zip(held, now, strict=True))


def windowed_step(
    fast: Fast, tokens: Tokens, gamma: Tensor, held: Weights, rule: TitansRule
) -> tuple[Tensor | None, Fast, Record]:
    """As `TitansRule.step` for a full chunk; `held` as in `held_next`, gamma (n, c). Its momentum is without `held`."""
    count = tokens.keys.shape[1]
    now = tokens.keys, tokens.values, tokens.features
    keys, values, features = (torch.cat(pair, dim=1) for pair in zip(held[:3], now, strict=True))
    activity = gradients(fast.weights, keys, values, rule.activation, rule.inner_loss, features)  # held + c tokens
    raw = activity.grad_norm[:, -count:] * keys.shape[-1] ** -0.5  # (n, c)
    gates, gate_state = rule.gate(raw, tokens.features, fast.gate)
    mixed = shares(torch.cat([held[3].squeeze(-1), gamma], dim=1), count)  # Gamma
    if rule.clip is not None:
        mixed = mixed * (rule.clip / activity.grad_norm).clamp(max=1).unsqueeze(1)
    coef = coefficients(gates)
    coef = coef._replace(write=torch.bmm(coef.write, mixed))
    if coef.momentum_write is not None:
        coef = coef._replace(momentum_write=torch.bmm(coef.momentum_write.unsqueeze(1), mixed).squeeze(1))
    sources = sources_of(fast, rule)
    reads, weights, momentum = read_write(sources, activity, coef, tokens.queries, rule.activation, True)
    norm = norms_after_writes(sources, activity, coef) if rule.record_norm else None
    return reads, Fast(weights, momentum, gate_state), Record(raw, activity.loss[:, -count:], gates, norm)
