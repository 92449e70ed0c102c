"""Memory algorithms: from the gradients of a chunk to the update of each token.

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
from .choice import MIRAS, Choice, Number, equation

BETA1, TINY = 0.9, 1e-8  # Adam's first average; the floor of a root mean square
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of Muon (Jordan et al. 2024), five rounds
Slots = tuple[Tensor, ...]


class Scene(NamedTuple):
    """What a gradient rule may use."""

    evaluate: Callable[[Weights], Weights]  # a memory per token (n c, ...) -> its clipped gradients
    start: Weights  # the chunk's start memory, per token
    first: Weights  # its gradients
    gates: Gates  # each (n, c)
    keys: Tensor  # (n, c, d)


class Algorithm(NamedTuple):
    """A rule of writing, with its number filled in."""

    gradient: Callable[[Scene], Weights]
    update: Callable[[Tensor, Slots, Tensor, Tensor | None], tuple[Tensor, Slots]]  # gradient, slots, theta, eta
    slots: Callable[[Tensor], Slots] = lambda weight: ()  # before the first token
    eta: float | None = None  # momentum, where the gate is not learned; None: the algorithm has none

    @property
    def linear(self) -> bool:
        """Whether u is a sum of the chunk's gradients, which the chunk form can add up."""
        return self.gradient is _at_start and self.update in (_descend, _momentum)


def column(series: Tensor, like: Tensor) -> Tensor:
    """Numbers, one per row of `like` (rows, ...), shaped to multiply it."""
    return series.reshape(-1, *[1] * (like.dim() - 1))


def _at_start(scene: Scene) -> Weights:
    return scene.first


def _at_decayed(scene: Scene) -> Weights:
    kept = (1 - scene.gates.alpha).cumprod(-1)  # (n, c), what is left of the start memory
    return scene.evaluate(tuple(column(kept, weight) * weight for weight in scene.start))


def _implicit(scene: Scene) -> Weights:
    size = 1 + 2 * scene.gates.theta * (scene.keys * scene.keys).sum(-1)  # (n, c)
    return tuple(grad / column(size, grad) for grad in _at_decayed(scene))


def _several(steps: int) -> Callable[[Scene], Weights]:
    def gradient(scene: Scene) -> Weights:
        """As in `Algorithm`: the sum over the steps."""
        at, grads, total = scene.start, scene.first, scene.first
        for _ in range(steps - 1):
            at = tuple(w - column(scene.gates.theta, w) * grad for w, grad in zip(at, grads, strict=True))
            grads = scene.evaluate(at)
            total = tuple(map(torch.add, total, grads))
        return total

    return gradient


def _descend(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
    return -theta * grad, slots


def _momentum(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor) -> tuple[Tensor, Slots]:
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


def _muon(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor) -> tuple[Tensor, Slots]:
    _, (moved,) = _momentum(grad, slots, theta, eta)
    return theta * orthogonalise(moved), (moved,)


def _root(square: Tensor) -> Tensor:
    return square.clamp_min(TINY**2).sqrt()  # the floor keeps the root's own slope finite


def _rmsprop(rho: float) -> Callable:
    def update(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
        square = rho * slots[0] + (1 - rho) * grad * grad
        return -theta * grad / _root(square), (square,)

    return update


def _adam(beta2: float) -> Callable:
    def update(grad: Tensor, slots: Slots, theta: Tensor, eta: Tensor | None) -> tuple[Tensor, Slots]:
        mean, square, count = slots
        mean, square, count = BETA1 * mean + (1 - BETA1) * grad, beta2 * square + (1 - beta2) * grad * grad, count + 1
        step = mean / (1 - BETA1**count) / _root(square / (1 - beta2**count))
        return -theta * step, (mean, square, count)

    return update


def _one(weight: Tensor) -> Slots:  # for plain descent too: the chunk form's state has the same shape
    return (torch.zeros_like(weight),)


def _adam_slots(weight: Tensor) -> Slots:
    return (*_one(weight), *_one(weight), weight.new_zeros(len(weight), *[1] * (weight.dim() - 1)))


CARRIED = Number("eta", 0.9, 0.0, 1.0)

ALGORITHMS: dict[str, Choice] = {
    "gd": Choice(
        lambda number: Algorithm(_at_start, _descend, _one), "gradient descent", "u = -theta grad", "DeltaNet, TTT"
    ),
    "momentum": Choice(
        lambda number: Algorithm(_at_start, _momentum, _one, number), "gradients that last",
        "u = S = eta S - theta grad", equation("14"), CARRIED,
    ),
    "gated_delta": Choice(
        lambda number: Algorithm(_at_decayed, _descend), "gradient descent from the decayed memory",
        "u = -theta grad at (1 - alpha) W", "Gated DeltaNet (arXiv 2412.06464)",
    ),
    "implicit": Choice(
        lambda number: Algorithm(_implicit, _descend), "the step whose end it is taken at: stable at any theta",
        "u = -theta grad / (1 + 2 theta ||k||^2)", f"{MIRAS}, Longhorn",
    ),
    "multistep": Choice(
        lambda number: Algorithm(_several(number), _descend), "several steps on each token", "u = -theta sum of grads",
        MIRAS, Number("steps", 3, 2, 16, whole=True),
    ),
    "adam": Choice(
        lambda number: Algorithm(_at_start, _adam(number), _adam_slots), "a step of the same size for every weight",
        "u = -theta mean / root mean square", "Kingma & Ba 2015", Number("beta2", 0.99, 0.0, 0.99999),
    ),
    "rmsprop": Choice(
        lambda number: Algorithm(_at_start, _rmsprop(number), _one), "the same without an average of gradients",
        "u = -theta grad / root mean square", "Tieleman & Hinton 2012", Number("rho", 0.9, 0.0, 0.99999),
    ),
    "muon": Choice(
        lambda number: Algorithm(_at_start, _muon, _one, number), "a step of the same size in every direction",
        "S = eta S - theta grad, u = theta NewtonSchulz(S)", "ATLAS (arXiv 2505.23735)", CARRIED,
    ),
}  # fmt: skip
