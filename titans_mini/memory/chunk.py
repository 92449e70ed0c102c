"""The chunk form: c writes and c reads of the memory as a few matrix products, exact and causal to the token.

All gradients of a chunk are taken at its start weights W_l and momentum P_l. With

    D[t,j] = prod_{s=j+1..t} (1 - alpha_s)      E[j,i] = prod_{s=i+1..j} eta_s
    Coef = D E diag(theta)    A_t = prod_{s<=t} (1 - alpha_s)    b_t = sum_j D[t,j] prod_{s<=j} eta_s

the layer as it stands after write t maps x to

    A_t W_l x + b_t P_l x - sum_{i<=t} Coef[t,i] (a_{l-1,i} . x) delta_{l,i}

so no per-token weight is ever materialised. Paper: eq. 13-18. A token that is not `valid` changes nothing.
Shapes: n rows (batch x heads), c tokens, d features.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

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
from .scan import decay_matrix, last


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
    floats: bool = False  # one row, token by token: the gate decides on plain floats, which is far cheaper
    bias: Bias = squared_error  # the inner loss, which changes the output layer's delta alone


class Record(NamedTuple):
    """What happened at each token, (n, c)."""

    raw: Tensor  # ||grad|| / sqrt(d): surprise before normalising, never clipped
    loss: Tensor  # inner loss before the write
    gates: Gates
    norm: Tensor | None  # memory norm after the write


class Coefficients(NamedTuple):
    """How much of each ingredient is in the weights after write t, and in the momentum at the chunk's end."""

    start: Tensor  # A: (n, c), of the start weights
    carry: Tensor | None  # b: (n, c), of the start momentum
    write: Tensor  # Coef: (n, c, c), [t, i] of gradient i
    momentum_carry: Tensor | None  # (n, 1), of the start momentum in the end momentum
    momentum_write: Tensor | None  # (n, c), of gradient i in the end momentum


def coefficients(gates: Gates, valid: Tensor | None = None) -> Coefficients:
    """Products of the gates over a chunk; see the module's docstring."""
    theta, eta, alpha = gates.theta, gates.eta, gates.alpha
    if valid is not None:
        theta, alpha = theta * valid, alpha * valid
        eta = None if eta is None else torch.where(valid, eta, 1.0)
    keep = 1 - alpha
    if keep.shape[-1] == 1:
        return Coefficients(keep, eta, theta.unsqueeze(-1), eta, None if eta is None else theta)
    decay = decay_matrix(keep)  # D: (n, c, c)
    if eta is None:
        return Coefficients(keep.cumprod(-1), None, decay * theta.unsqueeze(-2), None, None)
    carried = decay_matrix(eta)  # E: (n, c, c)
    since_start = eta.cumprod(-1)  # (n, c)
    added = decay if valid is None else decay * valid.unsqueeze(-2)  # a skipped token adds no S to M
    carry = torch.bmm(added, since_start.unsqueeze(-1)).squeeze(-1)
    write = torch.bmm(added, carried) * theta.unsqueeze(-2)
    return Coefficients(keep.cumprod(-1), carry, write, since_start[:, -1:], carried[:, -1] * theta)


def read(fast: Fast, activity: Activity, coef: Coefficients, queries: Tensor, rule: Rule) -> Tensor:
    """queries (n, q, d) of the last q tokens -> (n, q, d): each is answered by the memory after its token's write."""
    x, asked = queries, slice(activity.loss.shape[1] - queries.shape[1], None)
    start, write = coef.start[:, asked], coef.write[:, asked]
    carry = None if coef.carry is None else coef.carry[:, asked]
    for layer, (weight, a, delta) in enumerate(zip(fast.weights, activity.inputs, activity.deltas, strict=True)):
        z = torch.bmm(x, weight.mT) * start.unsqueeze(-1)  # (n, q, o)
        if carry is not None:
            z = z + torch.bmm(x, fast.momentum[layer].mT) * carry.unsqueeze(-1)
        similarity = torch.bmm(x, a.mT) * write  # (n, q, c), [t, i]
        z = torch.baddbmm(z, similarity, delta, alpha=-1)
        x = rule.activation.value(z) if layer + 1 < len(fast.weights) else z
    return x


def write(fast: Fast, activity: Activity, coef: Coefficients) -> tuple[Weights, Weights]:
    """Weights and momentum after the chunk's last write."""
    weights, momentum = [], []
    end_carry = None if coef.carry is None else last(coef.carry).unsqueeze(-1)  # (n, 1, 1)
    end_start = last(coef.start).unsqueeze(-1)  # (n, 1, 1)
    end_write = last(coef.write.mT)  # (n, c, 1)
    for weight, velocity, a, delta in zip(fast.weights, fast.momentum, activity.inputs, activity.deltas, strict=True):
        weight = weight * end_start
        if end_carry is not None:
            weight = torch.addcmul(weight, velocity, end_carry)
            push = (delta * coef.momentum_write.unsqueeze(-1)).mT  # (n, o, c)
            velocity = (velocity * coef.momentum_carry.unsqueeze(-1)).baddbmm_(push, a, alpha=-1)
        weights.append(weight.baddbmm_((delta * end_write).mT, a, alpha=-1))
        momentum.append(velocity)
    return tuple(weights), tuple(momentum)


def norms_after_writes(fast: Fast, activity: Activity, coef: Coefficients) -> Tensor:
    """(n, c) memory norm after each write, from inner products alone.

    ||A W + b P - sum_i Coef_i delta_i a_i^T||^2 needs <W, delta_i a_i^T> = delta_i . (W a_i) and the products of
    the Gram matrices of delta and a.
    """
    total = 0.0
    for layer, (weight, a, delta) in enumerate(zip(fast.weights, activity.inputs, activity.deltas, strict=True)):
        momentum = fast.momentum[layer]
        gram = torch.bmm(delta, delta.mT) * torch.bmm(a, a.mT)  # (n, c, c)
        writes = (torch.bmm(coef.write, gram) * coef.write).sum(-1)
        along = coef.start.unsqueeze(-1) * (delta * activity.outputs[layer]).sum(-1).unsqueeze(-2)
        square = coef.start**2 * (weight * weight).sum((-2, -1)).unsqueeze(-1)
        if coef.carry is not None:
            on_momentum = (delta * torch.bmm(a, momentum.mT)).sum(-1).unsqueeze(-2)
            along = along + coef.carry.unsqueeze(-1) * on_momentum  # (n, c, c)
            square = square + coef.carry**2 * (momentum * momentum).sum((-2, -1)).unsqueeze(-1)
            cross = (weight * momentum).sum((-2, -1)).unsqueeze(-1)
            square = square + 2 * coef.start * coef.carry * cross
        total = total + square + writes - 2 * (coef.write * along).sum(-1)
    return total.clamp_min(0).sqrt()


def _decide(rule: Rule, raw: Tensor, tokens: Tokens, state: GateState) -> tuple[Gates, GateState]:
    """What the gate makes of a chunk's surprise (n, c)."""
    if not rule.floats:
        return rule.gate(raw, tokens.features, state, tokens.valid)
    gates, state = rule.gate(raw.item(), None, state)
    theta, alpha, *rest = raw.new_tensor([gates.theta, *gates[2:]]).view(-1, 1, 1).unbind()
    return Gates(theta, None, alpha, *rest), state


def chunk_step(fast: Fast, tokens: Tokens, rule: Rule, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
    """One chunk: (reads (n, q, d) or None, the memory after it, the record of its tokens).

    Where the chunk does not end yet, `ends` false spares the weights after it: those of its start are returned.
    """
    activity = gradients(fast.weights, tokens.keys, tokens.values, rule.activation, rule.bias, tokens.features)
    norm = gradient_norm(activity)  # (n, c)
    raw = norm * tokens.keys.shape[-1] ** -0.5
    gates, gate_state = _decide(rule, raw, tokens, fast.gate)
    clipped = gates
    if rule.clip is not None:
        clipped = gates._replace(theta=gates.theta * (rule.clip / norm).clamp(max=1))
    coef = coefficients(clipped, tokens.valid)
    reads = None if tokens.queries is None else read(fast, activity, coef, tokens.queries, rule)
    weights, momentum = write(fast, activity, coef) if ends else fast[:2]
    after = None
    if rule.norms:
        single = raw.shape[-1] == 1 and ends
        after = weight_norm(weights).unsqueeze(-1) if single else norms_after_writes(fast, activity, coef)
    record = Record(raw, activity.loss, gates, after)
    return reads, Fast(weights, momentum, gate_state), record
