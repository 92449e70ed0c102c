"""How an exercise is checked: shape, then value, then property. One sentence says what is wrong.

An `Exercise` is called with the student's function. Its parts see the function through an `Answer` and raise `Wrong`,
the only error of a check.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from titans_mini.messages import Message

from ..language import choose, tell
from .answer import Answer, Student, one_line, results
from .seal import SEAL
from .values import Wrong, article

PARTS = {"value": "right: {title}, value", "property": "right: {title}, property"}  # name -> what a right one is told
SIGN = "[ok]"  # begins that line in every language: grading counts signs and reads no sentence


class Draw:
    """Seeded inputs, float64."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Gaussian numbers."""
        return torch.randn(*shape, generator=self.random, dtype=torch.float64)

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        """Evenly spread numbers from low to high."""
        return low + (high - low) * torch.rand(*shape, generator=self.random, dtype=torch.float64)

    def number(self, low: float, high: float) -> float:
        """One of them, as a float."""
        return self.between(low, high, 1).item()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high."""
        return int(torch.randint(low, high + 1, (), generator=self.random))


@dataclass(frozen=True)
class Exercise:
    """One coding exercise, which is also its own check: `check(function)`, or one part of it for its points."""

    name: str
    lesson: int
    title: str
    points: tuple[int, int]  # of the parts `value` and `property`
    difficulty: int  # 1 to 5
    minutes: int
    value: Callable[[Answer, Draw], None]
    property: Callable[[Answer, Draw], None]
    hints: tuple[str, str, str]  # of rising strength
    by_hand: bool = False  # neither autograd nor a function of titans_mini may be called
    seconds: float | None = None  # that one call may take, if not limits.SECONDS

    def __call__(self, function: object, part: str | None = None, *, seed: int = 0) -> None:
        """Prints that the function is right, or raises Wrong, in the language of `choose()`.

        `seed` draws the inputs; ValueError for a wrong part.
        """
        if part is not None and part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
        language = choose()
        for name in PARTS if part is None else (part,):
            try:
                self._check(function, getattr(self, name), seed)
            except Wrong as wrong:
                said, call = one_line(tell(wrong, language)), f'print(hint("{self.name}", 1))'
                told = Message("{said} (a hint: {call})", said=said, call=call)
            except Exception as error:
                told = Message("what {name} returned cannot be used: {error}", name=self.name, error=one_line(error))
            else:
                print(SIGN, tell(Message(PARTS[name], title=Message(self.title)), language))
                continue
            raise Wrong(tell(told, language))  # here, so that it is without the checker's own frames

    def _check(self, function: object, part: Callable[[Answer, Draw], None], seed: int) -> None:
        if not callable(function):
            given = "None" if function is None else article(function)
            raise Wrong("{name} must be a function, but it is {given}", name=self.name, given=given)
        if (replaced := SEAL.broken()) is not None:
            text = "{replaced} was replaced in this notebook: restart the kernel and do not change libraries"
            raise Wrong(text, replaced=replaced)
        if self.seconds is not None:  # torch.optim imports this when it is first used; that is not the student's time
            importlib.import_module("torch._dynamo")
        results(part, Student(function, self.name, self.by_hand, self.seconds), lambda: Draw(seed))
