"""The eager loop: `chunk_step` on one token after the other, for every memory, gate and device."""

from __future__ import annotations

from torch import Tensor

from ..memory.chunk import Fast, Record, Rule, Tokens, chunk_step
from ..memory.state import join


def token_loop(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Tensor | None, Fast, Record]:
    """tokens (n, t, ...) -> (reads (n, t, d) or None, the memory after the last write, the record (n, t))."""
    steps = []
    for piece in tokens.split(1):
        reads, fast, record = chunk_step(fast, piece, rule)
        steps.append((reads, record))
    reads, record = join(steps)
    return reads, fast, record
