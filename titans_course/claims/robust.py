"""Claims on Yaad and Moneta: memories of MIRAS under outliers, and where they draw the line between kept and lost.

Every memory gets its best step size of four, anew for each stream, and no clip on its gradients: a clip at 1, which
some of the presets have, is itself a cure for outliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from titans_mini.config import MemoryConfig
from titans_mini.miras.config import MirasConfig
from titans_mini.miras.presets import PRESETS

from ..studies.rules import read_streams, recall
from ..studies.streams import Pairs, make_pairs
from .finding import Figures, Finding, Reading, Size, Spread, grade, weigh

THETAS = (0.01, 0.03, 0.1, 0.3)
RIVALS = ("titans", "ttt_mlp", "moneta", "memora", "yaad")
SQUARED = "_squared"  # ending of a preset with the squared error in the place of its own loss, all else the same
DIM, PAIRS, TOKENS = 16, 8, 200
SHARE = 0.1  # of the values are outliers
CROWD = 16  # pairs, as many as features, so that not all are kept
KEPT, LOST = 0.9, 0.1  # recall of a pair above which it is kept, and below which it is lost
WORST = -1.0  # a recall below this counts as this: the memory is of no use at all


def _config(name: str) -> MirasConfig:
    config = PRESETS[name.removesuffix(SQUARED)].config
    return replace(config, bias="l2", bias_number=None) if name.endswith(SQUARED) else config


def _memory(name: str, clip: bool) -> MemoryConfig:
    preset = PRESETS[name.removesuffix(SQUARED)]
    return preset.memory_config(dim=DIM, expansion=4, **({} if clip else {"clip": None}))


def answers(name: str, streams: Sequence[Pairs], *, clip: bool = False) -> np.ndarray:
    """(r, t, d): what the final memories say, at the step size whose recall is best on average."""
    truth, tried = np.stack([stream.clean for stream in streams]), []
    for theta in THETAS:
        said = read_streams(replace(_config(name), theta=theta), streams, _memory(name, clip)).recalled
        said = np.nan_to_num(said, nan=1e6, posinf=1e6, neginf=-1e6).clip(-1e6, 1e6)
        tried.append((np.maximum(recall(said, truth), WORST).mean(), -theta, said))
    return max(tried, key=lambda found: found[:2])[2]


def _recalls(name: str, streams: Sequence[Pairs], *, clip: bool = False) -> Spread:
    truth = np.stack([stream.clean for stream in streams])
    return Spread.of(np.maximum(recall(answers(name, streams, clip=clip), truth), WORST).tolist())


def one_outlier(seed: int) -> Pairs:
    """A clean stream whose very last value is an outlier: what one wild value does before anything can repair it."""
    stream = make_pairs(tokens=TOKENS, dim=DIM, pairs=PAIRS, seed=seed)
    values, marked = stream.values.copy(), stream.marked.copy()
    values[-1], marked[-1] = 10 * np.random.default_rng(seed).standard_normal(DIM), True
    return stream._replace(values=values, marked=marked)


def measure_yaad(size: Size) -> Figures:
    """Recall of each memory: of clean streams, of streams with one outlier and with a tenth of them, and with clips."""
    streams = {
        "clean": [make_pairs(tokens=TOKENS, dim=DIM, pairs=PAIRS, seed=seed) for seed in size.all_seeds],
        "one": [one_outlier(seed) for seed in size.all_seeds],
        "tenth": [
            make_pairs("outliers", tokens=TOKENS, dim=DIM, pairs=PAIRS, amount=SHARE, seed=seed)
            for seed in size.all_seeds
        ],
    }
    figures: Figures = {}
    for name in (*RIVALS, f"yaad{SQUARED}"):
        figures |= {f"recall_{kind}_{name}": _recalls(name, found) for kind, found in streams.items()}
        for kind in ("clean", "tenth"):
            figures[f"clipped_{kind}_{name}"] = _recalls(name, streams[kind], clip=True)
    return figures


# Reading -> beginnings of the figures' names before and with outliers, and the rivals of Yaad.
OTHERS = tuple(rival for rival in RIVALS if rival != "yaad")
YAAD = {
    "one": ("recall_clean", "recall_one", OTHERS),
    "tenth": ("recall_clean", "recall_tenth", OTHERS),
    "huber": ("recall_clean", "recall_tenth", (f"yaad{SQUARED}",)),
    "clipped": ("clipped_clean", "clipped_tenth", OTHERS),
}


def _read_outliers(name: str, figures: Figures) -> Reading:
    """Parts: Yaad loses less of its recall than every rival; with outliers it recalls more than every rival."""
    clean, wild, rivals = YAAD[name]
    before, after = ({rival: figures[f"{kind}_{rival}"].mean for rival in ("yaad", *rivals)} for kind in (clean, wild))
    losses = {rival: before[rival] - after[rival] for rival in before}
    steady = all(losses["yaad"] < losses[rival] for rival in rivals)
    ahead = all(after["yaad"] > after[rival] for rival in rivals)
    told = "recall without → with outliers: "
    told += ", ".join(f"{_spell(rival)} {before[rival]:.2f} → {after[rival]:.2f}" for rival in before)
    kept = tuple(f"{kind}_{rival}" for rival in before for kind in (clean, wild))
    return Reading(name, grade(steady, ahead), told, kept)


def _spell(name: str) -> str:
    return name.replace(SQUARED, " l2").replace("_", " ")


def judge_yaad(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    return weigh(figures, *(_read_outliers(name, figures) for name in YAAD))


def measure_moneta(size: Size) -> Figures:
    """Pairs of a crowded memory that are kept, and those neither kept nor lost; and recall with a tenth of outliers."""
    crowds = [make_pairs(tokens=TOKENS, dim=DIM, pairs=CROWD, seed=seed) for seed in size.all_seeds]
    wild = [
        make_pairs("outliers", tokens=TOKENS, dim=DIM, pairs=PAIRS, amount=SHARE, seed=seed) for seed in size.all_seeds
    ]
    figures: Figures = {}
    for name in (*RIVALS, f"moneta{SQUARED}"):
        each = [_of_pairs(said, stream) for said, stream in zip(answers(name, crowds), crowds, strict=True)]
        figures[f"kept_{name}"] = Spread.of((one >= KEPT).mean() for one in each)
        figures[f"between_{name}"] = Spread.of(((one < KEPT) & (one > LOST)).mean() for one in each)
        figures[f"outliers_{name}"] = _recalls(name, wild)
    return figures


def _of_pairs(said: np.ndarray, stream: Pairs) -> np.ndarray:
    """(pairs,): recall of each pair of one stream."""
    _, first = np.unique(stream.pair, return_index=True)
    return recall(said[first, None], stream.clean[first, None])


def _read_boundary(name: str, rivals: Sequence[str], figures: Figures) -> Reading:
    """Holds if Moneta leaves fewer pairs between kept and lost than every rival."""
    names = ("moneta", *rivals)
    between = {one: figures[f"between_{one}"].mean for one in names}
    hard = all(between["moneta"] < between[rival] for rival in rivals)
    told = "pairs kept / neither kept nor lost: "
    told += ", ".join(f"{_spell(one)} {figures[f'kept_{one}'].mean:.0%} / {between[one]:.0%}" for one in names)
    return Reading(name, grade(hard), told, tuple(f"{kind}_{one}" for one in names for kind in ("kept", "between")))


def _read_intruders(figures: Figures) -> Reading:
    """Holds if Moneta recalls more than every rival from streams with outliers."""
    after = {name: figures[f"outliers_{name}"].mean for name in RIVALS}
    ahead = all(after["moneta"] > mean for name, mean in after.items() if name != "moneta")
    told = "recall with a tenth of outliers: " + ", ".join(f"{_spell(name)} {mean:.2f}" for name, mean in after.items())
    return Reading("outliers", grade(ahead), told, tuple(f"outliers_{name}" for name in RIVALS))


def judge_moneta(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    others = tuple(rival for rival in RIVALS if rival != "moneta")
    return weigh(
        figures,
        _read_boundary("rivals", others, figures),
        _read_boundary("norm", (f"moneta{SQUARED}",), figures),
        _read_intruders(figures),
    )
