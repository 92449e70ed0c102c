"""Two small pieces of real DNA: a phage's genome as one stream, and stretches of a human chromosome that repeat."""

import functools
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from ..errors import ConfigError
from ..files import read_bytes, reason
from .scenarios import to_bytes

BASES = "ACGT"
GENOME = Path(__file__).with_name("lambda.fasta")  # phage lambda, 48,502 bases (NCBI NC_001416.1, public)

# 64 stretches of human chromosome 6p21.3 (GenBank BA000025.2, 2,229,817 bases; Shiina et al. 2001, public), each of 512
# bases: those that repeat themselves most, that is in which most bases are the ones that came after the same eleven
# bases the last time in the stretch, less those that are not. None overlaps another. Headers hold first-last, from 1.
REPEATS = Path(__file__).with_name("repeats.fasta")


@functools.cache
def genome() -> str:
    """Phage lambda's whole genome, as letters A, C, G, T."""
    return read_fasta(GENOME)


def read_fasta(path: str | Path) -> str:
    """The bases of a FASTA file's first record, in upper case. Raises ConfigError for anything but A, C, G, T."""
    return next(_records(path))[1]


@functools.cache
def repeats() -> dict[int, str]:
    """First base's place in the chromosome's piece, from 1 -> its stretch of 512 letters; in the order of places."""
    return {int(name.partition(":")[2].partition("-")[0]): bases for name, bases in _records(REPEATS)}


def _records(path: str | Path) -> Iterator[tuple[str, str]]:
    """Name and bases of each record. Raises ConfigError as `read_fasta` does."""
    try:
        before, *records = f"\n{read_bytes(path).decode('ascii')}".split("\n>")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("{file} cannot be read: {reason}", file=repr(str(path)), reason=reason(error)) from None
    for record in records or [""]:
        name, _, body = record.partition("\n")
        bases = "".join(body.split()).upper()
        if before or not bases or set(bases) - set(BASES):
            raise ConfigError("{file} is not a FASTA file of bases A, C, G, T", file=repr(Path(path).name))
        yield name, bases


def to_bases(letters: str) -> Tensor:
    """(t,) int64: 0..3 for A, C, G, T."""
    return to_bytes(letters.translate(str.maketrans(BASES, "\0\1\2\3")))
