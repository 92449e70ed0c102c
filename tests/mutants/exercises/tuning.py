"""Lesson 07."""

import math
import statistics

from titans_mini.tune.store import cost

from . import BOTH, PROPERTY, VALUE, Mutant


def _costs(two, full):
    return two, full, 1 - two / full


def never_capped(settings, tokens, final_tokens, keep, seeds):
    return _costs(seeds * (settings * tokens + keep * final_tokens), seeds * settings * final_tokens)


def one_seed_in_the_final(settings, tokens, final_tokens, keep, seeds):
    two = seeds * settings * tokens + min(keep, settings) * final_tokens
    return _costs(two, seeds * settings * final_tokens)


def goes_on(settings, tokens, final_tokens, keep, seeds):
    two = seeds * (settings * tokens + min(keep, settings) * (final_tokens - tokens))
    return _costs(two, seeds * settings * final_tokens)


def spent(*args):
    two, full, saved = cost(*args)
    return two, full, 1 - saved


def grid(saved, tokens, final_tokens, keep, rounds=math.ceil):
    room = 1 - saved - tokens / final_tokens
    return None if room < 1e-9 else rounds(round(keep / room, 6))


def grid_always(saved, tokens, final_tokens, keep):
    room = max(1 - saved - tokens / final_tokens, 1e-9)
    return math.ceil(round(keep / room, 6))


def first_stage_free(saved, tokens, final_tokens, keep):
    return math.ceil(round(keep / (1 - saved), 6))


def tie(best, other, t, root=True, spread=statistics.stdev):
    gaps = [a - b for a, b in zip(best, other, strict=True)]
    return statistics.fmean(gaps) <= t * spread(gaps) / (math.sqrt(len(gaps)) if root else 1)


def unpaired(best, other, t):
    noise = math.sqrt((statistics.variance(best) + statistics.variance(other)) / len(best))
    return statistics.fmean(best) - statistics.fmean(other) <= t * noise


def median_gap(best, other, t):
    gaps = [a - b for a, b in zip(best, other, strict=True)]
    return statistics.median(gaps) <= t * statistics.stdev(gaps) / math.sqrt(len(gaps))


MUTANTS = {
    "two_stage_cost": [
        Mutant(never_capped, PROPERTY, "cannot be kept"),
        Mutant(one_seed_in_the_final, BOTH, "both stages"),
        Mutant(goes_on, BOTH, "starts again"),
        Mutant(spent, VALUE, "share that is spent"),
    ],
    "grid_needed": [
        Mutant(grid_always, PROPERTY, "return None"),
        Mutant(first_stage_free, BOTH, "first stage costs"),
        Mutant(lambda *args: grid(*args, rounds=lambda x: math.floor(x) if x % 1 else int(x)), BOTH, "round up"),
        Mutant(lambda *args: grid(*args) and grid(*args) + 1, BOTH, "should be"),
        Mutant(lambda *args: grid(*args, rounds=lambda x: int(x) + 1), PROPERTY, "12 settings save exactly enough"),
    ],
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
}
