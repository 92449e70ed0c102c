"""Tasks that only a memory can do: recall over a gap, a needle in real text, and small stories with questions.

Every task makes a Batch from a generator and a length, so that training and evaluation use the same code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.dna import BASES, genome, to_bases
from ..data.scenarios import to_bytes
from ..data.text import bundled_text
from ..errors import ConfigError
from .stories import STORIES

RECALL_PAIRS, RECALL_KEYS, RECALL_VALUES, RECALL_FILLER = 8, 32, 32, 16
HELD_OUT = 0.1  # share of the text, at its end, that is never trained on
NAMES = "BCDFGHJKLMNPQRSTVWXZ"


class Batch(NamedTuple):
    """ids (b, t) int64, and `ask` (b, t) bool: the answers, each to be predicted from the tokens before it."""

    ids: Tensor
    ask: Tensor


class Task(NamedTuple):
    """How to make a batch of `rows` sequences whose distance or length is `size`, and the vocabulary it needs."""

    make: Callable[[int, int, torch.Generator, bool], Batch]  # rows, size, generator, held out
    vocab_size: int
    size: str  # what `size` counts


def text_bytes(held_out: bool = False) -> Tensor:
    """The bundled text's bytes: its first nine tenths, or the held-out last one."""
    return _share(to_bytes(bundled_text()), held_out)


def dna_bases(held_out: bool = False) -> Tensor:
    """The bundled genome's bases, 0..3: its first nine tenths, or the held-out last one."""
    return _share(_genome_bases(), held_out).clone()


@functools.cache
def _genome_bases() -> Tensor:
    return to_bases(genome())


def _share(ids: Tensor, held_out: bool) -> Tensor:
    cut = int(len(ids) * (1 - HELD_OUT))
    return ids[cut:] if held_out else ids[:cut]


def pieces(source: Tensor, rows: int, length: int, generator: torch.Generator) -> Tensor:
    """(rows, length) random stretches of `source`, going round at its end."""
    start = torch.randint(0, len(source), (rows, 1), generator=generator)
    return source[(start + torch.arange(length)) % len(source)]


def recall_pairs(keys: Tensor, values: Tensor) -> Tensor:
    """keys and values (b, n), each 0..31 -> ids (b, 2 n) of the recall task: key, value, key, value ..."""
    return torch.stack([keys, values + RECALL_KEYS], dim=-1).flatten(1)


def recall_filler(rows: int, tokens: int, generator: torch.Generator) -> Tensor:
    """(rows, tokens) random ids that are neither keys nor values."""
    return torch.randint(0, RECALL_FILLER, (rows, tokens), generator=generator) + RECALL_KEYS + RECALL_VALUES


def recall(rows: int, gap: int, generator: torch.Generator, held_out: bool = False) -> Batch:
    """Eight key-value pairs, `gap` filler tokens, then the keys again in another order, each with its value to name.

    Known as multi-query associative recall (MQAR, arXiv 2312.04927).
    """
    shuffled = [torch.randperm(RECALL_KEYS, generator=generator)[:RECALL_PAIRS] for _ in range(rows)]
    keys = torch.stack(shuffled)  # (b, pairs)
    values = torch.randint(0, RECALL_VALUES, keys.shape, generator=generator)
    order = torch.stack([torch.randperm(RECALL_PAIRS, generator=generator) for _ in range(rows)])
    filler = recall_filler(rows, gap, generator)
    told = recall_pairs(keys, values)  # (b, 2 pairs)
    asked = recall_pairs(keys.gather(1, order), values.gather(1, order))
    ids = torch.cat([told, filler, asked], dim=1)
    ask = torch.zeros_like(ids, dtype=torch.bool)
    ask[:, told.shape[1] + gap + 1 :: 2] = True
    return Batch(ids, ask)


def needle(rows: int, length: int, generator: torch.Generator, held_out: bool = False) -> Batch:
    """One fact somewhere in `length` bytes of real text, asked for at the end: three letters have a two-digit code."""
    text = pieces(text_bytes(held_out), rows, length, generator)
    sequences, answers = [], []
    for row in text:
        name = "".join(NAMES[i] for i in torch.randint(0, len(NAMES), (3,), generator=generator))
        code = "{}{}".format(*torch.randint(0, 10, (2,), generator=generator).tolist())
        place = int(torch.randint(0, length + 1, (), generator=generator))
        told, asked = to_bytes(f" [{name}={code}] "), to_bytes(f"\n[{name}={code}")
        sequences.append(torch.cat([row[:place], told, row[place:], asked]))
        answers.append(len(code))
    return _ask_ends(sequences, answers)


def text(rows: int, length: int, generator: torch.Generator, held_out: bool = False) -> Batch:
    """Plain text: every byte but the first is to be predicted."""
    return _all_asked(pieces(text_bytes(held_out), rows, length, generator))


def dna(rows: int, length: int, generator: torch.Generator, held_out: bool = False) -> Batch:
    """A stretch of a genome: every base but the first is to be predicted."""
    return _all_asked(pieces(dna_bases(held_out), rows, length, generator))


def _all_asked(ids: Tensor) -> Batch:
    return Batch(ids, torch.ones_like(ids, dtype=torch.bool).index_fill(1, torch.zeros(1, dtype=torch.int64), False))


def story_task(*names: str) -> Task:
    """A question over a story whose sentences lie scattered in real text (in the manner of arXiv 2406.10149).

    With several names each row's story is one of them.
    """

    def make(rows: int, length: int, generator: torch.Generator, held_out: bool = False) -> Batch:
        """As in `Task`."""
        sequences, answers = [], []
        for row in pieces(text_bytes(held_out), rows, length, generator):
            kind = names[int(torch.randint(0, len(names), (), generator=generator))]
            story = STORIES[kind](generator)
            sequences.append(_hide([to_bytes(f" {line} ") for line in story.sentences], row, generator))
            sequences[-1] = torch.cat([sequences[-1], to_bytes(f"\n{story.question} {story.answer}.")])
            answers.append(len(story.answer) + 1)
        return _ask_ends(sequences, answers)

    return Task(make, 256, "bytes of text around the story")


def _hide(parts: list[Tensor], text: Tensor, generator: torch.Generator) -> Tensor:
    """The parts, in order, at random places of the text."""
    places = torch.randint(0, len(text) + 1, (len(parts),), generator=generator).sort().values.tolist()
    mixed, start = [], 0
    for place, part in zip(places, parts, strict=True):
        mixed += [text[start:place], part]
        start = place
    return torch.cat([*mixed, text[start:]])


def _ask_ends(sequences: list[Tensor], answers: list[int]) -> Batch:
    """Rows of equal length, cut on the left where they differ; the last `answers[i]` bytes of row i are asked."""
    shortest = min(map(len, sequences))
    ids = torch.stack([row[len(row) - shortest :] for row in sequences])
    lengths = torch.tensor(answers).unsqueeze(-1)
    return Batch(ids, torch.arange(shortest) >= shortest - lengths)


TASKS: dict[str, Task] = {
    "recall": Task(recall, RECALL_KEYS + RECALL_VALUES + RECALL_FILLER, "filler tokens between telling and asking"),
    "needle": Task(needle, 256, "bytes of text around the fact"),
    "text": Task(text, 256, "bytes"),
    "dna": Task(dna, len(BASES), "bases"),
    **{name: story_task(name) for name in STORIES},
    "stories": story_task(*STORIES),
}


def check_vocabulary(task: str, vocab_size: int) -> None:
    """Raises ConfigError for a model whose vocabulary is not that of the task."""
    needed = TASKS[task].vocab_size
    if needed != vocab_size:
        raise ConfigError(f"task {task!r} needs {needed} symbols, this model has {vocab_size}")


def make_batch(task: str, rows: int, size: int, generator: torch.Generator, held_out: bool = False) -> Batch:
    """A batch of a named task. Raises ConfigError for an unknown name."""
    if task not in TASKS:
        raise ConfigError(f"task must be one of {', '.join(TASKS)}, not {task!r}")
    return TASKS[task].make(rows, size, generator, held_out)
