"""How an exercise is checked: shape, then value, then property; what is wrong is said in one sentence.

An `Exercise` is called with the student's function. Its parts call it through an `Answer`, which turns an exception,
None, NaN or a wrong type or shape into a `Wrong`, the only error that leaves a check.
"""

from __future__ import annotations

import contextlib
import io
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .limits import SECONDS, TooSlow, time_limit

PARTS = ("value", "property")
CLOSE = 1e-7  # of a value, relative and absolute; everything is float64


class Wrong(AssertionError):
    """An answer that is not right; its text says in one sentence what is wrong."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return [f"Not yet: {self}"]


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

    def __call__(self, function: object, part: str | None = None, *, seed: int = 0) -> None:
        """Prints that the function is right, or raises Wrong. `seed` draws the inputs; ValueError for a wrong part."""
        if part is not None and part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
        for name in PARTS if part is None else (part,):
            try:
                getattr(self, name)(Answer(function, self.name), Draw(seed))
            except Wrong as wrong:  # without the checker's own frames
                raise Wrong(f'{_line(wrong)} (a hint: print(hint("{self.name}", 1)))') from None
            except Exception as error:
                raise Wrong(f"what {self.name} returned cannot be used: {_line(error)}") from None
            print(f"right: {self.title}, {name}")


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


class Answer:
    """A student's function. Each call gets copies of its arguments, and gives back something that is not None."""

    def __init__(self, function: object, name: str) -> None:
        self.function, self.name = function, name
        if not callable(function):
            given = "it is None" if function is None else f"it is {article(function)}"
            raise Wrong(f"{name} must be a function, but {given}")

    def __call__(self, *args: object) -> object:
        """The function's result; Wrong if it raises, takes too long or returns None."""
        said = self._run([_copy(arg) for arg in args])
        require(said is not None, f"{self.name} returned None: does every way through it end in `return`?")
        return said

    def untouched(self, *args: object) -> object:
        """The same, and Wrong if the function changed one of its arguments."""
        given = [_copy(arg) for arg in args]
        said = self._run(given)
        for number, (now, before) in enumerate(zip(given, args, strict=True), 1):
            same = torch.equal(now, before) if isinstance(before, Tensor) else now == before
            require(same, f"{self.name} changed its argument number {number} in place: make a new one and return that")
        require(said is not None, f"{self.name} returned None: does every way through it end in `return`?")
        return said

    def along(self, *args: object) -> object:
        """The result for these very arguments, through which gradients may flow."""
        return self._run(list(args))

    def raised(self, *args: object) -> Exception | None:
        """The exception with which the function ends, None if there is none; for exercises that ask for one."""
        try:
            with time_limit(), contextlib.redirect_stderr(io.StringIO()):
                self.function(*args)
        except NotImplementedError:
            raise Wrong(self._unwritten()) from None
        except Exception as error:
            return error
        except TooSlow:
            raise Wrong(self._slow()) from None
        return None

    def tensor(self, shape: Sequence[int], *args: object) -> Tensor:
        """The result as a float64 tensor of this shape without NaN."""
        return as_tensor(self(*args), shape, self.name)

    def number(self, *args: object) -> float:
        """The result as a float that is not NaN."""
        return as_number(self(*args), self.name)

    def several(self, count: int, *args: object) -> tuple:
        """The result as a tuple of `count` things."""
        said = self(*args)
        wanted = f"{self.name} must return {count} things, as in `return {', '.join('abcd'[:count])}`"
        require(isinstance(said, (tuple, list)), f"{wanted}, not {article(said)}")
        require(len(said) == count, f"{wanted}, not {len(said)}")
        require(all(part is not None for part in said), f"{wanted}, but one of them is None")
        return tuple(said)

    def _run(self, args: list) -> object:
        noise = io.StringIO()  # nbgrader gives no mark to a cell that writes to stderr
        try:
            with time_limit(), contextlib.redirect_stderr(noise):
                return self.function(*args)
        except NotImplementedError:
            raise Wrong(self._unwritten()) from None
        except TooSlow:
            raise Wrong(self._slow()) from None
        except (Exception, SystemExit) as error:
            raise Wrong(
                f"{self.name} stopped with {type(error).__name__}{_place(error, self)}: {_line(error)}"
            ) from None
        finally:
            if noise.getvalue():
                print(noise.getvalue(), end="")

    def _unwritten(self) -> str:
        return f"{self.name} is not written yet: put your code in place of `raise NotImplementedError()`"

    def _slow(self) -> str:
        return f"{self.name} was not done after {SECONDS:g} s: does a loop never end?"


def _place(error: BaseException, answer: Answer) -> str:
    """Where in the student's own code an error came up."""
    file = getattr(getattr(answer.function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" in line {lines[-1]} of its cell" if lines else ""


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] or "no message"


def _copy(arg: object) -> object:
    if isinstance(arg, Tensor):
        return arg.clone()
    return list(arg) if isinstance(arg, list) else arg


def article(thing: object) -> str:
    """What kind of thing it is, for a sentence."""
    name = type(thing).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def require(condition: bool, sentence: str) -> None:
    """Raises Wrong with this sentence unless the condition holds."""
    if not condition:
        raise Wrong(sentence)


def as_tensor(said: object, shape: Sequence[int], what: str) -> Tensor:
    """What was said as a float64 tensor of this shape without NaN, or Wrong. Numbers, lists and arrays do as well."""
    try:
        found = said.detach() if isinstance(said, Tensor) else torch.as_tensor(np.asarray(said, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} must be a tensor, not {article(said)}") from None
    require(not found.is_complex(), f"{what} must be real, not complex")
    shape = tuple(shape)
    require(
        tuple(found.shape) == shape,
        f"{what} must have the shape {shape}, not {tuple(found.shape)}{_turned(found, shape)}",
    )
    found = found.double()
    if found.isnan().any():
        raise Wrong(f"{what} is NaN{place(found.isnan())}: where does the code divide by 0, or take 0 times infinity?")
    return found


def _turned(found: Tensor, shape: tuple[int, ...]) -> str:
    return ": is it transposed?" if found.dim() == 2 and tuple(found.shape) == shape[::-1] else ""


def as_number(said: object, what: str) -> float:
    """What was said as a float, or Wrong."""
    if isinstance(said, (Tensor, np.ndarray)):
        return as_tensor(said, (), what).item()
    require(isinstance(said, (int, float, np.number)), f"{what} must be a number, not {article(said)}")
    require(not math.isnan(said), f"{what} is NaN: where does the code divide by 0, or take 0 times infinity?")
    return float(said)


def place(where: Tensor) -> str:
    """The first true place of a mask, for a sentence."""
    if not where.dim():
        return ""
    spot = where.nonzero()[0].tolist()
    return f" at {spot[0] if len(spot) == 1 else spot}"


def same(said: Tensor | float, wanted: Tensor | float, tolerance: float = CLOSE) -> bool:
    """Whether two things of one shape agree, infinities included."""
    pair = [torch.as_tensor(side, dtype=torch.float64) for side in (said, wanted)]
    return torch.allclose(*pair, rtol=tolerance, atol=tolerance)


def agree(said, wanted, what: str, slips: dict[str, object] | None = None, tolerance: float = CLOSE) -> None:
    """Raises Wrong unless `said` is `wanted`. `slips` names well-known wrong results: sentence -> what it gives."""
    if same(said, wanted, tolerance):
        return
    for sentence, result in (slips or {}).items():
        if same(said, result, max(tolerance, 1e-4)):
            raise Wrong(f"{what} is not right: {sentence}")
    said, wanted = (torch.as_tensor(side, dtype=torch.float64) for side in (said, wanted))
    off = ~torch.isclose(said, wanted, rtol=tolerance, atol=tolerance)
    spot = tuple(off.nonzero()[0].tolist()) if off.dim() else ()
    raise Wrong(f"{what}{place(off)} is {said[spot].item():.6g}, but should be {wanted[spot].item():.6g}")


def unmoved(before: Tensor, after: Tensor, token: int, why: str) -> None:
    """Raises Wrong if an answer (t, ...) to a token before `token` changed when that token did."""
    early = slice(0, token)
    moved = (before[early] - after[early]).abs().reshape(token, -1).amax(1) > 1e-12
    if moved.any():
        raise Wrong(f"token {int(moved.nonzero()[0])} changed when token {token} did: {why}")
