"""Rows token by token on the CPU, without a gradient: the compiled loop once it is ready, until then the chunk form.

Rows (settings, heads, batch) are independent of each other, so each core takes its own.
"""

import contextlib
import importlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ...threads import cores
from ..chunk import TitansRule
from ..gates import GateState, SurpriseGate
from ..mlp import Weights
from ..state import Fast, Record, Tokens
from .trace import NEEDS, TRACE, activation_of, clip_of, given_of, record_of, settings_of

PATIENCE = 2.0  # seconds that the first run waits for compiled code, which is on disk after set-up
_found: dict[str, object] = {}  # "loop": the compiled module


def _load() -> None:
    with contextlib.suppress(Exception):  # no numba, or one that cannot compile here: the chunk form serves instead
        _found["loop"] = importlib.import_module(".loop", __package__)


_loader, _asked = threading.Thread(target=_load, name="titans_mini compiles", daemon=True), threading.Lock()


def compiled(wait: float | None = PATIENCE) -> bool:
    """Whether the compiled loop is there; the first call starts to load it, and waits for so many seconds (None: any).

    Where numba has never compiled it, that takes a quarter of a minute, and nothing waits for it.
    """
    with _asked:
        first = _loader.ident is None
        if first:
            _loader.start()
    if first or wait is None:
        _loader.join(wait)
    return "loop" in _found


def serves(fast: Fast, tokens: Tokens, rule: TitansRule) -> bool:
    """Whether `run_rows` can take the compiled loop for this memory: on the CPU, and with what both loops need."""
    on_cpu = tokens.keys.device.type == "cpu"
    return on_cpu and all(holds(fast, tokens, rule) for holds in NEEDS.values()) and compiled()


def run_rows(fast: Fast, tokens: Tokens, rule: TitansRule, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
    """Writes tokens (n, t, d) one by one, without a gradient: (reads or None, the memory after them, their record).

    Each token ends its chunk. The caller has checked that the loop `serves`.
    """
    loop, like, (n, t, d) = _found["loop"], fast.weights[0], tokens.keys.shape
    recipe = isinstance(rule.gate, SurpriseGate)
    gates = None if recipe else rule.gate(like.new_zeros(n, t), tokens.features, fast.gate)[0]
    weights = _flat(fast.weights)
    momentum = _flat(fast.momentum) if gates is not None and gates.eta is not None else weights[:, :0]
    origin = weights[:, :0] if rule.origin is None else _flat(tuple(part.to(like.dtype) for part in rule.origin))
    queries = tokens.keys[:, :0] if tokens.queries is None else tokens.queries
    series = [part.detach().numpy() for part in (tokens.keys, tokens.values, queries)]
    state = torch.cat(fast.gate, dim=1).double().numpy().copy()  # (n, 5)
    record, reads = np.empty((n, t, len(TRACE))), np.empty(queries.shape, series[2].dtype)
    settings = settings_of(rule.gate, n).double().numpy() if recipe else np.zeros((n, 5))
    given = np.empty((n, 0, 3)) if recipe else np.ascontiguousarray(given_of(gates).double().numpy())
    decision = rule.gate.normaliser if recipe else "given"
    how = loop.ACTIVATIONS.index(activation_of(rule)), loop.DECISIONS.index(decision)
    widths = np.array([d, *(weight.shape[1] for weight in fast.weights)])

    def one(row: int) -> None:
        read = (np.ascontiguousarray(part[row]) for part in series)  # a copy only where rows lie scattered
        own = weights[row], momentum[row], origin[row % len(origin)], widths, *read
        loop.read_row(*own, tuple(settings[row]), state[row], given[row], how, clip_of(rule), record[row], reads[row])

    each_row(one, range(n))
    after = Fast(
        _layers(weights, fast.weights),
        _layers(momentum, fast.momentum) if momentum.size else fast.momentum,
        GateState(*torch.from_numpy(state).to(like.dtype).split(1, dim=1)) if recipe else fast.gate,
    )
    answers = None if tokens.queries is None else torch.from_numpy(reads)
    return answers, after, record_of(torch.from_numpy(record).to(like.dtype), gates, rule)


def _flat(weights: Weights) -> np.ndarray:
    """(n, w): a copy of each row's layers, one after the other."""
    return torch.cat([weight.detach().flatten(1) for weight in weights], dim=1).numpy()


def _layers(flat: np.ndarray, like: Weights) -> Weights:
    parts = torch.from_numpy(flat).split([weight[0].numel() for weight in like], dim=1)
    return tuple(part.reshape(weight.shape) for part, weight in zip(parts, like, strict=True))


def each_row(call: Callable, rows: Sequence) -> list:
    """The call of each row, on as many cores as there are. The threads end with it, so a fork meets none of them."""
    workers = min(len(rows), cores())
    if workers == 1:
        return [call(row) for row in rows]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(call, rows))
