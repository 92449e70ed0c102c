"""Memory algorithms of MIRAS: from the gradients of a chunk to the update of each token.

An algorithm has two parts. `gradient` decides where gradients are taken and runs for all tokens at once, on
memories flattened to (n c, ...); `update` turns one token's gradient (n, ...) into u, with slots that it carries
from token to token. theta, eta and alpha are the gate's.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..memory.gates import Gates
from ..memory.mlp import Weights
from ..memory.state import Tokens

BETA1, TINY = 0.9, 1e-8  # Adam's first average; the floor of a root mean square
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of Muon (Jordan et al. 2024), five rounds
Slots = tuple[Tensor, ...]


class Scene(NamedTuple):
    """What a gradient rule may use."""

    evaluate: Callable[..., Weights]  # a memory per token (n c, ...), keys=, values= of its own -> clipped gradients
    clipped: Callable[[Weights], Weights]  # gradients per token, none longer than the clip
    start: Weights  # the chunk's start memory, per token
    first: Weights  # its gradients
    gates: Gates  # each (n, c)
    tokens: Tokens
    asked: Tensor  # (n, c, numbers) what the algorithm asked of the token, learned; no numbers where nothing is learned
    before: Weights = ()  # gradients of the last `window - 1` tokens before the chunk, (n, window - 1, ...)
    gamma: Tensor | None = None  # (n, window - 1 + c) shares of these and the chunk's own; 0 where there was no token


class Algorithm(NamedTuple):
    """A rule of writing, with its number filled in."""

    gradient: Callable[[Scene], Weights]
    update: Callable[[Tensor, Slots, Tensor, Tensor | None], tuple[Tensor, Slots]]  # gradient, slots, theta, eta
    slots: Callable[[Tensor, int, int], Slots] = lambda weight, layer, layers: ()  # before the first token
    eta: float | None = None  # momentum, where the gate is not learned; None: the algorithm has none
    window: int = 1  # tokens whose gradients a write adds up
    asks: Callable[[int, int], int] = lambda keys, values: 0  # numbers it learns from the token, for these widths
    restart: Callable[[Tensor, Slots], Tensor] | None = None  # weight, slots -> the weight after the write

    @property
    def linear(self) -> bool:
        """Whether u is a sum of gradients at the chunk's start, which the chunk form can add up."""
        return (self.gradient is at_start or self.window > 1) and self.update in (descend, momentum)


def column(series: Tensor, like: Tensor) -> Tensor:
    """Numbers, one per row of `like` (rows, ...), shaped to multiply it."""
    return series.reshape(-1, *[1] * (like.dim() - 1))


def at_start(scene: Scene) -> Weights:
    return scene.first


def at_decayed(scene: Scene) -> Weights:
    kept = (1 - scene.gates.alpha).cumprod(-1)  # (n, c), what is left of the start memory
    return scene.evaluate(tuple(column(kept, weight) * weight for weight in scene.start))


def implicit(scene: Scene) -> Weights:
    keys = scene.tokens.keys
    size = 1 + 2 * scene.gates.theta * (keys * keys).sum(-1)  # (n, c)
    return tuple(grad / column(size, grad) for grad in at_decayed(scene))


def several(steps: int) -> Callable[[Scene], Weights]:
    """Several steps on each token, whose gradients are added up."""

    def gradient(scene: Scene) -> Weights:
        """As in `Algorithm`: the sum over the steps."""
        at, grads, total = scene.start, scene.first, scene.first
        for _ in range(steps - 1):
            at = tuple(w - column(scene.gates.theta, w) * grad for w, grad in zip(at, grads, strict=True))
            grads = scene.evaluate(at)
            total = tuple(map(torch.add, total, grads))
        return total

    return gradient


def descend(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
    return -theta * grad, slots


def momentum(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor) -> tuple[Tensor, Slots]:
    moved = eta * slots[0] - theta * grad
    return moved, (moved,)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Newton-Schulz: (n, o, i) with singular values near 1 and the same singular vectors."""
    x = matrix / torch.linalg.vector_norm(matrix, dim=(-2, -1), keepdim=True).clamp_min(1e-12)
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def muon(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor) -> tuple[Tensor, Slots]:
    _, (moved,) = momentum(grad, slots, theta, eta)
    return theta * orthogonalise(moved), (moved,)


def _root(square: Tensor) -> Tensor:
    return square.clamp_min(TINY**2).sqrt()  # the floor keeps the root's own slope finite


def rmsprop(rho: float) -> Callable:
    def update(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
        square = rho * slots[0] + (1 - rho) * grad * grad
        return -theta * grad / _root(square), (square,)

    return update


def adam(beta2: float) -> Callable:
    """Adam over the tokens; its first average is BETA1."""

    def update(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
        mean, square, count = slots
        mean, square, count = BETA1 * mean + (1 - BETA1) * grad, beta2 * square + (1 - beta2) * grad * grad, count + 1
        step = mean / (1 - BETA1**count) / _root(square / (1 - beta2**count))
        return -theta * step, (mean, square, count)

    return update


def one_slot(weight: Tensor, *place: int) -> Slots:  # for plain descent too: the chunk form's state has the same shape
    return (torch.zeros_like(weight),)


def adam_slots(weight: Tensor, *place: int) -> Slots:
    return (*one_slot(weight), *one_slot(weight), weight.new_zeros(len(weight), *[1] * (weight.dim() - 1)))
