"""From settings to a gate and a rule."""

from __future__ import annotations

from torch import nn

from ..config import MemoryConfig
from ..errors import ConfigError
from .algorithm import ALGORITHMS
from .architecture import ARCHITECTURES, Architecture
from .bias import BIASES, LEARNED
from .config import MirasConfig
from .gate import GATES, MirasGate
from .general import GeneralRule
from .retention import RETENTIONS


def make_gate(memory: MemoryConfig, miras: MirasConfig, gate: nn.Module | None = None) -> MirasGate:
    """The gate of these settings, or `gate` in its place, with what retention, algorithm and bias hold fixed."""
    algorithm = ALGORITHMS[miras.algorithm].build(miras.number("algorithm"))
    retention = RETENTIONS[miras.retention].build(miras.number("retention"))
    dim, heads = memory.dim, memory.heads
    if gate is None:
        eta = 0.0 if algorithm.eta is None else algorithm.eta
        gate = GATES[miras.gate].build(dim, heads, miras.theta, eta, miras.alpha)
    delta = miras.number("bias") if miras.bias == LEARNED else None
    return MirasGate(gate, eta=algorithm.eta, alpha=retention.alpha, delta=delta, dim=dim, heads=heads)


def make_rule(
    memory: MemoryConfig,
    miras: MirasConfig,
    gate: nn.Module,
    *,
    architecture: Architecture | None = None,
    norms: bool = False,
) -> GeneralRule:
    """The rule of these settings; `architecture` takes the place of the one that is named.

    Raises ConfigError where retention privacy has no clip to bound a token's gradient, and for `decay="start"`: what a
    memory of this design space forgets is up to its retention.
    """
    if memory.decay != "zero":
        raise ConfigError(f"decay must be zero for a MIRAS memory, whose retention forgets, not {memory.decay!r}")
    if miras.retention == "privacy" and memory.clip is None:
        raise ConfigError("clip must be a number from 1e-06 to 1e+06 for retention privacy, not None")
    return GeneralRule(
        gate,
        architecture or ARCHITECTURES[miras.architecture].build(memory),
        BIASES[miras.bias].build(miras.number("bias")),
        RETENTIONS[miras.retention].build(miras.number("retention")),
        ALGORITHMS[miras.algorithm].build(miras.number("algorithm")),
        memory.clip,
        norms,
    )
