"""Who is measured: this project's memory, and the peer where it is installed, at equal shapes.

titans-pytorch's NeuralMemory has its chunk's gradients taken at the memory as it stands, as the paper has it, with
`batch_size` equal to `chunk_size`; as it comes, all gradients are taken at the start weights, so that the whole
sequence is one parallel step. The two are not the same function as ours: its gates are one per chunk, its reads come
a chunk late, its memory has a norm and a residual, and it has no convolution.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from titans_mini import MemoryConfig, NeuralMemory

OURS = "titans_mini"
EXPANSION, DEPTH = 4, 2


class Contestant(nn.Module):
    """x (b, t, dim), state -> (output, state), whatever the memory is."""

    def __init__(self, memory: nn.Module) -> None:
        super().__init__()
        self.memory = memory

    def forward(self, x: Tensor, state=None) -> tuple[Tensor, object]:
        """One stretch of tokens."""
        return self.memory(x, state=state)


def _ours(dim: int, chunk: int) -> nn.Module:
    return NeuralMemory(MemoryConfig(dim=dim, chunk=chunk, depth=DEPTH, expansion=EXPANSION))


def _peer(dim: int, chunk: int, **settings) -> nn.Module:
    with warnings.catch_warnings():  # of a dependency of the peer, about its own use of torch
        warnings.simplefilter("ignore", DeprecationWarning)
        from titans_pytorch import NeuralMemory as Peer  # optional: the extra `bench`
    memory = dict(depth=DEPTH, expansion_factor=float(EXPANSION))
    return Peer(dim=dim, chunk_size=chunk, default_model_kwargs=memory, **settings)


CONTESTANTS: dict[str, Callable[[int, int], nn.Module]] = {
    OURS: _ours,
    "titans-pytorch, by chunks": lambda dim, chunk: _peer(dim, chunk, batch_size=chunk),
    "titans-pytorch, as it comes": lambda dim, chunk: _peer(dim, chunk),
}


def present() -> list[str]:
    """Those that can run here."""
    has_peer = importlib.util.find_spec("titans_pytorch") is not None
    return [name for name in CONTESTANTS if has_peer or name == OURS]


def make(name: str, dim: int, chunk: int) -> Contestant:
    """A seeded contestant."""
    torch.manual_seed(0)
    return Contestant(CONTESTANTS[name](dim, chunk))
