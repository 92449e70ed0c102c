"""What a chunk is made of: the gates' products, a read and a write of c tokens, and norms after writes.

The equations and letters are those of `chunk`. Shapes: n rows (batch x heads), c tokens, q queries, d features.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .fastweights import Activation, Activity, Weights
from .gates import Gates
from .scan import decay_matrix, last
from .transforms import in_transform


class Coefficients(NamedTuple):
    """How much of each ingredient is in the weights after write t, and in the momentum at the chunk's end."""

    start: Tensor  # A: (n, c), of the start weights
    carry: Tensor | None  # b: (n, c), of the start momentum
    write: Tensor  # Coef: (n, c, c), [t, i] of gradient i
    momentum_carry: Tensor | None  # (n, 1), of the start momentum in the end momentum
    momentum_write: Tensor | None  # (n, c), of gradient i in the end momentum
    origin: Tensor | None = None  # 1 - A: (n, c), of the weights that the memory decays towards, if not zero


def coefficients(gates: Gates, valid: Tensor | None = None) -> Coefficients:
    """Products of the gates over a chunk; see the module's docstring."""
    theta, eta, alpha = gates.theta, gates.eta, gates.alpha
    if valid is not None:
        theta, alpha = theta * valid, alpha * valid
        eta = None if eta is None else torch.where(valid, eta, 1.0)
    keep = 1 - alpha
    if keep.shape[-1] == 1:
        return Coefficients(keep, eta, theta.unsqueeze(-1), eta, None if eta is None else theta)
    decay = decay_matrix(keep)  # D: (n, c, c)
    if eta is None:
        return Coefficients(keep.cumprod(-1), None, decay * theta.unsqueeze(-2), None, None)
    carried = decay_matrix(eta)  # E: (n, c, c)
    since_start = eta.cumprod(-1)  # (n, c)
    added = decay if valid is None else decay * valid.unsqueeze(-2)  # a skipped token adds no S to M
    carry = torch.bmm(added, since_start.unsqueeze(-1)).squeeze(-1)
    write = torch.bmm(added, carried) * theta.unsqueeze(-2)
    return Coefficients(keep.cumprod(-1), carry, write, since_start[:, -1:], carried[:, -1] * theta)


class Sources(NamedTuple):
    """What the memory after each write is a sum of, apart from the chunk's gradients: per layer (n, o, i)."""

    weights: Weights  # W, at the chunk's start
    momentum: Weights  # P, at the chunk's start
    origin: Weights | None = None  # W_0, which the memory decays towards; none: it decays towards zero

    def of_layer(self, layer: int, coef: Coefficients) -> list[tuple[Tensor, Tensor]]:
        """The (matrix (n, o, i), share (n, c)) pairs of one layer; a source whose share is None takes no part."""
        pairs = zip(self, (coef.start, coef.carry, coef.origin), strict=True)
        return [(matrices[layer], share) for matrices, share in pairs if share is not None]


class Reading(NamedTuple):
    """A read, layer by layer."""

    inputs: list[Tensor]  # x: (n, q, i)
    outputs: list[Tensor]  # z: (n, q, o); the last one is the answer


def last_queries(coef: Coefficients, count: int) -> Coefficients:
    """The coefficients as they stand after each of the last `count` writes."""
    asked = slice(coef.start.shape[1] - count, None)
    carry, origin = (None if share is None else share[:, asked] for share in (coef.carry, coef.origin))
    return coef._replace(start=coef.start[:, asked], carry=carry, origin=origin, write=coef.write[:, asked])


def read_layers(
    sources: Sources, activity: Activity, coef: Coefficients, queries: Tensor, activation: Activation
) -> Reading:
    """queries (n, q, d) of the last q tokens: each is answered by the memory after its token's write."""
    coef = last_queries(coef, queries.shape[1])
    inputs, outputs = [queries], []
    for layer, (a, delta) in enumerate(zip(activity.inputs, activity.deltas, strict=True)):
        x = inputs[-1]
        (weight, start), *others = sources.of_layer(layer, coef)
        z = torch.bmm(x, weight.mT) * start.unsqueeze(-1)  # (n, q, o)
        for matrix, share in others:
            z = torch.addcmul(z, torch.bmm(x, matrix.mT), share.unsqueeze(-1))
        similarity = torch.bmm(x, a.mT) * coef.write  # (n, q, c), [t, i]
        outputs.append(torch.baddbmm(z, similarity, delta, alpha=-1))
        if layer + 1 < len(sources.weights):
            inputs.append(activation.value(outputs[-1]))
    return Reading(inputs, outputs)


def write(sources: Sources, activity: Activity, coef: Coefficients) -> tuple[Weights, Weights]:
    """Weights and momentum after the chunk's last write."""
    after, velocities = [], []
    end_write = last(coef.write.mT)  # (n, c, 1)
    for layer, (velocity, a, delta) in enumerate(zip(sources.momentum, activity.inputs, activity.deltas, strict=True)):
        (weight, start), *others = sources.of_layer(layer, coef)
        weight = weight * last(start).unsqueeze(-1)
        for matrix, share in others:
            weight = torch.addcmul(weight, matrix, last(share).unsqueeze(-1))
        if coef.carry is not None:
            push = (delta * coef.momentum_write.unsqueeze(-1)).mT  # (n, o, c)
            velocity = _less(velocity * coef.momentum_carry.unsqueeze(-1), push, a)
        after.append(_less(weight, (delta * end_write).mT, a))
        velocities.append(velocity)
    return tuple(after), tuple(velocities)


def _less(total: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """total - left right, in the memory of `total`; vmap of torch.func may need a new one."""
    subtract = torch.baddbmm if in_transform() else Tensor.baddbmm_
    return subtract(total, left, right, alpha=-1)


def norms_after_writes(sources: Sources, activity: Activity, coef: Coefficients) -> Tensor:
    """(n, c) memory norm after each write, from inner products only.

    The memory is a sum of sources B_j with shares s_j, minus sum_i Coef_i delta_i a_i^T. Its square norm needs
    <B_j, B_k>, <B_j, delta_i a_i^T> = delta_i . (B_j a_i), and the products of the Gram matrices of delta and a.
    """
    total = 0.0
    for layer, (a, delta) in enumerate(zip(activity.inputs, activity.deltas, strict=True)):
        gram = torch.bmm(delta, delta.mT) * torch.bmm(a, a.mT)  # (n, c, c)
        writes = (torch.bmm(coef.write, gram) * coef.write).sum(-1)
        square, along, earlier = 0.0, 0.0, []
        for matrix, share in sources.of_layer(layer, coef):
            said = torch.bmm(a, matrix.mT) if earlier else activity.outputs[layer]  # (n, c, o); W a is known
            along = along + share.unsqueeze(-1) * (delta * said).sum(-1).unsqueeze(-2)  # (n, c, c)
            square = square + share**2 * (matrix * matrix).sum((-2, -1)).unsqueeze(-1)
            for other, its_share in earlier:
                square = square + 2 * its_share * share * (other * matrix).sum((-2, -1)).unsqueeze(-1)
            earlier.append((matrix, share))
        total = total + square + writes - 2 * (coef.write * along).sum(-1)
    return total.clamp_min(0).sqrt()
