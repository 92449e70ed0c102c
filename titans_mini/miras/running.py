"""run: one stream of pairs through one memory of the design space, to arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..config import MemoryConfig
from ..defaults import plain_defaults
from ..errors import ConfigError, check_integer
from ..memory.chunk import run_chunks
from ..memory.gates import initial_gate_state
from ..memory.state import Fast, Tokens
from ..trace import blank_from_divergence
from .architecture import Architecture
from .config import MirasConfig
from .rule import MirasRule, make_gate, make_rule


@dataclass(frozen=True)
class MirasTrace:
    """What happened at each of t tokens; float64. From `diverged_at` on all columns are NaN."""

    config: MirasConfig
    loss: np.ndarray  # (t,) inner loss before the write, at the weights of the chunk's start, in the units of the bias
    surprise: np.ndarray  # (t,) raw: gradient norm over sqrt(d)
    memory_norm: np.ndarray  # (t,) after the write
    theta: np.ndarray  # (t,)
    eta: np.ndarray  # (t,), zero where there is no momentum
    alpha: np.ndarray  # (t,)
    reads: np.ndarray  # (t, d): answer t by the memory after write t
    recalled: np.ndarray  # (t, d): answer t by the final memory
    fast: bool  # whether the chunk form served it
    diverged_at: int | None


@plain_defaults()
def run(
    config: MirasConfig,
    keys: np.ndarray | Tensor,
    values: np.ndarray | Tensor,
    queries: np.ndarray | Tensor | None = None,
    *,
    memory: MemoryConfig | None = None,
    seed: int = 0,
    gate: nn.Module | None = None,
    architecture: Architecture | None = None,
) -> MirasTrace:
    """Writes keys and values (t, d) and answers each query (by default the token's own key) after its write.

    `memory` (one head of d features) holds chunk, clip, depth, expansion and activation; by default chunk 1 and no
    clip, or clip 1 for retention privacy. Its scale "rms" makes everything sqrt(d) times as large for the memory,
    and reads small again. `seed` draws the start weights and the noise. A learned gate is untrained and sees the
    keys. Raises ConfigError for shapes that do not fit and for numbers that are not finite.
    """
    keys, values, queries = _series(keys, values, keys if queries is None else queries)
    memory = memory or default_memory(config, keys.shape[-1])
    if (memory.dim, memory.heads) != (keys.shape[-1], 1):
        text = "memory must have dim {dim} and 1 head, not {given} and {heads}"
        raise ConfigError(text, dim=keys.shape[-1], given=memory.dim, heads=memory.heads)
    check_integer("seed", seed, 0, 2**31 - 1)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)  # of a learned gate's first weights
        gate = make_gate(memory, config, gate).double()
        rule = make_rule(memory, config, gate, architecture=architecture, record_norm=True, seed=seed)
        fast = start_fast(rule, [seed])
        tokens = Tokens(*(part * memory.norm for part in (keys, values, queries)), gate.project(keys))
        reads, fast, record = run_chunks(fast, tokens, rule, memory.chunk)
        recalled = rule.answer(fast.weights, tokens.queries)
    theta, eta, alpha = record.gates[:3]
    columns = dict(loss=record.loss, surprise=record.raw, memory_norm=record.memory_norm, theta=theta, alpha=alpha)
    columns |= dict(eta=torch.zeros_like(theta) if eta is None else eta)
    columns |= dict(reads=reads / memory.norm, recalled=recalled / memory.norm)
    arrays = {name: column[0].numpy() for name, column in columns.items()}
    return MirasTrace(
        config, **arrays, fast=rule.fast is not None, diverged_at=blank_from_divergence(arrays, "recalled")
    )


def default_memory(config: MirasConfig, dim: int) -> MemoryConfig:
    """Chunk 1 and no clip, or clip 1 for retention privacy."""
    return MemoryConfig(dim=dim, chunk=1, clip=1.0 if config.retention == "privacy" else None)


def start_fast(rule: MirasRule, seeds: Sequence[int]) -> Fast:
    """Memories that have read nothing, in float64: a row for each seed of start weights; the first is the noise's."""
    starts = [rule.architecture.initial(1, torch.Generator().manual_seed(seed)) for seed in seeds]
    weights = tuple(torch.cat(layer).double() for layer in zip(*starts, strict=True))
    start = rule._replace(seed=seeds[0]).begin(weights)
    return Fast(*start, initial_gate_state(len(seeds), weights[0]))


def _series(*series: np.ndarray | Tensor) -> list[Tensor]:
    """Each (t, d) as a float64 tensor (1, t, d), checked."""
    tensors = [torch.as_tensor(part, dtype=torch.float64) for part in series]
    shape = tensors[0].shape
    for name, part in zip(("keys", "values", "queries"), tensors, strict=True):
        if part.dim() != 2 or part.shape != shape or part.numel() == 0:
            text = "{name} must be (tokens, features) and like keys {keys}, not {given}"
            raise ConfigError(text, name=name, keys=tuple(shape), given=tuple(part.shape))
        if not bool(part.isfinite().all()):
            raise ConfigError("{name} must be finite numbers, not NaN or infinity", name=name)
    return [part.unsqueeze(0) for part in tensors]
