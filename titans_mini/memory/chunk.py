"""The chunk form: c writes and c reads of the memory as a few matrix products, exact and causal to the token.

All gradients of a chunk are taken at its start weights W_l and momentum P_l. With

    D[t,j] = prod_{s=j+1..t} (1 - alpha_s)      E[j,i] = prod_{s=i+1..j} eta_s
    Coef = D E diag(theta)    A_t = prod_{s<=t} (1 - alpha_s)    b_t = sum_j D[t,j] prod_{s<=j} eta_s

the layer as it stands after write t maps x to

    A_t W_l x + b_t P_l x + (1 - A_t) W_0 x - sum_{i<=t} Coef[t,i] (a_{l-1,i} . x) delta_{l,i}

so no per-token weight is ever materialised. W_0 is zero in the paper: the memory decays towards zero. The `origin` of a
rule is another W_0, which gives M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t. Paper: eq. 13-18. A token that is not
`valid` changes nothing.
Shapes: n rows (batch x heads), c tokens, d features.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .backward import learned_gradients, learned_read_write
from .fastweights import (
    ACTIVATIONS,
    Activation,
    Activity,
    Bias,
    Weights,
    gradient_norm,
    gradients,
    squared_error,
    weight_norm,
)
from .gates import Gates, GateState
from .products import Coefficients, Sources, coefficients, norms_after_writes, read_layers, write
from .state import join
from .transforms import in_transform


class Fast(NamedTuple):
    """Everything that changes from chunk to chunk."""

    weights: Weights  # per layer (n, o, i)
    momentum: Weights  # the same shapes
    gate: GateState


class Tokens(NamedTuple):
    """What the memory is given, per token; each field (n, c, d), (n, c, features) or (n, c)."""

    keys: Tensor
    values: Tensor
    queries: Tensor | None = None  # none: nothing is read; may be shorter: the last tokens ask
    features: Tensor | None = None  # the gate's
    valid: Tensor | None = None  # bool; none: all are

    def split(self, chunk: int) -> list[Tokens]:
        """Consecutive pieces of `chunk` tokens; the last may be shorter."""
        pieces = -(-self.keys.shape[1] // chunk)
        fields = ([None] * pieces if field is None else field.split(chunk, dim=1) for field in self)
        return [Tokens(*parts) for parts in zip(*fields, strict=True)]


class Rule(NamedTuple):
    """The parts of the update that stay fixed."""

    gate: nn.Module
    activation: Activation = ACTIVATIONS["silu"]
    clip: float | None = None
    norms: bool = False  # also record the memory norm after each write
    bias: Bias = squared_error  # the inner loss, which changes only the output layer's delta
    origin: Weights | None = None  # W_0, per layer (heads, o, i): what the memory decays towards; none: zero


class Record(NamedTuple):
    """What happened at each token, (n, c)."""

    raw: Tensor  # ||grad|| / sqrt(d): surprise before normalising, never clipped
    loss: Tensor  # inner loss before the write
    gates: Gates
    norm: Tensor | None  # memory norm after the write
    silence: Tensor | None = None  # the loss of a memory that answers 0; only in a trace of NeuralMemory


def read(fast: Fast, activity: Activity, coef: Coefficients, queries: Tensor, rule: Rule) -> Tensor:
    """queries (n, q, d) of the last q tokens -> (n, q, d): each is answered by the memory after its token's write."""
    return read_layers(_sources(fast, rule), activity, coef, queries, rule.activation).outputs[-1]


def _by_hand() -> bool:
    """Whether the hand-written backward pass serves: where a gradient is wanted, except by torch.func."""
    return torch.is_grad_enabled() and not in_transform()


def _surprise(weights: Weights, tokens: Tokens, rule: Rule) -> tuple[Activity, Tensor]:
    """The gradients of a chunk's tokens, and their norm (n, c)."""
    if _by_hand() and rule.bias is squared_error:
        return learned_gradients(weights, tokens.keys, tokens.values, rule.activation)
    activity = gradients(weights, tokens.keys, tokens.values, rule.activation, rule.bias, tokens.features)
    return activity, gradient_norm(activity)


def _read_write(
    sources: Sources, activity: Activity, coef: Coefficients, queries: Tensor | None, rule: Rule, ends: bool
) -> tuple[Tensor | None, Weights, Weights]:
    if _by_hand():
        return learned_read_write(sources, activity, coef, queries, rule.activation, ends)
    reads = None if queries is None else read_layers(sources, activity, coef, queries, rule.activation).outputs[-1]
    return (reads, *(write(sources, activity, coef) if ends else sources[:2]))


def _sources(fast: Fast, rule: Rule) -> Sources:
    """The matrices of a chunk's memory; the origin is the same in each row of the batch."""
    origin = None
    if rule.origin is not None:
        origin = tuple(part.repeat(len(fast.weights[0]) // len(part), 1, 1) for part in rule.origin)  # (n, o, i)
    return Sources(fast.weights, fast.momentum, origin)


def chunk_step(fast: Fast, tokens: Tokens, rule: Rule, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
    """One chunk: (reads (n, q, d) or None, the memory after it, the record of its tokens).

    Where the chunk does not end yet, `ends` false spares the weights after it: those of its start are returned.
    """
    activity, norm = _surprise(fast.weights, tokens, rule)
    raw = norm * tokens.keys.shape[-1] ** -0.5
    gates, gate_state = rule.gate(raw, tokens.features, fast.gate, tokens.valid)
    clipped = gates
    if rule.clip is not None:
        clipped = gates._replace(theta=gates.theta * (rule.clip / norm).clamp(max=1))
    coef, sources = coefficients(clipped, tokens.valid), _sources(fast, rule)
    if sources.origin is not None:
        coef = coef._replace(origin=1 - coef.start)
    reads, weights, momentum = _read_write(sources, activity, coef, tokens.queries, rule, ends)
    after = None
    if rule.norms:
        single = raw.shape[-1] == 1 and ends
        after = weight_norm(weights).unsqueeze(-1) if single else norms_after_writes(sources, activity, coef)
    record = Record(raw, activity.loss, gates, after)
    return reads, Fast(weights, momentum, gate_state), record


def run_chunks(fast: Fast, tokens: Tokens, rule: Rule, chunk: int) -> tuple[Tensor | None, Fast, Record]:
    """`chunk_step` on tokens (n, t, ...), `chunk` at a time; (reads (n, t, d) or None, the memory, their record)."""
    steps = []
    for piece in tokens.split(chunk):
        reads, fast, record = chunk_step(fast, piece, rule)
        steps.append((reads, record))
    reads, record = join(steps)
    return reads, fast, record
