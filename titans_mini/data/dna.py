"""A small real genome as a stream of bases."""

import functools
from pathlib import Path

from torch import Tensor

from ..errors import ConfigError
from ..files import read_bytes, reason
from .scenarios import to_bytes

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
        raise ConfigError("{file} cannot be read: {reason}", file=repr(str(path)), reason=reason(error)) from None
    bases = "".join(body.partition(">")[0].split()).upper()
    if not header.startswith(">") or not bases or set(bases) - set(BASES):
        raise ConfigError("{file} is not a FASTA file of bases A, C, G, T", file=repr(Path(path).name))
    return bases


def to_bases(letters: str) -> Tensor:
    """(t,) int64: 0..3 for A, C, G, T."""
    return to_bytes(letters.translate(str.maketrans(BASES, "\0\1\2\3")))
