"""The token loop in plain autograd: slow, short, and the oracle that the chunk form is tested against.

One row, one head; differentiable from the first token on. Every step is written as in the equation, and nothing is
shared with the chunk form.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Gate = Callable[[int, Tensor], tuple[Tensor, Tensor, Tensor]]  # token, raw surprise -> theta, eta, alpha


class Loop(NamedTuple):
    """The results of the loop; t tokens of d features, matrices of L layers."""

    reads: Tensor  # (t, d)
    weights: list[Tensor]  # M_t, per layer (o, i)
    momentum: list[Tensor]  # S_t, per layer (o, i)
    raw: Tensor  # (t,) surprise
    loss: Tensor  # (t,) inner loss before the write, at the weights of the chunk's start
    memory_norm: Tensor  # (t,) after the write


def predict(weights: list[Tensor], x: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """M(x): x (d,) through the matrices, the nonlinearity between them."""
    for weight in weights[:-1]:
        x = activation(weight @ x)
    return weights[-1] @ x


def token_loop(weights, keys, values, queries, gate: Gate, activation, *, chunk=1, clip=None, origin=None) -> Loop:
    """keys, values, queries (t, d); weights per layer (o, i). Paper: eq. 12-16; `chunk=1` is eq. 13-14 exactly.

    The gradient is taken at the weights of the chunk's start, the recurrence runs token by token. `origin`, per layer
    (o, i), is what the memory decays towards; None is zero, as in the paper. The caller's tensors are not changed.
    """
    origin = [torch.zeros_like(weight) for weight in weights] if origin is None else origin
    momentum = [torch.zeros_like(weight) for weight in weights]
    reads, raws, losses, memory_norms = [], [], [], []
    for t in range(len(keys)):
        if t % chunk == 0:
            chunk_start = [weight if weight.requires_grad else weight.detach().requires_grad_() for weight in weights]
        loss = (predict(chunk_start, keys[t], activation) - values[t]).square().sum()
        grads = torch.autograd.grad(loss, chunk_start, create_graph=True)
        grad_norm = sum(grad.square().sum() for grad in grads).sqrt()
        raw = grad_norm / keys.shape[-1] ** 0.5
        theta, eta, alpha = gate(t, raw)
        if clip is not None:
            theta = theta * torch.clamp(clip / grad_norm, max=1)
        momentum = [eta * s - theta * grad for s, grad in zip(momentum, grads, strict=True)]
        layers = zip(weights, origin, momentum, strict=True)
        weights = [(1 - alpha) * weight + alpha * home + s for weight, home, s in layers]
        reads.append(predict(weights, queries[t], activation))
        raws.append(raw)
        losses.append(loss)
        memory_norms.append(sum(weight.square().sum() for weight in weights).sqrt())
    return Loop(torch.stack(reads), weights, momentum, *map(torch.stack, (raws, losses, memory_norms)))


class RecipeGate:
    """The article's gate as five lines of arithmetic on single numbers, for `token_loop`. Recipe: 2.2.

    The normaliser is `excess`: how far raw surprise lies above its running mean, in four standard deviations.
    """

    def __init__(self, *, tau=0.3, beta=0.7, lam=1e-4, eta=1e-3, softness=0.05) -> None:
        self.tau, self.beta, self.lam, self.eta, self.softness = tau, beta, lam, eta, softness
        self.count, self.mean, self.variance, self.smoothed = 0, 0.0, 0.0, 0.0

    def __call__(self, t: int, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        std = torch.as_tensor(self.variance, dtype=raw.dtype).clamp_min(1e-24).sqrt()
        std = torch.maximum(std, torch.as_tensor(self.mean * 0.05, dtype=raw.dtype))
        surprise = ((raw - self.mean) / (4 * std)).clamp(0, 1)
        self.smoothed = self.beta * self.smoothed + (1 - self.beta) * surprise
        g_write = torch.sigmoid((self.smoothed - self.tau) / self.softness)
        rate = max(1 / (self.count + 1), 1 / 256)
        deviation = raw - self.mean
        # = variance + rate ((raw - mean)(raw - mean after) - variance), as `memory.gates` writes it
        self.variance = (1 - rate) * (self.variance + rate * deviation**2)
        self.mean = self.mean + rate * deviation
        self.count += 1
        return self.eta * g_write, torch.zeros_like(raw), self.lam * (1 - g_write)
