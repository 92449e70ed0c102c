"""The rule of a MIRAS memory, with any architecture, loss, retention and algorithm, and the memory that runs it.

Where the chunk form applies, it serves. The general path writes out the weights of every token: gradients are taken at
the chunk's start weights, for all tokens at once, by `pull_back` from the hand-written slope of the loss. Then each
layer goes from token to token: update, keep. Reads use the weights after each write, so they are causal to the token.
Shapes: n rows, c tokens, d features; a memory per token is flattened to (n c, ...).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import MemoryConfig
from ..errors import ConfigError, check_integer
from ..memory import NeuralMemory
from ..memory.chunk import TitansRule
from ..memory.gates import Gates
from ..memory.mlp import LEAST_SQUARE, InnerLoss, Weights
from ..memory.state import Fast, Record, Tokens
from ..memory.tree import tensors
from .algorithm import ALGORITHMS
from .architecture import ARCHITECTURES, WIDE, Architecture
from .bias import BIASES, LEARNED
from .config import MirasConfig
from .gate import GATES, MirasGate, mean_of_channels
from .later import share_of_old
from .privacy import add_noise, noise_keys
from .pull_back import pull_back
from .retention import RETENTIONS, Retention
from .steps import Algorithm, Scene, Slots, column
from .window import held_next, windowed_step


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
    widths: tuple[int, int] = (0, 0)  # features of keys, once lifted, and of values; only where there is a window

    @property
    def fast(self) -> TitansRule | None:
        """The same rule for the chunk form; None where that does not apply, or not to the tokens as they come."""
        return None if self.architecture.lift or self.algorithm.window > 1 else self.chunk_form

    @property
    def chunk_form(self) -> TitansRule | None:
        """What the chunk form needs of the rule, for keys that are lifted already; None where it does not apply."""
        linear = self.retention.linear and self.algorithm.linear and not self.gate.per_channel
        if not (linear and self.architecture.activation):
            return None
        return TitansRule(self.gate, self.architecture.activation, self.clip, self.record_norm, inner_loss=self.bias)

    def draw(self, heads: int) -> Sequence[Tensor]:
        """Drawn at random, or those of `from_module`."""
        return self.architecture.initial(heads, None)

    def begin(self, weights: Weights) -> tuple[Weights, Weights]:
        """The momentum holds the slots of each layer, then the tokens of the window and the noise keys, if any."""
        layers, rows = len(weights), len(weights[0])
        parts = [slot for at, weight in enumerate(weights) for slot in self.algorithm.slots(weight, at, layers)]
        if self.algorithm.window > 1:
            held = self.algorithm.window - 1
            parts += [weights[0].new_zeros(rows, held, width) for width in (*self.widths, self.gate.features, 1)]
        if self.retention.sigma:
            parts.append(noise_keys(rows, self.seed).to(weights[0].device))
        return weights, tuple(parts)

    def step(self, fast: Fast, tokens: Tokens, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
        """One chunk: by the chunk form where that applies, else by the general path."""
        if (chunked := self.chunk_form) is None:
            return general_step(fast, tokens, self)
        tokens = self.lifted(tokens)
        if self.algorithm.window == 1:
            return chunked.step(fast, tokens, ends=ends)
        slots, held, _ = _parts_of(fast.momentum, self)
        gamma = share_of_old(self.gate.asked(tokens))
        reads, after, record = windowed_step(fast._replace(momentum=slots), tokens, gamma, held, chunked)
        return reads, after._replace(momentum=(*after.momentum, *held_next(held, tokens, gamma))), record

    def lifted(self, tokens: Tokens) -> Tokens:
        """Tokens with keys and queries as the memory sees them."""
        if not self.architecture.lift:
            return tokens
        queries = None if tokens.queries is None else self.architecture.lift(tokens.queries)
        return tokens._replace(keys=self.architecture.lift(tokens.keys), queries=queries)

    def answer(self, weights: Weights, queries: Tensor) -> Tensor:
        """M(q) for queries (n, c, d) at a state's weights."""
        queries = self.architecture.lift(queries) if self.architecture.lift else queries
        return self.architecture.apply(tuple(map(self.retention.primal, weights)), queries)


def general_step(fast: Fast, tokens: Tokens, rule: MirasRule) -> tuple[Tensor | None, Fast, Record]:
    """One chunk: (reads (n, q, d) or None, the memory after it, the record of its tokens)."""
    tokens = rule.lifted(tokens)
    n, c, d = tokens.keys.shape
    start = tuple(weight.repeat_interleave(c, 0) for weight in fast.weights)  # (n c, ...)
    loss, first = _gradients(start, tokens, rule)
    raw = _norm(first).view(n, c) * d**-0.5
    gates, gate_state = rule.gate(raw, tokens.features, fast.gate)

    def evaluate(weights: Weights, **pairs: Tensor) -> Weights:
        return _clipped(_gradients(weights, tokens._replace(**pairs), rule)[1], rule.clip)

    def clipped(grads: Weights) -> Weights:
        return _clipped(grads, rule.clip)

    scene = Scene(evaluate, clipped, start, clipped(first), gates, tokens, rule.gate.asked(tokens))
    slots, held, noise = _parts_of(fast.momentum, rule)
    if held:
        scene, held = _with_window(scene, fast, held, rule)
    grads = tuple(grad.unflatten(0, (n, c)) for grad in rule.algorithm.gradient(scene))  # (n, c, ...)
    if noise:
        grads, noise = add_noise(grads, *noise, rule.retention.sigma * rule.clip)
        noise = (noise,)
    series, slots = _walk(fast.weights, slots, grads, gates, rule)
    weights = tuple(part[:, -1] for part in series)
    after = tuple(map(rule.retention.primal, (part.flatten(0, 1) for part in series)))  # (n c, ...)
    reads = None
    if tokens.queries is not None:
        q = tokens.queries.shape[1]  # the last q tokens ask
        asked = tuple(part.unflatten(0, (n, c))[:, c - q :].flatten(0, 1) for part in after)  # (n q, ...)
        reads = rule.architecture.apply(asked, tokens.queries.reshape(n * q, 1, d)).view(n, q, -1)
    record = Record(raw, loss, mean_of_channels(gates), _norm(after).view(n, c) if rule.record_norm else None)
    return reads, Fast(weights, (*slots, *held, *noise), gate_state), record


def _parts_of(momentum: Weights, rule: MirasRule) -> tuple[Weights, Weights, Weights]:
    """The slots, the tokens of the window as keys, values, features and shares, and the noise keys; see `begin`."""
    held, noise = 4 * (rule.algorithm.window > 1), int(rule.retention.sigma > 0)
    end = len(momentum) - noise
    return momentum[: end - held], momentum[end - held : end], momentum[end:]


def _with_window(scene: Scene, fast: Fast, held: Weights, rule: MirasRule) -> tuple[Scene, Weights]:
    """The scene with the gradients of the tokens before it, at the weights of now, and the tokens held next."""
    keys, values, features, before = held
    count, gamma = before.shape[1], share_of_old(scene.asked)
    start = tuple(weight.repeat_interleave(count, 0) for weight in fast.weights)
    _, grads = _gradients(start, Tokens(keys, values, None, features), rule)
    grads = tuple(grad.unflatten(0, (-1, count)) for grad in scene.clipped(grads))
    both = torch.cat([before.squeeze(-1), gamma], dim=1)
    return scene._replace(before=grads, gamma=both), held_next(held, scene.tokens, gamma)


def _gradients(weights: Weights, tokens: Tokens, rule: MirasRule) -> tuple[Tensor, Weights]:
    """The loss (n, c) and its gradients (n c, ...), each token at a memory of its own (n c, ...)."""
    keys, values, _, features = (None if part is None else part.flatten(0, 1).unsqueeze(1) for part in tokens)
    at = tuple(map(rule.retention.primal, weights))
    graph = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors((weights, tokens)))
    prediction, pull = pull_back(lambda *at: rule.architecture.apply(at, keys), at, graph)  # (n c, 1, d)
    loss, slope = rule.bias(prediction, values, features)
    return loss.view(tokens.keys.shape[:2]), pull(slope)


def _walk(weights: Weights, slots: Slots, grads: Weights, gates: Gates, rule: MirasRule) -> tuple[list, Slots]:
    """Every layer from token to token: all its weights (n, c, ...), and the slots after the last token."""
    share = len(slots) // len(grads)
    layers = [
        _walk_layer(weight, slots[share * at : share * (at + 1)], grad, gates, rule)
        for at, (weight, grad) in enumerate(zip(weights, grads, strict=True))
    ]
    series, slots = zip(*layers, strict=True)
    return list(series), tuple(slot for layer in slots for slot in layer)


def _walk_layer(weight: Tensor, slots: Slots, grads: Tensor, gates: Gates, rule: MirasRule):
    series, algorithm = [], rule.algorithm
    for t in range(grads.shape[1]):
        theta, eta, alpha = (None if part is None else _of_token(part, t, weight) for part in gates[:3])
        update, slots = algorithm.update(grads[:, t], slots, theta, eta)
        weight = rule.retention.keep(weight, update, alpha)
        if algorithm.restart is not None:
            weight = algorithm.restart(weight, slots)
        series.append(weight)
    return torch.stack(series, dim=1), slots


def _of_token(part: Tensor, t: int, like: Tensor) -> Tensor:
    """One token's numbers of a gate (n, c) or (n, c, d), shaped to multiply `like` (n, o, d)."""
    return part[:, t].unsqueeze(1) if part.dim() == 3 else column(part[:, t], like)


def _norm(parts: Weights) -> Tensor:
    """(n c,) norm of all layers of each token together."""
    total = sum((part * part).flatten(1).sum(-1) for part in parts)
    return total.clamp_min(LEAST_SQUARE).sqrt()


def _clipped(grads: Weights, clip: float | None) -> Weights:
    if clip is None:
        return grads
    shrink = (clip / _norm(grads)).clamp(max=1)
    return tuple(column(shrink, grad) * grad for grad in grads)


# ---- from settings to a gate, a rule and a memory ----


def make_gate(memory: MemoryConfig, miras: MirasConfig, gate: nn.Module | None = None) -> MirasGate:
    """The gate of these settings, or `gate` in its place, with the values that retention, algorithm and bias fix."""
    algorithm = ALGORITHMS[miras.algorithm].build(miras.number("algorithm"))
    retention = RETENTIONS[miras.retention].build(miras.number("retention"))
    dim, heads = memory.dim, memory.heads
    if gate is None:
        eta = 0.0 if algorithm.eta is None else algorithm.eta
        gate = GATES[miras.gate].build(dim, heads, memory.head_keys, miras.theta, eta, miras.alpha)
    delta = miras.number("bias") if miras.bias == LEARNED else None
    asks = algorithm.asks(memory.head_keys, memory.head_dim) if miras.gate in ("learned", "channels") else 0
    return MirasGate(gate, eta=algorithm.eta, alpha=retention.alpha, delta=delta, asks=asks, dim=dim, heads=heads)


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
    if memory.reach and not (architecture or miras.architecture in WIDE):
        text = "reach gives keys wider than values, which architecture {names} can take, not {name}"
        raise ConfigError(text, names=", ".join(WIDE), name=miras.architecture)
    architecture = architecture or ARCHITECTURES[miras.architecture].build(memory)
    return MirasRule(
        gate,
        architecture,
        BIASES[miras.bias].build(miras.number("bias")),
        RETENTIONS[miras.retention].build(miras.number("retention")),
        ALGORITHMS[miras.algorithm].build(miras.number("algorithm")),
        memory.clip,
        record_norm,
        check_integer("seed", seed, 0, 2**63 - 1),
        miras,
        (architecture.lift.width if architecture.lift else memory.head_keys, memory.head_dim),
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
    are those of a memory that is an MLP). `gate` replaces the gate and `architecture` the memory, for instance by
    `from_module(any module)`. `seed` is that of retention privacy's noise: states made from the same seed share it.
    What one token may tell is `epsilon(sigma, heads=config.heads, conv=config.conv)`: it touches that many pairs.
    """
    own = make_gate(config, miras, gate)
    return NeuralMemory(config, make_rule(config, miras, own, architecture=architecture, seed=seed))
