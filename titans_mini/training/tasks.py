"""Tasks that only a memory can do: recall over a gap, a needle in real text, and small stories with questions.

Every task makes a Batch from a generator and a length, so that training and evaluation use the same code.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.dna import BASES, genome, to_bases
from ..data.scenarios import to_bytes
from ..data.text import bundled_text, read_text
from ..defaults import plain_defaults
from ..errors import ConfigError, check_choice, check_integer
from .stories import STORIES

RECALL_PAIRS, RECALL_KEYS, RECALL_VALUES, RECALL_FILLER = 8, 32, 32, 16
MAX_SIZE = 10_000_000
LEAST_TEXT = 100  # bytes of a file's held-out part
HELD_OUT = 0.1  # share of the text, at its end, that is never trained on
RETURN_SIZE, RETURN_GAP = (32, 256), (100, 2000)  # bytes of a passage that returns, and between its two places
NAMES = "BCDFGHJKLMNPQRSTVWXZ"


class Batch(NamedTuple):
    """ids (b, t) int64, and `ask` (b, t) bool: the answers, each to be predicted from the tokens before it."""

    ids: Tensor
    ask: Tensor


# A generator -> the bytes of each fact; and those of the question and of its answer.
Draw = Callable[[torch.Generator], tuple[list[Tensor], tuple[Tensor, Tensor]]]


class Task(NamedTuple):
    """How to make a batch of `rows` sequences whose distance or length is `size`, and the vocabulary it needs."""

    make: Callable[[int, int, torch.Generator, Tensor | None], Batch]  # rows, size, generator, source (t,)
    vocab_size: int
    source: Callable[[bool], Tensor] | None = None  # what sequences are cut from, by "held out"; None: from nothing
    least: int = 0  # the smallest size at which anything is asked


def text_bytes(held_out: bool = False) -> Tensor:
    """The bundled text's bytes: its first nine tenths, or the held-out last one."""
    return _share(to_bytes(bundled_text()), held_out)


def file_bytes(file: str, held_out: bool = False) -> Tensor:
    """The bytes of a text file: its first nine tenths, or the held-out last one. Raises ConfigError for a bad file."""
    ids = _share(to_bytes(read_text(file)), held_out)
    if len(ids) < LEAST_TEXT:
        text = "file {file} must have at least {least} bytes: a tenth of it is held out"
        raise ConfigError(text, file=repr(file), least=10 * LEAST_TEXT)
    return ids


def dna_bases(held_out: bool = False) -> Tensor:
    """The bundled genome's bases, 0..3: its first nine tenths, or the held-out last one."""
    return _share(to_bases(genome()), held_out)


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


class Layout(NamedTuple):
    """Where the facts of a recall sequence lie: numbers of facts, or of filler tokens."""

    groups: tuple[int, ...]  # facts in each group; a group's facts follow each other
    lead: int = 0  # filler before the first group
    between: int = 0  # filler between groups
    overwritten: bool = False  # the last group gives new values to that many keys of the groups before it


def _whole_number(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def mixed_layout(generator: torch.Generator) -> Layout:
    """The facts of one training step: 8 to 32 in 1 to 3 groups; every third time the last group overwrites others."""
    draw = functools.partial(_whole_number, generator)
    pairs = draw(RECALL_PAIRS, RECALL_KEYS) if draw(0, 1) else RECALL_PAIRS
    count = draw(1, 3) if draw(0, 1) else 1
    groups = tuple(-(-(pairs - place) // count) for place in range(count))  # as equal as can be, the largest first
    return Layout(groups, overwritten=count > 1 and draw(0, 2) == 0)


def scatter(parts: list[Tensor], source: Tensor, generator: torch.Generator) -> Tensor:
    """The parts, in order, at random places of the filler or text (t,)."""
    places = torch.randint(0, len(source) + 1, (len(parts),), generator=generator).sort().values
    return insert(parts, source, places.tolist())


def insert(parts: list[Tensor], source: Tensor, places: list[int]) -> Tensor:
    """The parts, in order, at these places of the filler or text (t,)."""
    mixed, start = [], 0
    for place, part in zip(places, parts, strict=True):
        mixed += [source[start:place], part]
        start = place
    return torch.cat([*mixed, source[start:]])


def recall_batch(rows: int, size: int, generator: torch.Generator, layout: Layout | None = None) -> Batch:
    """Facts (a key, then its value) among filler, then every key again in another order, each with its value to name.

    Where a key occurs twice, the later value is the right one. With a layout, `size` filler tokens lie between the
    last fact and the first question; without one, groups of facts are scattered over `size` filler tokens.
    Known as multi-query associative recall (MQAR, arXiv 2312.04927).
    """
    plan = layout or mixed_layout(generator)
    again = plan.groups[-1] if plan.overwritten else 0  # facts whose keys occurred before
    keys = torch.stack([torch.randperm(RECALL_KEYS, generator=generator) for _ in range(rows)])  # (b, 32)
    keys = keys[:, : sum(plan.groups) - again]
    told = torch.cat([keys, keys[:, :again]], dim=1)  # (b, facts)
    values = torch.randint(0, RECALL_VALUES, told.shape, generator=generator)
    latest = torch.cat([values[:, keys.shape[1] :], values[:, again : keys.shape[1]]], dim=1)  # (b, keys)
    filler = recall_filler(rows, size + plan.lead + plan.between * (len(plan.groups) - 1), generator)
    facts = recall_pairs(told, values).split([2 * count for count in plan.groups], dim=1)
    places = [plan.lead + plan.between * number for number in range(len(plan.groups))]
    read = []
    for row in range(rows):
        groups = [group[row] for group in facts]
        read.append(insert(groups, filler[row], places) if layout else scatter(groups, filler[row], generator))
    order = torch.stack([torch.randperm(keys.shape[1], generator=generator) for _ in range(rows)])
    asked = recall_pairs(keys.gather(1, order), latest.gather(1, order))  # (b, 2 keys)
    ids = torch.cat([torch.stack(read), asked], dim=1)
    ask = torch.zeros_like(ids, dtype=torch.bool)
    ask[:, ids.shape[1] - asked.shape[1] + 1 :: 2] = True
    return Batch(ids, ask)


# The layouts that recall is measured on, one by one; training uses `mixed_layout`.
LATE = 1024  # filler tokens before the facts of "recall_late"
LAYOUTS: dict[str, Layout] = {
    "recall_once": Layout((RECALL_PAIRS,)),  # eight facts at the very start
    "recall_late": Layout((RECALL_PAIRS,), lead=LATE),
    "recall_groups": Layout((RECALL_PAIRS, RECALL_PAIRS), between=64),
    "recall_overwritten": Layout((RECALL_PAIRS, RECALL_PAIRS), between=64, overwritten=True),
    "recall_many": Layout((RECALL_KEYS,)),
}


def recall_task(layout: Layout | None = None) -> Task:
    """The recall task of a layout; None: the mixture that models are trained on."""

    def make(rows: int, size: int, generator: torch.Generator, source: None = None) -> Batch:
        """As in `Task`; every sequence is random, so there is no source and nothing is held out."""
        return recall_batch(rows, size, generator, layout)

    return Task(make, RECALL_KEYS + RECALL_VALUES + RECALL_FILLER)


def stretches(rows: int, length: int, generator: torch.Generator, source: Tensor) -> Batch:
    """Plain text or a stretch of a genome: every byte or base but the first is to be predicted."""
    ids = pieces(source, rows, length, generator)
    return Batch(ids, (torch.arange(length) > 0).expand_as(ids).clone())


def with_returns(ids: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Texts (b, t) in which passages come back: about `share` of the bytes repeat what stood 100 to 2,000 bytes before.

    A passage has 32 to 256 bytes. Every fourth one is made of random letters, which only copying can predict.
    """
    draw = functools.partial(_whole_number, generator)
    ids, length = ids.clone(), ids.shape[1]
    for row in ids:
        place = draw(0, RETURN_GAP[1])
        while place < length:
            size, gap = draw(*RETURN_SIZE), draw(*RETURN_GAP)
            first = place - gap - size
            if first >= 0:
                if draw(0, 3) == 0:
                    row[first : first + size] = torch.randint(97, 123, (size,), generator=generator)
                again = row[first : first + size][: length - place].clone()
                row[place : place + len(again)] = again
            place += size + draw(0, max(0, round(2 * size * (1 / share - 1))))
    return ids


def draw_needle(generator: torch.Generator) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
    """A fact and its question: three letters have a two-digit code."""
    name = "".join(NAMES[i] for i in torch.randint(0, len(NAMES), (3,), generator=generator))
    code = "{}{}".format(*torch.randint(0, 10, (2,), generator=generator).tolist())
    return [to_bytes(f" [{name}={code}] ")], (to_bytes(f"\n[{name}="), to_bytes(code))


def draw_story(*names: str) -> Draw:
    """Draws one of the named kinds of story (see `stories`); one name or several."""

    def draw(generator: torch.Generator) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        story = STORIES[names[int(torch.randint(0, len(names), (), generator=generator))]](generator)
        return story.told, story.asked

    return draw


def question_task(draw: Draw) -> Task:
    """A question about facts that lie scattered in real text, asked at its end (for stories: see arXiv 2406.10149)."""

    def make(rows: int, length: int, generator: torch.Generator, source: Tensor) -> Batch:
        """As in `Task`. Rows that differ in length are cut on the left to that of the shortest."""
        sequences, answers = [], []
        for row in pieces(source, rows, length, generator):
            told, (question, answer) = draw(generator)
            sequences.append(torch.cat([scatter(told, row, generator), question, answer]))
            answers.append(len(answer))
        shortest = min(map(len, sequences))
        ids = torch.stack([row[len(row) - shortest :] for row in sequences])
        return Batch(ids, torch.arange(shortest) >= shortest - torch.tensor(answers).unsqueeze(-1))

    return Task(make, 256, text_bytes)


TASKS: dict[str, Task] = {
    "recall": recall_task(),
    **{name: recall_task(layout) for name, layout in LAYOUTS.items()},
    "needle": question_task(draw_needle),
    "text": Task(stretches, 256, text_bytes, least=2),
    "dna": Task(stretches, len(BASES), dna_bases, least=2),
    **{name: question_task(draw_story(name)) for name in STORIES},
    "stories": question_task(draw_story(*STORIES)),
}


def source_of(task: str, file: str = "", held_out: bool = False) -> Tensor | None:
    """What a task's sequences are cut from, (t,): the text of a file, the bundled text or the genome; None: nothing.

    Its first nine tenths, or the held-out last one. Raises ConfigError for a bad file.
    """
    if file:
        return file_bytes(file, held_out)
    source = TASKS[task].source
    return None if source is None else source(held_out)


def check_vocabulary(task: str, vocab_size: int) -> None:
    """Raises ConfigError for a model whose vocabulary is not that of the task."""
    needed = TASKS[task].vocab_size
    if needed != vocab_size:
        text = "task {task} needs {needed} symbols, this model has {count}"
        raise ConfigError(text, task=repr(task), needed=needed, count=vocab_size)


def check_size(setting: str, task: str, size: int) -> int:
    """Returns a size that the task can have, or raises ConfigError that names the setting."""
    return check_integer(setting, size, TASKS[task].least, MAX_SIZE)


@plain_defaults()
def make_batch(
    task: str, rows: int, size: int, generator: torch.Generator, held_out: bool = False, source: Tensor | None = None
) -> Batch:
    """A batch of a named task, cut from `source` (t,) or from the bundled text or genome, of which a part is held out.

    Raises ConfigError for an unknown name, or a size that the task cannot have.
    """
    check_choice("task", task, TASKS)
    check_size("size", task, size)
    source = source_of(task, held_out=held_out) if source is None else source
    return TASKS[task].make(rows, size, generator, source)
