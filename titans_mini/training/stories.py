"""Small generated stories, each with a question, in the manner of bAbI (arXiv 1502.05698)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.scenarios import to_bytes

PEOPLE = ("Anna", "Boris", "Clara", "David", "Emil", "Fiona")
PLACES = ("attic", "cellar", "garden", "kitchen", "office", "studio")
THINGS = ("apple", "book", "coin", "drum", "key", "lamp")
TIMES = ("yesterday", "this morning", "this afternoon", "this evening")
NUMBERS = ("none", "one", "two", "three")


class Story(NamedTuple):
    """Sentences in order, a question about them, and its one-word answer."""

    sentences: list[str]
    question: str
    answer: str

    @property
    def told(self) -> list[Tensor]:
        """The bytes of each sentence as a model reads them, (t,) each."""
        return [to_bytes(f" {sentence} ") for sentence in self.sentences]

    @property
    def asked(self) -> tuple[Tensor, Tensor]:
        """The bytes of the question and those of the answer with the full stop that ends it, (t,) each."""
        return to_bytes(f"\n{self.question} "), to_bytes(f"{self.answer}.")


def _number(generator: torch.Generator, below: int) -> int:
    return int(torch.randint(0, below, (), generator=generator))


def _pick(generator: torch.Generator, options: Sequence[str], count: int) -> list[str]:
    """`count` different options, in random order."""
    return [options[i] for i in torch.randperm(len(options), generator=generator)[:count]]


def one_fact(generator: torch.Generator) -> Story:
    """Where is a person? The answer is in the last sentence about that person."""
    where, sentences = {}, []
    people = _pick(generator, PEOPLE, 3)
    for person in (*people, *_pick(generator, people, 1)):
        (where[person],) = _pick(generator, PLACES, 1)
        sentences.append(f"{person} went to the {where[person]}.")
    asked = people[_number(generator, 3)]
    return Story(sentences, f"Where is {asked}?", where[asked])


def two_facts(generator: torch.Generator) -> Story:
    """Where is a thing? Someone took it, and someone went somewhere."""
    (first, second), (thing, other) = _pick(generator, PEOPLE, 2), _pick(generator, THINGS, 2)
    here, there = _pick(generator, PLACES, 2)
    sentences = [f"{first} took the {thing}.", f"{second} took the {other}."]
    sentences += [f"{first} went to the {here}.", f"{second} went to the {there}."]
    asked, answer = ((thing, here), (other, there))[_number(generator, 2)]
    return Story(sentences, f"Where is the {asked}?", answer)


def yes_no(generator: torch.Generator) -> Story:
    """Is a person in a place? Half of the time, yes."""
    story = one_fact(generator)
    person = story.question.removeprefix("Where is ").removesuffix("?")
    if _number(generator, 2):
        return Story(story.sentences, f"Is {person} in the {story.answer}?", "yes")
    (wrong,) = _pick(generator, [place for place in PLACES if place != story.answer], 1)
    return Story(story.sentences, f"Is {person} in the {wrong}?", "no")


def counting(generator: torch.Generator) -> Story:
    """How many things does a person hold, after taking and dropping?"""
    (person,), held, sentences = _pick(generator, PEOPLE, 1), [], []
    for thing in _pick(generator, THINGS, 3):
        sentences.append(f"{person} took the {thing}.")
        held.append(thing)
        if _number(generator, 3) == 0:
            sentences.append(f"{person} dropped the {held.pop(_number(generator, len(held)))}.")
    return Story(sentences, f"How many things has {person}?", NUMBERS[len(held)])


def times(generator: torch.Generator) -> Story:
    """Where was a person at a time? The sentences come in any order."""
    (person,) = _pick(generator, PEOPLE, 1)
    place = dict(zip(TIMES, _pick(generator, PLACES, len(TIMES)), strict=True))
    sentences = [f"{person} was in the {place[when]} {when}." for when in _pick(generator, TIMES, len(TIMES))]
    (asked,) = _pick(generator, TIMES, 1)
    return Story(sentences, f"Where was {person} {asked}?", place[asked])


STORIES: dict[str, Callable[[torch.Generator], Story]] = {
    story.__name__: story for story in (one_fact, two_facts, yes_no, counting, times)
}
