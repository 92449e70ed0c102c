"""The state of a memory, which is a value, and the bookkeeping of rows whose tokens do not line up.

A state has a batch axis, is passed in and returned, and is never stored on a module or shared by rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .gates import GateState


class Pending(NamedTuple):
    """Tokens written since the last full chunk, (n, m, ...) with m < chunk; they are folded in when it is full.

    `valid` is None when all m tokens of all rows are real; else bool (n, m), real tokens first.
    """

    keys: Tensor
    values: Tensor
    features: Tensor  # the gate's
    valid: Tensor | None


class MemoryState(NamedTuple):
    """Everything that a memory carries from one call to the next. n = batch x heads rows, row-major by batch."""

    weights: tuple[Tensor, ...]  # per layer (n, o, i): M at the start of the current chunk
    momentum: tuple[Tensor, ...]  # per layer (n, o, i): S at that point
    gate: GateState  # each (n, 1), at that point
    pending: Pending
    conv: Tensor  # (b, taps - 1, 3 dim): the last inputs of the causal convolution
    tokens_seen: Tensor  # (b,) int64: real tokens, pending ones included
    chunk: Tensor | None = None  # (0, c) bool: it holds nothing, its shape says the chunk; None: nobody said it


def map_tensors(change: Callable[[Tensor], Tensor], value):
    """The same nested tuple with `change` applied to each tensor; None stays."""
    if value is None or isinstance(value, Tensor):
        return None if value is None else change(value)
    parts = [map_tensors(change, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def tensors(value) -> list[Tensor]:
    """All tensors of a nested tuple, in order."""
    found: list[Tensor] = []
    map_tensors(lambda tensor: found.append(tensor) or tensor, value)
    return found


def join(series: Sequence):
    """Like nested tuples of tensors (n, c, ...) as one, the tensors end to end along the tokens; None stays."""
    first = series[0]
    if first is None or isinstance(first, Tensor):
        return None if first is None else torch.cat(series, dim=1)
    parts = map(join, zip(*series, strict=True))
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)


def pack(series: Tensor, valid: Tensor) -> Tensor:
    """Moves each row's valid tokens to its front, in order: series (n, c, ...), valid (n, c) bool."""
    return take(series, torch.argsort(~valid, dim=-1, stable=True))


def take(series: Tensor, index: Tensor) -> Tensor:
    """series (n, c, ...) and index (n, k) -> (n, k, ...): each row's tokens at its own positions."""
    return series[torch.arange(len(series), device=series.device).unsqueeze(-1), index]


def front(counts: Tensor, length: int) -> Tensor:
    """counts (n,) -> bool (n, length): the first counts[r] positions of row r."""
    return torch.arange(length, device=counts.device) < counts.unsqueeze(-1)


def choose(first: Tensor, yes, no):
    """Row by row `yes` where `first` (n,) is true, else `no`: two nested tuples of tensors (n, ...)."""
    if isinstance(yes, Tensor):
        return torch.where(first.view(-1, *[1] * (yes.dim() - 1)), yes, no)
    parts = [choose(first, a, b) for a, b in zip(yes, no, strict=True)]
    return type(yes)(*parts) if hasattr(yes, "_fields") else type(yes)(parts)
