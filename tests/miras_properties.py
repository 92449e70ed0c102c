"""The properties of a step of the MIRAS design space, for every combination and every wrong version alike.

A `step` has the signature of `rule.general_step`. Since rows are independent, which is one of the properties, many
biases and gates run side by side: a block of four rows each. A block's rows: a stream, the same with other tokens
from CHANGED on, another stream, one pair again and again.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from properties import check_close
from torch import Tensor, nn

from titans_mini import MemoryConfig
from titans_mini.memory.chunk import Fast, Tokens
from titans_mini.memory.gates import Gates, initial_gate_state
from titans_mini.memory.mlp import InnerLoss
from titans_mini.memory.tree import map_tree, tensors
from titans_mini.miras import Combination, MirasConfig
from titans_mini.miras.rule import MirasRule, make_gate, make_rule

WIDTH, LENGTH, CHUNK, CHANGED = 4, 3, 2, 1
STREAM, TWIN, OTHER, REPEAT = range(4)  # the rows of a block
RETENTION = {"elastic": 1e-6, "privacy": 1e-3, "decay": 1e-6}  # small enough for one write to be seen
ALGORITHM = {"levels": 2, "global_local": 2}  # they write within the stream
FEATURES = 2 * WIDTH + 8  # numbers of a token for its gate: enough for every gate
BIAS = {"huber": 100.0}  # far from the value it has no curvature, and so no gradient in the value


class ByBlock(nn.Module):
    """Several gates, each with an equal block of rows."""

    def __init__(self, gates: list[nn.Module]) -> None:
        super().__init__()
        self.gates = nn.ModuleList(gates)
        self.features, self.asked, self.per_channel = FEATURES, gates[0].asked, gates[0].per_channel

    def forward(self, raw, features, state):
        count, found = len(self.gates), []
        block = lambda part: [None] * count if part is None else part.chunk(count)  # noqa: E731
        states = zip(*map(block, state), strict=True)
        for gate, own, known, before in zip(self.gates, block(raw), block(features), states, strict=True):
            found.append(gate(own, known[..., : gate.features], type(state)(*before)))
        gates, states = zip(*found, strict=True)
        join = lambda parts: None if any(part is None for part in parts) else torch.cat(parts)  # noqa: E731
        return Gates(*map(join, zip(*gates, strict=True))), type(state)(*map(join, zip(*states, strict=True)))


def by_block(biases: list[InnerLoss]) -> InnerLoss:
    """Several biases, each with an equal block of rows."""

    def bias(prediction, value, features):
        parts = (part.chunk(len(biases)) for part in (prediction, value, features))
        found = [each(*own) for each, *own in zip(biases, *parts, strict=True)]
        return tuple(map(torch.cat, zip(*found, strict=True)))

    return bias


class Scene(NamedTuple):
    """A rule, a memory that has read nothing, and tokens whose fields are leaves of the graph."""

    combinations: list[Combination]
    rule: MirasRule
    fast: Fast
    tokens: Tokens

    def rows(self, index: list[int]) -> Scene:
        """Some of the rows."""
        take = lambda value: map_tree(lambda part: part[index], value)  # noqa: E731
        return self._replace(fast=take(self.fast), tokens=take(self.tokens))


def make_scene(combinations: list[Combination], **settings) -> Scene:
    """Combinations that differ in bias and gate alone, and whose gates ask the same, a block of rows each."""
    memory = MemoryConfig(**dict(dim=WIDTH, expansion=2, chunk=CHUNK, clip=1.0) | settings)
    configs = [
        MirasConfig(
            **names._asdict(),
            theta=1e-3,
            alpha=1e-6,
            bias_number=BIAS.get(names.bias),
            retention_number=RETENTION.get(names.retention),
            algorithm_number=ALGORITHM.get(names.algorithm),
        )
        for names in combinations
    ]
    gates = [make_gate(memory, config).double() for config in configs]
    rules = [make_rule(memory, config, gate, record_norm=True) for config, gate in zip(configs, gates, strict=True)]
    rule = rules[0]._replace(gate=ByBlock(gates), bias=by_block([rule.bias for rule in rules]))
    random = torch.Generator().manual_seed(1)
    index = [row - (row % 4 == TWIN) for row in range(4 * len(gates))]  # twins start from one memory, noise included
    starts = (weight.double() for weight in rule.architecture.initial(4, random))
    weights = tuple(start.repeat(len(gates), *[1] * (start.dim() - 1)) for start in starts)
    fast = Fast(*rule.begin(weights), initial_gate_state(len(index), weights[0]))
    fast = map_tree(lambda part: part[index], fast)
    leaf = lambda part: part.clone().requires_grad_()  # noqa: E731
    tokens = _draw_tokens(4, random)
    repeat = lambda part: leaf(part.repeat(len(gates), 1, 1))  # noqa: E731
    return Scene(combinations, rule, fast._replace(weights=map_tree(leaf, fast.weights)), map_tree(repeat, tokens))


def _draw_tokens(rows: int, random: torch.Generator) -> Tokens:
    draw = lambda width: torch.randn(rows, LENGTH, width, generator=random, dtype=torch.float64)  # noqa: E731
    logits = torch.tensor([-2.385, 0.0, -2.39, *[0.0] * (FEATURES - 3)]).double()
    parts = [nn.functional.normalize(draw(WIDTH), dim=-1), draw(WIDTH), draw(WIDTH), logits + 0.002 * draw(FEATURES)]
    parts[3][REPEAT, :, 2] = -3  # forgets nothing, which could hide a write
    for part in parts:
        part[REPEAT] = part[REPEAT, :1]
        part[TWIN, :CHANGED] = part[STREAM, :CHANGED]
    parts[2][TWIN] = parts[2][STREAM]  # asked the same all along
    return Tokens(*parts)


def miras_step(fast: Fast, tokens: Tokens, rule: MirasRule):
    """The rule's own step, with the arguments of a step."""
    return rule.step(fast, tokens)


def run(step, scene: Scene):
    """All reads, the memory at the end, and the record's loss, raw surprise and norm, (n, t) each."""
    fast, parts = scene.fast, []
    for piece in scene.tokens.split(CHUNK):
        reads, fast, record = step(fast, piece, scene.rule)
        parts.append((reads, record.loss, record.raw, record.memory_norm))
    return [torch.cat(part, dim=1) for part in zip(*parts, strict=True)], fast


def check_each(scene: Scene, good: Tensor, fault: str) -> None:
    """good (blocks,) bool; the message names the first combination where it is false."""
    bad = [" + ".join(names) for names, fine in zip(scene.combinations, good.tolist(), strict=True) if not fine]
    assert not bad, f"{fault}: {bad[0]}, {len(bad)} in all"


def check_future(scene: Scene, outcome) -> None:
    """Tokens from CHANGED on have no say in what came before, and are heard from then on."""
    for part in outcome[0]:
        early = (part[TWIN::4, :CHANGED] - part[STREAM::4, :CHANGED]).abs().flatten(1).amax(-1)
        check_each(scene, early < 1e-10, "the future is heard")
    reads = outcome[0][0]
    late = (reads[TWIN::4, CHANGED:] - reads[STREAM::4, CHANGED:]).abs().amax(-1)
    check_each(scene, (late > 1e-11).all(-1), "a write has no effect")


def check_rows(step, scene: Scene, outcome) -> None:
    """Some rows give the same without the others and without autograd: outputs, record, state."""
    index = list(range(OTHER, 4 * len(scene.combinations), 4))
    with torch.inference_mode():
        found, fast = run(step, scene.rows(index))
    for part, wanted in zip(found, outcome[0], strict=True):
        away = (part - wanted[index].detach()).abs().flatten(1).amax(-1)
        check_each(scene, away < 1e-10, "rows mix")
    kept = map_tree(lambda part: part[index].detach(), outcome[1])
    check_close(tensors(fast), tensors(kept))


def check_write(scene: Scene, outcome) -> None:
    """One pair again and again: its loss is lower after the first chunk."""
    names = scene.combinations[0]
    if (names.architecture, names.retention) == ("vector", "lq"):
        return  # with few weights it climbs: see test_the_published_lq_can_climb_and_its_mirror_map_cannot
    loss = outcome[0][1][REPEAT::4]
    check_each(scene, loss[:, CHUNK] < loss[:, 0], "a write does not lower the loss")


def check_reach(scene: Scene, outcome) -> None:
    """Reads and their gradients are finite, and reach W_0, every field of every token, and a learned gate's theta."""
    leaves = [*scene.fast.weights, *scene.tokens]
    found = torch.autograd.grad(outcome[0][0].square().sum(), leaves, materialize_grads=True)
    blocks = lambda part: part.reshape(len(scene.combinations), -1)  # noqa: E731
    for part in (*outcome[0], *found):
        check_each(scene, blocks(part).isfinite().all(-1), "not finite")
    for part in found[:-1]:
        every_row = (part.flatten(1).abs().amax(-1) > 0).view(-1, 4).all(-1)
        check_each(scene, every_row, "a gradient does not arrive")
    learned = torch.tensor([names.gate == "learned" for names in scene.combinations])
    check_each(scene, ~learned | (blocks(found[-1][..., 0]).abs().amax(-1) > 0), "no gradient in theta")


def check_all(step, combinations: list[Combination]) -> None:
    """Every property, for combinations that differ in bias and gate alone."""
    scene = make_scene(combinations)
    outcome = run(step, scene)
    check_future(scene, outcome)
    check_rows(step, scene, outcome)
    check_write(scene, outcome)
    check_reach(scene, outcome)


def play(config: MirasConfig, memory: MemoryConfig, tokens: Tokens, *, gate=None, step=miras_step):
    """A stream through a seeded memory: the start weights, all reads, and the memory at the end."""
    rows = len(tokens.keys)
    rule = make_rule(memory, config, make_gate(memory, config, gate).double())
    start = tuple(w.double() for w in rule.architecture.initial(rows, torch.Generator().manual_seed(3)))
    fast, reads = Fast(*rule.begin(start), initial_gate_state(rows, start[0])), []
    for piece in tokens.split(memory.chunk):
        out, fast, _ = step(fast, piece, rule)
        reads.append(out)
    return start, torch.cat(reads, dim=1), fast


def make_tokens(length: int, *, rows: int = 2, seed: int = 0) -> Tokens:
    """Unit keys, Gaussian values and queries, and features from 0 to 1: theta (to 0.25), eta and alpha."""
    random = torch.Generator().manual_seed(seed)
    keys, values, queries = torch.randn(3, rows, length, WIDTH, generator=random, dtype=torch.float64)
    features = torch.rand(rows, length, 3, generator=random, dtype=torch.float64) * torch.tensor([0.25, 1, 1]).double()
    return Tokens(nn.functional.normalize(keys, dim=-1), values, queries, features)
