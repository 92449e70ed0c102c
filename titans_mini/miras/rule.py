"""From settings to a gate, a rule and a memory of the design space."""

from __future__ import annotations

from torch import nn

from ..config import MemoryConfig
from ..errors import ConfigError, check_integer
from ..memory import NeuralMemory
from .algorithm import ALGORITHMS
from .architecture import ARCHITECTURES, Architecture
from .bias import BIASES, LEARNED
from .config import MirasConfig
from .gate import GATES, MirasGate
from .general import MirasRule
from .retention import RETENTIONS


def make_gate(memory: MemoryConfig, miras: MirasConfig, gate: nn.Module | None = None) -> MirasGate:
    """The gate of these settings, or `gate` in its place, with the values that retention, algorithm and bias fix."""
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
    record_norm: bool = False,
    seed: int = 0,
) -> MirasRule:
    """The rule of these settings; `architecture` takes the place of the one that is named.

    Raises ConfigError where retention privacy has no clip to bound a token's gradient, and for `decay="start"`: how a
    memory of this design space forgets is up to its retention.
    """
    if memory.decay != "zero":
        text = "decay must be zero for a MIRAS memory, whose retention forgets, not {decay}"
        raise ConfigError(text, decay=repr(memory.decay))
    if miras.retention == "privacy" and memory.clip is None:
        raise ConfigError("clip must be a number from 1e-06 to 1e+06 for retention privacy, not None")
    return MirasRule(
        gate,
        architecture or ARCHITECTURES[miras.architecture].build(memory),
        BIASES[miras.bias].build(miras.number("bias")),
        RETENTIONS[miras.retention].build(miras.number("retention")),
        ALGORITHMS[miras.algorithm].build(miras.number("algorithm")),
        memory.clip,
        record_norm,
        check_integer("seed", seed, 0, 2**63 - 1),
        miras,
    )


def MirasMemory(  # noqa: N802
    config: MemoryConfig,
    miras: MirasConfig,
    *,
    gate: nn.Module | None = None,
    architecture: Architecture | None = None,
    seed: int = 0,
) -> NeuralMemory:
    """A NeuralMemory with any memory of the design space inside.

    `miras` is the inner rule; `config` the sizes, chunk and clip (its `gate` is not used; `depth` and `activation`
    are those of architecture mlp). `gate` replaces the gate and `architecture` the memory, for instance by
    `from_module(any module)`. `seed` is that of retention privacy's noise: states made from the same seed share it.
    What one token may tell is `epsilon(sigma, heads=config.heads, conv=config.conv)`: it touches that many pairs.
    """
    own = make_gate(config, miras, gate)
    return NeuralMemory(config, make_rule(config, miras, own, architecture=architecture, seed=seed))
