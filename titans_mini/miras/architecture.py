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
from ..memory.mlp import ACTIVATIONS, Activation, Weights, apply_memory, initial_weights
from ..messages import Message
from .choice import MIRAS, Choice, recipe

CHANNELS, TAPS = 8, 5  # of the convolutional memory's hidden layers, and of each filter


class Architecture(NamedTuple):
    """A memory as two functions."""

    initial: Callable[[int, torch.Generator | None], list[Tensor]]  # heads, generator -> tensors (heads, ...)
    apply: Callable[[Weights, Tensor], Tensor]  # weights (n, ...), x (n, c, d) -> (n, c, d)
    activation: Activation | None = None  # set where the weights are a plain MLP's matrices: the chunk form serves it


def _vector(config: MemoryConfig) -> Architecture:
    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return [torch.randn(heads, config.head_dim, generator=generator) * 0.25]

    return Architecture(initial, lambda weights, x: x * weights[0].unsqueeze(1))


def _mlp(config: MemoryConfig) -> Architecture:
    activation = ACTIVATIONS[config.activation]

    def initial(heads: int, generator: torch.Generator | None = None) -> list[Tensor]:
        return initial_weights(replace(config, dim=heads * config.head_dim, heads=heads), generator)

    return Architecture(initial, functools.partial(apply_memory, activation=activation), activation)


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
}  # fmt: skip
