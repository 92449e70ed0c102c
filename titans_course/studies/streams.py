"""Streams of associations with known true values, on which the effects of loss and forgetting can be measured."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from titans_mini.errors import check_choice, check_integer, check_number


class Pairs(NamedTuple):
    """t tokens; each shows one of a few keys with its value."""

    keys: np.ndarray  # (t, d), norm 1
    values: np.ndarray  # (t, d): what the memory is given
    clean: np.ndarray  # (t, d): the value without outlier and noise, true at that time
    pair: np.ndarray  # (t,) int: which key
    marked: np.ndarray  # (t,) bool: outliers


Random = np.random.Generator


class Kind(NamedTuple):
    """A kind of stream: the meaning, default and range of `amount`, and how it changes the clean values."""

    what: str
    amount: float
    high: float
    change: Callable[[np.ndarray, float, Random], tuple[np.ndarray, np.ndarray]]  # clean -> values, marked
    drift: bool = False


def _as_they_are(clean: np.ndarray, amount: float, random: Random) -> tuple[np.ndarray, np.ndarray]:
    return clean, np.zeros(len(clean), bool)


def _outliers(clean: np.ndarray, amount: float, random: Random) -> tuple[np.ndarray, np.ndarray]:
    marked = random.random(len(clean)) < amount
    wild = 10 * random.standard_normal(clean.shape)
    return np.where(marked[:, None], wild, clean), marked


def _noise(clean: np.ndarray, amount: float, random: Random) -> tuple[np.ndarray, np.ndarray]:
    return clean + amount * random.standard_normal(clean.shape), np.zeros(len(clean), bool)


KINDS: dict[str, Kind] = {
    "clean": Kind("values as they are", 0.0, 0.0, _as_they_are),
    "outliers": Kind("share of values replaced by ones ten times as large", 0.05, 1.0, _outliers),
    "noise": Kind("standard deviation of noise on each value", 0.3, 100.0, _noise),
    "drift": Kind("how far each token moves every value", 0.02, 1.0, _as_they_are, drift=True),
}


def make_pairs(
    kind: str = "clean", *, tokens: int = 200, dim: int = 8, pairs: int = 4, amount: float | None = None, seed: int = 0
) -> Pairs:
    """A seeded stream: `pairs` keys of norm 1 with Gaussian values, shown in random order.

    A matrix of `dim` features holds `dim` keys exactly, so `pairs` / `dim` is its load: above 1 it must fail.
    Keys are orthogonal while there are at most `dim` of them. `amount`: see `KINDS`; None is its default. Raises
    ConfigError.
    """
    check_choice("kind", kind, KINDS)
    check_integer("tokens", tokens, 1, 1_000_000)
    check_integer("dim", dim, 1, 8192)
    check_integer("pairs", pairs, 1, 1_000_000)
    check_integer("seed", seed, 0, 2**31 - 1)
    chosen = KINDS[kind]
    amount = check_number("amount", chosen.amount if amount is None else amount, 0.0, chosen.high)
    random = np.random.default_rng(seed)
    keys = random.standard_normal((pairs, dim))
    if pairs <= dim:
        keys = np.linalg.qr(keys.T)[0].T
    keys = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    values, targets = random.standard_normal((2, pairs, dim))
    order = random.integers(pairs, size=tokens)
    angle = amount * np.arange(tokens)[:, None] if chosen.drift else np.zeros((tokens, 1))
    clean = np.cos(angle) * values[order] + np.sin(angle) * targets[order]
    shown, marked = chosen.change(clean, amount, random)
    return Pairs(keys[order], shown, clean, order, marked)
