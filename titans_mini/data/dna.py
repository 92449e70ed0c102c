"""A small real genome, and the classical baseline that a memory on DNA has to beat."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor

from ..errors import ConfigError, check_integer
from ..files import read_bytes

BASES = "ACGT"
GENOME = Path(__file__).with_name("lambda.fasta")  # phage lambda, 48,502 bases (NCBI NC_001416.1, public)


@functools.cache
def genome() -> str:
    """Phage lambda's whole genome, as letters A, C, G, T."""
    return read_fasta(GENOME)


def read_fasta(path: str | Path) -> str:
    """The bases of a FASTA file's first record, in upper case. Raises ConfigError for anything but A, C, G, T."""
    try:
        header, _, body = read_bytes(path).decode("ascii").partition("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    bases = "".join(body.partition(">")[0].split()).upper()
    if not header.startswith(">") or not bases or set(bases) - set(BASES):
        raise ConfigError(f"{Path(path).name!r} is not a FASTA file of bases A, C, G, T")
    return bases


def to_bases(letters: str) -> Tensor:
    """(t,) int64: 0..3 for A, C, G, T."""
    return torch.tensor([BASES.index(letter) for letter in letters])


def markov_bits(train: Tensor, test: Tensor, order: int, prior: float = 1.0) -> float:
    """Bits per base of `test` (t,) under an order-k Markov model counted on `train`, each count begun at `prior`."""
    check_integer("order", order, 0, 12)
    kinds = len(BASES)
    counts = torch.full((kinds**order, kinds), prior, dtype=torch.float64)
    context, following = _contexts(train, order)
    counts.index_put_((context, following), torch.ones(len(following), dtype=torch.float64), accumulate=True)
    context, following = _contexts(test, order)
    return -(counts / counts.sum(-1, keepdim=True))[context, following].log2().mean().item()


def _contexts(bases: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """The number that the `order` bases before each base spell, and that base; (t - order,) each."""
    windows = bases.unfold(0, order + 1, 1)  # (t - order, order + 1)
    place = len(BASES) ** torch.arange(order - 1, -1, -1)
    return (windows[:, :order] * place).sum(-1), windows[:, order]
