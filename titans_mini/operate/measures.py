"""What the monitor measures: how far a memory has moved, how alive it is, and whether its write rate has risen.

Life. The gradient of a matrix goes through all the other matrices of its memory. So a memory of two or more matrices
whose weights are near zero gets no gradient: it answers nothing, and no token can change that. Its surprise is then as
low as that of a memory that knows everything; what tells the two apart is the loss, which is that of silence, ||v||^2.

Rise. Clean text is uneven: at a table or a list of names a memory writes 500 times per 1,000 for some 100 tokens, more
than many an incident brings. But clean text does not keep that up. So a rise is a stretch of the stream in which *each*
block of tokens has a high rate: five blocks of 100 tokens, or one of 60 in which nearly every token is written.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..memory.mlp import Weights
from ..trace import RESOLUTION
from .engine import Engine, Reading

SILENT = 0.99  # share of the loss of silence from which on a memory counts as silent
STRETCHES = ((5, 100), (1, 60))  # (blocks in a row, tokens of each)
LONGEST = max(blocks * tokens for blocks, tokens in STRETCHES)
SPREAD = 5.0  # calibrated limit of a rise: mean + SPREAD standard deviations of what the warm-up showed,
FULL = 900.0  # and at most this or the highest rate of the warm-up, since no rate can pass a limit of 1,000


def distance(weights: Sequence[Weights], start: Sequence[Weights]) -> tuple[float, float]:
    """(largest norm, largest drift) over memories: fast weights now and at the start, per memory and layer (n, ...)."""
    now, before = (
        [torch.cat([part.flatten(1) for part in memory], dim=1) for memory in side] for side in (weights, start)
    )
    norms = [torch.linalg.vector_norm(part, dim=1).max() for part in now]
    moved = [
        (torch.linalg.vector_norm(a - b, dim=1) / torch.linalg.vector_norm(b, dim=1)).max()
        for a, b in zip(now, before, strict=True)
    ]
    return float(torch.stack(norms).max()), float(torch.stack(moved).max())


def strength(weights: Sequence[Weights], start: Sequence[Weights]) -> Tensor:
    """(m,) size of each memory against its start, on the CPU: the geometric mean over all matrices but the smallest.

    That product scales the largest gradient of any matrix. A single matrix can always learn again, so it counts as 1.
    """
    found = []
    for memory, before in zip(weights, start, strict=True):
        now, then = (
            torch.stack([torch.linalg.vector_norm(part.flatten(1), dim=1) for part in side], dim=1).double()
            for side in (memory, before)
        )  # (n, matrices)
        shares = torch.where(then > 0, now / then.clamp_min(1e-300), 1.0).sort(dim=1, descending=True).values
        carried = shares[:, : shares.shape[1] - 1]  # without the smallest
        found.append(carried.prod(1) ** (1 / max(1, carried.shape[1])))
    return torch.cat(found).cpu()


def life(reading: Reading, strong: Tensor, usual: tuple[Tensor, Tensor] | None) -> Tensor:
    """(m,) each memory's strength against its `usual` one; if it was silent, at most its gradient against the usual.

    `usual` is (strength, raw) of the warm-up, each (m,); None while there is none, and then the start weights count.
    """
    if usual is None:
        return strong
    strong = strong / usual[0].clamp(max=1.0)
    if reading.silence is None:
        return strong
    loss, silence = reading.loss.mean(1), reading.silence.mean(1)
    silent = (loss >= SILENT * silence) & (silence > 0)  # with nothing to learn, a gradient of 0 says nothing
    pull = reading.raw.double().mean(1) / usual[1]
    return torch.where(silent, torch.minimum(strong, pull), strong)


def is_dead(engine: Engine, state) -> bool:
    """Whether the answers of one of the state's memories are lost in rounding, judged by its weights only."""
    now, start = engine.fast(state), engine.fast(engine.start())
    depth = min(len(memory) for memory in now)
    return bool((strength(now, start) < RESOLUTION ** (1 / depth)).any())


class Rise(NamedTuple):
    """The stretch that is highest against its limit; both numbers in writes per 1,000 tokens."""

    rate: float  # of the stretch's lowest block
    limit: float


def rates(wrote: Tensor, new: int) -> list[float | None]:
    """For each stretch, the highest rate of a lowest block, among the stretches that end in the last `new` tokens.

    `wrote` (t,): share of the memories that wrote each token. None: fewer tokens than the stretch is long.
    """
    found: list[float | None] = []
    for blocks, tokens in STRETCHES:
        recent = wrote[-(blocks * tokens + new - 1) :]
        count = len(recent) - blocks * tokens + 1  # stretches that end in the new tokens
        if count < 1:
            found.append(None)
            continue
        total = torch.cat([recent.new_zeros(1), recent.cumsum(0)])
        means = (total[tokens:] - total[:-tokens]) / tokens  # of each block, (t - tokens + 1,)
        rows = [means[block * tokens :][:count] for block in range(blocks)]
        found.append(1000 * float(torch.stack(rows).amin(0).max()))
    return found


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
