"""A sudden rise of the write rate: seen within the rise, and not on clean text.

Clean text is uneven: at a table or a list of names a memory writes 500 times per 1,000 for some 100 tokens, which
is more than many an incident brings. What clean text does not do is to go on like that. So a rise is a stretch of
the stream in which *each* block of tokens has a high rate: five blocks of 100 tokens, or one of 60 in which nearly
every token is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Stretch(NamedTuple):
    """So many blocks in a row, of so many tokens each."""

    blocks: int
    tokens: int

    @property
    def length(self) -> int:
        """Tokens of the whole stretch."""
        return self.blocks * self.tokens


STRETCHES = (Stretch(5, 100), Stretch(1, 60))
LONGEST = max(stretch.length for stretch in STRETCHES)
SPREAD = 5.0  # calibrated limit: mean + SPREAD standard deviations of what the warm-up showed,
FULL = 900.0  # and at most this, or the highest rate of the warm-up: a limit that no rate can pass is none


class Rise(NamedTuple):
    """The stretch that is highest against its limit; both numbers in writes per 1,000 tokens."""

    rate: float  # of the stretch's lowest block
    limit: float


def rates(wrote: Tensor, new: int) -> list[float | None]:
    """For each stretch, the highest rate of a lowest block, among the stretches that end in the last `new` tokens.

    `wrote` (t,): share of the memories that wrote each token. None: fewer tokens than the stretch is long.
    """
    return [_highest(wrote[-(stretch.length + new - 1) :], stretch) for stretch in STRETCHES]


def _highest(wrote: Tensor, stretch: Stretch) -> float | None:
    if len(wrote) < stretch.length:
        return None
    total = torch.cat([wrote.new_zeros(1), wrote.cumsum(0)])
    blocks = (total[stretch.tokens :] - total[: -stretch.tokens]) / stretch.tokens  # (t - tokens + 1,)
    count = len(wrote) - stretch.length + 1
    rows = [blocks[place * stretch.tokens :][:count] for place in range(stretch.blocks)]
    return 1000 * float(torch.stack(rows).amin(0).max())


def calibrate(seen: Sequence[Sequence[float | None]], least: Sequence[float]) -> tuple[float, ...]:
    """Each stretch's limit: mean + SPREAD standard deviations of its rates in the warm-up, between `least` and FULL."""
    limits = []
    for rates_seen, floor in zip(zip(*seen, strict=True), least, strict=True):
        known = torch.tensor([rate for rate in rates_seen if rate is not None] or [0.0], dtype=torch.float64)
        usual = float(known.mean() + SPREAD * known.std(correction=0))
        limits.append(max(floor, min(usual, max(FULL, float(known.max())))))
    return tuple(limits)


def highest(found: Sequence[float | None], limits: Sequence[float]) -> Rise | None:
    """The rise of the stretch that is closest to its limit, or furthest above it."""
    rises = [Rise(rate, limit) for rate, limit in zip(found, limits, strict=True) if rate is not None]
    return max(rises, key=lambda rise: rise.rate / rise.limit, default=None)
