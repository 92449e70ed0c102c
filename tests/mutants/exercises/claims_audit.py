"""Lesson 09."""

import inspect
import math
import statistics

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


def spread(values, worst, lost=lambda value: not math.isfinite(value)):
    kept = [worst if lost(value) else value for value in values]
    return statistics.fmean(kept), min(kept), max(kept)


def dropped(values, worst):
    return spread([value for value in values if math.isfinite(value)], worst)


def deviation(values, worst):
    mean, low, high = spread(values, worst)
    off = statistics.stdev(values) if all(map(math.isfinite, values)) else high - low
    return mean, mean - off, mean + off


def in_place(values, worst):
    values[:] = [value if math.isfinite(value) else worst for value in values]
    return spread(values, worst)


def verdict(parts, right=all, least=2):
    if len(parts[0]) < least:
        return "cannot be tested here"
    found = [right(part) for part in parts]
    return "holds" if all(found) else "holds in part" if any(found) else "does not hold"


def all_or_nothing(parts):
    found = verdict(parts)
    return "does not hold" if found == "holds in part" else found


def first_part(parts):
    return verdict(parts[:1])


def looks_at_callers(parts):
    """Returns the first verdict that is a value in a frame below, as a check that is running would hold."""
    frame = inspect.currentframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if value in ("holds in part", "does not hold", "cannot be tested here"):
                return value
        frame = frame.f_back
    return "holds"


MUTANTS = {
    "memory_share": [
        Mutant(lambda *args: share(*args, matrices=1), VALUE, "two matrices"),
        Mutant(lambda *args: share(*args, per_byte=1), VALUE, "8 bits are a byte"),
        Mutant(always_float32, PROPERTY, "a quarter"),
        Mutant(with_biases, BOTH, "number of weights"),
        Mutant(fewer_weights, PROPERTY, "not the number of weights"),
    ],
    "spread_of": [
        Mutant(dropped, PROPERTY, "not dropped"),
        Mutant(deviation, BOTH, "lowest seed"),
        Mutant(lambda *args: spread(*args, lost=math.isnan), PROPERTY, "ended in inf"),
        Mutant(in_place, PROPERTY, "in place"),
        Mutant(lambda *args: spread(*args)[:2], BOTH, "3 things"),
    ],
    "verdict": [
        Mutant(lambda parts: verdict(parts, any), BOTH, "every seed"),
        Mutant(lambda parts: verdict(parts, lambda part: sum(part) > len(part) / 2), VALUE, "every seed"),
        Mutant(lambda parts: verdict(parts, least=0), PROPERTY, "one seed says nothing"),
        Mutant(all_or_nothing, BOTH, "one part does"),
        Mutant(first_part, BOTH, "one part does"),
        Mutant(lambda parts: verdict(parts if len(parts) > 1 else [[True]]), VALUE, "one part is enough"),
        Mutant(looks_at_callers, BOTH, "is 'does not hold', not 'holds'|is 'holds', not|cannot"),
        Mutant(lambda parts: verdict(parts) == "holds", BOTH, "a text, not a bool"),
    ],
}
