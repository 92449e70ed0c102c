"""Lesson 07."""

import math
import statistics

import torch

from . import BOTH, PROPERTY, VALUE, Mutant


def tie(best, other, t, root=True, spread=statistics.stdev):
    gaps = [a - b for a, b in zip(best, other, strict=True)]
    return statistics.fmean(gaps) <= t * spread(gaps) / (math.sqrt(len(gaps)) if root else 1)


def unpaired(best, other, t):
    noise = math.sqrt((statistics.variance(best) + statistics.variance(other)) / len(best))
    return statistics.fmean(best) - statistics.fmean(other) <= t * noise


def median_gap(best, other, t):
    gaps = [a - b for a, b in zip(best, other, strict=True)]
    return statistics.median(gaps) <= t * statistics.stdev(gaps) / math.sqrt(len(gaps))


def tune(keys, values, thetas, *, asked="end", carried=False, best=lambda e: min(range(len(e)), key=lambda i: e[i])):
    """`asked`: for which error; before or after each write, of all pairs at the end, or of the last one."""
    errors, M = [], torch.zeros(values.shape[1], keys.shape[1], dtype=keys.dtype)
    for theta in thetas:
        M, seen = M if carried else torch.zeros_like(M), {"before": 0.0, "own": 0.0}
        for k, v in zip(keys, values, strict=True):
            seen["before"] += (M @ k - v).square().sum()
            M = M - 2 * theta * torch.outer(M @ k - v, k)
            seen["own"] += (M @ k - v).square().sum()
        seen["end"], seen["last"] = (keys @ M.T - values).square().sum(), (M @ keys[-1] - values[-1]).square().sum()
        errors.append(seen[asked].item())
    return thetas[best(errors)]


def nan_last(errors):
    return min(range(len(errors)), key=lambda i: (not math.isfinite(errors[i]), errors[i]))


def keep(short, long, *, score=lambda x: x.mean(1), plus=1, sign=1):
    early, late = sign * score(short), sign * score(long)
    return plus + int((early > early[late.argmax()]).sum())


MUTANTS = {
    "is_tie": [
        Mutant(lambda *args: tie(*args, root=False), VALUE, "no tie"),
        Mutant(unpaired, PROPERTY, "seed by seed"),
        Mutant(lambda *args: tie(*args, spread=statistics.pstdev), BOTH, "deviation of a sample"),
        Mutant(median_gap, BOTH, "tie"),
        Mutant(lambda best, other, t: tie(best, other, 2.0), BOTH, "tie"),
        Mutant(lambda *args: True, BOTH, "no tie"),
        Mutant(lambda *args: False, BOTH, "a tie"),
        Mutant(lambda *args: "tie" if tie(*args) else "", BOTH, "True or False, not a str"),
    ],
    "tune_theta": [
        Mutant(tune, PROPERTY, "diverges: is NaN sorted out"),
        Mutant(lambda *args: tune(*args, asked="own", best=nan_last), BOTH, "just after each write"),
        Mutant(lambda *args: tune(*args, asked="before", best=nan_last), BOTH, "inner loss"),
        Mutant(lambda *args: tune(*args, asked="last", best=nan_last), BOTH, "not only the last one|just after"),
        Mutant(lambda *args: tune(*args, carried=True, best=nan_last), BOTH, "an empty memory|is not right"),
        Mutant(lambda keys, values, thetas: max(thetas), BOTH, "the largest step"),
        Mutant(lambda *args: tune(*args, best=nan_last) + 1e-3, BOTH, "should be"),
    ],
    "keep_needed": [
        Mutant(lambda *args: keep(*args, plus=0), BOTH, "not a place counted from 0"),
        Mutant(lambda short, long: keep(long, short), VALUE, "not the late winner early"),
        Mutant(lambda *args: keep(*args, score=lambda x: x.amax(1)), BOTH, "not its best seed|is not right"),
        Mutant(lambda *args: keep(*args, score=lambda x: x[:, 0]), VALUE, "not the first seed|is not right"),
        Mutant(lambda *args: keep(*args, sign=-1), VALUE, "high is good|is not right"),
    ],
}
