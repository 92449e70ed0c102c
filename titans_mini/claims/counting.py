"""Claims at 760M, settled by counting: models on torch's meta device, whose tensors have shapes and no numbers."""

from __future__ import annotations

import torch

from ..config import TitansConfig
from ..memory.fastweights import mlp_shapes
from ..models.model import TitansLM
from ..operate import memory_bytes
from .finding import Figures, Finding, Size, grade

PARAMETERS, WIDTH = 760e6, 1536  # the paper's largest model
SHARE, LARGEST = 0.003, 30e6  # updatable parameters, bytes of a snapshot; recipe: 2.1 and 5.2
SHAPE = dict(variant="mag", vocab_size=32_000, dim=WIDTH, heads=16, window=512, chunk=64)  # Llama 2's vocabulary


def count(layers: int, memories: tuple[int, ...] | None = None) -> tuple[int, int]:
    """(parameters, those that go on changing: the fast weights) of the model with `layers` layers."""
    with torch.device("meta"):
        lm = TitansLM(TitansConfig(**SHAPE, layers=layers, memory_layers=memories))
    fast = [weights for name, weights in lm.named_parameters() if ".memory.start." in name]
    return sum(part.numel() for part in lm.parameters()), sum(part.numel() for part in fast)


def layers_for(parameters: float, memories: tuple[int, ...] | None = None) -> int:
    """How many layers come nearest to a number of parameters."""
    (two, _), (three, _) = (count(layers, memories) for layers in (2, 3))
    return round(2 + (parameters - two) / (three - two))


def measure_share(size: Size) -> Figures:
    """The model of 760M with a memory in each layer, and with one in all; its snapshots; the width that would fit."""
    figures: Figures = {}
    for name, memories in (("all", None), ("one", (0,))):
        layers = layers_for(PARAMETERS, memories)
        total, fast = count(layers, memories)
        figures |= {f"layers_{name}": layers, f"parameters_{name}": total, f"updatable_{name}": fast}
        figures |= {f"share_{name}": fast / total, f"snapshot_mb_{name}": 4 * fast / 1e6}
    room = SHARE * PARAMETERS
    width = next(width for width in range(WIDTH, 0, -1) if sum(o * i for o, i in mlp_shapes(width, 2, 4)) <= room)
    return figures | {"width_of_share": width, "snapshot_mb_of_share": memory_bytes(width=width) / 1e6}


def judge_share(figures: Figures) -> Finding:
    """Parts: 0.3% is updatable, a snapshot takes less than 30 MB; with a single memory in the whole model."""
    told = (
        f"counted at width {WIDTH}: one memory has {figures['updatable_one']:,} weights, {figures['share_one']:.1%} "
        f"of {figures['parameters_one'] / 1e6:.0f}M, and {figures['snapshot_mb_one']:.0f} MB in float32; one in each "
        f"of {figures['layers_all']} layers {figures['share_all']:.0%} and {figures['snapshot_mb_all']:,.0f} MB; 0.3% "
        f"would be one memory of width {figures['width_of_share']}, with {figures['snapshot_mb_of_share']:.1f} MB"
    )
    return Finding(grade(figures["share_one"] <= SHARE, figures["snapshot_mb_one"] * 1e6 < LARGEST), figures, told)
