"""What both token loops, `loop` on the CPU and `recurrence` on CUDA, write down of each token."""

import math

from torch import Tensor

from ..chunk import TitansRule
from ..gates import Gates
from ..state import Record

TRACE = ("raw", "loss", "norm", "theta", "alpha", "g_write", "g_forget", "surprise", "smoothed")


def record_of(trace: Tensor, gates: Gates | None, rule: TitansRule) -> Record:
    """The Record of a trace (n, t, 9) with the columns TRACE. `gates` None: the loop itself decided, as the recipe."""
    column = dict(zip(TRACE, trace.unbind(-1), strict=True))
    if gates is None:
        names = ("g_write", "g_forget", "surprise", "smoothed")
        gates = Gates(column["theta"], None, column["alpha"], *(column[name] for name in names))
    return Record(column["raw"], column["loss"], gates, column["norm"] if rule.record_norm else None)


def clip_of(rule: TitansRule) -> float:
    """The largest norm of a token's gradient, infinite if there is no limit."""
    return math.inf if rule.clip is None else rule.clip
