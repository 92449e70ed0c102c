"""The healthy control of the bug hunt: a matrix memory in plain PyTorch, small enough to read at a glance."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

DIM, CHUNK = 4, 4
State = tuple[Tensor, ...]


class Memory(nn.Module):
    """x (b, t, d), state or None -> reads (b, t, d), state. Each token is written by one gradient step, then read.

    A state is a tuple whose first tensors are the weights of each row, (b, o, i). The inner loss is |M(k) - v|^2.
    Paper: eq. 12-15.
    """

    def __init__(self, dim: int = DIM) -> None:
        super().__init__()
        self.key, self.value, self.query = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.gates = nn.Linear(dim, 2)
        self.initial = nn.Parameter(0.5 * torch.randn(1, dim, dim))

    def start(self, batch: int) -> State:
        """The state that has read nothing."""
        return (self.initial.repeat(batch, 1, 1),)  # (b, o, i)

    def answer(self, M: State, q: Tensor) -> Tensor:
        """M(q) for q (b, d) or (b, c, d)."""
        return torch.einsum("boi,b...i->b...o", M[0], q)

    def gradient(self, M: State, k: Tensor, v: Tensor) -> State:
        """The gradient of the inner loss in each weight, k and v (b, d)."""
        error = self.answer(M, k) - v  # (b, o)
        return (2 * torch.einsum("bo,bi->boi", error, k),)

    def write(self, M: State, k: Tensor, v: Tensor, theta: Tensor, alpha: Tensor) -> State:
        """(1 - alpha) W - theta * gradient, theta and alpha (b, 1, 1)."""
        (grad,) = self.gradient(M, k, v)
        return ((1 - alpha) * M[0] - theta * grad,)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        """k, v, q (b, t, d) and theta, alpha (b, t, 1, 1), both from 0 to 1/4."""
        k, q = normalize(self.key(x), dim=-1), normalize(self.query(x), dim=-1)
        theta, alpha = (torch.sigmoid(self.gates(x)) / 4).unsqueeze(-1).unsqueeze(-1).unbind(2)
        return k, self.value(x), q, theta, alpha

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Writes each token, reads after each write."""
        M = self.start(len(x)) if state is None else state
        k, v, q, theta, alpha = self.project(x)
        reads = []
        for t in range(x.shape[1]):
            M = self.write(M, k[:, t], v[:, t], theta[:, t], alpha[:, t])
            reads.append(self.answer(M, q[:, t]))
        return torch.stack(reads, dim=1), M
