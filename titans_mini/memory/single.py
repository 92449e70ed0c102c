"""One row, token by token, without momentum: the recurrence with one matrix-vector product where the chunk form has
many, and with plain floats for all that is a single number. Four times as fast as chunks of one token.

The weights are changed in place, in copies of their own. Paper: eq. 12-14 with eta 0. Recipe: 2.2.
Shapes: t tokens, d features, o outputs and i inputs of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .chunk import Fast, Record, Rule, Tokens
from .fastweights import LEAST_SQUARE, Activation, Weights
from .gates import FloatGate, Gates, GateState


class _Memory(NamedTuple):
    """The weights, which lie one after the other in one vector, so that their norm takes a single call."""

    layers: list[Tensor]  # per layer (o, i)
    whole: Tensor


class _Gradient(NamedTuple):
    """The gradient of each layer is delta outer input."""

    inputs: list[Tensor]  # per layer (i,)
    deltas: list[Tensor]  # per layer (o,)
    loss: float


class _Moment(NamedTuple):
    """What happened at one token."""

    raw: float
    loss: float
    gates: Gates  # of floats
    norm: float


def _gradient(weights: Sequence[Tensor], key: Tensor, value: Tensor, activation: Activation) -> _Gradient:
    """Forward and backward of the squared error for one pair (d,)."""
    inputs, slopes = [key], []
    for weight in weights[:-1]:
        hidden, slope = activation.with_slope(torch.mv(weight, inputs[-1]))
        inputs.append(hidden)
        slopes.append(slope)
    error = torch.mv(weights[-1], inputs[-1]).sub_(value)
    deltas = [error + error]
    for weight, slope in zip(weights[:0:-1], slopes[::-1], strict=True):
        deltas.insert(0, torch.mv(weight.T, deltas[0]).mul_(slope))
    return _Gradient(inputs, deltas, _square(error))


def _square(vector: Tensor) -> float:
    return torch.dot(vector, vector).item()


def _step(memory: _Memory, key: Tensor, value: Tensor, rule: Rule, state: GateState) -> tuple[_Moment, GateState]:
    """Writes one pair into the weights; (what happened, the next gate state)."""
    inputs, deltas, loss = _gradient(memory.layers, key, value, rule.activation)
    square = sum(_square(delta) * _square(a) for delta, a in zip(deltas, inputs, strict=True))
    norm = math.sqrt(max(square, LEAST_SQUARE))  # NaN comes first, and stays
    raw = norm * len(key) ** -0.5
    gates, state = rule.gate(raw, None, state)
    theta = gates.theta if rule.clip is None else gates.theta * min(rule.clip / norm, 1.0)
    for weight, delta, a in zip(memory.layers, deltas, inputs, strict=True):
        weight.addr_(delta, a, beta=1 - gates.alpha, alpha=-theta)
    return _Moment(raw, loss, gates, torch.linalg.vector_norm(memory.whole).item()), state


def run_single(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Fast, Record]:
    """Writes tokens (1, t, d) one by one; returns the memory after them and the record of all, (1, t).

    `rule.gate` is a SurpriseGate. Momentum plays no part, and the memory norm is always recorded.
    """
    memory, like = _copy(fast.weights), fast.weights[0]
    rule, state, moments = rule._replace(gate=FloatGate(rule.gate)), GateState(*map(Tensor.item, fast.gate)), []
    for key, value in zip(tokens.keys[0].unbind(), tokens.values[0].unbind(), strict=True):
        moment, state = _step(memory, key, value, rule, state)
        moments.append(moment)
    after = GateState(*(like.new_tensor([[number]]) for number in state))
    return Fast(tuple(layer.unsqueeze(0) for layer in memory.layers), fast.momentum, after), _record(moments, like)


def _copy(weights: Weights) -> _Memory:
    whole = torch.cat([weight.flatten() for weight in weights])
    parts = whole.split([weight.numel() for weight in weights])
    return _Memory([part.view_as(weight[0]) for part, weight in zip(parts, weights, strict=True)], whole)


def _record(moments: list[_Moment], like: Tensor) -> Record:
    row = lambda series: None if series[0] is None else like.new_tensor([series])  # noqa: E731
    raw, loss, gates, norm = zip(*moments, strict=True)
    return Record(row(raw), row(loss), Gates(*map(row, zip(*gates, strict=True))), row(norm))
