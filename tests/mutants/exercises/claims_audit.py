"""Lesson 09."""

import inspect
import math

from . import BOTH, PROPERTY, VALUE, Mutant


def share(width, expansion, total, bits, matrices=2, per_byte=8):
    weights = matrices * expansion * width**2
    return weights, weights / total, weights * bits / per_byte / 1e6


def always_float32(width, expansion, total, bits):
    return share(width, expansion, total, 32)


def with_biases(width, expansion, total, bits):
    weights = 2 * expansion * width**2 + (expansion + 1) * width
    return weights, weights / total, weights * bits / 8e6


def fewer_weights(width, expansion, total, bits):
    weights = 2 * expansion * width**2 * bits // 32
    return weights, weights / total, 4 * weights / 1e6


def life(norm, g_write, *, where=lambda g: g[1:] == 0, kept=lambda norm: norm[1:] / norm[:-1], least=1.0):
    share = kept(norm)[where(g_write)].mean().item()
    return math.log(0.5) / math.log(share) if share < least else math.inf


def by_the_same_amount(norm, g_write):
    drop = (norm[:-1] - norm[1:])[g_write[1:] == 0].mean().item()
    return norm[0].item() / 2 / drop if drop else math.inf


def looks_at_callers(gaps, memory, control):
    """Returns the first number that is `wanted` in a frame below, as a check that is running would hold."""
    frame = inspect.currentframe()
    while frame:
        if "wanted" in frame.f_locals:
            return frame.f_locals["wanted"]
        frame = frame.f_back
    return 0


def reach(gaps, memory, control, *, above=lambda m, c: m.amin(0) > c.amax(0), stop=True):
    reached = 0
    for gap, shown in zip(gaps, above(memory, control), strict=True):
        if not shown and stop:
            break
        reached = gap if shown else reached
    return reached


MUTANTS = {
    "memory_share": [
        Mutant(lambda *args: share(*args, matrices=1), VALUE, "two matrices"),
        Mutant(lambda *args: share(*args, per_byte=1), VALUE, "8 bits are a byte"),
        Mutant(always_float32, PROPERTY, "a quarter"),
        Mutant(with_biases, BOTH, "number of weights"),
        Mutant(fewer_weights, PROPERTY, "not the number of weights"),
    ],
    "silent_half_life": [
        Mutant(lambda *args: life(*args, where=lambda g: g[1:] >= 0), BOTH, "use silent tokens alone"),
        Mutant(lambda *args: life(*args, where=lambda g: g[:-1] == 0), BOTH, "the gate of token t|where g_write"),
        Mutant(by_the_same_amount, BOTH, "a share of itself"),
        Mutant(lambda *args: 1 - 0.5 ** (1 / life(*args)), BOTH, "the share lost in one token"),
        Mutant(lambda *args: 1 / (1 - 0.5 ** (1 / life(*args))), BOTH, "the share left is 37%"),
        Mutant(lambda *args: life(*args, least=2.0), PROPERTY, "ZeroDivisionError"),
        Mutant(lambda norm, g: int((norm > norm[0] / 2).sum()), BOTH, "half-life is"),
    ],
    "reach_of": [
        Mutant(lambda *args: reach(*args, above=lambda m, c: m.mean(0) > c.mean(0)), VALUE, "worst seed of the memory"),
        Mutant(lambda *args: reach(*args, above=lambda m, c: m.amin(0) > c.mean(0)), VALUE, "worst seed of the memory"),
        Mutant(lambda *args: reach(*args, stop=False), BOTH, "ends where they first overlap"),
        Mutant(lambda *args: reach(*args, above=lambda m, c: m.mean(0) > 0.5), BOTH, "worst seed of the memory"),
        Mutant(lambda *args: reach(*args, above=lambda m, c: m.amin(0) >= c.amax(0)), PROPERTY, "equal is not above"),
        Mutant(lambda *args: reach(*args, above=lambda m, c: (m > c).all(0)), BOTH, "worst seed of the memory"),
        Mutant(looks_at_callers, BOTH, "should be"),
    ],
}
