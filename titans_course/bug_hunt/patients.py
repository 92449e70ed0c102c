"""The patients: small memories that are wrong on purpose, each in one line, as lesson 11 shows them.

Each runs, trains and looks right. What a patient does not define it takes from `Memory`, which is healthy. What is
wrong with it stands in `answers`, not here.
"""

import torch
from torch import Tensor, nn

from .memory import CHUNK, DIM, Memory, State


class A(Memory):
    """Reads a chunk at a time: all queries of a chunk in one product.

    The writes go one by one, as in `Memory`; there are as many products as chunks for the reads.
    """

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """As in `Memory`, chunk by chunk."""
        M = self.start(len(x)) if state is None else state
        reads = []
        for piece in x.split(CHUNK, dim=1):
            k, v, q, theta, alpha = self.project(piece)
            for t in range(piece.shape[1]):
                M = self.write(M, k[:, t], v[:, t], theta[:, t], alpha[:, t])
            reads.append(self.answer(M, q))  # (b, c, d)
        return torch.cat(reads, dim=1), M


class B(Memory):
    """Bounds the length of a gradient by 1, so that one wild token cannot spoil the memory.

    The length is taken over all numbers of a row's gradient, in (b, 1, 1).
    """

    def gradient(self, M: State, k: Tensor, v: Tensor) -> State:
        error = self.answer(M, k) - v  # (b, o)
        each = torch.einsum("bo,bi->boi", error, k)
        return (2 * each.mean(dim=0, keepdim=True),)

    def write(self, M: State, k: Tensor, v: Tensor, theta: Tensor, alpha: Tensor) -> State:
        (grad,) = self.gradient(M, k, v)
        length = grad.flatten(1).norm(dim=1).view(-1, 1, 1)
        step = theta * grad / length.clamp(min=1)
        return ((1 - alpha) * M[0] - step,)


class C(Memory):
    """Mixes each token with the one before it; the state keeps the last token for the next call."""

    def __init__(self, dim: int = DIM) -> None:
        super().__init__(dim)
        self.before = nn.Parameter(torch.full((dim,), 0.5))

    def start(self, batch: int) -> State:
        return (*super().start(batch), self.before.new_zeros(batch, 1, len(self.before)))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        *M, tail = self.start(len(x)) if state is None else state
        series = torch.cat([tail, x], dim=1)  # (b, 1 + t, d)
        x = series[:, 1:] + self.before * series[:, :-1]
        reads, M = super().forward(x, tuple(M))
        return reads, (*M, x[:, -1:])


class D(Memory):
    """A memory of two layers, W2 tanh(W1 k), whose gradient is written out by hand."""

    def __init__(self, dim: int = DIM, hidden: int = 6) -> None:
        super().__init__(dim)
        self.initial = nn.Parameter(0.5 * torch.randn(1, hidden, dim))
        self.second = nn.Parameter(0.5 * torch.randn(1, dim, hidden))

    def start(self, batch: int) -> State:
        return self.initial.repeat(batch, 1, 1), self.second.repeat(batch, 1, 1)

    def answer(self, M: State, q: Tensor) -> Tensor:
        W1, W2 = M
        return torch.einsum("boh,b...h->b...o", W2, torch.einsum("bhi,b...i->b...h", W1, q).tanh())

    def gradient(self, M: State, k: Tensor, v: Tensor) -> State:
        W1, W2 = M
        hidden = torch.einsum("bhi,bi->bh", W1, k).tanh()
        d2 = 2 * (torch.einsum("boh,bh->bo", W2, hidden) - v)
        d1 = torch.einsum("boh,bo->bh", W2, d2)
        return torch.einsum("bh,bi->bhi", d1, k), torch.einsum("bo,bh->boh", d2, hidden)

    def write(self, M: State, k: Tensor, v: Tensor, theta: Tensor, alpha: Tensor) -> State:
        grads = self.gradient(M, k, v)
        return tuple((1 - alpha) * W - theta * grad for W, grad in zip(M, grads, strict=True))


class E(Memory):
    """Leaves the gradient to autograd; keys and values are shared by two heads of half the width."""

    def answer(self, M: State, q: Tensor) -> Tensor:
        return torch.einsum("boi,b...i->b...o", self._heads(M[0]), q)

    def gradient(self, M: State, k: Tensor, v: Tensor) -> State:
        loss = (self.answer(M, k) - v).square().sum()
        return torch.autograd.grad(loss, M)

    def _heads(self, W: Tensor) -> Tensor:
        """Blocks on the diagonal: no head sees the features of the other."""
        half = W.shape[-1] // 2
        mask = torch.block_diag(*[W.new_ones(half, half)] * 2)
        return W * mask


class F(Memory):
    """With momentum: S = eta S - theta * gradient, then W = (1 - alpha) W + S."""

    eta = 0.5

    def start(self, batch: int) -> State:
        (W,) = super().start(batch)
        return W, torch.zeros_like(W)

    def write(self, M: State, k: Tensor, v: Tensor, theta: Tensor, alpha: Tensor) -> State:
        W, S = M
        (grad,) = self.gradient(M, k, v)
        S = self.eta * S - theta * grad
        W = (1 - alpha) * W - S
        return W, S


class G(Memory):
    """Writes unit by unit: each output feature bounds its own step, and all of them forget alike.

    A gradient's row that is longer than `bound` is cut to that length.
    """

    bound = 0.5

    def write(self, M: State, k: Tensor, v: Tensor, theta: Tensor, alpha: Tensor) -> State:
        """One token's write, k and v (b, d)."""
        (W,) = M
        (grad,) = self.gradient(M, k, v)
        length = grad.norm(dim=-1, keepdim=True)  # (b, o, 1)
        step = theta * grad * (self.bound / length.clamp(min=self.bound))
        keep = torch.exp(-alpha)
        return (keep * W - step,)


class H(Memory):
    """Writes by surprise: the longer the gradient, the larger the share of theta that is used.

    The share goes from 0, nothing new, towards 1.
    """

    def surprise(self, grad: Tensor) -> Tensor:
        length = grad.flatten(1).norm(dim=1).view(-1, 1, 1)
        return length / (1 + length)

    def write(self, M: State, k: Tensor, v: Tensor, theta: Tensor, alpha: Tensor) -> State:
        (grad,) = self.gradient(M, k, v)
        step = theta * self.surprise(grad) * grad
        W = M[0] - step
        return ((1 - alpha) * W,)
