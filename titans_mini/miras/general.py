"""The general path: any memory, loss, retention and algorithm, with the weights of every token written out.

Gradients are taken at the chunk's start weights, for all tokens at once, by `pull_back` from the hand-written
slope of the loss. Then each layer goes from token to token: update, keep. Reads use the weights after each write, so
they are causal to the token. `general_step` has the signature of `chunk.chunk_step`, and the same result where both
apply. Shapes: n rows, c tokens, d features; a memory per token is flattened to (n c, ...).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..memory.chunk import Fast, Record, Rule, Tokens, chunk_step
from ..memory.fastweights import LEAST_SQUARE, Bias, Weights
from ..memory.gates import Gates
from ..memory.state import choose, tensors
from ..memory.transforms import pull_back
from .algorithm import Algorithm, Scene, Slots, column
from .architecture import Architecture
from .privacy import add_noise, noise_keys
from .retention import Retention


class GeneralRule(NamedTuple):
    """The parts of the update that stay fixed."""

    gate: nn.Module
    architecture: Architecture
    bias: Bias
    retention: Retention
    algorithm: Algorithm
    clip: float | None = None
    norms: bool = False  # also record the memory norm after each write

    @property
    def fast(self) -> Rule | None:
        """The same rule for the chunk form; None where that does not apply."""
        if not (self.retention.linear and self.algorithm.linear and self.architecture.activation):
            return None
        return Rule(self.gate, self.architecture.activation, self.clip, self.norms, bias=self.bias)


def initial_carry(weights: Weights, rule: GeneralRule, seed: int = 0) -> Weights:
    """What `Fast.momentum` holds before the first token: the slots of each layer, then the noise keys if any."""
    slots = tuple(slot for weight in weights for slot in rule.algorithm.slots(weight))
    if not rule.retention.sigma:
        return slots
    return (*slots, noise_keys(len(weights[0]), seed).to(weights[0].device))


def answer(weights: Weights, queries: Tensor, rule: GeneralRule) -> Tensor:
    """M(q) for queries (n, c, d) at a state's weights, without a write."""
    return rule.architecture.apply(tuple(map(rule.retention.primal, weights)), queries)


def general_step(fast: Fast, tokens: Tokens, rule: GeneralRule) -> tuple[Tensor | None, Fast, Record]:
    """One chunk: (reads (n, q, d) or None, the memory after it, the record of its tokens)."""
    n, c, d = tokens.keys.shape
    start = tuple(weight.repeat_interleave(c, 0) for weight in fast.weights)  # (n c, ...)
    loss, first = _gradients(start, tokens, rule)
    norm = _norm(first)
    raw = norm.view(n, c) * d**-0.5
    gates, gate_state = rule.gate(raw, tokens.features, fast.gate, tokens.valid)

    def evaluate(weights: Weights) -> Weights:
        return _clipped(_gradients(weights, tokens, rule)[1], rule.clip)

    seen = gates
    if tokens.valid is not None:
        seen = gates._replace(theta=gates.theta * tokens.valid, alpha=gates.alpha * tokens.valid)
    scene = Scene(evaluate, start, _clipped(first, rule.clip), seen, tokens.keys)
    grads = tuple(grad.unflatten(0, (n, c)) for grad in rule.algorithm.gradient(scene))  # (n, c, ...)
    series, weights, carry = _walk(fast, grads, gates, tokens.valid, rule)
    after = tuple(map(rule.retention.primal, (part.flatten(0, 1) for part in series)))  # (n c, ...)
    reads = None
    if tokens.queries is not None:
        q = tokens.queries.shape[1]  # the last q tokens ask
        asked = tuple(part.unflatten(0, (n, c))[:, c - q :].flatten(0, 1) for part in after)  # (n q, ...)
        reads = rule.architecture.apply(asked, tokens.queries.reshape(n * q, 1, d)).view(n, q, d)
    record = Record(raw, loss, gates, _norm(after).view(n, c) if rule.norms else None)
    return reads, Fast(weights, carry, gate_state), record


def miras_step(
    fast: Fast, tokens: Tokens, rule: GeneralRule, *, ends: bool = True
) -> tuple[Tensor | None, Fast, Record]:
    """`general_step`, by the chunk form where that applies."""
    chunked = rule.fast
    return general_step(fast, tokens, rule) if chunked is None else chunk_step(fast, tokens, chunked, ends=ends)


def _gradients(weights: Weights, tokens: Tokens, rule: GeneralRule) -> tuple[Tensor, Weights]:
    """The loss (n, c) and its gradients (n c, ...), each token at a memory of its own (n c, ...)."""
    keys, values, _, features, _ = (None if part is None else part.flatten(0, 1).unsqueeze(1) for part in tokens)
    at = tuple(map(rule.retention.primal, weights))
    graph = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors((weights, tokens)))
    prediction, pull = pull_back(lambda *at: rule.architecture.apply(at, keys), at, graph)  # (n c, 1, d)
    loss, slope = rule.bias(prediction, values, features)
    return loss.view(tokens.keys.shape[:2]), pull(slope)


def _walk(fast: Fast, grads: Weights, gates: Gates, valid: Tensor | None, rule: GeneralRule):
    """Every layer from token to token: all its weights (n, c, ...), the last of them, and what is carried."""
    carry, noise = fast.momentum, ()
    if rule.retention.sigma:
        *carry, keys = carry
        grads, keys = add_noise(grads, keys, rule.retention.sigma * rule.clip, valid)
        noise = (keys,)
    share = len(carry) // len(grads)
    layers = [
        _walk_layer(weight, tuple(carry[share * at : share * (at + 1)]), grad, gates, valid, rule)
        for at, (weight, grad) in enumerate(zip(fast.weights, grads, strict=True))
    ]
    series, slots = zip(*layers, strict=True)
    carried = tuple(slot for layer in slots for slot in layer)
    return series, tuple(part[:, -1] for part in series), (*carried, *noise)


def _walk_layer(weight: Tensor, slots: Slots, grads: Tensor, gates: Gates, valid: Tensor | None, rule: GeneralRule):
    series = []
    for t in range(grads.shape[1]):
        theta, eta, alpha = (None if part is None else column(part[:, t], weight) for part in gates[:3])
        update, next_slots = rule.algorithm.update(grads[:, t], slots, theta, eta)
        after = (rule.retention.keep(weight, update, alpha), next_slots)
        weight, slots = after if valid is None else choose(valid[:, t], after, (weight, slots))
        series.append(weight)
    return torch.stack(series, dim=1), slots


def _norm(parts: Weights) -> Tensor:
    """(n c,) norm of all layers of each token together."""
    total = sum((part * part).flatten(1).sum(-1) for part in parts)
    return total.clamp_min(LEAST_SQUARE).sqrt()


def _clipped(grads: Weights, clip: float | None) -> Weights:
    if clip is None:
        return grads
    shrink = (clip / _norm(grads)).clamp(max=1)
    return tuple(column(shrink, grad) * grad for grad in grads)
