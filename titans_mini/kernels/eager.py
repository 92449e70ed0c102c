"""The eager loop: `chunk_step` on one token after the other, for every memory, gate and device."""

from __future__ import annotations

import torch
from torch import Tensor

from ..chunk import Fast, Record, Rule, Tokens, chunk_step


def token_loop(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Tensor | None, Fast, Record]:
    """tokens (n, t, ...) -> (reads (n, t, d) or None, the memory after the last write, the record (n, t))."""
    steps = []
    for piece in tokens.split(1):
        reads, fast, record = chunk_step(fast, piece, rule)
        steps.append((reads, record))
    reads, records = zip(*steps, strict=True)
    return _join(reads), fast, _join(records)


def _join(series):
    """Tensors (n, 1, ...) one after the other along the tokens, inside tuples too; None stays."""
    first = series[0]
    if first is None or isinstance(first, Tensor):
        return None if first is None else torch.cat(series, dim=1)
    return type(first)(*map(_join, zip(*series, strict=True)))
