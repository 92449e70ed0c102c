"""The paper's rule for the settings of a memory: which gate decides, and with what it begins."""

from torch import nn

from ..config import MemoryConfig
from .chunk import OWN_START, TitansRule
from .gates import LearnedGate, SurpriseGate
from .mlp import ACTIVATIONS, layer_shapes

STRETCH = 0.1  # lets a trained gate close fully, so that nothing leaks over tens of thousands of tokens
EAGER = {"theta": 0.3, "eta": 0.2, "alpha": 0.001}  # keys that tell contexts apart bear larger writes and last longer
FULL_STEP = 0.5  # the gradient of ||M(k) - v||^2 has a factor 2: with 1/2 before it M(k) becomes v, where |k| = 1


def titans_rule(config: MemoryConfig, gate: nn.Module | None = None) -> TitansRule:
    """The paper's rule for these settings, with their gate unless another one is given."""
    origin = OWN_START if config.decay == "start" else None
    activation, shapes = ACTIVATIONS[config.activation], layer_shapes(config)
    return TitansRule(gate or _gate(config), activation, config.clip, origin=origin, shapes=shapes)


def _gate(config: MemoryConfig) -> nn.Module:
    if config.gate == "surprise":
        return SurpriseGate(eta=FULL_STEP) if config.reach else SurpriseGate()
    start = EAGER if config.reach else {}
    return LearnedGate(config.dim, config.heads, stretch=STRETCH, **start | ({} if config.momentum else {"eta": None}))
