"""The recurrence token by token, forward only, as one Triton kernel: on CUDA, for a memory of chunk 1.

    reads, fast, record = launch(fast, tokens, rule)

gives what `run_chunks` gives for chunk 1 (paper eq. 13-14 exactly), to rounding. There a step is dozens of small
operations; the kernel is one launch for a whole stretch, with as much of the memory as fits kept on the chip. LIMITS
says what it needs.
"""

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..chunk import TitansRule
from ..gates import GateState, SurpriseGate
from ..mlp import Weights
from ..state import Fast, Record, Tokens
from .trace import NEEDS, TRACE, activation_of, clip_of, given_of, record_of, settings_of

# Bytes for which the compiler finds registers in float32 (8 warps, 255 a thread): next to nothing spills.
STATE_ON_CHIP = 131_072  # of weights and momentum, from the first token to the last
TILE = 16_384  # of one matrix at a time, where even the weights are more than that
PER_WARP, WARPS = 2048, 8  # of one matrix at a time; at most so many warps
HAS_TRITON = importlib.util.find_spec("triton") is not None


def _interpreted() -> bool:
    """Whether Triton runs its kernels in Python, on any device: slow, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@functools.cache
def _compiles() -> bool:
    """Whether Triton can compile here: it needs a driver, a C compiler and a folder to write to (TRITON_CACHE_DIR)."""
    from .recurrence import nothing

    try:
        nothing[(1,)]()
    except Exception:  # whatever it is, the chunk form serves instead
        return False
    return True


# What the kernel needs, each with its test.
LIMITS: dict[str, Callable[[Fast, Tokens, TitansRule], bool]] = {
    "tensors lie on a CUDA device": lambda fast, tokens, rule: tokens.keys.is_cuda or _interpreted(),
    "triton is installed": lambda fast, tokens, rule: HAS_TRITON,
    "depth 2": lambda fast, tokens, rule: len(fast.weights) == 2,
    **NEEDS,
    "triton can compile here": lambda fast, tokens, rule: _interpreted() or _compiles(),
}


def obstacle(fast: Fast, tokens: Tokens, rule: TitansRule) -> str | None:
    """The first of LIMITS that this run does not keep, or None: the kernel can run it."""
    return next((name for name, holds in LIMITS.items() if not holds(fast, tokens, rule)), None)


class Plan(NamedTuple):
    """The sizes that the kernel is compiled for."""

    h: int  # hidden units
    d: int  # features
    tile: int  # hidden units at a time, a power of two
    wide: int  # d, rounded up to a power of two
    matrices: int  # of a row's state: 2, or 4 with momentum
    kept: int  # of these in registers: none, the 2 of the weights, or all
    heads: int  # rows that differ in their W_0; 0: the memory decays towards zero
    warps: int


def plan(fast: Fast, rule: TitansRule) -> Plan:
    """What stays on the chip is decided by the bytes of one row."""
    _, h, d = fast.weights[0].shape
    matrices = 2 if isinstance(rule.gate, SurpriseGate) else 4
    units, wide = 1 << (h - 1).bit_length(), 1 << (d - 1).bit_length()
    line = wide * fast.weights[0].element_size()  # bytes of a unit in one matrix
    kept = next((count for count in (matrices, 2) if count * units * line <= STATE_ON_CHIP), 0)
    tile = units if kept else min(units, max(1, TILE // line))
    heads = 0 if rule.origin is None else len(rule.origin[0])
    return Plan(h, d, tile, wide, matrices, kept, heads, warps=max(1, min(WARPS, tile * line // PER_WARP)))


def launch(fast: Fast, tokens: Tokens, rule: TitansRule, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
    """All tokens (n, t, d) in one step: (reads (n, t, d) or None, the memory after them, their record (n, t)).

    Each token ends its chunk. The caller has asked for an `obstacle`, and found none.
    """
    from .recurrence import recurrence  # triton is optional, and reads TRITON_INTERPRET here

    n, t, _ = tokens.keys.shape
    like, sizes, recipe, gates = fast.weights[0], plan(fast, rule), isinstance(rule.gate, SurpriseGate), None
    if recipe:
        gate = settings_of(rule.gate, n).to(like.dtype)
    else:
        gates, _ = rule.gate(like.new_zeros(n, t), tokens.features, fast.gate)
        gate = given_of(gates)
    state = _pack((*fast.weights, *fast.momentum)[: sizes.matrices])  # a copy: the caller's memory is not changed
    origin = None if rule.origin is None else _pack(rule.origin).to(like.dtype)
    statistics, clip = torch.cat(fast.gate, dim=1).to(like.dtype), like.new_full((1,), clip_of(rule))
    keys, values, queries = (None if part is None else part.contiguous() for part in tokens[:3])
    reads = None if queries is None else torch.empty_like(queries)
    trace, units = like.new_empty(n, t, len(TRACE)), like.new_empty(n, 4, sizes.h)
    with torch.cuda.device_of(state):  # Triton launches on the current device, wherever the tensors are
        recurrence[(n,)](
            state, units, origin, keys, values, queries, gate, statistics, clip, reads, trace, t,
            sizes, activation_of(rule), rule.gate.normaliser if recipe else None, num_warps=sizes.warps,
        )  # fmt: skip
    first, second, *momentum = state.unbind(1)
    after = Fast(
        (first, second.mT.contiguous()),
        (momentum[0], momentum[1].mT.contiguous()) if momentum else fast.momentum,
        GateState(*statistics.split(1, dim=1)) if recipe else fast.gate,
    )
    return reads, after, record_of(trace, gates, rule)


def _pack(matrices: Weights) -> Tensor:
    """(n, 2 or 4, h, d): W_1, W_2^T and so on, as one tensor."""
    return torch.stack([matrix.mT if index % 2 else matrix for index, matrix in enumerate(matrices)], dim=1)
