"""Lesson 08."""

import math
import statistics

import torch

from . import BOTH, PROPERTY, VALUE, Mutant


def degrade(main, shadow, threshold, patience, *, reset=True, speaks=lambda a, b, threshold: a / b - 1 > threshold):
    streak = 0
    for step, (a, b) in enumerate(zip(main, shadow, strict=True)):
        streak = streak + 1 if speaks(a, b, threshold) else 0 if reset else streak
        if streak == patience:
            return step
    return -1


def on_average(main, shadow, threshold, patience):
    for step in range(patience - 1, len(main)):
        recent = slice(step - patience + 1, step + 1)
        if statistics.fmean(main[recent]) / statistics.fmean(shadow[recent]) - 1 > threshold:
            return step
    return -1


def incident(norm, recall, *, fault=lambda norm: norm[20:] / norm[19:-1] > 2, low=lambda recall: recall[20:] < 0.8):
    for kind, where in (("fault", fault(norm)), ("poison", low(recall))):
        if where.any():
            return kind, 20 + int(where.nonzero()[0])
    return "clean", -1


def in_the_end(norm, recall):
    kind, token = incident(norm, recall)
    return ("clean", -1) if kind == "poison" and recall[-1] > 0.8 else (kind, token)


def at_its_lowest(norm, recall):
    kind, token = incident(norm, recall)
    return kind, 20 + int(recall[20:].argmin()) if kind == "poison" else token


def never(x):
    return x[20:] > math.inf


def rolled(snapshots, keys, values, theta, first, end, *, start=None, out=None, choose=max, count=0):
    known = {n: M for n, M in snapshots}
    n = choose(n for n in known if start is not None or n <= first)
    M = known[n]
    for t in range(n + count, len(keys)):
        if not (first <= t < end if out is None else out(t, n, first, end)):
            M = M - 2 * theta * torch.outer(M @ keys[t] - values[t], keys[t])
    return M


def rolled_in_place(snapshots, keys, values, theta, first, end):
    n, M = max((pair for pair in snapshots if pair[0] <= first), key=lambda pair: pair[0])
    for t in range(n, len(keys)):
        if not first <= t < end:
            M -= 2 * theta * torch.outer(M @ keys[t] - values[t], keys[t])
    return M


MUTANTS = {
    "degrade_step": [
        Mutant(lambda *args: degrade(*args, reset=False), BOTH, "in a row"),
        Mutant(lambda m, s, threshold, patience: degrade(m, s, threshold, 1), BOTH, "first bad step"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: a / b - 1 >= t), PROPERTY, "exactly the threshold"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: abs(a / b - 1) > t), PROPERTY, "main is better"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: a - b > t), BOTH, "divide it by the shadow's"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: (a - b) / a > t), BOTH, "one of the shadow's"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: math.log(a / b) > t), BOTH, "one of the shadow's"),
        Mutant(on_average, BOTH, "should be"),
        Mutant(lambda m, s, t, n: degrade(m, s, t, n) + 1 if degrade(m, s, t, n) >= 0 else -1, BOTH, "a step late"),
    ],
    "read_incident": [
        Mutant(lambda *args: incident(*args, fault=never), BOTH, "norm jumps from one token to the next"),
        Mutant(lambda *args: incident(*args, low=never), BOTH, "recall falls, and the norm shows nothing"),
        Mutant(lambda *args: incident(*args, fault=lambda norm: norm[20:] > 3 * norm[20]), PROPERTY, "grows slowly"),
        Mutant(in_the_end, BOTH, "is 'poison', not 'clean'"),
        Mutant(at_its_lowest, VALUE, "begins at token"),
        Mutant(lambda *args: (incident(*args)[0], incident(*args)[1] - 20), BOTH, "clean has -1"),
        Mutant(lambda *args: incident(*args)[0], BOTH, "must return 2 things"),
    ],
    "rolled_back": [
        Mutant(lambda *args: rolled(*args, start=0), BOTH, "the poison is in it"),
        Mutant(lambda *args: rolled(*args, out=lambda t, n, first, end: n <= t < end), BOTH, "was good, read it again"),
        Mutant(lambda *args: rolled(*args, out=lambda t, n, first, end: t >= first), BOTH, "came after the poison"),
        Mutant(
            lambda *args: rolled(*args, out=lambda t, n, first, end: first <= t <= end),
            BOTH,
            "after the poison is good",
        ),
        Mutant(
            lambda *args: rolled(*args, out=lambda t, n, first, end: first <= t < end - 1),
            BOTH,
            "last token of the poison",
        ),
        Mutant(lambda *args: rolled(*args, count=1), BOTH, "go on with token n"),
        Mutant(lambda *args: rolled(*args, out=lambda t, n, first, end: False), BOTH, "the poison is in it"),
        Mutant(rolled_in_place, BOTH, "argument number 1 in place"),
    ],
}
