"""The properties of the memory core, so that the real thing and each mutant go through the very same check.

A `step` has the signature of `builders.plain_step` (STEPS are its two forms), a `memory` is a NeuralMemory. Every check
raises AssertionError where its property does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from builders import PAIRINGS, ROWS, Changed, Pairing, PlainSurprise, Stream, fresh, make_input, make_stream, plain_step
from torch import Tensor

from titans_mini import MemoryState, NeuralMemory, SurpriseGate
from titans_mini.memory.chunk import Fast, TitansRule, Tokens
from titans_mini.memory.fast.block import block_rule, train_block
from titans_mini.memory.gates import initial_gate_state
from titans_mini.memory.mlp import ACTIVATIONS, apply_memory
from titans_mini.memory.tree import map_tree, tensors
from titans_mini.reference import token_loop

Step = Callable[[Fast, Tokens, TitansRule], tuple]
TOLERANCE = 1e-10


def by_hand(fast: Fast, tokens: Tokens, rule: TitansRule, *, ends: bool = True) -> tuple:
    """The chunk form with the hand-written backward pass."""
    known = block_rule(rule._replace(record_norm=False))
    found = plain_step(fast, tokens, rule, ends=ends)
    if known is None or not ends:
        return found
    reads, after, record = train_block(fast, tokens, rule=known, chunk=tokens.keys.shape[1])
    return reads, after, record._replace(memory_norm=found[2].memory_norm)


STEPS = {"plain": plain_step, "by hand": by_hand}


def check_close(found, wanted, tolerance: float = TOLERANCE) -> None:
    """Equal to within `tolerance`, absolute or relative; NaN is never equal."""
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


def around(chunk: int) -> list[int]:
    """The awkward lengths of a chunk size: 1, C-1, C, C+1, 2C, 2C+1, 3C+2."""
    return sorted({1, max(1, chunk - 1), chunk, chunk + 1, 2 * chunk, 2 * chunk + 1, 3 * chunk + 2})


# ---- one step ----


class Run(NamedTuple):
    """What a stream leaves behind, in the fields of `reference.Loop`, with a first axis of rows."""

    reads: Tensor
    weights: tuple[Tensor, ...]
    momentum: tuple[Tensor, ...]
    raw: Tensor
    loss: Tensor
    memory_norm: Tensor


def run(step: Step, stream: Stream, rule: TitansRule, chunk: int) -> Run:
    """The whole stream, chunk by chunk."""
    fast, parts = fresh(stream.weights), []
    for piece in stream.tokens.split(chunk):
        reads, fast, record = step(fast, piece, rule._replace(record_norm=True))
        parts.append((reads, record.raw, record.loss, record.memory_norm))
    reads, raw, loss, norm = (torch.cat(series, dim=1) for series in zip(*parts, strict=True))
    return Run(reads, fast.weights, fast.momentum, raw, loss, norm)


def _gradients(outcome, leaves: list[Tensor]) -> list[Tensor]:
    """Gradients in `leaves` of a sum of every number of `outcome`, each with a weight of its own."""
    weights = torch.Generator().manual_seed(7)
    total = sum(
        (tensor * torch.randn(tensor.shape, generator=weights, dtype=tensor.dtype)).sum() for tensor in tensors(outcome)
    )
    return torch.autograd.grad(total, leaves, materialize_grads=True)


def check_oracle(
    step: Step,
    pairing: Pairing = PAIRINGS["given"],
    *,
    length: int,
    chunk: int = 4,
    depth: int = 2,
    activation: str = "silu",
    clip: float | None = 1.0,
    decay: str = "zero",
) -> None:
    """Outputs, state, record and every gradient are those of the token loop in plain autograd.

    With decay "start" the memory decays towards weights that are none of its own, so that their gradient shows.
    """
    stream = make_stream(length, depth=depth)
    origin = make_stream(1, depth=depth, seed=2).weights if decay == "start" else None
    rule = TitansRule(pairing.gate, ACTIVATIONS[activation], clip, origin=origin)
    found = run(step, stream, rule, chunk)
    rows = []
    for row in range(ROWS):
        weights = [weight[row] for weight in stream.weights]
        keys, values, queries, features = (part[row] for part in stream.tokens)
        settings = dict(chunk=chunk, clip=clip, origin=origin and [part[row] for part in origin])
        gate = pairing.plain(features)
        rows.append(token_loop(weights, keys, values, queries, gate, rule.activation.value, **settings))
    stack = lambda *parts: torch.stack(parts)  # noqa: E731
    layers = lambda name: tuple(map(stack, *(getattr(loop, name) for loop in rows)))  # noqa: E731
    plain = {name: stack(*(getattr(loop, name) for loop in rows)) for name in ("reads", "raw", "loss", "memory_norm")}
    wanted = Run(weights=layers("weights"), momentum=layers("momentum"), **plain)
    if not pairing.momentum:
        check_close(found.momentum, fresh(stream.weights).momentum)
        found, wanted = found._replace(momentum=()), wanted._replace(momentum=())
    for name in Run._fields:
        check_close(getattr(found, name), getattr(wanted, name))
    leaves = [*stream.leaves(), *(origin or ())]
    check_close(_gradients(found, leaves), _gradients(wanted, leaves))


def check_step_is_causal(step: Step, pairing: Pairing = PAIRINGS["given"]) -> None:
    """Tokens after t have no say in reads up to t."""
    stream, other = make_stream(4), make_stream(4, seed=1)
    rule = TitansRule(pairing.gate, clip=1.0)
    reads = run(step, stream, rule, 4).reads
    for t in range(1, 4):
        pairs = zip(stream.tokens, other.tokens[:4], strict=True)
        changed = Tokens(*(torch.cat([ours[:, :t], theirs[:, t:]], dim=1) for ours, theirs in pairs))
        check_close(run(step, stream._replace(tokens=changed), rule, 4).reads[:, :t], reads[:, :t])


def check_write_lowers_loss(
    step: Step, pairing: Pairing = PAIRINGS["constant"], *, depth: int = 2, activation: str = "silu"
) -> None:
    """Where one pair is written with a small step and nothing is forgotten, its loss is lower after, in every row."""
    stream = make_stream(1, depth=depth)
    tokens, fast = stream.tokens, fresh(stream.weights)
    keeping = Changed(pairing.gate, lambda gates: gates._replace(alpha=torch.zeros_like(gates.alpha)))
    rule = TitansRule(keeping, ACTIVATIONS[activation], clip=1e-2)

    def loss(memory: Fast) -> Tensor:
        return (apply_memory(memory.weights, tokens.keys, rule.activation) - tokens.values).square().sum(-1)

    _, after, record = step(fast, tokens, rule)
    check_close(record.loss, loss(fast))
    assert bool((loss(after) < loss(fast)).all())


def check_silence(step: Step, *, chunk: int = 4, depth: int = 2, activation: str = "silu") -> None:
    """Zero keys and values cause no surprise: what is left is the start times the product of (1 - alpha), exactly."""
    stream = make_stream(2 * chunk + 1, depth=depth)
    silence = torch.zeros_like(stream.tokens.keys)
    quiet = stream._replace(tokens=stream.tokens._replace(keys=silence, values=silence))
    found = run(step, quiet, TitansRule(PAIRINGS["given"].gate, ACTIVATIONS[activation], 1.0), chunk)
    left = (1 - stream.tokens.features[..., 2]).prod(-1).view(-1, 1, 1)
    check_close(found.weights, tuple(weight * left for weight in stream.weights), 1e-14)


def check_statistics(kind: type[SurpriseGate], normaliser: str, chunk: int) -> None:
    """Surprise of a token is that against the tokens before it alone, however the series is cut."""
    settings = dict(tau=0.25, beta=0.5, lam=0.125, eta=0.25, softness=0.25)
    gate, plain = kind(**settings, normaliser=normaliser).double(), PlainSurprise(normaliser, **settings)
    raw = torch.rand(1, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    raw[0, 42] = 3  # a spike, inside a chunk
    state, found = initial_gate_state(1, raw), []
    for piece in raw.split(chunk, dim=1):
        surprise, smoothed, state = gate.measure(piece, state)
        found.append(torch.stack([surprise[0], smoothed[0]]))
    wanted = [torch.stack(plain.measure(value)) for value in raw[0]]
    check_close(torch.cat(found, dim=1), torch.stack(wanted, dim=1))


# ---- a whole memory ----


def meaning(memory: NeuralMemory, state: MemoryState, row: int) -> tuple[Tensor, ...]:
    """Everything in a state that belongs to one row of the batch."""
    heads = slice(row * memory.config.heads, (row + 1) * memory.config.heads)
    assert {part.shape[1] for part in state.pending} == {int(state.tokens_seen[row]) % memory.config.chunk}
    rows = [part[heads] for part in tensors((*state.fast, state.pending))]
    return (*rows, state.conv[row], state.tokens_seen[row])


def check_same_state(memory: NeuralMemory, found: MemoryState, wanted: MemoryState) -> None:
    """The same meaning in every row."""
    assert len(found.tokens_seen) == len(wanted.tokens_seen)
    for row in range(len(found.tokens_seen)):
        check_close(meaning(memory, found, row), meaning(memory, wanted, row))


def check_future(memory: NeuralMemory) -> None:
    """What comes after token t has no say in the outputs up to t, for every t."""
    length = 2 * memory.config.chunk + 2
    x, noise = make_input(length, batch=2), make_input(length, batch=2, seed=2)
    out = memory(x)[0]
    for t in range(1, length):
        check_close(memory(torch.cat([x[:, :t], noise[:, t:]], dim=1))[0][:, :t], out[:, :t])


def check_rows(memory: NeuralMemory) -> None:
    """Each row of a varied batch gives what it gives alone."""
    x = make_input(2 * memory.config.chunk + 1)
    out, state = memory(x)
    for row in range(len(x)):
        alone, state_alone = memory(x[row : row + 1])
        check_close(out[row], alone[0])
        check_close(meaning(memory, state, row), meaning(memory, state_alone, 0))


def feed(memory: NeuralMemory, parts: Iterable[Tensor], state: MemoryState | None = None) -> tuple[Tensor, MemoryState]:
    """A call for each part, each with the state of the one before."""
    outs = []
    for part in parts:
        out, state = memory(part, state)
        outs.append(out)
    return torch.cat(outs, dim=1), state


def check_parts(memory: NeuralMemory, length: int) -> None:
    """Two parts cut anywhere, three and five tokens at a time, and token by token: outputs and state are the same."""
    x = make_input(length, batch=2)
    out, state = memory(x)
    assert state.tokens_seen.tolist() == [length] * 2
    for sizes in [[cut, length - cut] for cut in range(1, length)] + [1, 3, 5]:
        found, found_state = feed(memory, x.split(sizes, dim=1))
        check_close(found, out)
        check_same_state(memory, found_state, state)


def check_reach(memory: NeuralMemory) -> None:
    """The outer loss reaches every parameter: queries, keys, values, every tap, every head."""
    x = make_input(4 * memory.config.chunk)
    memory.zero_grad()
    (memory(x)[0] * make_input(x.shape[1], seed=3)).sum().backward()
    zero = torch.zeros(())
    pieces = {
        name: [zero if parameter.grad is None else parameter.grad] for name, parameter in memory.named_parameters()
    }
    for name in {"to_qkv.weight", "conv.weight", "conv.bias"} & pieces.keys():
        pieces[name] = pieces[name][0].chunk(3)
    pieces["conv.weight"] = [tap for part in pieces.get("conv.weight", ()) for tap in part.unbind(-1)]
    for name in pieces:
        if name.startswith(("start.", "contexts.taps.")):
            pieces[name] = pieces[name][0].unbind(0)
    reached = {name: [bool(piece.abs().max() > 1e-12) for piece in parts] for name, parts in pieces.items()}
    assert all(map(all, reached.values())), reached


def check_state_is_a_value(memory: NeuralMemory) -> None:
    """Running on from a state leaves it as it was, so that a second run from it repeats the first."""
    _, state = memory(make_input(6))
    kept = map_tree(torch.clone, state)
    further = make_input(5, seed=2)
    first = memory(further, state)[0]
    memory(make_input(37, seed=3), state)
    assert all(torch.equal(now, before) for now, before in zip(tensors(state), tensors(kept), strict=True))
    assert torch.equal(memory(further, state)[0], first)
