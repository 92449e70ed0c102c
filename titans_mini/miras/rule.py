"""The rule of a MIRAS memory, with any architecture, loss, retention and algorithm, and the memory that runs it.

Where the chunk form applies, it serves. The general path writes out the weights of every token: gradients are taken at
the chunk's start weights, for all tokens at once, by `pull_back` from the hand-written slope of the loss. Then each
layer goes from token to token: update, keep. Reads use the weights after each write, so they are causal to the token.
Shapes: n rows, c tokens, d features; a memory per token is flattened to (n c, ...).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import disable_saved_tensors_hooks, saved_tensors_hooks

from ..config import MemoryConfig
from ..errors import ConfigError, check_integer
from ..memory import NeuralMemory
from ..memory.chunk import TitansRule
from ..memory.gates import Gates
from ..memory.mlp import LEAST_SQUARE, InnerLoss, Weights
from ..memory.state import Fast, Record, Tokens
from ..memory.tree import tensors
from .algorithm import ALGORITHMS, Algorithm, Scene, Slots, column
from .architecture import ARCHITECTURES, Architecture
from .bias import BIASES, LEARNED
from .config import MirasConfig
from .gate import GATES, MirasGate
from .privacy import add_noise, noise_keys
from .retention import RETENTIONS, Retention


class MirasRule(NamedTuple):
    """One point of the design space as a `memory.chunk.Rule`, whose methods it has."""

    gate: nn.Module
    architecture: Architecture
    bias: InnerLoss
    retention: Retention
    algorithm: Algorithm
    clip: float | None = None
    record_norm: bool = False  # also record the memory norm after each write
    seed: int = 0  # of retention privacy's noise
    miras: MirasConfig | None = None  # the settings that it was made from

    @property
    def fast(self) -> TitansRule | None:
        """The same rule for the chunk form; None where that does not apply."""
        if not (self.retention.linear and self.algorithm.linear and self.architecture.activation):
            return None
        activation = self.architecture.activation
        return TitansRule(self.gate, activation, self.clip, self.record_norm, inner_loss=self.bias)

    def draw(self, heads: int) -> Sequence[Tensor]:
        """Drawn at random, or those of `from_module`."""
        return self.architecture.initial(heads, None)

    def begin(self, weights: Weights) -> tuple[Weights, Weights]:
        """The momentum holds the slots of each layer, then the noise keys if any."""
        slots = tuple(slot for weight in weights for slot in self.algorithm.slots(weight))
        if not self.retention.sigma:
            return weights, slots
        return weights, (*slots, noise_keys(len(weights[0]), self.seed).to(weights[0].device))

    def step(self, fast: Fast, tokens: Tokens, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
        """One chunk: by the chunk form where that applies, else by the general path."""
        chunked = self.fast
        return general_step(fast, tokens, self) if chunked is None else chunked.step(fast, tokens, ends=ends)

    def answer(self, weights: Weights, queries: Tensor) -> Tensor:
        """M(q) for queries (n, c, d) at a state's weights."""
        return self.architecture.apply(tuple(map(self.retention.primal, weights)), queries)


def general_step(fast: Fast, tokens: Tokens, rule: MirasRule) -> tuple[Tensor | None, Fast, Record]:
    """One chunk: (reads (n, q, d) or None, the memory after it, the record of its tokens)."""
    n, c, d = tokens.keys.shape
    start = tuple(weight.repeat_interleave(c, 0) for weight in fast.weights)  # (n c, ...)
    loss, first = _gradients(start, tokens, rule)
    norm = _norm(first)
    raw = norm.view(n, c) * d**-0.5
    gates, gate_state = rule.gate(raw, tokens.features, fast.gate)

    def evaluate(weights: Weights) -> Weights:
        return _clipped(_gradients(weights, tokens, rule)[1], rule.clip)

    scene = Scene(evaluate, start, _clipped(first, rule.clip), gates, tokens.keys)
    grads = tuple(grad.unflatten(0, (n, c)) for grad in rule.algorithm.gradient(scene))  # (n, c, ...)
    series, weights, carry = _walk(fast, grads, gates, rule)
    after = tuple(map(rule.retention.primal, (part.flatten(0, 1) for part in series)))  # (n c, ...)
    reads = None
    if tokens.queries is not None:
        q = tokens.queries.shape[1]  # the last q tokens ask
        asked = tuple(part.unflatten(0, (n, c))[:, c - q :].flatten(0, 1) for part in after)  # (n q, ...)
        reads = rule.architecture.apply(asked, tokens.queries.reshape(n * q, 1, d)).view(n, q, d)
    record = Record(raw, loss, gates, _norm(after).view(n, c) if rule.record_norm else None)
    return reads, Fast(weights, carry, gate_state), record


def _gradients(weights: Weights, tokens: Tokens, rule: MirasRule) -> tuple[Tensor, Weights]:
    """The loss (n, c) and its gradients (n c, ...), each token at a memory of its own (n c, ...)."""
    keys, values, _, features = (None if part is None else part.flatten(0, 1).unsqueeze(1) for part in tokens)
    at = tuple(map(rule.retention.primal, weights))
    graph = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors((weights, tokens)))
    prediction, pull = pull_back(lambda *at: rule.architecture.apply(at, keys), at, graph)  # (n c, 1, d)
    loss, slope = rule.bias(prediction, values, features)
    return loss.view(tokens.keys.shape[:2]), pull(slope)


def _walk(fast: Fast, grads: Weights, gates: Gates, rule: MirasRule):
    """Every layer from token to token: all its weights (n, c, ...), the last of them, and what is carried."""
    carry, noise = fast.momentum, ()
    if rule.retention.sigma:
        *carry, keys = carry
        grads, keys = add_noise(grads, keys, rule.retention.sigma * rule.clip)
        noise = (keys,)
    share = len(carry) // len(grads)
    layers = [
        _walk_layer(weight, tuple(carry[share * at : share * (at + 1)]), grad, gates, rule)
        for at, (weight, grad) in enumerate(zip(fast.weights, grads, strict=True))
    ]
    series, slots = zip(*layers, strict=True)
    carried = tuple(slot for layer in slots for slot in layer)
    return series, tuple(part[:, -1] for part in series), (*carried, *noise)


def _walk_layer(weight: Tensor, slots: Slots, grads: Tensor, gates: Gates, rule: MirasRule):
    series = []
    for t in range(grads.shape[1]):
        theta, eta, alpha = (None if part is None else column(part[:, t], weight) for part in gates[:3])
        update, slots = rule.algorithm.update(grads[:, t], slots, theta, eta)
        weight = rule.retention.keep(weight, update, alpha)
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


def is_hooked() -> bool:
    """Whether something hooks the tensors that are saved for a backward pass. torch.func.vjp refuses to run then."""
    try:
        with disable_saved_tensors_hooks("only asked"):
            return False
    except RuntimeError:
        return True


def pull_back(function: Callable, at: tuple[Tensor, ...], graph: bool) -> tuple[Tensor, Callable]:
    """function(*at), and the function that takes a gradient in it to the gradients in `at`.

    `graph` says whether both are to have gradients themselves.
    """
    if not is_hooked():
        return torch.func.vjp(function, *at)
    unhooked = saved_tensors_hooks(_same, _same)  # the innermost hooks count
    with torch.enable_grad(), unhooked:
        at = tuple(part if graph and part.requires_grad else part.detach().requires_grad_() for part in at)
        result = function(*at)

    def pull(slope: Tensor) -> tuple[Tensor, ...]:
        with saved_tensors_hooks(_same, _same):
            return torch.autograd.grad(result, at, slope, create_graph=graph, materialize_grads=True)

    return (result if graph else result.detach()), pull


def _same(tensor: Tensor) -> Tensor:
    return tensor


# ---- from settings to a gate, a rule and a memory ----


def make_gate(memory: MemoryConfig, miras: MirasConfig, gate: nn.Module | None = None) -> MirasGate:
    """The gate of these settings, or `gate` in its place, with the values that retention, algorithm and bias fix."""
    algorithm = ALGORITHMS[miras.algorithm].build(miras.number("algorithm"))
    retention = RETENTIONS[miras.retention].build(miras.number("retention"))
    dim, heads = memory.dim, memory.heads
    if gate is None:
        eta = 0.0 if algorithm.eta is None else algorithm.eta
        gate = GATES[miras.gate].build(dim, heads, miras.theta, eta, miras.alpha)
    delta = miras.number("bias") if miras.bias == LEARNED else None
    return MirasGate(gate, eta=algorithm.eta, alpha=retention.alpha, delta=delta, dim=dim, heads=heads)


def make_rule(
    memory: MemoryConfig,
    miras: MirasConfig,
    gate: nn.Module,
    *,
    architecture: Architecture | None = None,
    record_norm: bool = False,
    seed: int = 0,
) -> MirasRule:
    """The rule of these settings; `architecture` takes the place of the one that is named.

    Raises ConfigError where retention privacy has no clip to bound a token's gradient, and for `decay="start"`: how a
    memory of this design space forgets is up to its retention.
    """
    if memory.decay != "zero":
        text = "decay must be zero for a MIRAS memory, whose retention forgets, not {decay}"
        raise ConfigError(text, decay=repr(memory.decay))
    if miras.retention == "privacy" and memory.clip is None:
        raise ConfigError("clip must be a number from 1e-06 to 1e+06 for retention privacy, not None")
    return MirasRule(
        gate,
        architecture or ARCHITECTURES[miras.architecture].build(memory),
        BIASES[miras.bias].build(miras.number("bias")),
        RETENTIONS[miras.retention].build(miras.number("retention")),
        ALGORITHMS[miras.algorithm].build(miras.number("algorithm")),
        memory.clip,
        record_norm,
        check_integer("seed", seed, 0, 2**63 - 1),
        miras,
    )


def MirasMemory(  # noqa: N802
    config: MemoryConfig,
    miras: MirasConfig,
    *,
    gate: nn.Module | None = None,
    architecture: Architecture | None = None,
    seed: int = 0,
) -> NeuralMemory:
    """A NeuralMemory with any memory of the design space inside.

    `miras` is the inner rule; `config` the sizes, chunk and clip (its `gate` is not used; `depth` and `activation`
    are those of architecture mlp). `gate` replaces the gate and `architecture` the memory, for instance by
    `from_module(any module)`. `seed` is that of retention privacy's noise: states made from the same seed share it.
    What one token may tell is `epsilon(sigma, heads=config.heads, conv=config.conv)`: it touches that many pairs.
    """
    own = make_gate(config, miras, gate)
    return NeuralMemory(config, make_rule(config, miras, own, architecture=architecture, seed=seed))
