"""A memory as a layer for vectors that are not tokens: readings of sensors. Takes about 10 seconds.

Each step of a stream is a vector of 32 numbers: 16 name a station, 16 are its reading. Later only the name is given,
and the memory must answer with the reading. Stations and readings are drawn anew for every stream, so nothing can be
learned by heart: training only teaches the layer what to write and how to ask.

    python examples/memory_for_vectors.py
"""

import torch
from torch import Tensor

from titans_mini import MemoryConfig, NeuralMemory

STATIONS, HALF = 12, 16


def streams(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """(rows, 24, 32): each station with its reading, then each name without one; and the readings (rows, 12, 16)."""
    generator = torch.Generator().manual_seed(seed)
    names, readings = torch.randn(2, rows, STATIONS, HALF, generator=generator)
    order = torch.randperm(STATIONS, generator=generator)
    told = torch.cat([names, readings], dim=-1)
    asked = torch.cat([names[:, order], torch.zeros_like(readings)], dim=-1)
    return torch.cat([told, asked], dim=1), readings[:, order]


def answers(x: Tensor, write: bool = True) -> Tensor:
    """What the layer says about the stations that are asked for, (rows, 12, 16); without `write` it keeps nothing."""
    state = memory.initial_state(len(x))
    out, _ = memory(x, state) if write else memory.frozen(x, state)
    return out[:, STATIONS:, HALF:]


def recall(write: bool) -> float:
    """Share of answers that are nearer to the right reading than to the others of the same stream."""
    x, readings = streams(rows=64, seed=10**6)  # streams that training has not seen
    with torch.no_grad():
        nearest = torch.cdist(answers(x, write), readings).argmin(-1)
    return (nearest == torch.arange(STATIONS)).float().mean().item()


torch.manual_seed(0)
memory = NeuralMemory(MemoryConfig(dim=2 * HALF, depth=1, chunk=4))
optimizer = torch.optim.AdamW(memory.parameters(), lr=1e-2)
for step in range(200):
    x, readings = streams(rows=32, seed=step)
    (answers(x) - readings).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()

print(f"readings that the memory gives back: {recall(write=True):.0%}")
print(f"the same layer when it may not write: {recall(write=False):.0%}")
