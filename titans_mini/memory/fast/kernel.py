"""The recurrence token by token, forward only, as one Triton kernel: on CUDA, for a memory of chunk 1.

    reads, fast, record = launch(fast, tokens, rule)

gives what `run_chunks` gives for chunk 1 (paper eq. 13-14 exactly), to rounding. There a step is dozens of small
operations; the kernel is one launch for a whole stretch, with the memory kept on the chip. LIMITS says what it needs.
Near STATE_ON_CHIP some registers spill to the cache: correct, but slower.
"""

import importlib.util
import os
from collections.abc import Callable

import torch
from torch import Tensor

from ..chunk import TitansRule
from ..gates import ConstantGate, Gates, GateState, LearnedGate, SurpriseGate
from ..mlp import ACTIVATIONS, squared_error
from ..state import Fast, Record, Tokens
from .trace import clip_of, record_of

STATE_ON_CHIP = 131_072  # bytes of weights and momentum that one program holds in registers
PER_WARP = 4096  # bytes of one matrix in a warp: 32 registers of each thread


def _interpreted() -> bool:
    """Whether Triton runs its kernels in Python, on any device: slow, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def _powers_of_two(sizes: tuple[int, ...]) -> bool:
    return all(size > 0 and size & (size - 1) == 0 for size in sizes)


def _state_fits(fast: Fast, rule: TitansRule) -> bool:
    has_momentum = not isinstance(rule.gate, SurpriseGate)  # at 4 x width: width 64 without, 32 with (float32)
    return sum(weight[0].nbytes for weight in fast.weights) * (1 + has_momentum) <= STATE_ON_CHIP


# What the kernel needs, each with its test.
LIMITS: dict[str, Callable[[Fast, Tokens, TitansRule], bool]] = {
    "tensors lie on a CUDA device": lambda fast, tokens, rule: tokens.keys.is_cuda or _interpreted(),
    "triton is installed": lambda fast, tokens, rule: importlib.util.find_spec("triton") is not None,
    "float32 or float64": lambda fast, tokens, rule: tokens.keys.dtype in (torch.float32, torch.float64),
    "depth 2": lambda fast, tokens, rule: len(fast.weights) == 2,
    "activation silu": lambda fast, tokens, rule: rule.activation is ACTIVATIONS["silu"],
    "the inner loss of the paper": lambda fast, tokens, rule: rule.inner_loss is squared_error,
    "gate surprise, learned or constant": lambda fast, tokens, rule: type(rule.gate) in (
        SurpriseGate, LearnedGate, ConstantGate,
    ),
    "head and hidden width powers of two": lambda fast, tokens, rule: _powers_of_two(fast.weights[0].shape[1:]),
    f"weights and momentum of at most {STATE_ON_CHIP // 1024} KB a row and head":
        lambda fast, tokens, rule: _state_fits(fast, rule),
    "decay towards zero": lambda fast, tokens, rule: rule.origin is None,
}  # fmt: skip


def obstacle(fast: Fast, tokens: Tokens, rule: TitansRule) -> str | None:
    """The first of LIMITS that this run does not keep, or None: the kernel can run it."""
    return next((name for name, holds in LIMITS.items() if not holds(fast, tokens, rule)), None)


def launch(fast: Fast, tokens: Tokens, rule: TitansRule, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
    """All tokens (n, t, d) in one step: (reads (n, t, d) or None, the memory after them, their record (n, t)).

    Each token ends its chunk. The caller has asked for an `obstacle`, and found none.
    """
    from .recurrence import NORMALISERS, recurrence  # triton is optional, and reads TRITON_INTERPRET here

    n, t, d = tokens.keys.shape
    hidden, recipe = fast.weights[0].shape[1], isinstance(rule.gate, SurpriseGate)
    state = _pack_state(fast, recipe)
    queries = tokens.keys if tokens.queries is None else tokens.queries
    series = torch.stack([tokens.keys, tokens.values, queries], dim=2)  # (n, t, 3, d)
    gates, end = (None, None) if recipe else rule.gate(torch.zeros_like(series[..., 0, 0]), tokens.features, fast.gate)
    gate = _pack_recipe(fast, rule) if recipe else _pack_given(gates, rule)
    reads, trace = torch.empty_like(tokens.keys, memory_format=torch.contiguous_format), series.new_empty(n, t, 9)
    normalise = NORMALISERS[rule.gate.normaliser] if recipe else None
    warps = max(1, min(16, fast.weights[0][0].nbytes // PER_WARP))
    with torch.cuda.device_of(series):  # Triton launches on the current device, wherever the tensors are
        recurrence[(n,)](state, series, gate, reads, trace, t, hidden, d, recipe, normalise, num_warps=warps)
    if recipe:
        end = GateState(*gate[:, :5].split(1, dim=-1))
    return None if tokens.queries is None else reads, _unpack_state(state, fast, end), record_of(trace, gates, rule)


def _pack_state(fast: Fast, recipe: bool) -> Tensor:
    """(n, 2 or 4, h, d): a copy, so the caller's memory is not changed."""
    matrices = fast.weights if recipe else (*fast.weights, *fast.momentum)
    return torch.stack([matrix.mT if index % 2 else matrix for index, matrix in enumerate(matrices)], dim=1)


def _unpack_state(state: Tensor, fast: Fast, gate: GateState) -> Fast:
    first, second, *push = state.unbind(1)
    momentum = (push[0], push[1].mT.contiguous()) if push else fast.momentum
    return Fast((first, second.mT.contiguous()), momentum, gate)


def _pack_recipe(fast: Fast, rule: TitansRule) -> Tensor:
    """(n, 11): the running statistics, and the settings, which may differ from row to row."""
    from .recurrence import SETTINGS

    like = fast.weights[0]
    settings = {"clip": torch.as_tensor(clip_of(rule)), **dict(rule.gate.named_buffers())}
    columns = [settings[name].to(like).expand(len(like), 1) for name in SETTINGS]
    return torch.cat([*fast.gate, *columns], dim=1)


def _pack_given(gates: Gates, rule: TitansRule) -> Tensor:
    """(n, t, 4): what the gate decides without surprise."""
    clip = torch.full_like(gates.theta, clip_of(rule))
    return torch.stack([gates.theta, gates.eta, gates.alpha, clip], dim=-1)
