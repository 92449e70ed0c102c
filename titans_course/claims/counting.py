"""Claims at 760M, settled by counting: models on torch's meta device, whose tensors have shapes and no numbers."""

from __future__ import annotations

import torch

from titans_mini.config import TitansConfig
from titans_mini.memory.fastweights import mlp_shapes
from titans_mini.models.model import TitansLM
from titans_mini.operate import memory_bytes

from .finding import Figures, Finding, Reading, Size, grade, weigh

PARAMETERS, WIDTH = 760e6, 1536  # the paper's largest model
SHARE, LARGEST = 0.003, 30e6  # updatable parameters, bytes of a snapshot; recipe: 2.1 and 5.2
SHAPE = dict(variant="mag", vocab_size=32_000, dim=WIDTH, heads=16, window=512, chunk=64)  # Llama 2's vocabulary
# Reading -> (layers that have a memory, or None for all; heads of a memory, each an MLP of its own width).
LAYOUTS = {"one": ((0,), 1), "heads_8": ((0,), 8), "heads_16": ((0,), 16), "all": (None, 1)}


def count(layers: int, memories: tuple[int, ...] | None = None, heads: int = 1) -> tuple[int, int]:
    """(parameters, those that change while it reads: the fast weights) of the model with `layers` layers."""
    with torch.device("meta"):
        lm = TitansLM(TitansConfig(**SHAPE, layers=layers, memory_layers=memories, memory_heads=heads))
    fast = [weights for name, weights in lm.named_parameters() if ".memory.start." in name]
    return sum(part.numel() for part in lm.parameters()), sum(part.numel() for part in fast)


def layers_for(parameters: float, memories: tuple[int, ...] | None = None, heads: int = 1) -> int:
    """How many layers come nearest to a number of parameters."""
    (two, _), (three, _) = (count(layers, memories, heads) for layers in (2, 3))
    return round(2 + (parameters - two) / (three - two))


def measure_share(size: Size) -> Figures:
    """The model of 760M with one memory in all, its hidden layer 4 times the model or 4 times one of 8 or 16 heads,
    and with a memory in each layer; their snapshots in float32; and the width of a memory that would fit."""
    figures: Figures = {}
    for name, (memories, heads) in LAYOUTS.items():
        layers = layers_for(PARAMETERS, memories, heads)
        total, fast = count(layers, memories, heads)
        figures |= {f"layers_{name}": layers, f"parameters_{name}": total, f"updatable_{name}": fast}
        figures |= {f"share_{name}": fast / total, f"snapshot_mb_{name}": 4 * fast / 1e6}
    room = SHARE * PARAMETERS
    width = next(width for width in range(WIDTH, 0, -1) if sum(o * i for o, i in mlp_shapes(width, 2, 4)) <= room)
    return figures | {"width_of_share": width, "snapshot_mb_of_share": memory_bytes(width=width) / 1e6}


def _read_share(name: str, figures: Figures) -> Reading:
    """Parts: the share rounds to 0.3% or less; the snapshot takes less than 30 MB."""
    share, megabytes = figures[f"share_{name}"], figures[f"snapshot_mb_{name}"]
    memories = "1 memory" if LAYOUTS[name][0] else f"{figures[f'layers_{name}']} memories"
    told = (
        f"{memories}, heads: {LAYOUTS[name][1]}, width {WIDTH}: {figures[f'updatable_{name}']:,} weights, "
        f"{share:.2%} of {figures[f'parameters_{name}'] / 1e6:.0f}M, {megabytes:,.1f} MB in float32"
    )
    kept = tuple(f"{kind}_{name}" for kind in ("layers", "parameters", "updatable", "share", "snapshot_mb"))
    return Reading(name, grade(round(share, 3) <= SHARE, megabytes * 1e6 < LARGEST), told, kept)


def judge_share(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    return weigh(figures, *(_read_share(name, figures) for name in LAYOUTS))
