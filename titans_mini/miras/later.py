"""Memory algorithms that came after Titans: each is one function, which makes or is the `gradient` of `Algorithm`.

Gradients of a chunk are taken at its start weights, as everywhere; with chunk 1 that is each paper's own rule. Shapes
as in `steps`: what belongs to a token is flattened to (n c, ...).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..memory.mlp import Weights
from .steps import Algorithm, Scene, Slots, at_start, column, descend
from .window import shares


def windowed(update: Callable, slots: Callable, eta: float | None = None) -> Callable[[int], Algorithm]:
    """The Omega rule: a write adds up the gradients of the last c tokens, all at the weights of now. ATLAS, eq. 9.

    An older token counts gamma, which a learned gate learns from that token; without one it counts 1.
    """

    def gradient(scene: Scene) -> Weights:
        """As in `Algorithm`."""
        n, c = scene.tokens.keys.shape[:2]
        share = shares(scene.gamma, c)  # (n, c, window - 1 + c)
        first = (grads.unflatten(0, (n, c)) for grads in scene.first)
        both = (torch.cat(pair, dim=1) for pair in zip(scene.before, first, strict=True))
        return tuple(torch.einsum("nct,nt...->nc...", share, grads).flatten(0, 1) for grads in both)

    def build(number: int) -> Algorithm:
        if number == 1:
            return Algorithm(at_start, update, slots, eta)
        return Algorithm(gradient, update, slots, eta, window=number, asks=lambda keys, values: 1)

    return build


def share_of_old(asked: Tensor) -> Tensor:
    """gamma (n, c) of each token, from what was asked of it."""
    return torch.sigmoid(asked[..., 0]) if asked.shape[-1] else asked.new_ones(asked.shape[:2])


def also_unwrite(scene: Scene) -> Weights:
    """Delta gradient descent: each write also takes out what the memory says to its key. Nested Learning.

    W = W (I - theta' k k^T) - theta' grad with theta' = theta / (1 + theta), for keys of norm 1.
    """
    keys = scene.tokens.keys.flatten(0, 1).unsqueeze(-1)  # (n c, d, 1)
    (weight,), (grad,) = scene.start, scene.first
    taken = grad + scene.clipped((weight @ keys @ keys.mT,))[0]
    return (taken / column(1 + scene.gates.theta, taken),)


def product(pairs: int) -> Algorithm:
    """Several delta steps a token: pairs made from the token are written first, its own pair last. DeltaProduct.

    Each further pair is a key, a value and a share of theta, all learned; a value of 0 rotates or erases.
    """

    def gradient(scene: Scene) -> Weights:
        """As in `Algorithm`."""
        widths = scene.tokens.keys.shape[-1], scene.tokens.values.shape[-1], 1
        at, total = scene.start, tuple(map(torch.zeros_like, scene.start))
        for numbers in scene.asked.chunk(pairs - 1, dim=-1):
            key, value, share = numbers.split(widths, dim=-1)
            grads = scene.evaluate(at, keys=normalize(key, dim=-1, eps=1e-6), values=value)
            grads = tuple(column(torch.sigmoid(share - 2), grad) * grad for grad in grads)  # 0.12 before training
            at = tuple(weight - column(scene.gates.theta, grad) * grad for weight, grad in zip(at, grads, strict=True))
            total = tuple(map(torch.add, total, grads))
        return tuple(map(torch.add, total, scene.evaluate(at)))

    return Algorithm(gradient, descend, asks=lambda keys, values: (pairs - 1) * (keys + values + 1))


def levels(period: int) -> Algorithm:
    """A continuum of memories: level l gathers what it would write, for C^l tokens at a time. Nested Learning, CMS.

    A level is two layers of the architecture, or a single one; the first level is 1.
    """

    def slots(weight: Tensor, layer: int, layers: int) -> Slots:
        return clock(weight, period ** (1 + layer // 2))

    def update(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
        gathered, left, period = slots[0] - theta * grad, slots[1] - 1, slots[2]
        due = left <= 0
        return gathered * due, (gathered * ~due, torch.where(due, period, left), period)

    return Algorithm(at_start, update, slots)


def clock(weight: Tensor, period: int) -> Slots:
    """What was gathered so far, tokens left until it is written, and the tokens from one such write to the next."""
    count = weight.new_full((len(weight), *[1] * (weight.dim() - 1)), period)
    return torch.zeros_like(weight), count, count.clone()


def global_local(period: int) -> Algorithm:
    """The first half of the layers writes every C tokens what it gathered; the others write at once and restart then.

    TNT: a global memory of large chunks, and a local one that starts anew from learned weights. Each half has
    its own loss. Differs: one number is both the global chunk and the local reset, which the paper has about equal.
    """

    def gradient(scene: Scene) -> Weights:
        """As in `Algorithm`: a memory whose other half is zero answers for itself."""
        half = len(scene.start) // 2
        none = tuple(map(torch.zeros_like, scene.start))
        first = scene.evaluate(scene.start[:half] + none[half:])
        return first[:half] + scene.evaluate(none[:half] + scene.start[half:])[half:]

    def slots(weight: Tensor, layer: int, layers: int) -> Slots:
        gathered, left, _ = clock(weight, period)
        return gathered, left, torch.full_like(left, float(layer >= layers // 2)), weight.clone()

    def update(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
        gathered, left, is_local, first = slots
        gathered, left = gathered - theta * grad, left - 1
        due = (left <= 0) | (is_local > 0)
        return gathered * due, (gathered * ~due, torch.where(left <= 0, float(period), left), is_local, first)

    def restart(weight: Tensor, slots: Slots) -> Tensor:
        _, left, is_local, first = slots
        return torch.where((is_local > 0) & (left == period), first, weight)

    return Algorithm(gradient, update, slots, restart=restart)


def statistics(scene: Scene) -> Weights:
    """The sums that the closed form needs, [v; k] k^T for each token, as a gradient to go down. MesaNet."""
    keys, values = (part.flatten(0, 1).unsqueeze(-1) for part in scene.tokens[:2])  # (n c, d, 1)
    return (-torch.cat([values, keys], dim=1) @ keys.mT,)


def self_modifying(scene: Scene) -> Weights:
    """Maps of key and value that learn while they read, beside the memory itself. Nested Learning.

    k = M_k key and v = M_v value; each of the three then does delta gradient descent at k, the maps towards what they
    make of v themselves. Differs: theta and alpha stay with the gate, and the memory's own target is v.
    """
    key, value = (part.flatten(0, 1).unsqueeze(-1) for part in scene.tokens[:2])  # (n c, d, 1)
    of_key, of_value, memory = scene.start
    k, v = normalize(of_key @ key, dim=1, eps=1e-6), of_value @ value
    targets = (of_key @ v, of_value @ v, v)
    pairs = zip(scene.start, targets, strict=True)
    grads = (2 * (map_ @ k - target) @ k.mT + map_ @ k @ k.mT for map_, target in pairs)
    return scene.clipped(tuple(grad / column(1 + scene.gates.theta, grad) for grad in grads))
