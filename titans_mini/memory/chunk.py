"""The chunk form: c writes and c reads of the memory as a few matrix products, exact and causal to the token.

The recurrence S_t = eta_t S_{t-1} - theta_t grad_t, M_t = (1 - alpha_t) M_{t-1} + S_t is linear in the gradients, and
all gradients of a chunk are taken at its start weights W. Unrolled from there, with P the momentum at the start,

    M_t = A_t W + b_t P - sum_{i<=t} Coef[t,i] grad_i
    D[t,j] = prod_{s=j+1..t} (1 - alpha_s)          E[j,i] = prod_{s=i+1..j} eta_s       (0 where j > t, i > j)
    A_t = prod_{s<=t} (1 - alpha_s)    b_t = sum_{j<=t} D[t,j] prod_{s<=j} eta_s    Coef = D E diag(theta)

In each layer the gradient of a token has rank one, grad_i = delta_i a_i^T, where a_i is what the layer receives for
key i. So the layer after write t maps x to

    A_t W x + b_t P x - sum_{i<=t} Coef[t,i] (a_i . x) delta_i

and no per-token weight is ever materialised. A memory that decays towards an `origin` W_0 instead of zero has one term
more, (1 - A_t) W_0: that is M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t. Paper: eq. 13-18.

The code follows this order: coefficients, one read, one write, and `TitansRule.step`, which puts them together. In
formulas t, j and i are tokens. In shapes letters are sizes: n rows (batch x heads), c tokens of the chunk, q queries,
d features, o outputs and i inputs of a layer.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from .gates import Gates
from .mlp import (
    ACTIVATIONS,
    Activation,
    Activity,
    InnerLoss,
    Weights,
    apply_memory,
    draw_weights,
    gradients,
    pack,
    squared_error,
    unpack,
    weight_norm,
)
from .scan import decay_matrix, last
from .state import Fast, Record, Tokens
from .transforms import in_transform
from .tree import join

# ---- coefficients: how much of each ingredient is in the memory after write t ----


class Coefficients(NamedTuple):
    """Shares of the ingredients. Those of momentum are None where the gate has none."""

    keep_start: Tensor  # A: (n, c), of the start weights
    write: Tensor  # Coef: (n, c, c), [t, i] of gradient i
    carry: Tensor | None = None  # b: (n, c), of the start momentum
    momentum_carry: Tensor | None = None  # (n, 1), of the start momentum in the end momentum
    momentum_write: Tensor | None = None  # (n, c), of gradient i in the end momentum
    origin: Tensor | None = None  # 1 - A: (n, c), of the origin W_0; None: it is zero


def coefficients(gates: Gates) -> Coefficients:
    """A, b and Coef of the module's docstring."""
    theta, eta, keep = gates.theta, gates.eta, 1 - gates.alpha
    if theta.shape[-1] == 1:
        return _of_one_token(theta, eta, keep)
    kept = decay_matrix(keep)  # D: (n, c, c)
    if eta is None:  # E is the identity
        return Coefficients(keep_start=keep.cumprod(-1), write=kept * theta.unsqueeze(-2))
    carried = decay_matrix(eta)  # E: (n, c, c)
    since_start = eta.cumprod(-1)  # (n, c)
    return Coefficients(
        keep_start=keep.cumprod(-1),
        write=torch.bmm(kept, carried) * theta.unsqueeze(-2),
        carry=torch.bmm(kept, since_start.unsqueeze(-1)).squeeze(-1),
        momentum_carry=since_start[:, -1:],
        momentum_write=carried[:, -1] * theta,
    )


def _of_one_token(theta: Tensor, eta: Tensor | None, keep: Tensor) -> Coefficients:
    """The same for a chunk of one token, where D = E = 1."""
    momentum = {} if eta is None else dict(carry=eta, momentum_carry=eta, momentum_write=theta)
    return Coefficients(keep_start=keep, write=theta.unsqueeze(-1), **momentum)


class Sources(NamedTuple):
    """The matrices that the memory after each write is a sum of, besides the chunk's gradients: per layer (n, o, i)."""

    weights: Weights  # W, at the chunk's start
    momentum: Weights  # P, at the chunk's start
    origin: Weights | None = None  # W_0, which the memory decays towards; None: it decays towards zero

    def of_layer(self, layer: int, coef: Coefficients) -> list[tuple[Tensor, Tensor]]:
        """The (matrix (n, o, i), share (n, c)) pairs of one layer; a source whose share is None takes no part."""
        pairs = zip(self, (coef.keep_start, coef.carry, coef.origin), strict=True)
        return [(matrices[layer], share) for matrices, share in pairs if share is not None]


# ---- one read, one write ----


class Reading(NamedTuple):
    """A read, layer by layer."""

    inputs: list[Tensor]  # x: (n, q, i)
    outputs: list[Tensor]  # z: (n, q, o); the last one is the answer


def last_queries(coef: Coefficients, count: int) -> Coefficients:
    """The coefficients after each of the last `count` writes."""
    asked = slice(coef.keep_start.shape[1] - count, None)
    carry, origin = (None if share is None else share[:, asked] for share in (coef.carry, coef.origin))
    return coef._replace(keep_start=coef.keep_start[:, asked], carry=carry, origin=origin, write=coef.write[:, asked])


def read_layers(
    sources: Sources, activity: Activity, coef: Coefficients, queries: Tensor, activation: Activation
) -> Reading:
    """queries (n, q, d) of the last q tokens: each is answered by the memory after its token's write."""
    coef = last_queries(coef, queries.shape[1])
    inputs, outputs = [queries], []
    for layer, (a, delta) in enumerate(zip(activity.inputs, activity.deltas, strict=True)):
        x = inputs[-1]
        (weight, keep_start), *others = sources.of_layer(layer, coef)
        z = torch.bmm(x, weight.mT) * keep_start.unsqueeze(-1)  # A W x: (n, q, o)
        for matrix, share in others:
            z = torch.addcmul(z, torch.bmm(x, matrix.mT), share.unsqueeze(-1))
        similarity = torch.bmm(x, a.mT) * coef.write  # Coef[t, i] (a_i . x_t): (n, q, c)
        outputs.append(torch.baddbmm(z, similarity, delta, alpha=-1))
        if layer + 1 < len(sources.weights):
            inputs.append(activation.value(outputs[-1]))
    return Reading(inputs, outputs)


def write(sources: Sources, activity: Activity, coef: Coefficients) -> tuple[Weights, Weights]:
    """Weights and momentum after the chunk's last write. Where there is no eta, the momentum is returned as it came."""
    weights_after, momentum_after = [], []
    end_write = last(coef.write.mT)  # Coef[t, i] of the last token t: (n, c, 1)
    for layer, (momentum, a, delta) in enumerate(zip(sources.momentum, activity.inputs, activity.deltas, strict=True)):
        (weight, share), *others = sources.of_layer(layer, coef)
        weight = weight * last(share).unsqueeze(-1)
        for matrix, share in others:
            weight = torch.addcmul(weight, matrix, last(share).unsqueeze(-1))
        if coef.carry is not None:
            push = (delta * coef.momentum_write.unsqueeze(-1)).mT  # (n, o, c)
            momentum = _less(momentum * coef.momentum_carry.unsqueeze(-1), push, a)
        weights_after.append(_less(weight, (delta * end_write).mT, a))
        momentum_after.append(momentum)
    return tuple(weights_after), tuple(momentum_after)


def _less(total: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """total - left right, written over `total`, a fresh tensor here; torch.func's vmap may not write in place."""
    subtract = torch.baddbmm if in_transform() else Tensor.baddbmm_
    return subtract(total, left, right, alpha=-1)


def norms_after_writes(sources: Sources, activity: Activity, coef: Coefficients) -> Tensor:
    """(n, c) memory norm after each write, from inner products only.

    The memory is a sum of sources B_j with shares s_j, minus sum_i Coef_i delta_i a_i^T. Its square norm needs
    <B_j, B_k>, <B_j, delta_i a_i^T> = delta_i . (B_j a_i), and the products of the Gram matrices of delta and a.
    """
    total = 0.0
    for layer, (a, delta) in enumerate(zip(activity.inputs, activity.deltas, strict=True)):
        gram = torch.bmm(delta, delta.mT) * torch.bmm(a, a.mT)  # (n, c, c)
        writes = (torch.bmm(coef.write, gram) * coef.write).sum(-1)
        square, along, earlier = 0.0, 0.0, []
        for matrix, share in sources.of_layer(layer, coef):
            said = torch.bmm(a, matrix.mT) if earlier else activity.outputs[layer]  # (n, c, o); W a is known
            along = along + share.unsqueeze(-1) * (delta * said).sum(-1).unsqueeze(-2)  # (n, c, c)
            square = square + share**2 * (matrix * matrix).sum((-2, -1)).unsqueeze(-1)
            for other, its_share in earlier:
                square = square + 2 * its_share * share * (other * matrix).sum((-2, -1)).unsqueeze(-1)
            earlier.append((matrix, share))
        total = total + square + writes - 2 * (coef.write * along).sum(-1)
    return total.clamp_min(0).sqrt()


def read_write(
    sources: Sources, activity: Activity, coef: Coefficients, queries: Tensor | None, activation: Activation, ends: bool
) -> tuple[Tensor | None, Weights, Weights]:
    """(reads (n, q, d) or None, weights and momentum after the last write, or those of the start unless `ends`)."""
    reads = None if queries is None else read_layers(sources, activity, coef, queries, activation).outputs[-1]
    after = write(sources, activity, coef) if ends else (sources.weights, sources.momentum)
    return reads, *after


# ---- a chunk ----


class Rule(Protocol):
    """What happens inside a memory. NeuralMemory runs any rule; the paper's is TitansRule."""

    gate: nn.Module

    def draw(self, heads: int) -> Sequence[Tensor]:
        """W_0, per layer (heads, ...): the values that the memory's trained start weights begin with."""

    def begin(self, weights: Weights) -> tuple[Weights, Weights]:
        """W_0 of each row -> what the fast weights and the momentum hold before the first token."""

    def step(self, fast: Fast, tokens: Tokens, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
        """One chunk: (reads (n, q, d) or None, the memory after it, the record of its tokens).

        `ends` is false for a chunk that is not full yet: its writes show in the reads, but `fast` is returned as it is,
        apart from its `activity`, which may come back with the same tokens and the next ones.
        """

    def answer(self, weights: Weights, queries: Tensor) -> Tensor:
        """What these weights answer to queries (n, c, d) without a write: (n, c, d). Paper: eq. 15."""


OWN_START = ()  # as an origin: the start weights of the memory that runs the rule, which NeuralMemory fills in


class TitansRule(NamedTuple):
    """The rule of Titans: one gradient step a token, with momentum and forgetting. Paper: eq. 12-15."""

    gate: nn.Module
    activation: Activation = ACTIVATIONS["silu"]
    clip: float | None = None  # largest norm of a token's gradient; None: any
    record_norm: bool = False  # also record the memory norm after each write
    inner_loss: InnerLoss = squared_error  # changes only the output layer's delta
    origin: Sequence[Tensor] | None = None  # W_0, per layer (heads, o, i); None: the memory decays towards zero
    shapes: Sequence[tuple[int, int]] = ()  # (o, i) of the layers, for `draw`

    def draw(self, heads: int) -> list[Tensor]:
        """As in Rule: drawn at random."""
        return draw_weights(self.shapes, heads)

    def begin(self, weights: Weights) -> tuple[Weights, Weights]:
        """As in Rule: W_0, and a momentum of zero."""
        return weights, tuple(weight.new_zeros(weight.shape) for weight in weights)

    def step(self, fast: Fast, tokens: Tokens, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
        """As in Rule."""
        if self.record_norm and fast.activity is not None:  # the norms also need the outputs, which are not kept
            fast = fast._replace(activity=None)
        new = tokens.after(0 if fast.activity is None else fast.activity.shape[1])
        activity = gradients(
            fast.weights, new.keys, new.values, self.activation, self.inner_loss, new.features
        )  # eq. 12
        if fast.activity is not None:
            packed = torch.cat([fast.activity, pack(activity)], dim=1)
            activity = unpack(packed, fast.weights, tokens.keys, tokens.values)
            fast = fast._replace(activity=packed)
        elif not (ends or self.record_norm):
            fast = fast._replace(activity=pack(activity))
        raw = activity.grad_norm * tokens.keys.shape[-1] ** -0.5  # (n, c)
        gates, gate_state = self.gate(raw, tokens.features, fast.gate)
        clipped = gates
        if self.clip is not None:
            clipped = gates._replace(theta=gates.theta * (self.clip / activity.grad_norm).clamp(max=1))
        sources, coef = sources_of(fast, self), coefficients(clipped)
        if sources.origin is not None:
            coef = coef._replace(origin=1 - coef.keep_start)
        reads, weights, momentum = read_write(sources, activity, coef, tokens.queries, self.activation, ends)
        norm = None
        if self.record_norm:
            single = raw.shape[-1] == 1 and ends
            norm = weight_norm(weights).unsqueeze(-1) if single else norms_after_writes(sources, activity, coef)
        after = Fast(weights, momentum, gate_state) if ends else fast
        return reads, after, Record(raw, activity.loss, gates, norm)

    def answer(self, weights: Weights, queries: Tensor) -> Tensor:
        """As in Rule."""
        return apply_memory(weights, queries, self.activation)


def sources_of(fast: Fast, rule: TitansRule) -> Sources:
    """The matrices at the chunk's start; the origin is the same in each row of the batch."""
    if rule.origin is None:
        return Sources(fast.weights, fast.momentum)
    like = fast.weights[0]
    origin = tuple(part.to(like.dtype).repeat(len(like) // len(part), 1, 1) for part in rule.origin)  # (n, o, i)
    return Sources(fast.weights, fast.momentum, origin)


def read(fast: Fast, activity: Activity, coef: Coefficients, queries: Tensor, rule: TitansRule) -> Tensor:
    """queries (n, q, d) of the last q tokens -> (n, q, d): each is answered by the memory after its token's write."""
    return read_layers(sources_of(fast, rule), activity, coef, queries, rule.activation).outputs[-1]


def run_chunks(fast: Fast, tokens: Tokens, rule: Rule, chunk: int) -> tuple[Tensor | None, Fast, Record]:
    """A step for each `chunk` of tokens (n, t, ...); (reads (n, t, d) or None, the memory after them, their record)."""
    steps = []
    for piece in tokens.split(chunk):
        reads, fast, record = rule.step(fast, piece)
        steps.append((reads, record))
    reads, record = join(steps)
    return reads, fast, record
