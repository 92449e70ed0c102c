"""One row, token by token, without momentum: nearly four times as fast as chunks of one token.

One matrix-vector product stands where the chunk form has many, and whatever is a single number is a plain float. The
weights are changed in place, in copies. Products and squares are numpy's, whose calls cost half of torch's; what numpy
lacks, activations and the sum of a matrix and an outer product, torch does on the same storage.
Paper: eq. 12-14 with eta 0. Recipe: 2.2.
Shapes: t tokens, d features, o outputs and i inputs of a layer.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..chunk import TitansRule
from ..gates import HORIZON, STD_FLOOR, Gates, GateState, SurpriseGate
from ..mlp import LEAST_SQUARE, Activation, Weights
from ..state import Fast, Record, Tokens

# As `gates.NORMALISERS`, on floats. NaN as the first argument of min and max stays.
NORMALISERS: dict[str, Callable[[float, float, float], float]] = {
    "excess": lambda raw, score, peak: min(max(score * 0.25, 0.0), 1.0),
    "zsigmoid": lambda raw, score, peak: _sigmoid(score),
    "running_max": lambda raw, score, peak: min(max(raw / max(peak, 1e-12), 0.0), 1.0),
    "fixed": lambda raw, score, peak: math.tanh(raw),
}


def _sigmoid(x: float) -> float:
    return 0.5 + 0.5 * math.tanh(0.5 * x)  # cannot overflow


class FloatGate:
    """A SurpriseGate of one setting for one row on plain floats.

    A tensor that holds one number costs torch about 50 times what a float costs Python, and a gate that decides token
    by token takes some 25 operations a token.
    """

    def __init__(self, gate: SurpriseGate) -> None:
        self.normalise = NORMALISERS[gate.normaliser]
        self.tau, self.beta, self.lam, self.eta, self.softness = (part.item() for part in gate.buffers())

    def __call__(self, raw: float, state: GateState) -> tuple[Gates, GateState]:
        """As SurpriseGate.forward, for one token."""
        count, mean = state.count + 1, state.mean
        rate = min(max(1 / count, 1 / HORIZON), 1.0)
        mean_after = mean + rate * (raw - mean)
        deviation = raw - mean
        variance = state.variance + rate * (deviation * (raw - mean_after) - state.variance)
        std = max(math.sqrt(max(state.variance, 1e-24)), mean * STD_FLOOR)
        surprise = self.normalise(raw, deviation / std, state.peak)
        smoothed = state.smoothed + (1 - self.beta) * (surprise - state.smoothed)
        excess = (smoothed - self.tau) / self.softness
        g_write, g_forget = _sigmoid(excess), _sigmoid(-excess)
        gates = Gates(self.eta * g_write, None, self.lam * g_forget, g_write, g_forget, surprise, smoothed)
        return gates, GateState(count, mean_after, variance, max(raw, state.peak), smoothed)


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


def run_single(fast: Fast, tokens: Tokens, rule: TitansRule) -> tuple[Fast, Record]:
    """Writes tokens (1, t, d) one by one; returns the memory after them and the record of all, (1, t).

    `rule.gate` is a SurpriseGate. Momentum plays no part, and the memory norm is always recorded.
    """
    memory, like, share = _copy(fast.weights), fast.weights[0], tokens.keys.shape[-1] ** -0.5
    gate, state, moments = FloatGate(rule.gate), GateState(*map(Tensor.item, fast.gate)), []
    origin = None if rule.origin is None else _copy(rule.origin).whole
    with np.errstate(over="ignore", invalid="ignore"):  # a run that leaves the range of floats says so in its record
        for key, value in zip(tokens.keys[0].unbind(), tokens.values[0].numpy(), strict=True):
            inputs, loss, norm = _gradient(memory.layers, key, value, rule.activation)
            gates, state = gate(norm * share, state)
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
