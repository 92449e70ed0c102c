"""What is compared, at equal shapes: this project's memory, and the peer where it is installed.

With `batch_size` equal to `chunk_size`, titans-pytorch's NeuralMemory takes each chunk's gradients at the memory of the
chunk's start, as in the paper. By default it takes all gradients at the start weights, so that the whole sequence is
one parallel step. Neither is the same function as this project's memory: the peer has one gate per chunk, its reads
come a chunk late, its memory has a norm and a residual, and it has no convolution.
"""

import importlib.util
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from titans_mini import MemoryConfig, NeuralMemory

OURS = "titans_mini"
EXPANSION, DEPTH = 4, 2


class Contestant(nn.Module):
    """x (b, t, dim), state -> (output, state), for any of the memories."""

    def __init__(self, memory: nn.Module) -> None:
        super().__init__()
        self.memory = memory

    def forward(self, x: Tensor, state=None) -> tuple[Tensor, object]:
        """Reads some tokens."""
        return self.memory(x, state=state)


def _ours(dim: int, chunk: int) -> nn.Module:
    return NeuralMemory(MemoryConfig(dim=dim, chunk=chunk, depth=DEPTH, expansion=EXPANSION))


def _peer(dim: int, chunk: int, **settings) -> nn.Module:
    with warnings.catch_warnings():  # from a dependency of the peer, about its own use of torch
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
    """The contestants that can run here."""
    has_peer = importlib.util.find_spec("titans_pytorch") is not None
    return [name for name in CONTESTANTS if has_peer or name == OURS]


def make(name: str, dim: int, chunk: int) -> Contestant:
    """A seeded contestant."""
    torch.manual_seed(0)
    return Contestant(CONTESTANTS[name](dim, chunk))
