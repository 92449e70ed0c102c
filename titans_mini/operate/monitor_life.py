"""Life: how strongly a memory can still learn, as a share of what it could. At 0 it is dead.

The gradient of a matrix goes through all the other matrices of its memory. So a memory of two or more matrices whose
weights are near zero gets no gradient: it answers nothing, and no token can change that. Its surprise is then as low
as that of a memory that knows everything; what tells the two apart is the loss, which is that of silence, ||v||^2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..memory.fastweights import Weights
from ..trace import RESOLUTION
from .engine import Engine, Reading

SILENT = 0.99  # share of the loss of silence from which on a memory counts as silent


def strength(weights: Sequence[Weights], start: Sequence[Weights]) -> Tensor:
    """(m,) size of each memory's weights against their start: the geometric mean over all matrices but the smallest.

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
    return torch.cat(found)


def life(reading: Reading, strong: Tensor, usual: tuple[Tensor, Tensor] | None) -> Tensor:
    """(m,) each memory's strength, against its `usual` one; where it was silent, at most its gradient against usual.

    `usual` is (strength, raw) of the warm-up, each (m,); None while there is none, and then the start weights count.
    """
    if usual is None:
        return strong
    strong = strong / usual[0].clamp(max=1.0)
    if reading.silence is None:
        return strong
    loss, silence = reading.loss.mean(1), reading.silence.mean(1)
    silent = (loss >= SILENT * silence) & (silence > 0)  # where nothing is to be learnt, a gradient of 0 tells nothing
    pull = reading.raw.double().mean(1) / usual[1]
    return torch.where(silent, torch.minimum(strong, pull), strong)


def is_dead(engine: Engine, state) -> bool:
    """Whether the answers of one of the state's memories are lost in rounding, by its weights alone."""
    now, start = engine.fast(state), engine.fast(engine.start())
    depth = min(len(memory) for memory in now)
    return bool((strength(now, start) < RESOLUTION ** (1 / depth)).any())
