"""The eager loop: `chunk_step` on one token after the other, for every memory, gate and device."""

from __future__ import annotations

from torch import Tensor

from ..memory.chunk import Fast, Record, Rule, Tokens, run_chunks


def token_loop(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Tensor | None, Fast, Record]:
    """tokens (n, t, ...) -> (reads (n, t, d) or None, the memory after the last write, the record (n, t))."""
    return run_chunks(fast, tokens, rule, 1)
