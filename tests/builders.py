"""What the tests of the memory core run on: small streams, memories of every kind, and gates paired with plain ones.

Everything is float64, seeded, and of settings that binary floats hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from titans_mini import ConstantGate, LearnedGate, MemoryConfig, NeuralMemory, SurpriseGate
from titans_mini.memory.chunk import Fast, TitansRule, Tokens
from titans_mini.memory.gates import NORMALISERS, Gates, initial_gate_state
from titans_mini.memory.mlp import initial_weights
from titans_mini.reference import Gate, RecipeGate

ROWS, WIDTH = 2, 6
SURPRISE = dict(tau=0.25, beta=0.5, lam=0.125, eta=0.25, softness=0.25)
CONSTANT = dict(theta=0.25, eta=0.5, alpha=0.125)


class Stream(NamedTuple):
    """Leaves of the graph: start weights per layer (ROWS, o, i), and tokens (ROWS, t, ...)."""

    weights: tuple[Tensor, ...]
    tokens: Tokens

    def leaves(self) -> list[Tensor]:
        return [*self.weights, *self.tokens]


def make_stream(length: int, *, depth: int = 2, seed: int = 0) -> Stream:
    """Unit keys, Gaussian values and queries, and features from 0 to 1 (theta to 0.25), different in each row."""
    random = torch.Generator().manual_seed(seed)
    config = MemoryConfig(dim=ROWS * WIDTH, heads=ROWS, depth=depth, expansion=2)
    weights = tuple(weight.double().requires_grad_() for weight in initial_weights(config, random))
    keys, values, queries = torch.randn(3, ROWS, length, WIDTH, generator=random, dtype=torch.float64)
    features = torch.rand(ROWS, length, 3, generator=random, dtype=torch.float64)
    features[..., 0] *= 0.25
    parts = (nn.functional.normalize(keys, dim=-1), values, queries, features)
    return Stream(weights, Tokens(*(part.requires_grad_() for part in parts)))


def fresh(weights: tuple[Tensor, ...]) -> Fast:
    """A memory of these weights (n, o, i) that has read nothing."""
    momentum = tuple(torch.zeros_like(weight) for weight in weights)
    return Fast(weights, momentum, initial_gate_state(len(weights[0]), weights[0].detach()))


def plain_step(fast: Fast, tokens: Tokens, rule: TitansRule, *, ends: bool = True) -> tuple:
    """TitansRule.step as a function, which the wrong steps of `mutants.steps` can take the place of."""
    return rule.step(fast, tokens, ends=ends)


class GivenGate(nn.Module):
    """theta, eta and alpha are the features themselves."""

    features = 3
    ignores_surprise = True

    def forward(self, raw, features, state):
        theta, eta, alpha = features.unbind(-1)
        return Gates(theta, eta, alpha, theta, alpha), state


class Changed(nn.Module):
    """A gate whose decisions are changed afterwards."""

    def __init__(self, gate: nn.Module, change: Callable[[Gates], Gates]) -> None:
        super().__init__()
        self.gate, self.change, self.features = gate, change, gate.features

    def forward(self, raw, features, state):
        gates, state = self.gate(raw, features, state)
        return self.change(gates), state


class PlainSurprise:
    """The surprise gate on single numbers, a token at a time, for every normaliser."""

    def __init__(self, normaliser: str, *, tau, beta, lam, eta, softness) -> None:
        self.normaliser = normaliser
        self.tau, self.beta, self.lam, self.eta, self.softness = tau, beta, lam, eta, softness
        self.count, self.mean, self.variance, self.peak, self.smoothed = (torch.zeros(5).double()).unbind()

    def measure(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Raw surprise of the next token -> normalised and smoothed surprise; then the token joins the statistics."""
        std = torch.maximum(self.variance.clamp_min(1e-24).sqrt(), 0.05 * self.mean)
        score = (raw - self.mean) / std
        surprise = {
            "excess": (score / 4).clamp(0, 1),
            "zsigmoid": torch.sigmoid(score),
            "running_max": (raw / self.peak.clamp_min(1e-12)).clamp(0, 1),
            "fixed": torch.tanh(raw),
        }[self.normaliser]
        self.smoothed = self.beta * self.smoothed + (1 - self.beta) * surprise
        self.count = self.count + 1
        rate, away = max(1 / self.count, 1 / 256), raw - self.mean
        self.mean = self.mean + rate * away
        self.variance = (1 - rate) * (self.variance + rate * away**2)
        self.peak = torch.maximum(self.peak, raw)
        return surprise, self.smoothed

    def __call__(self, t: int, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        g_write = torch.sigmoid((self.measure(raw)[1] - self.tau) / self.softness)
        return self.eta * g_write, torch.zeros_like(raw), self.lam * (1 - g_write)


class Pairing(NamedTuple):
    """A gate, and the same gate for `reference.token_loop`: one row's features (t, 3) -> its plain form."""

    gate: nn.Module
    plain: Callable[[Tensor], Gate]
    momentum: bool = True  # whether the gate has any


def _constant(features: Tensor) -> Gate:
    return lambda t, raw: tuple(features.new_tensor(value) for value in CONSTANT.values())


def _surprise(normaliser: str) -> Pairing:
    gate = SurpriseGate(**SURPRISE, normaliser=normaliser).double()
    return Pairing(gate, lambda features: PlainSurprise(normaliser, **SURPRISE), momentum=False)


def _learned(features: Tensor) -> Gate:
    return lambda t, raw: (torch.sigmoid(features[t]) * features.new_tensor([0.25, 1, 1])).unbind()


PAIRINGS: dict[str, Pairing] = {
    "given": Pairing(GivenGate(), lambda features: lambda t, raw: features[t].unbind()),
    "learned": Pairing(LearnedGate(WIDTH, theta_max=0.25), _learned),
    "constant": Pairing(ConstantGate(**CONSTANT).double(), _constant),
    "recipe": Pairing(SurpriseGate(**SURPRISE).double(), lambda features: RecipeGate(**SURPRISE), momentum=False),
    **{normaliser: _surprise(normaliser) for normaliser in NORMALISERS},
}

# Settings of a memory that together hold every depth, gate, normaliser, activation, and clip on and off.
MEMORIES: dict[str, dict] = {
    "learned": {},
    "learned_token_by_token": dict(chunk=1),
    "linear_one_head": dict(depth=1, heads=1),
    "depth3_gelu_unclipped": dict(depth=3, activation="gelu", clip=None),
    "depth4_tanh_rms_keys": dict(depth=4, activation="tanh", scale="rms"),
    "no_convolution": dict(conv=1),
    "recipe": dict(chunk=1, clip=None, scale="rms", gate="excess"),
    "excess": dict(gate="excess"),
    "zsigmoid": dict(gate="zsigmoid", heads=1),
    "running_max": dict(gate="running_max", clip=None),
    "fixed": dict(gate="fixed", depth=1),
    "constant": dict(gate="constant"),
    "constant_token_by_token": dict(gate="constant", chunk=1, depth=3),
    "decays_to_start": dict(decay="start"),
    "no_momentum": dict(momentum=False),
    "contexts": dict(depth=1, reach=(2, 3), key_width=16, momentum=False),
    "contexts_deep": dict(reach=(1, 4), key_width=4),
    "contexts_token_by_token": dict(chunk=1, reach=(2, 3), key_width=16),
    "contexts_square_token_by_token": dict(chunk=1, reach=(2, 2), key_width=8, momentum=False),
    "contexts_excess": dict(gate="excess", depth=1, reach=(3, 2), key_width=16),
    "recipe_decays_to_start": dict(chunk=1, clip=None, scale="rms", gate="excess", depth=3, decay="start"),
}


def make_memory(
    kind: type[NeuralMemory] = NeuralMemory, *, gate: str = "learned", seed: int = 0, **settings
) -> NeuralMemory:
    """A seeded float64 memory of dim 8, heads 2 and chunk 4 unless `settings` (of MemoryConfig) say otherwise."""
    torch.manual_seed(seed)
    config = MemoryConfig(**dict(dim=8, heads=2, expansion=2, chunk=4) | settings)
    gates = {"learned": lambda: None, "constant": lambda: ConstantGate(**CONSTANT)}
    gates |= {name: lambda name=name: SurpriseGate(**SURPRISE, normaliser=name) for name in NORMALISERS}
    return kind(config, gate=gates[gate]()).double()


def make_input(length: int, *, batch: int = 3, dim: int = 8, seed: int = 1) -> Tensor:
    """(batch, length, dim) Gaussian float64; all rows differ."""
    return torch.randn(batch, length, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
