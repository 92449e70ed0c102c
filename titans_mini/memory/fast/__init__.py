"""The same numbers as the chunk form, faster. A first reader skips this folder.

block.py       training: all chunks of a block as one step of autograd, in half the time
backward.py    that step, with its backward pass by hand
slopes.py      the second derivatives that it needs
recompute.py   training on long sequences: the graph of each block is discarded and rebuilt
rows.py        the token loop compiled for the CPU (loop.py), row by row
kernel.py      the token loop as one Triton kernel (recurrence.py), for CUDA
trace.py       what both token loops take from a gate and write down of each token
"""

from collections.abc import Callable

import torch

from ..chunk import Rule, TitansRule
from ..state import Fast, Tokens
from ..transforms import in_transform


def device_loop(fast: Fast, tokens: Tokens, rule: Rule) -> Callable | None:
    """What runs a memory of chunk 1 over all its tokens at once on their device, as `rule.step` would one by one.

    Called as (fast, tokens, rule=rule, ends=True). None: nothing does, or a gradient is wanted.
    """
    if torch.is_grad_enabled() or in_transform() or not isinstance(rule, TitansRule):
        return None
    from . import kernel, rows

    if kernel.obstacle(fast, tokens, rule) is None:
        return kernel.launch
    return rows.run_rows if rows.serves(fast, tokens, rule) else None
