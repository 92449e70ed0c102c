"""Long work on a trained model in pieces, so that progress can be shown and the work can be stopped.

Bits of each token read, recall over a gap, and generation. Each is a generator that yields as it progresses.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from titans_mini.errors import ConfigError
from titans_mini.models.generate import steps
from titans_mini.models.model import TitansLM
from titans_mini.training.tasks import RECALL_VALUES, make_batch

CHANCE = 1 / RECALL_VALUES  # of a recall answer that is a guess among the values
BLOCK = 100  # tokens whose bits are averaged before they count as independent


class Difference(NamedTuple):
    """Mean of a difference in bits, and its standard error over blocks of tokens (infinite for fewer than two)."""

    mean: float
    error: float

    @property
    def sign(self) -> int:
        """1 or -1 where the mean is more than two standard errors from 0, else 0."""
        return int(np.sign(self.mean)) if abs(self.mean) > 2 * self.error else 0


@torch.inference_mode()
def read_bits(lm: TitansLM, ids: Tensor, *, memory: str = "on", piece: int = 256) -> Iterator[np.ndarray]:
    """ids (t,) -> the bits of each token but the first, `piece` tokens at a time: float64 arrays, t - 1 in all.

    Raises ConfigError for fewer than 2 ids.
    """
    if len(ids) < 2:
        raise ConfigError("text must have at least {least} bytes, not {count}", least=2, count=len(ids))
    state = None
    for given, wanted in zip(ids[:-1].split(piece), ids[1:].split(piece), strict=True):
        logits, state = lm(given.unsqueeze(0), state, memory=memory)
        losses = functional.cross_entropy(logits[0].double(), wanted, reduction="none")
        yield (losses / math.log(2)).numpy()


def compare(first: np.ndarray, second: np.ndarray, block: int = BLOCK) -> Difference:
    """`second` minus `first`, both (t,) bits of the same tokens; neighbours are alike, so blocks are counted."""
    differences = second - first
    count = len(differences) // block
    if count < 2:
        return Difference(float(differences.mean()), math.inf)
    means = differences[: count * block].reshape(count, block).mean(1)
    return Difference(float(differences.mean()), float(means.std(ddof=1) / math.sqrt(count)))


def smooth(values: np.ndarray, window: int) -> np.ndarray:
    """(t,) mean over the last `window` values up to each one, over all of them at the start."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


@torch.inference_mode()
def recall_at(
    lm: TitansLM, gap: int, *, rows: int = 16, memory: str = "on", seed: int = 1234, piece: int = 512
) -> Iterator[tuple[float, float | None]]:
    """(share read, None), piece by piece, and at the end (1.0, accuracy): what `evaluate` finds for "recall_once"."""
    ids, ask = make_batch("recall_once", rows, gap, torch.Generator().manual_seed(seed), True)
    state, hits, done = None, [], 0
    for given, wanted, asked in zip(
        *(part.split(piece, 1) for part in (ids[:, :-1], ids[:, 1:], ask[:, 1:])), strict=True
    ):
        logits, state = lm(given, state, memory=memory)
        hits.append((logits.argmax(-1) == wanted)[asked])
        done += given.shape[1]
        yield done / (ids.shape[1] + 1), None
    yield 1.0, torch.cat(hits).double().mean().item()


def stream(lm: TitansLM, prompt: Tensor, tokens: int, **options) -> Iterator[int]:
    """The ids that `generate` gives for one prompt (t,), each as soon as it is made; options as in `generate`."""
    for ids, _ in steps(lm, prompt.unsqueeze(0), tokens, **options):
        yield int(ids)
