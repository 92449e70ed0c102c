"""Claims on Yaad and Moneta: memories of MIRAS under outliers, and where they draw the line between kept and lost.

Every memory gets the best of four step sizes for each stream, and no clip on its gradients: a clip at 1, which some of
the presets have, is itself a cure for outliers.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from titans_mini.config import MemoryConfig
from titans_mini.messages import Message
from titans_mini.miras.config import PRESETS, MirasConfig

from ..studies.rules import read_streams, recall
from ..studies.streams import Pairs, make_pairs
from .claim import MIRAS, Claim, Judged, Way
from .finding import Figures, Size, Spread, grade

THETAS = (0.01, 0.03, 0.1, 0.3)
RIVALS = ("titans", "ttt_mlp", "moneta", "memora", "yaad")
SQUARED = "_squared"  # suffix of a preset with the squared error in place of its own loss and all else equal
DIM, PAIRS, TOKENS = 16, 8, 200
SHARE = 0.1  # share of the values that are outliers
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
    """(r, t, d): answers of the final memories, at the step size whose recall is best on average."""
    truth, tried = np.stack([stream.clean for stream in streams]), []
    for theta in THETAS:
        said = read_streams(replace(_config(name), theta=theta), streams, _memory(name, clip)).recalled
        said = np.nan_to_num(said, nan=1e6, posinf=1e6, neginf=-1e6).clip(-1e6, 1e6)
        tried.append((np.maximum(recall(said, truth), WORST).mean(), -theta, said))
    return max(tried, key=lambda found: found[:2])[2]


def _recalls(name: str, streams: Sequence[Pairs], *, clip: bool = False) -> Spread:
    truth = np.stack([stream.clean for stream in streams])
    return Spread.of(np.maximum(recall(answers(name, streams, clip=clip), truth), WORST).tolist())


def _streams(size: Size, *, pairs: int = PAIRS, **changes: object) -> list[Pairs]:
    return [make_pairs(tokens=TOKENS, dim=DIM, pairs=pairs, seed=seed, **changes) for seed in size.all_seeds]


def _wild(size: Size) -> list[Pairs]:
    """Streams in which a tenth of the values are outliers."""
    return _streams(size, kind="outliers", amount=SHARE)


def with_last_outlier(stream: Pairs, seed: int) -> Pairs:
    """The stream with an outlier as its last value, which no later write can repair."""
    values, marked = stream.values.copy(), stream.marked.copy()
    values[-1], marked[-1] = 10 * np.random.default_rng(seed).standard_normal(DIM), True
    return stream._replace(values=values, marked=marked)


def measure_yaad(size: Size) -> Figures:
    """Recall of each memory: of clean streams, of streams with one outlier and with a tenth of them, and with clips."""
    clean = _streams(size)
    streams = {"clean": clean, "one": [*map(with_last_outlier, clean, size.all_seeds)], "tenth": _wild(size)}
    figures: Figures = {}
    for name in (*RIVALS, f"yaad{SQUARED}"):
        figures |= {f"recall_{kind}_{name}": _recalls(name, found) for kind, found in streams.items()}
        for kind in ("clean", "tenth"):
            figures[f"clipped_{kind}_{name}"] = _recalls(name, streams[kind], clip=True)
    return figures


def judge_outliers(clean: str, wild: str, rivals: tuple[str, ...], figures: Figures) -> Judged:
    """Parts: Yaad loses less recall than every rival; with outliers it recalls more than every rival."""
    names = ("yaad", *rivals)
    before, after = ({name: figures[f"{kind}_{name}"].mean for name in names} for kind in (clean, wild))
    losses = {name: before[name] - after[name] for name in names}
    steady = all(losses["yaad"] < losses[rival] for rival in rivals)
    ahead = all(after["yaad"] > after[rival] for rival in rivals)
    told = Message(
        "recall without → with outliers: {rivals}",
        rivals=", ".join(f"{_spell(name)} {before[name]:.2f} → {after[name]:.2f}" for name in names),
    )
    return Judged(grade(steady, ahead), told, tuple(f"{kind}_{name}" for name in names for kind in (clean, wild)))


def _spell(name: str) -> str:
    return name.replace(SQUARED, " l2").replace("_", " ")


def _others(name: str) -> tuple[str, ...]:
    return tuple(rival for rival in RIVALS if rival != name)


YAAD = Claim(
    key="yaad", section="4", source=MIRAS,
    claim="YAAD uses Huber and is more robust to single outliers", claim_zh="YAAD 用 Huber,对单点异常更鲁棒",
    papers="figures of models of 340M and more, single runs; no count of outliers",
    measure=measure_yaad,
    readings={
        name: Way(means, partial(judge_outliers, *figures_of, rivals))
        for name, means, figures_of, rivals in (
            ("one", "one outlier, as the last token of a clean stream, no gradient clipped",
             ("recall_clean", "recall_one"), _others("yaad")),
            ("tenth", "a tenth of the values are outliers, no gradient clipped",
             ("recall_clean", "recall_tenth"), _others("yaad")),
            ("huber", "the same, and the only rival is Yaad with the squared error in the place of Huber's",
             ("recall_clean", "recall_tenth"), (f"yaad{SQUARED}",)),
            ("clipped", "a tenth of the values are outliers, and each memory has the clip of its preset: 1, Yaad none",
             ("clipped_clean", "clipped_tenth"), _others("yaad")),
        )
    },
)  # fmt: skip


def measure_moneta(size: Size) -> Figures:
    """Pairs of a crowded memory that are kept, and those neither kept nor lost; and recall with a tenth of outliers."""
    crowds, wild = _streams(size, pairs=CROWD), _wild(size)
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


def judge_boundary(rivals: tuple[str, ...], figures: Figures) -> Judged:
    """Holds if Moneta leaves fewer pairs between kept (recall 0.9) and lost (0.1) than every rival."""
    names = ("moneta", *rivals)
    kept, between = ({name: figures[f"{kind}_{name}"].mean for name in names} for kind in ("kept", "between"))
    told = Message(
        "pairs kept / neither kept nor lost: {rivals}",
        rivals=", ".join(f"{_spell(name)} {kept[name]:.0%} / {between[name]:.0%}" for name in names),
    )
    keys = tuple(f"{kind}_{name}" for name in names for kind in ("kept", "between"))
    return Judged(grade(all(between["moneta"] < between[rival] for rival in rivals)), told, keys)


def judge_intruders(figures: Figures) -> Judged:
    """Holds if Moneta recalls more than every rival where a tenth of the values are outliers."""
    after = {name: figures[f"outliers_{name}"].mean for name in RIVALS}
    told = Message(
        "recall with a tenth of outliers: {rivals}",
        rivals=", ".join(f"{_spell(name)} {mean:.2f}" for name, mean in after.items()),
    )
    ahead = all(after["moneta"] > after[rival] for rival in _others("moneta"))
    return Judged(grade(ahead), told, tuple(f"outliers_{name}" for name in RIVALS))


MONETA = Claim(
    key="moneta", section="4", source=MIRAS,
    claim="MONETA uses a generalised norm, its memory boundary is harder", claim_zh="MONETA 用广义范数,记忆边界更硬",
    papers="no boundary is defined; (p, q) = (3, 4)",
    measure=measure_moneta,
    readings={
        "rivals": Way(
            "in a crowded memory a pair is either kept or lost, more clearly than in the other memories",
            partial(judge_boundary, _others("moneta")),
        ),
        "norm": Way(
            "the same, and the only rival is Moneta with the squared error",
            partial(judge_boundary, (f"moneta{SQUARED}",)),
        ),
        "outliers": Way("the boundary keeps outliers out", judge_intruders),
    },
)  # fmt: skip
