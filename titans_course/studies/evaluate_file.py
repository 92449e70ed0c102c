"""Evaluation on any file: bits of a plain text, or exact answers to the questions of a bAbI or BABILong file.

An answer is exact if each of its bytes, and the full stop after it, is the model's most likely one given the bytes
before it: the answer that the model itself would generate greedily.
"""

import time
from collections import Counter
from pathlib import Path

import torch

from titans_mini.data.scenarios import to_bytes
from titans_mini.errors import ConfigError, check_integer
from titans_mini.models.model import TitansLM
from titans_mini.training.stories import Story

from .context import SEED, follow
from .story_files import read_file

QUESTIONS = 64  # questions that are asked, if a file holds more


def evaluate_file(
    lm: TitansLM, path: str | Path, form: str | None = None, *, modes=("on",), size: int | None = None,
    questions: int = QUESTIONS, seed: int = SEED,
) -> dict:  # fmt: skip
    """The scores on the file, as one dict; `form` is one of FORMATS, by default recognised from the file's first lines.

    A text gives {file, format, bytes, memory, bits, accuracy, tokens_per_second} of its first `size` bytes, in the
    first of the `modes`. Questions give {file, format, questions, in_file, seed, memory, exact, bits, most_frequent,
    most_frequent_answer}: at most `questions` of them, drawn by the seed; `exact` and `bits` hold a number for each of
    the `modes`, and `most_frequent` is the share of the commonest answer, which a guess reaches without reading.
    """
    check_bytes(lm)
    check_integer("rows", questions, 1, 100_000)
    check_integer("seed", seed, 0, 2**31 - 1)
    read = read_file(path, form)
    about = {"file": Path(path).name, "format": read.format}
    if read.text is not None:
        return {**about, **_text(lm, read.text, size, modes[0])}
    order = torch.randperm(len(read.stories), generator=torch.Generator().manual_seed(seed))[:questions]
    stories = [read.stories[place] for place in sorted(order.tolist())]
    (answer, count) = Counter(story.answer for story in stories).most_common(1)[0]
    found = {mode: [ask(lm, story, mode) for story in stories] for mode in modes}
    return {
        **about,
        "questions": len(stories),
        "in_file": len(read.stories),
        "seed": seed,
        "memory": list(modes),
        "exact": {mode: sum(exact for exact, _ in answers) / len(answers) for mode, answers in found.items()},
        "bits": {mode: sum(bits for _, bits in answers) / len(answers) for mode, answers in found.items()},
        "most_frequent": count / len(stories),
        "most_frequent_answer": answer,
    }


def check_bytes(lm: TitansLM) -> None:
    """Raises ConfigError for a model that does not read bytes."""
    if lm.config.vocab_size != 256:
        text = "checkpoint must read bytes, 256 symbols; this one has {count}"
        raise ConfigError(text, count=lm.config.vocab_size)


def _text(lm: TitansLM, text: str, size: int | None, memory: str) -> dict:
    if size is not None:
        check_integer("size", size, 2, 10_000_000)
    ids = to_bytes(text)[:size]
    if len(ids) < 2:
        raise ConfigError("file must hold at least 2 bytes, not {count}", count=len(ids))
    began = time.perf_counter()
    bits, hits = follow(lm, ids.unsqueeze(0), 1, memory=memory)
    seconds = time.perf_counter() - began
    return {
        "bytes": len(ids),
        "memory": memory,
        "bits": bits.mean().item(),
        "accuracy": hits.double().mean().item(),
        "tokens_per_second": len(ids) / seconds,
    }


def ask(lm: TitansLM, story: Story, memory: str = "on") -> tuple[bool, float]:
    """(whether the answer is exact, its bits per byte), with a memory that has read only the story."""
    question, answer = story.asked
    ids = torch.cat([*story.told, question, answer])
    bits, hits = follow(lm, ids.unsqueeze(0), len(ids) - len(answer), memory=memory)
    return bool(hits.all()), bits.mean().item()
