"""Small generated stories, each with a question, in the manner of bAbI (arXiv 1502.05698)."""

from __future__ import annotations

from collections.abc import Callable
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


class _Dice:
    """Random choices from one torch generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def number(self, below: int) -> int:
        return int(torch.randint(0, below, (), generator=self.generator))

    def pick(self, options: tuple[str, ...], count: int = 1) -> list[str]:
        """`count` different options, in random order."""
        return [options[i] for i in torch.randperm(len(options), generator=self.generator)[:count]]


def one_fact(generator: torch.Generator) -> Story:
    """Where is a person? The answer is in the last sentence about that person."""
    dice, where, sentences = _Dice(generator), {}, []
    people = dice.pick(PEOPLE, 3)
    for person in (*people, dice.pick(tuple(people))[0]):
        where[person] = dice.pick(PLACES)[0]
        sentences.append(f"{person} went to the {where[person]}.")
    asked = people[dice.number(3)]
    return Story(sentences, f"Where is {asked}?", where[asked])


def two_facts(generator: torch.Generator) -> Story:
    """Where is a thing? Someone took it, and someone went somewhere."""
    dice = _Dice(generator)
    (first, second), (thing, other) = dice.pick(PEOPLE, 2), dice.pick(THINGS, 2)
    here, there = dice.pick(PLACES, 2)
    sentences = [
        f"{first} took the {thing}.",
        f"{second} took the {other}.",
        f"{first} went to the {here}.",
        f"{second} went to the {there}.",
    ]
    asked, answer = ((thing, here), (other, there))[dice.number(2)]
    return Story(sentences, f"Where is the {asked}?", answer)


def yes_no(generator: torch.Generator) -> Story:
    """Is a person in a place? Half of the time, yes."""
    story, dice = one_fact(generator), _Dice(generator)
    person = story.question.removeprefix("Where is ").removesuffix("?")
    if dice.number(2):
        return Story(story.sentences, f"Is {person} in the {story.answer}?", "yes")
    wrong = dice.pick(tuple(place for place in PLACES if place != story.answer))[0]
    return Story(story.sentences, f"Is {person} in the {wrong}?", "no")


def counting(generator: torch.Generator) -> Story:
    """How many things does a person hold, after taking and dropping?"""
    dice = _Dice(generator)
    person, held, sentences = dice.pick(PEOPLE)[0], [], []
    for thing in dice.pick(THINGS, 3):
        sentences.append(f"{person} took the {thing}.")
        held.append(thing)
        if dice.number(3) == 0:
            sentences.append(f"{person} dropped the {held.pop(dice.number(len(held)))}.")
    return Story(sentences, f"How many things has {person}?", NUMBERS[len(held)])


def times(generator: torch.Generator) -> Story:
    """Where was a person at a time? The sentences come in any order."""
    dice = _Dice(generator)
    person, places = dice.pick(PEOPLE)[0], dice.pick(PLACES, len(TIMES))
    told = dict(zip(TIMES, places, strict=True))
    sentences = [f"{person} was in the {told[when]} {when}." for when in dice.pick(TIMES, len(TIMES))]
    asked = dice.pick(TIMES)[0]
    return Story(sentences, f"Where was {person} {asked}?", told[asked])


STORIES: dict[str, Callable[[torch.Generator], Story]] = {
    "one_fact": one_fact,
    "two_facts": two_facts,
    "yes_no": yes_no,
    "counting": counting,
    "times": times,
}
