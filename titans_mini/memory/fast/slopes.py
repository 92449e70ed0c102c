"""Activations with their first and second derivatives, for the backward pass of a backward pass."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..mlp import ACTIVATIONS, Activation


def _silu_slopes(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    sigmoid = torch.sigmoid(z)
    value, rest = z * sigmoid, 1 - sigmoid
    slope = torch.addcmul(sigmoid, value, rest)
    return value, slope, torch.addcmul(sigmoid + slope, value, sigmoid, value=-1).mul_(rest)


def _gelu_slopes(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return *ACTIVATIONS["gelu"].with_slope(z), density * (2 - z * z)


def _tanh_slopes(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value, slope = ACTIVATIONS["tanh"].with_slope(z)
    return value, slope, -2 * value * slope


# Activation -> z to its value, its slope, and the slope's slope
SLOPES: dict[Activation, Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]] = {
    ACTIVATIONS["silu"]: _silu_slopes,
    ACTIVATIONS["gelu"]: _gelu_slopes,
    ACTIVATIONS["tanh"]: _tanh_slopes,
}
