"""Hand-written backward pass of a chunk, used when the outer model trains.

Autograd finds the same numbers, a fifth slower and with a third more kept. The gates, which stand between the two
parts, are left to it. Letters as in `chunk`: weights W, momentum P, inputs a, outputs z and deltas of a layer; x and z
in a read. `g_` before a name: the outer loss's gradient in it. Gradients of gradients end in an error.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..chunk import Coefficients, Reading, Sources, last_queries, read_layers, read_write, write
from ..mlp import ACTIVATIONS, Activation, Activity, InnerLoss, Weights, gradients, squared_error
from ..transforms import in_transform


def _silu_curvature(z: Tensor) -> tuple[Tensor, Tensor]:
    sigmoid = torch.sigmoid(z)
    value, rest = z * sigmoid, 1 - sigmoid
    slope = torch.addcmul(sigmoid, value, rest)
    return slope, torch.addcmul(sigmoid + slope, value, sigmoid, value=-1).mul_(rest)


def _gelu_curvature(z: Tensor) -> tuple[Tensor, Tensor]:
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return ACTIVATIONS["gelu"].with_slope(z)[1], density * (2 - z * z)


def _tanh_curvature(z: Tensor) -> tuple[Tensor, Tensor]:
    value, slope = ACTIVATIONS["tanh"].with_slope(z)
    return slope, -2 * value * slope


# Activation -> z to its slope and the slope's slope
CURVATURES: dict[Activation, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    ACTIVATIONS["silu"]: _silu_curvature,
    ACTIVATIONS["gelu"]: _gelu_curvature,
    ACTIVATIONS["tanh"]: _tanh_curvature,
}


def _serves(activation: Activation) -> bool:
    """Whether this backward pass is known: not under torch.func, which brings its own."""
    return activation in CURVATURES and not in_transform()


def differentiate(
    weights: Weights,
    keys: Tensor,
    values: Tensor,
    activation: Activation,
    inner_loss: InnerLoss = squared_error,
    features: Tensor | None = None,
) -> Activity:
    """As `mlp.gradients`."""
    if inner_loss is not squared_error or not _serves(activation):
        return gradients(weights, keys, values, activation, inner_loss, features)
    norm, loss, *parts = _Gradients.apply(activation, keys, values, *weights)
    inputs, outputs, deltas = _by_layer([keys, *parts], len(weights))
    return Activity(inputs, outputs, deltas, loss, values, norm)


def finish(
    sources: Sources, activity: Activity, coef: Coefficients, queries: Tensor | None, activation: Activation, ends: bool
) -> tuple[Tensor | None, Weights, Weights]:
    """As `chunk.read_write`."""
    if not _serves(activation):
        return read_write(sources, activity, coef, queries, activation, ends)
    depth = len(sources.weights)
    origin = sources.origin or (None,) * depth
    parts = (*sources.weights, *sources.momentum, *activity.inputs, *activity.deltas, *origin)
    reads, *after = _ReadWrite.apply(activation, ends, queries, *coef, *parts)
    return (reads, tuple(after[:depth]), tuple(after[depth:])) if ends else (reads, *sources[:2])


BY_HAND = (differentiate, finish)  # as `TitansRule.by_hand`


class _Gradients(torch.autograd.Function):
    """keys, values (n, c, d), weights -> norm, loss (n, c), then per layer hidden inputs, outputs and deltas."""

    @staticmethod
    def forward(ctx, activation: Activation, keys: Tensor, values: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        activity = gradients(weights, keys, values, activation)
        norm = activity.grad_norm
        ctx.activation, ctx.depth = activation, len(weights)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(norm, *weights, *activity.inputs, *activity.outputs, *activity.deltas)
        return norm, activity.loss, *activity.inputs[1:], *activity.outputs, *activity.deltas

    @staticmethod
    @once_differentiable
    def backward(ctx, g_norm: Tensor | None, g_loss: Tensor | None, *g_parts: Tensor | None):
        """Gradients in keys, values and weights."""
        depth, (norm, *saved) = ctx.depth, ctx.saved_tensors
        weights, inputs, outputs, deltas = _by_layer(saved, depth)
        g_inputs, g_outputs = [None, *g_parts[: depth - 1]], list(g_parts[depth - 1 : 2 * depth - 1])
        g_deltas, g_weights = list(g_parts[2 * depth - 1 :]), [None] * depth
        if g_norm is not None:  # of sqrt(sum of |a|^2 |delta|^2)
            share = (g_norm / norm).unsqueeze(-1)
            for layer, (a, delta) in enumerate(zip(inputs, deltas, strict=True)):
                g_deltas[layer] = _plus(g_deltas[layer], delta, share * _squares(a))
                g_inputs[layer] = _plus(g_inputs[layer], a, share * _squares(delta))
        slopes = []
        for layer in range(depth - 1):  # delta = (next delta W) * slope(z)
            slope, curvature = CURVATURES[ctx.activation](outputs[layer])
            slopes.append(slope)
            if g_deltas[layer] is None:
                continue
            pulled = torch.bmm(deltas[layer + 1], weights[layer + 1])
            g_outputs[layer] = _plus(g_outputs[layer], g_deltas[layer] * pulled, curvature)
            g_pulled = g_deltas[layer] * slope
            g_deltas[layer + 1] = _product(g_deltas[layer + 1], g_pulled, weights[layer + 1].mT)
            g_weights[layer + 1] = _product(g_weights[layer + 1], deltas[layer + 1].mT, g_pulled)
        g_values = None
        if g_deltas[-1] is not None or g_loss is not None:  # last delta = 2 error, loss = |error|^2
            g_error = _plus(None, g_deltas[-1], 2.0)
            g_error = g_error if g_loss is None else _plus(g_error, deltas[-1], g_loss.unsqueeze(-1))
            g_values, g_outputs[-1] = -g_error, _plus(g_outputs[-1], g_error)
        for layer in reversed(range(depth)):  # z = W a, a = activation(z before)
            if g_outputs[layer] is not None:
                g_weights[layer] = _product(g_weights[layer], g_outputs[layer].mT, inputs[layer])
                g_inputs[layer] = _product(g_inputs[layer], g_outputs[layer], weights[layer])
            if layer and g_inputs[layer] is not None:
                g_outputs[layer - 1] = _plus(g_outputs[layer - 1], g_inputs[layer], slopes[layer - 1])
        return None, g_inputs[0], g_values, *g_weights


class _ReadWrite(torch.autograd.Function):
    """queries, coefficients, then the fields of _Layers -> reads, and weights and momentum after the write."""

    @staticmethod
    def forward(ctx, activation: Activation, ends: bool, queries: Tensor | None, *tensors: Tensor | None):
        """See the class."""
        coef, layers = _unpack(tensors)
        sources = Sources(layers.weights, layers.momentum, layers.origin)
        activity = Activity(layers.inputs, [], layers.deltas, None, None)
        reading = Reading([], [])
        if queries is not None:
            reading = read_layers(sources, activity, coef, queries, activation)
        after = write(sources, activity, coef) if ends else ((), ())
        ctx.activation, ctx.given, ctx.reads = activation, len(tensors), queries is not None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *reading.inputs, *reading.outputs[:-1])
        return reading.outputs[-1] if ctx.reads else None, *after[0], *after[1]

    @staticmethod
    @once_differentiable
    def backward(ctx, g_reads: Tensor | None, *g_after: Tensor | None):
        """Gradients in queries, coefficients and all parts of the layers."""
        saved = ctx.saved_tensors
        coef, layers = _unpack(saved[: ctx.given])
        trail, depth = saved[ctx.given :], len(layers.weights)
        sums = _Sums(coef, depth)
        if g_after:
            _back_write(sums, layers, coef, *_by_layer(g_after, depth))
        g_queries = None
        if g_reads is not None:
            slopes = [ctx.activation.with_slope(z)[1] for z in trail[depth:]]
            g_queries = _back_read(sums, layers, coef, trail[:depth], slopes, g_reads)
        layers = (sums.weights, sums.momentum, sums.inputs, sums.deltas, sums.origin)
        return None, None, g_queries, *sums.coef, *itertools.chain(*layers)


class _Layers(NamedTuple):
    """What goes into a read and a write, per layer; without `origin` the memory decays towards zero."""

    weights: Sequence[Tensor]
    momentum: Sequence[Tensor]
    inputs: Sequence[Tensor]
    deltas: Sequence[Tensor]
    origin: Sequence[Tensor | None]


def _unpack(tensors: Sequence[Tensor | None]) -> tuple[Coefficients, _Layers]:
    """What `_ReadWrite` is given after its queries."""
    count = len(Coefficients._fields)
    parts = tensors[count:]
    return Coefficients(*tensors[:count]), _Layers(*_by_layer(parts, len(parts) // len(_Layers._fields)))


class _Sums:
    """Gradients as they add up; None is 0. Those of the coefficients start at zero: reads and writes share them."""

    def __init__(self, coef: Coefficients, depth: int) -> None:
        self.coef = Coefficients(*(None if part is None else torch.zeros_like(part) for part in coef))
        self.weights, self.momentum, self.inputs, self.deltas, self.origin = ([None] * depth for _ in range(5))

    def sources(self, layers: _Layers, coef: Coefficients, g_coef: Coefficients) -> list[tuple]:
        """(matrices, their share, that share's gradient so far, the matrices' gradients) of each source in use."""
        rows = [
            (layers.weights, coef.keep_start, g_coef.keep_start, self.weights),
            (layers.momentum, coef.carry, g_coef.carry, self.momentum),
            (layers.origin, coef.origin, g_coef.origin, self.origin),
        ]
        return [row for row in rows if row[1] is not None]


def _back_write(
    sums: _Sums, layers: _Layers, coef: Coefficients, g_weights: Sequence[Tensor | None], g_momentum: Sequence
) -> None:
    """W' = A W + b P + (1 - A) W_0 - sum_i w_i delta_i a_i^T, P' = e P - sum_i p_i delta_i a_i^T.

    A, b and w are those of the chunk's last token.
    """
    sources = sums.sources(layers, coef, sums.coef)
    for layer, (_, momentum, a, delta, _) in enumerate(zip(*layers, strict=True)):
        g, scaled = g_weights[layer], []
        if g is not None:
            for matrices, share, g_share, g_matrices in sources:
                g_matrices[layer] = g * share[:, -1:, None]
                g_share[:, -1] += _dot(g, matrices[layer])
            scaled.append((g, coef.write[:, -1], sums.coef.write[:, -1]))
        g = g_momentum[layer]
        if g is not None and coef.carry is None:
            sums.momentum[layer] = g  # nothing changes it
        elif g is not None:
            sums.momentum[layer] = _plus(sums.momentum[layer], g, coef.momentum_carry.unsqueeze(-1))
            sums.coef.momentum_carry[:, -1] += _dot(g, momentum)
            scaled.append((g, coef.momentum_write, sums.coef.momentum_write))
        for g, share, g_share in scaled:
            pulled = torch.bmm(a, g.mT)  # (n, c, o)
            g_share -= (delta * pulled).sum(-1)
            share = -share.unsqueeze(-1)
            sums.deltas[layer] = _plus(sums.deltas[layer], pulled, share)
            sums.inputs[layer] = _product(sums.inputs[layer], delta * share, g)


def _back_read(
    sums: _Sums, layers: _Layers, coef: Coefficients, xs: Sequence[Tensor], slopes: Sequence[Tensor], g: Tensor
) -> Tensor:
    """From the last layer down to g_queries, where layer by layer

    z_t = A_t W x_t + b_t P x_t + (1 - A_t) W_0 x_t - sum_i Coef[t, i] (a_i . x_t) delta_i.
    """
    asked, g_asked = last_queries(coef, g.shape[1]), last_queries(sums.coef, g.shape[1])
    sources = sums.sources(layers, asked, g_asked)
    for layer in reversed(range(len(xs))):
        a, delta, x = layers.inputs[layer], layers.deltas[layer], xs[layer]
        similarity = torch.bmm(x, a.mT)  # (n, q, c)
        g_shared = -torch.bmm(g, delta.mT)  # (n, q, c), in Coef * similarity
        g_asked.write.addcmul_(g_shared, similarity)
        g_similarity = g_shared * asked.write
        sums.deltas[layer] = _product(sums.deltas[layer], (similarity * -asked.write).mT, g)
        sums.inputs[layer] = _product(sums.inputs[layer], g_similarity.mT, x)
        g_x = torch.bmm(g_similarity, a)
        for matrices, share, g_share, g_matrices in sources:
            along = torch.bmm(g, matrices[layer])  # (n, q, i)
            g_share += (along * x).sum(-1)
            g_x = torch.addcmul(g_x, along, share.unsqueeze(-1))
            g_matrices[layer] = _product(g_matrices[layer], (g * share.unsqueeze(-1)).mT, x)
        g = g_x * slopes[layer - 1] if layer else g_x
    return g


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """(n,) inner products of matrices (n, o, i)."""
    return torch.bmm(a.flatten(1).unsqueeze(1), b.flatten(1).unsqueeze(2)).flatten()


def _plus(total: Tensor | None, a: Tensor | None, b: Tensor | float | None = None) -> Tensor | None:
    """total + a b, None standing for 0."""
    if a is None:
        return total
    if total is None or not isinstance(b, Tensor):
        term = a if b is None else a * b
        return term if total is None else total + term
    return torch.addcmul(total, a, b)


def _product(total: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    """total + a b, of matrices (n, ...)."""
    return torch.bmm(a, b) if total is None else torch.baddbmm(total, a, b)


def _squares(x: Tensor) -> Tensor:
    """(n, c, d) -> (n, c, 1)."""
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True).square()


def _by_layer(parts: Sequence[Tensor], depth: int) -> list[Sequence[Tensor]]:
    """Parts in groups of one a layer."""
    return [parts[start : start + depth] for start in range(0, len(parts), depth)]
