"""The fast weights: a small MLP whose matrices are the memory, with its backward pass by hand.

Shapes: n rows (batch x heads), c tokens, o outputs and i inputs of a layer. A memory of depth L is a tuple of L
matrices (n, o, i). Writing the backward pass out keeps autograd free for the outer model, works under
`inference_mode`, and shows that each token's gradient is rank one: grad_l = delta_l a_{l-1}^T, where a_{l-1} is the
input of layer l and a_0 the key.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import MemoryConfig

Weights = tuple[Tensor, ...]  # per layer (n, o, i)
LEAST_SQUARE = 1e-30  # smallest square norm of a gradient: at 0 the slope of the norm would be infinite


def _silu(z: Tensor) -> tuple[Tensor, Tensor]:
    sigmoid = torch.sigmoid(z)
    value = z * sigmoid
    return value, torch.addcmul(sigmoid + value, value, sigmoid, value=-1)


def _gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    cdf = 0.5 * (1 + torch.erf(z * math.sqrt(0.5)))
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)  # of the standard normal distribution
    return z * cdf, cdf + z * density


def _tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    value = torch.tanh(z)
    return value, 1 - value * value


class Activation(NamedTuple):
    """A hidden nonlinearity: its value, and its value together with its slope."""

    value: Callable[[Tensor], Tensor]
    with_slope: Callable[[Tensor], tuple[Tensor, Tensor]]


ACTIVATIONS: dict[str, Activation] = {
    "silu": Activation(torch.nn.functional.silu, _silu),
    "gelu": Activation(torch.nn.functional.gelu, _gelu),
    "tanh": Activation(torch.tanh, _tanh),
}


def layer_shapes(config: MemoryConfig) -> list[tuple[int, int]]:
    """(outputs, inputs) of each layer of one head's memory."""
    (outputs, _), *others = mlp_shapes(config.head_dim, config.depth, config.expansion)
    return [(outputs, config.head_keys), *others]


def count_weights(config: MemoryConfig) -> int:
    """The fast weights of one head's memory."""
    return sum(outputs * inputs for outputs, inputs in layer_shapes(config))


def mlp_shapes(width: int, depth: int, expansion: int) -> list[tuple[int, int]]:
    """(outputs, inputs) of the matrices of an MLP from `width` features to as many."""
    sizes = [width, *[width * expansion] * (depth - 1), width]
    return [(o, i) for i, o in zip(sizes[:-1], sizes[1:], strict=True)]


def initial_weights(config: MemoryConfig, generator: torch.Generator | None = None) -> list[Tensor]:
    """Start weights W_0, per layer (heads, o, i); see `draw_weights`."""
    return draw_weights(layer_shapes(config), config.heads, generator)


def draw_weights(shapes: Sequence[tuple[int, int]], heads: int, generator: torch.Generator | None = None):
    """Gaussian weights, per layer (heads, o, i): hidden layers keep the scale of their input, the last starts small.

    A small last layer makes the first predictions nearly zero, so the first inner loss is that of a memory that
    knows nothing.
    """
    gains = [1.0] * (len(shapes) - 1) + [0.25]
    return [
        torch.randn(heads, o, i, generator=generator) * gain / math.sqrt(i)
        for (o, i), gain in zip(shapes, gains, strict=True)
    ]


# The inner loss, which MIRAS calls the attentional bias: prediction, value (n, c, d), and the gate's features, for a
# loss that learns a number from the token -> loss (n, c), d loss / d prediction (n, c, d)
InnerLoss = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]


def squared_error(prediction: Tensor, value: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """||M(k) - v||^2 and its slope in the prediction: the inner loss of the paper. Paper: eq. 12."""
    error = prediction - value
    return (error * error).sum(-1), error + error


class Activity(NamedTuple):
    """What one forward and backward pass over c tokens leaves behind, per layer."""

    inputs: list[Tensor]  # a_{l-1}: (n, c, i)
    outputs: list[Tensor]  # z_l = W_l a_{l-1}: (n, c, o)
    deltas: list[Tensor]  # d loss / d z_l: (n, c, o)
    loss: Tensor  # (n, c)
    values: Tensor  # (n, c, d)
    grad_norm: Tensor | None = None  # (n, c): see `gradient_norm`

    @property
    def error(self) -> Tensor:
        """M(k) - v: (n, c, d)."""
        return self.outputs[-1] - self.values


def pack(activity: Activity) -> Tensor:
    """(n, c, f): all that the chunk's later tokens need of an Activity besides keys and values. See `unpack`."""
    numbers = activity.loss.unsqueeze(-1), activity.grad_norm.unsqueeze(-1)
    return torch.cat([*activity.inputs[1:], *activity.deltas, *numbers], dim=-1)


def packed_widths(weights: Weights) -> list[int]:
    """The features of each part of `pack`."""
    return [*(weight.shape[-1] for weight in weights[1:]), *(weight.shape[-2] for weight in weights), 1, 1]


def unpack(packed: Tensor, weights: Weights, keys: Tensor, values: Tensor) -> Activity:
    """The inverse of `pack` for a memory of these weights, without the outputs."""
    *parts, loss, norm = packed.split(packed_widths(weights), dim=-1)
    hidden = len(weights) - 1
    return Activity([keys, *parts[:hidden]], [], parts[hidden:], loss.squeeze(-1), values, norm.squeeze(-1))


def gradients(
    weights: Weights,
    keys: Tensor,
    values: Tensor,
    activation: Activation,
    inner_loss: InnerLoss = squared_error,
    features: Tensor | None = None,
) -> Activity:
    """Forward and backward of the inner loss at fixed weights. Paper: eq. 12.

    keys, values: (n, c, d). The gradient of layer l for token t is deltas[l][t] outer inputs[l][t].
    """
    inputs, outputs, slopes = [keys], [], []
    for layer, weight in enumerate(weights):
        z = torch.bmm(inputs[-1], weight.mT)  # (n, c, o)
        outputs.append(z)
        if layer + 1 < len(weights):
            value, slope = activation.with_slope(z)
            inputs.append(value)
            slopes.append(slope)
    loss, loss_slope = inner_loss(outputs[-1], values, features)
    deltas = [loss_slope]
    for weight, slope in zip(weights[:0:-1], slopes[::-1], strict=True):
        deltas.insert(0, torch.bmm(deltas[0], weight) * slope)
    activity = Activity(inputs, outputs, deltas, loss, values)
    return activity._replace(grad_norm=gradient_norm(activity))


def apply_memory(weights: Weights, x: Tensor, activation: Activation) -> Tensor:
    """M(x) for x (n, c, d) at fixed weights, without a write."""
    for weight in weights[:-1]:
        x = activation.value(torch.bmm(x, weight.mT))
    return torch.bmm(x, weights[-1].mT)


def gradient_norm(activity: Activity) -> Tensor:
    """(n, c) norm of each token's whole gradient: sqrt(sum over layers of |delta|^2 |a|^2), never materialised."""
    total: Tensor | float = 0.0
    for a, delta in zip(activity.inputs, activity.deltas, strict=True):
        norm = torch.linalg.vector_norm(a, dim=-1) * torch.linalg.vector_norm(delta, dim=-1)
        total = torch.addcmul(total, norm, norm) if isinstance(total, Tensor) else norm * norm
    return total.clamp_min(LEAST_SQUARE).sqrt()


def weight_norm(weights: Weights) -> Tensor:
    """(n,) Frobenius norm of all layers together: the memory norm ||m||_2 of the recipe (5.1)."""
    norms = (torch.linalg.vector_norm(weight, dim=(-2, -1)) for weight in weights)
    return functools.reduce(torch.hypot, norms)
