"""What both token loops share, `loop` on the CPU and `recurrence` on CUDA: what they take and what they write down."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..chunk import TitansRule
from ..gates import ConstantGate, Gates, LearnedGate, SurpriseGate
from ..mlp import ACTIVATIONS, squared_error
from ..state import Fast, Record, Tokens

TRACE = ("raw", "loss", "norm", "theta", "alpha", "g_write", "g_forget", "surprise", "smoothed")
GATES = (SurpriseGate, LearnedGate, ConstantGate)  # exactly these: a subclass may decide otherwise


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


def activation_of(rule: TitansRule) -> str:
    """The name of the rule's activation in ACTIVATIONS."""
    return next(name for name, known in ACTIVATIONS.items() if known is rule.activation)


def fits(fast: Fast, tokens: Tokens, rule: TitansRule) -> bool:
    """Whether all shapes are those of one memory. The loops check none and would write beyond their arrays."""
    n, t, d = tokens.keys.shape
    widths = [d, *(weight.shape[1] for weight in fast.weights)]
    shapes = [(n, o, i) for i, o in zip(widths[:-1], widths[1:], strict=True)]
    return (
        widths[-1] == d == tokens.values.shape[-1]
        and all([tuple(part.shape) for part in parts] == shapes for parts in (fast.weights, fast.momentum))
        and all(part.shape == (n, 1) for part in fast.gate)
        and all(part.dtype == tokens.keys.dtype for part in (*fast.weights, *fast.momentum, tokens.values))
        and (tokens.queries is None or tokens.queries.shape == tokens.keys.shape)
        and (tokens.features is None or tokens.features.shape[:2] == (n, t))
        and (rule.origin is None or [tuple(part.shape[1:]) for part in rule.origin] == [shape[1:] for shape in shapes])
    )


# What both loops need of a memory, each with its test.
NEEDS: dict[str, Callable[[Fast, Tokens, TitansRule], bool]] = {
    "float32 or float64": lambda fast, tokens, rule: tokens.keys.dtype in (torch.float32, torch.float64),
    "activation silu, gelu or tanh": lambda fast, tokens, rule: rule.activation in ACTIVATIONS.values(),
    "the inner loss of the paper": lambda fast, tokens, rule: rule.inner_loss is squared_error,
    "gate surprise, learned or constant": lambda fast, tokens, rule: type(rule.gate) in GATES,
    "shapes and dtypes of one memory": fits,
}
