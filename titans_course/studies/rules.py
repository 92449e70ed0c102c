"""The effect of each knob, measured: small seeded experiments, three seeds each, that return rows of plain numbers.

Recall is 1 - ||M(k) - v||^2 / ||v||^2 over the true values: 1 is perfect, 0 a zero answer, below 0 worse.
Every function returns dicts; a `SeedRange` is a mean over seeds with the lowest and the highest of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from titans_mini.config import MemoryConfig
from titans_mini.memory.chunk import Tokens
from titans_mini.miras.config import MirasConfig
from titans_mini.miras.privacy import epsilon
from titans_mini.miras.rule import make_gate, make_rule
from titans_mini.miras.running import default_memory, start_fast

from .streams import Pairs, make_pairs

SEEDS = (0, 1, 2)
LOST = -9.0  # a recall below this counts as no memory
Rows = list[dict]


class SeedRange(NamedTuple):
    """One number per seed, as their mean and range."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> SeedRange:
        """From one value per seed; a value that is not finite counts as minus infinity."""
        kept = np.where(np.isfinite(values), values, -np.inf)
        return cls(float(kept.mean()), float(kept.min()), float(kept.max()))

    def __str__(self) -> str:
        if self.low < LOST:
            return "blew up"
        low, mean, high = (f"{round(number, 2) + 0.0:.2f}" for number in (self.low, self.mean, self.high))
        return f"{mean} ({low} to {high})"


class Reading(NamedTuple):
    """The answers of r memories on r streams of t tokens; each (r, t, d)."""

    reads: np.ndarray  # to token t's key, after write t
    recalled: np.ndarray  # by the final memory


def read_streams(config: MirasConfig, streams: Sequence[Pairs], memory: MemoryConfig | None = None) -> Reading:
    """`run` for several streams of one shape at once, the memory of row i started from seed i.

    The gate is one that is not learned. By default chunk 1 and no clip, or clip 1 for retention privacy.
    """
    keys, values = (torch.from_numpy(np.stack(parts)) for parts in list(zip(*streams, strict=True))[:2])
    memory = memory or default_memory(config, keys.shape[-1])
    with torch.inference_mode():
        gate = make_gate(memory, config).double()
        rule = make_rule(memory, config, gate)
        fast, reads = start_fast(rule, range(len(streams))), []
        for piece in Tokens(keys, values, keys, gate.project(keys)).split(memory.chunk):
            said, fast, _ = rule.step(fast, piece)
            reads.append(said)
        return Reading(torch.cat(reads, dim=1).numpy(), rule.answer(fast.weights, keys).numpy())


def recall(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., t, d), (..., t, d) -> (...) recall over all tokens together."""
    with np.errstate(over="ignore", invalid="ignore"):
        return 1 - np.square(answers - truth).sum((-2, -1)) / np.square(truth).sum((-2, -1))


def final_recall(config: MirasConfig, streams: Sequence[Pairs], memory: MemoryConfig | None = None) -> SeedRange:
    """Of the final memory over each stream, against its clean values."""
    truth = np.stack([stream.clean for stream in streams])
    return SeedRange.of(recall(read_streams(config, streams, memory).recalled, truth))


def outliers(
    shares: Sequence[float] = (0.0, 0.05, 0.1, 0.2),
    biases: Sequence[str] = ("l2", "huber", "switch"),
    *,
    theta: float = 0.1,
    tokens: int = 200,
) -> Rows:
    """Recall of a matrix that reads 8 pairs of 16 features; a share of the values is ten times too large."""
    rows = []
    for share in shares:
        streams = [make_pairs("outliers", tokens=tokens, dim=16, pairs=8, amount=share, seed=seed) for seed in SEEDS]
        for bias in biases:
            config = MirasConfig("matrix", bias, "none", "gd", "constant", theta=theta)
            rows.append(dict(share=share, bias=bias, recall=final_recall(config, streams)))
    return rows


# Name -> architecture, features, expansion.
MEMORIES = {
    "vector, 8 wide": ("vector", 8, 1),
    "matrix, 8 wide": ("matrix", 8, 1),
    "matrix, 16 wide": ("matrix", 16, 1),
    "mlp 8-8-8": ("mlp", 8, 1),
    "mlp 8-32-8": ("mlp", 8, 4),
    "mlp 8-128-8": ("mlp", 8, 16),
}


def capacity(
    memories: Sequence[str] = tuple(MEMORIES), counts: Sequence[int] = (4, 8, 16), *, shows: int = 12,
    thetas: Sequence[float] = (0.1, 0.3),
) -> Rows:  # fmt: skip
    """How many of `count` pairs are held, with a recall above 0.9 each, after about `shows` readings of each.

    The best of `thetas` for each.
    """
    rows = []
    for name in memories:
        architecture, dim, expansion = MEMORIES[name]
        memory = MemoryConfig(dim=dim, expansion=expansion, chunk=1, clip=None)
        for count in counts:
            streams = [make_pairs(tokens=shows * count, dim=dim, pairs=count, seed=seed) for seed in SEEDS]
            best = SeedRange.of([-np.inf])
            for theta in thetas:
                config = MirasConfig(architecture, "l2", "none", "gd", "constant", theta=theta)
                answers = read_streams(config, streams, memory).recalled
                best = max(best, SeedRange.of([_held(*pair) for pair in zip(answers, streams, strict=True)]))
            rows.append(dict(memory=name, weights=_weights(architecture, memory), pairs=count, held=best))
    return rows


def _held(answers: np.ndarray, stream: Pairs) -> int:
    """Pairs of one stream whose recall is above 0.9."""
    _, first = np.unique(stream.pair, return_index=True)
    return int((recall(answers[first, None], stream.clean[first, None]) > 0.9).sum())


def _weights(architecture: str, memory: MemoryConfig) -> int:
    rule = MirasConfig(architecture, "l2", "none", "gd", "constant")
    start = make_rule(memory, rule, make_gate(memory, rule)).architecture.initial(1, None)
    return sum(layer.numel() for layer in start)


def coins(powers: Sequence[float] = (1, 1.5, 2, 3, 4), *, chance: float = 0.2, theta: float = 0.01) -> Rows:
    """One key, 16 features that are 1 with probability `chance`, else 0: what memories of loss |r|^p answer.

    `limit` is the answer of least mean loss, x / (1 - x) = (chance / (1 - chance))^(1 / (p - 1)); for p = 1, the
    median.
    """
    streams = []
    for seed in SEEDS:
        values = (np.random.default_rng(seed).random((400, 16)) < chance).astype(float)
        keys = np.tile(np.eye(16)[0], (400, 1))
        streams.append(Pairs(keys, values, values, np.zeros(400, int), np.zeros(400, bool)))
    rows = []
    for p in powers:
        config = MirasConfig("matrix", "lp", "none", "gd", "constant", theta=theta, bias_number=p)
        late = read_streams(config, streams).reads[:, 200:]
        odds = 0.0 if p == 1 else (chance / (1 - chance)) ** (1 / (p - 1))
        rows.append(dict(p=p, answer=SeedRange.of(late.mean((1, 2))), limit=odds / (1 + odds)))
    return rows


# Name -> retention and its number.
KEEPING = {
    "none": ("none", None),
    "decay 0.05": ("decay", 0.05),
    "elastic 0.003": ("elastic", 3e-3),
    "lq 4": ("lq", 4.0),
    "kl": ("kl", 1.0),
}


def once(count: int, dim: int, seed: int) -> Pairs:
    """`count` random pairs of directions, each shown once: they differ only in age."""
    keys, values = np.random.default_rng(seed).standard_normal((2, count, dim))
    keys, values = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (keys, values))
    return Pairs(keys, values, values, np.arange(count), np.zeros(count, bool))


def ages(
    names: Sequence[str] = tuple(KEEPING), *, thetas: Sequence[float] = (0.2, 0.5, 2.0), count: int = 64, dim: int = 16
) -> Rows:
    """Recall by age of a matrix that reads four times as many pairs as it holds, each once: quarters, oldest first."""
    streams = [once(count, dim, seed) for seed in SEEDS]
    truth = np.stack([stream.clean for stream in streams])
    rows = []
    for name in names:
        retention, number = KEEPING[name]
        for theta in thetas:
            config = MirasConfig(
                "matrix", "l2", retention, "gd", "constant", theta=theta, alpha=0.0, retention_number=number
            )
            told = read_streams(config, streams).recalled
            quarters = zip(np.split(told, 4, axis=1), np.split(truth, 4, axis=1), strict=True)
            rows.append(dict(retention=name, theta=theta, quarters=[SeedRange.of(recall(*part)) for part in quarters]))
    return rows


def privacy(
    sigmas: Sequence[float] = (0.0, 0.1, 0.3, 1.0, 3.0), *, theta: float = 0.1, tokens: int = 120, writes: int = 1
) -> Rows:
    """Recall of a matrix of 8 features under clipped gradients and noise, and the epsilon spent (delta 1e-5).

    The epsilon bounds what the memory may reveal about someone who wrote `writes` of the pairs; 0 noise hides nothing.
    """
    streams = [make_pairs(tokens=tokens, dim=8, pairs=4, seed=seed) for seed in SEEDS]
    memory = MemoryConfig(dim=8, chunk=1, clip=1.0)
    rows = []
    for sigma in sigmas:
        kept = dict(retention="privacy", retention_number=sigma) if sigma else dict(retention="none")
        config = MirasConfig("matrix", algorithm="gd", gate="constant", theta=theta, alpha=0.0, **kept)
        spent = epsilon(sigma, writes) if sigma else math.inf
        rows.append(dict(sigma=sigma, epsilon=spent, recall=final_recall(config, streams, memory)))
    return rows


# Name -> algorithm and its number.
STEPS = {
    "gd": ("gd", None),
    "momentum 0.5": ("momentum", 0.5),
    "momentum 0.9": ("momentum", 0.9),
    "adam": ("adam", None),
    "muon 0.5": ("muon", 0.5),
    "4 inner steps": ("multistep", 4),
}


def speed(
    names: Sequence[str] = tuple(STEPS), *, skew: float = 1.0, thetas: Sequence[float] = (0.03, 0.1, 0.3, 0.5),
    tokens: int = 48,
) -> Rows:  # fmt: skip
    """Recall of 16 pairs of 16 features after three readings of each on average, at the best of `thetas` for each.

    `skew`: how many times as large the first feature of a key is as the last, on average; 1 leaves keys at right
    angles.
    """
    streams = [_skewed(make_pairs(tokens=tokens, dim=16, pairs=16, seed=seed), skew) for seed in SEEDS]
    rows = []
    for name in names:
        algorithm, number = STEPS[name]
        tried = []
        for theta in thetas:
            config = MirasConfig("matrix", "l2", "none", algorithm, "constant", theta=theta, algorithm_number=number)
            tried.append((final_recall(config, streams), theta))
        best, theta = max(tried)
        rows.append(dict(algorithm=name, theta=theta, recall=best))
    return rows


def _skewed(stream: Pairs, skew: float) -> Pairs:
    keys = stream.keys * np.geomspace(1.0, 1.0 / skew, stream.keys.shape[1])
    return stream._replace(keys=keys / np.linalg.norm(keys, axis=1, keepdims=True))
