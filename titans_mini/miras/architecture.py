"""Memory architectures: what maps a key of d features to d features, and which of its tensors are the memory.

Weights are a tuple of tensors with the rows n (batch x heads) first, as in `memory.mlp`. Shapes: keys (n, c, d).
"""

import copy
import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..config import MemoryConfig
from ..memory.mlp import ACTIVATIONS, Activation, Weights, apply_memory, draw_weights, layer_shapes
from ..messages import Message
from .choice import ATLAS, HOPE, MESA, MIRAS, TNT, Choice, recipe
from .powers import powers

CHANNELS, TAPS = 8, 5  # of the convolutional memory's hidden layers, and of each filter
DEEP = ("mlp", "quadratic", "cubic", "pair")  # architectures with as many matrices as depth says, or twice as many
WIDE = ("matrix", "mlp", "quadratic", "cubic", "statistics", "pair")  # those that take keys wider than values
RIDGE = 0.1  # added to the sum of k k^T before it is solved for


class Architecture(NamedTuple):
    """A memory as two functions."""

    initial: Callable[[int, torch.Generator | None], list[Tensor]]  # heads, generator -> tensors (heads, ...)
    apply: Callable[[Weights, Tensor], Tensor]  # weights (n, ...), x (n, c, d) -> (n, c, d)
    activation: Activation | None = None  # set where the weights are a plain MLP's matrices: the chunk form serves it
    lift: Callable[[Tensor], Tensor] | None = None  # what keys and queries become before the memory sees them


def _vector(config: MemoryConfig) -> Architecture:
    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return [torch.randn(heads, config.head_dim, generator=generator) * 0.25]

    return Architecture(initial, lambda weights, x: x * weights[0].unsqueeze(1))


def _mlp(config: MemoryConfig) -> Architecture:
    activation, shapes = ACTIVATIONS[config.activation], layer_shapes(config)

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return draw_weights(shapes, heads, generator)

    return Architecture(initial, functools.partial(apply_memory, activation=activation), activation)


def _polynomial(degree: int) -> Callable[[MemoryConfig], Architecture]:
    """An MLP over the products of up to `degree` features of the key."""

    def build(config: MemoryConfig) -> Architecture:
        lift, shapes = powers(config.head_keys, degree), layer_shapes(config)
        shapes[0] = (shapes[0][0], lift.width)
        return _mlp(config)._replace(initial=lambda heads, random: draw_weights(shapes, heads, random), lift=lift)

    return build


def _residual(config: MemoryConfig) -> Architecture:
    inner = _mlp(replace(config, depth=2, activation="gelu"))

    def apply(weights: Weights, x: Tensor) -> Tensor:
        return x + functional.layer_norm(inner.apply(weights, x), x.shape[-1:])

    return Architecture(inner.initial, apply)


def _cnn(config: MemoryConfig) -> Architecture:
    shapes = [(CHANNELS, 1, TAPS), (CHANNELS, CHANNELS, TAPS), (1, CHANNELS, TAPS)]  # outputs, inputs, taps

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        gains = [1.0, 1.0, 0.25]
        return [
            torch.randn(heads, *shape, generator=generator) * gain / math.sqrt(shape[1] * TAPS)
            for shape, gain in zip(shapes, gains, strict=True)
        ]

    def apply(weights: Weights, x: Tensor) -> Tensor:
        """As in `Architecture`: the features of each key are the positions."""
        x = x.unsqueeze(2)  # (n, c, 1, d)
        for layer, weight in enumerate(weights):
            windows = functional.pad(x, (TAPS // 2, TAPS // 2)).unfold(-1, TAPS, 1)  # (n, c, i, d, taps)
            x = torch.einsum("noik,ncidk->ncod", weight, windows)
            x = functional.silu(x) if layer + 1 < len(weights) else x
        return x.squeeze(2)

    return Architecture(initial, apply)


def from_module(module: nn.Module) -> Architecture:
    """Any module that maps (c, d) to (c, d), token by token, as a memory: its parameters are the fast weights.

    Every head starts from the module's own parameters; buffers stay as they are. The module itself never changes.
    """
    module = copy.deepcopy(module).requires_grad_(False)
    names = [name for name, _ in module.named_parameters()]

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return [value.detach().expand(heads, *value.shape).clone() for value in module.parameters()]

    def one(weights: Weights, x: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x,))

    return Architecture(initial, torch.func.vmap(one))


def _twice(one: Architecture, apply: Callable[[Weights, Weights, Tensor], Tensor]) -> Architecture:
    """Two memories of a kind, the weights of the second behind those of the first."""

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return one.initial(heads, generator) + one.initial(heads, generator)

    def both(weights: Weights, x: Tensor) -> Tensor:
        half = len(weights) // 2
        return apply(weights[:half], weights[half:], x)

    return Architecture(initial, both)


def _chain(config: MemoryConfig) -> Architecture:
    one = _mlp(replace(config, depth=2, activation="gelu"))

    def apply(first: Weights, second: Weights, x: Tensor) -> Tensor:
        x = x + one.apply(first, x)
        return x + one.apply(second, x)

    return _twice(one, apply)


def _pair(config: MemoryConfig) -> Architecture:
    one = _mlp(config)
    return _twice(one, lambda first, second, x: one.apply(first, x) + one.apply(second, x))


def _statistics(config: MemoryConfig) -> Architecture:
    outputs, keys = config.head_dim, config.head_keys

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return [torch.zeros(heads, outputs + keys, keys)]

    def apply(weights: Weights, x: Tensor) -> Tensor:
        pairs, squares = weights[0].split([outputs, keys], dim=1)  # sums of v k^T and of k k^T
        ridge = RIDGE * torch.eye(keys, dtype=x.dtype, device=x.device)
        return torch.linalg.solve(squares + ridge, x.mT).mT @ pairs.mT

    return Architecture(initial, apply)


def _three(config: MemoryConfig) -> Architecture:
    width = config.head_dim

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        same = torch.eye(width).expand(heads, width, width).clone()
        return [same, same.clone(), *draw_weights([(width, width)], heads, generator)]

    return Architecture(initial, lambda weights, x: x @ weights[-1].mT)


# Each takes a MemoryConfig: its head_dim, depth, expansion and activation, as far as they apply.
ARCHITECTURES: dict[str, Choice] = {
    "vector": Choice(_vector, "one weight per feature", "M(k) = w * k", Message("linear RNNs with a vector state")),
    "matrix": Choice(
        lambda config: _mlp(replace(config, depth=1)), "one matrix", "M(k) = W k", Message("linear attention, DeltaNet")
    ),
    "mlp": Choice(
        _mlp, "an MLP of 1 to 4 matrices", "M(k) = W_L act(... act(W_1 k))",
        Message("Titans, section {section}", section="3.1"),
    ),
    "residual": Choice(_residual, "the key plus a normed MLP", "M(k) = k + LN(W_2 gelu(W_1 k))", MIRAS),
    "cnn": Choice(_cnn, "3 convolutions along features", "M(k) = F_3 * silu(F_2 * silu(F_1 * k))", recipe("4")),
    "quadratic": Choice(_polynomial(2), "an MLP over products of two features", "M(k) = MLP(phi_2(k))", ATLAS),
    "cubic": Choice(_polynomial(3), "an MLP over products of three features", "M(k) = MLP(phi_3(k))", ATLAS),
    "chain": Choice(
        _chain, "two MLPs, one behind the other", "M(k) = y + MLP_2(y), y = k + MLP_1(k)", f"{HOPE}, CMS"
    ),
    "pair": Choice(_pair, "a global and a local MLP", "M(k) = G(k) + L(k)", TNT),
    "statistics": Choice(_statistics, "sums of v k^T and k k^T", "M(k) = G (H + ridge I)^-1 k", MESA),
    "three": Choice(_three, "maps of the key and of the value, and a matrix", "M_k, M_v, M(k) = M k", HOPE),
}  # fmt: skip
