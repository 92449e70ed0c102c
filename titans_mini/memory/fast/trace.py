"""What both token loops, `loop` on the CPU and `recurrence` on CUDA, take from a gate and write down of each token."""

import math

import torch
from torch import Tensor

from ..chunk import TitansRule
from ..gates import Gates, SurpriseGate
from ..state import Record

TRACE = ("raw", "loss", "norm", "theta", "alpha", "g_write", "g_forget", "surprise", "smoothed")


def settings_of(gate: SurpriseGate, rows: int) -> Tensor:
    """(n, 5): tau, beta, lam, eta and softness of each row."""
    parts = (gate.tau, gate.beta, gate.lam, gate.eta, gate.softness)
    return torch.cat([part.reshape(-1, 1).expand(rows, 1) for part in parts], dim=1)


def given_of(gates: Gates) -> Tensor:
    """(n, t, 3): theta, eta and alpha of each token, decided before; eta is 0 where there is no momentum."""
    eta = torch.zeros_like(gates.theta) if gates.eta is None else gates.eta
    return torch.stack([gates.theta, eta, gates.alpha], dim=-1)


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
