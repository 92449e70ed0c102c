"""Recall of a stream of pairs: which pair is asked for after each write, and how well the memory answers."""

from collections import deque
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from titans_mini.config import MemoryConfig
from titans_mini.miras.config import MirasConfig
from titans_mini.miras.running import MirasTrace, run

from .streams import Pairs

TOO_LARGE = 1e6  # norm above which no memory of these streams is useful


class Questions(NamedTuple):
    """One question per token, answered after its write."""

    pair: np.ndarray  # (t,) int: which pair is asked for
    shown: np.ndarray  # (t,) int: the token that showed it last, at most t itself

    @property
    def age(self) -> np.ndarray:
        """(t,) tokens since that pair was shown; 0: just now."""
        return np.arange(len(self.shown)) - self.shown


class Answers(NamedTuple):
    """How good the answers were; NaN where the run had no numbers."""

    age: np.ndarray  # (t,)
    recall: np.ndarray  # (t,) see `recall`
    end_pair: np.ndarray  # (p,) each pair that was shown, asked for once more after the last token
    end_age: np.ndarray  # (p,)
    end_recall: np.ndarray  # (p,)
    end_error: float  # squared distance over the squared size of the values, all pairs together; a zero answer gives 1


def ask(pairs: np.ndarray) -> Questions:
    """The questions of a stream that shows `pairs` (t,): a new pair immediately, else the one not asked for longest."""
    last: dict[int, int] = {}
    waiting: deque[int] = deque()
    found = []
    for token, pair in enumerate(pairs.tolist()):
        if pair not in last:
            waiting.appendleft(pair)
        last[pair] = token
        waiting.rotate(-1)
        found.append((waiting[-1], last[waiting[-1]]))
    return Questions(*np.array(found).T)


def recall(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., d), the same -> (...,) cosine: 1 points at the true value, 0 is unrelated to it. Size does not count."""
    sizes = np.linalg.norm(answers, axis=-1) * np.linalg.norm(truth, axis=-1)
    return (answers * truth).sum(-1) / np.where(sizes == 0, 1.0, sizes)


def judge(stream: Pairs, questions: Questions, trace: MirasTrace) -> Answers:
    """The answers of a run that was asked `questions`, against the clean value that each pair had when last shown."""
    pairs, asked = np.unique(questions.pair, return_index=True)
    shown = {pair: token for token, pair in enumerate(stream.pair.tolist())}
    last = np.array([shown[pair] for pair in pairs.tolist()])
    told, truth = trace.recalled[asked], stream.clean[last]
    return Answers(
        age=questions.age,
        recall=recall(trace.reads, stream.clean[questions.shown]),
        end_pair=pairs,
        end_age=len(stream.pair) - 1 - last,
        end_recall=recall(told, truth),
        end_error=float(np.square(told - truth).sum() / np.square(truth).sum()),
    )


def read_pairs(
    config: MirasConfig, stream: Pairs, *, memory: MemoryConfig | None = None, seed: int = 0, **more: object
) -> tuple[MirasTrace, Answers, int | None]:
    """The stream through a memory of this rule, asked after each write: (the run, its answers, where it ended early).

    Keys have the scale of `memory`; without one see `miras.run`, to which `more` goes.
    """
    questions, keys = ask(stream.pair), stream.keys * (memory.norm if memory else 1.0)
    trace, ended = cut(run(config, keys, stream.values, keys[questions.shown], memory=memory, seed=seed, **more))
    return trace, judge(stream, questions, trace), ended


def by_age(age: np.ndarray, values: np.ndarray, *, groups: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """(mean age, mean value) of at most `groups` groups, from young to old, of about equal size; no age is in two.

    Values that are not finite are left out.
    """
    keep = np.isfinite(values)
    age, values = age[keep], values[keep]
    if not len(age):
        return np.empty(0), np.empty(0)
    edges = np.unique(np.quantile(age, np.linspace(0, 1, groups + 1)[1:-1]))
    group = np.searchsorted(edges, age)
    parts = [group == number for number in np.unique(group)]
    return tuple(np.array([series[part].mean() for part in parts]) for series in (age, values))


def cut(trace: MirasTrace) -> tuple[MirasTrace, int | None]:
    """(the trace with NaN from there on, the first token without numbers or with a memory that is TOO_LARGE)."""
    gone = ~(np.nan_to_num(trace.memory_norm, nan=np.inf) <= TOO_LARGE)
    if not gone.any():
        return trace, None
    token = int(gone.argmax())
    blanks = {}
    for field in fields(trace):
        column = getattr(trace, field.name)
        if isinstance(column, np.ndarray):
            blanks[field.name] = column = column.copy()
            column[0 if field.name == "recalled" else token :] = np.nan
    return replace(trace, **blanks), token
