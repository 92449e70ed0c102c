"""What a grid search can aim at: the inner loss along a text, or the recall of facts that were planted in it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from ..encoding import read_stream
from ..trace import Trace

CUE, ANSWER = 4, 8  # bytes of a planted fact; a key sees the last 4 bytes
ALPHABET = b"0123456789BCDFGHJKLMNPQRSTVWXYZ"
FACT_EVERY = 500  # tokens of the stream to a fact
FEWEST_FACTS = 4


class Objective(NamedTuple):
    """What is scored."""

    title: str
    sign: int  # 1 if a high score is good, -1 if a low one is
    prepare: Callable[[str, int, int], tuple[str, np.ndarray]]  # source, tokens, seed -> text, tokens that are judged
    score: Callable[[Trace, str, np.ndarray], float]


def second_half(source: str, tokens: int, seed: int) -> tuple[str, np.ndarray]:
    """(the text as it is, the tokens of the second half)."""
    return source, np.arange(tokens // 2, tokens)


def _loss(trace: Trace, text: str, judged: np.ndarray) -> float:
    """Relative inner loss before the write: 0 is perfect, 1 about as good as silence."""
    return float(trace.loss[judged].mean())


def plant_facts(source: str, tokens: int, seed: int) -> tuple[str, np.ndarray]:
    """(the text with facts in the first half of its `tokens`, the places of the bytes that answer).

    A fact is a cue of 4 random bytes and an answer of 8; it occurs once, between two characters. The key of an
    answer's byte depends only on the fact, so reading the memory with it after the stream asks for the fact.
    """
    generator = torch.Generator().manual_seed(seed)
    data, count, fact = source.encode("utf-8", "replace"), max(FEWEST_FACTS, tokens // FACT_EVERY), CUE + ANSWER
    pieces, judged, start, length = [], [], 0, 0
    for index in range(count):
        end = max(start, index * (tokens // 2) // count - index * fact)
        while end < len(data) and data[end] & 0xC0 == 0x80:  # never inside a character
            end += 1
        drawn = torch.randint(0, len(ALPHABET), (fact,), generator=generator).tolist()
        pieces += [data[start:end], bytes(ALPHABET[letter] for letter in drawn)]
        length += end - start + fact
        judged += range(length - ANSWER, length)
        start = end
    return b"".join([*pieces, data[start:]]).decode(), np.array(judged)


def _recall(trace: Trace, text: str, judged: np.ndarray) -> float:
    """1 is perfect, 0 is as good as silence: what the final memory answers to the facts' keys."""
    values = read_stream(trace.settings, text).values[judged]
    return float(1 - trace.loss_after[judged].sum() / values.square().sum().item())


OBJECTIVES: dict[str, Objective] = {
    "loss": Objective("relative inner loss, second half of the stream", -1, second_half, _loss),
    "recall": Objective("recall of planted facts after the stream", 1, plant_facts, _recall),
}
