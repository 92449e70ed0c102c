"""One row, token by token, without momentum: the recurrence with one matrix-vector product where the chunk form has
many, and with plain floats for all that is a single number. Nearly four times as fast as chunks of one token.

The weights are changed in place, in copies of their own. Products and squares are numpy's, whose calls cost half of
torch's; what numpy does not have, activations and the sum of a matrix and an outer product, torch does on the same
memory. Paper: eq. 12-14 with eta 0. Recipe: 2.2.
Shapes: t tokens, d features, o outputs and i inputs of a layer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .chunk import Fast, Record, Rule, Tokens
from .fastweights import LEAST_SQUARE, Activation, Weights
from .gates import FloatGate, Gates, GateState


class _Layer(NamedTuple):
    """One layer, as torch and as numpy see it."""

    weight: Tensor  # (o, i)
    array: np.ndarray  # the same
    output: Tensor  # (o,): forward what the layer makes, before the activation; backward its delta
    signal: np.ndarray  # the same


class _Memory(NamedTuple):
    """The layers; their weights lie one after the other in one vector, so that their norm takes a single call."""

    layers: list[_Layer]
    whole: np.ndarray


def _copy(weights: Weights) -> _Memory:
    whole = torch.cat([weight.flatten() for weight in weights])
    parts = whole.split([weight.numel() for weight in weights])
    layers = []
    for weight, part in zip(weights, parts, strict=True):
        copy, output = part.view_as(weight[0]), part.new_empty(weight.shape[1])
        layers.append(_Layer(copy, copy.numpy(), output, output.numpy()))
    return _Memory(layers, whole.numpy())


def _gradient(
    layers: list[_Layer], key: Tensor, value: np.ndarray, activation: Activation
) -> tuple[list[Tensor], float, float]:
    """Forward and backward of the squared error |M(k) - v|^2 for key (d,) and value (d,).

    Returns (inputs of the layers, loss, norm of the gradient); that of a layer is its output, now delta, outer input.
    """
    inputs, arrays, slopes = [key], [key.numpy()], []
    for layer in layers[:-1]:
        layer.array.dot(arrays[-1], out=layer.signal)
        hidden, slope = activation.with_slope(layer.output)  # tensors of their own: the output becomes the delta
        inputs.append(hidden)
        arrays.append(hidden.numpy())
        slopes.append(slope.numpy())
    delta = layers[-1].array.dot(arrays[-1], out=layers[-1].signal)
    delta -= value
    loss = _square(delta)
    delta += delta
    square = 4 * loss * _square(arrays[-1])
    for layer, behind, a, slope in zip(layers[-2::-1], layers[:0:-1], arrays[-2::-1], slopes[::-1], strict=True):
        delta = behind.signal.dot(behind.array, out=layer.signal)
        delta *= slope
        square += _square(delta) * _square(a)
    return inputs, loss, math.sqrt(max(square, LEAST_SQUARE))  # NaN comes first, and stays


def _square(vector: np.ndarray) -> float:
    return float(vector.dot(vector))


def run_single(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Fast, Record]:
    """Writes tokens (1, t, d) one by one; returns the memory after them and the record of all, (1, t).

    `rule.gate` is a SurpriseGate. Momentum plays no part, and the memory norm is always recorded.
    """
    memory, like, share = _copy(fast.weights), fast.weights[0], tokens.keys.shape[-1] ** -0.5
    gate, state, moments = FloatGate(rule.gate), GateState(*map(Tensor.item, fast.gate)), []
    origin = None if rule.origin is None else _copy(rule.origin).whole
    with np.errstate(over="ignore", invalid="ignore"):  # a run that leaves the range of floats says so in its record
        for key, value in zip(tokens.keys[0].unbind(), tokens.values[0].numpy(), strict=True):
            inputs, loss, norm = _gradient(memory.layers, key, value, rule.activation)
            gates, state = gate(norm * share, None, state)
            theta = gates.theta if rule.clip is None else gates.theta * min(rule.clip / norm, 1.0)
            for layer, a in zip(memory.layers, inputs, strict=True):
                layer.weight.addr_(layer.output, a, beta=1 - gates.alpha, alpha=-theta)
            if origin is not None:
                np.add(memory.whole, gates.alpha * origin, out=memory.whole)
            moments.append((norm * share, loss, math.sqrt(_square(memory.whole)), gates))
    after = GateState(*(like.new_tensor([[number]]) for number in state))
    fast = Fast(tuple(layer.weight.unsqueeze(0) for layer in memory.layers), fast.momentum, after)
    return fast, _record(moments, like)


def _record(moments: list[tuple[float, float, float, Gates]], like: Tensor) -> Record:
    """Of raw surprise, loss, norm and gates of each token."""
    row = lambda series: None if series[0] is None else like.new_tensor([series])  # noqa: E731
    raw, loss, norm, gates = zip(*moments, strict=True)
    return Record(row(raw), row(loss), Gates(*map(row, zip(*gates, strict=True))), row(norm))
