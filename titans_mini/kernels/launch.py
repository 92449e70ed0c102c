"""Packs a memory and its tokens for the kernel, and unpacks what it leaves behind."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..memory.chunk import Fast, Record, Rule, Tokens
from ..memory.gates import Gates, GateState, SurpriseGate
from .recurrence import NORMALISERS, SETTINGS, TRACE, recurrence

PER_WARP = 4096  # bytes of one matrix in a warp: 32 registers of each thread


def launch(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Tensor | None, Fast, Record]:
    """tokens (n, t, d) -> (reads, memory, record) of the kernel. The caller has checked its limits."""
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
    recurrence[(n,)](state, series, gate, reads, trace, t, hidden, d, recipe, normalise, num_warps=warps)
    column = dict(zip(TRACE, trace.unbind(-1), strict=True))
    if recipe:
        names = ("g_write", "g_forget", "surprise", "smoothed")
        gates = Gates(column["theta"], None, column["alpha"], *(column[name] for name in names))
        end = GateState(*gate[:, :5].split(1, dim=-1))
    record = Record(column["raw"], column["loss"], gates, column["norm"] if rule.norms else None)
    return None if tokens.queries is None else reads, _unpack_state(state, fast, end), record


def _pack_state(fast: Fast, recipe: bool) -> Tensor:
    """(n, 2 or 4, h, d): a copy, so the caller's memory stays as it is."""
    matrices = fast.weights if recipe else (*fast.weights, *fast.momentum)
    return torch.stack([matrix.mT if index % 2 else matrix for index, matrix in enumerate(matrices)], dim=1)


def _unpack_state(state: Tensor, fast: Fast, gate: GateState) -> Fast:
    first, second, *push = state.unbind(1)
    momentum = (push[0], push[1].mT.contiguous()) if push else fast.momentum
    return Fast((first, second.mT.contiguous()), momentum, gate)


def _clip(rule: Rule) -> float:
    return math.inf if rule.clip is None else rule.clip


def _pack_recipe(fast: Fast, rule: Rule) -> Tensor:
    """(n, 11): the running statistics, and the settings, which may differ from row to row."""
    like = fast.weights[0]
    settings = {"clip": torch.as_tensor(_clip(rule)), **dict(rule.gate.named_buffers())}
    columns = [settings[name].to(like).expand(len(like), 1) for name in SETTINGS]
    return torch.cat([*fast.gate, *columns], dim=1)


def _pack_given(gates: Gates, rule: Rule) -> Tensor:
    """(n, t, 4): what the gate decides without surprise."""
    clip = torch.full_like(gates.theta, _clip(rule))
    return torch.stack([gates.theta, gates.eta, gates.alpha, clip], dim=-1)
