"""How a student's function is called: with copies, in bounded time, and out of reach of the check's own frames.

A part of an exercise is ordinary code that asks an `Answer` for results. The function is never called from inside
the part. A result that is not known yet unwinds the part, `results` calls the function from outside, and the part
starts again with the same inputs and one more result. So while the function runs, no frame or variable of the check
exists, and a function that walks up its callers finds inputs but no expected values.
"""

import contextlib
import io
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import titans_course
import titans_mini
from titans_mini.defaults import plain_defaults
from titans_mini.messages import Message

from . import limits
from .limits import TooSlow, time_limit
from .seal import SEAL
from .values import Wrong, article, as_number, as_tensor, require

PACKAGES = tuple(package.__path__[0].replace("\\", "/") for package in (titans_mini, titans_course))
# Files of torch that differentiate, relative to its folder; "without autograd" means without these.
AUTOGRAD = ("autograd/__init__.py", "autograd/functional.py", "_functorch/")


@dataclass(frozen=True)
class Call:
    """One call that a part asks for: its arguments, and whether the result is a gradient or an exception."""

    args: tuple
    kind: str = "result"  # or "slope", "error"


@dataclass(frozen=True)
class Outcome:
    """What a call gave: its result, gradient or exception, and the number of the argument that it changed, if any."""

    result: object
    changed: int | None = None


class _Unwound(BaseException):
    """Leaves a part whose next result is not known yet. Not an Exception, so that no handler in the part catches it."""

    def __init__(self, call: Call) -> None:
        self.call = call


class Answer:
    """A student's function as a part of an exercise sees it; each method asks for one call."""

    def __init__(self, name: str, known: list[Outcome]) -> None:
        self.name, self.known, self.asked = name, known, 0

    def _ask(self, call: Call) -> Outcome:
        if self.asked == len(self.known):
            raise _Unwound(call)
        self.asked += 1
        return self.known[self.asked - 1]

    def __call__(self, *args: object) -> object:
        """The function's result; Wrong if it is None."""
        return self._some(self._ask(Call(args)).result)

    def any(self, *args: object) -> object:
        """The function's result, which may be None."""
        return self._ask(Call(args)).result

    def untouched(self, *args: object, why: str | None = None) -> object:
        """The function's result; Wrong if it changed one of its arguments. `why` replaces the sentence."""
        said = self._ask(Call(args))
        default = "{name} changed its argument number {number} in place: make a new one and return that"
        require(said.changed is None, why or default, name=self.name, number=said.changed)
        return self._some(said.result)

    def slope(self, *args: object) -> Tensor | None:
        """The gradient of the result's sum in the first argument; None where no gradient flows."""
        return self._ask(Call(args, "slope")).result

    def raised(self, *args: object) -> Exception | None:
        """The exception that the function raised, or None; for exercises that ask for one."""
        return self._ask(Call(args, "error")).result

    def tensor(self, shape: tuple[int, ...], *args: object) -> Tensor:
        """The result as a float64 tensor of this shape without NaN."""
        return as_tensor(self(*args), shape, self.name)

    def number(self, *args: object) -> float:
        """The result as a float that is not NaN."""
        return as_number(self(*args), self.name)

    def several(self, count: int, *args: object) -> tuple:
        """The result as a tuple of `count` things."""
        said = self(*args)
        wanted = {"name": self.name, "count": count, "letters": ", ".join("abcd"[:count])}
        text = "{name} must return {count} things, as in `return {letters}`, not {given}"
        require(isinstance(said, (tuple, list)), text, given=article(said), **wanted)
        text = "{name} must return {count} things, as in `return {letters}`, not {number}"
        require(len(said) == count, text, number=len(said), **wanted)
        text = "{name} must return {count} things, as in `return {letters}`, but one of them is None"
        require(all(part is not None for part in said), text, **wanted)
        return tuple(said)

    def numbers(self, names: Sequence[str], *args: object) -> tuple[float, ...]:
        """The result as one float for each of the names, which are templates."""
        said = self.several(len(names), *args)
        return tuple(as_number(part, Message(name)) for part, name in zip(said, names, strict=True))

    def truth(self, *args: object, tensor: bool = False) -> bool:
        """The result as True or False; with `tensor` also a tensor that holds one of them."""
        said = self(*args)
        if tensor and isinstance(said, Tensor) and said.dtype == torch.bool and said.numel() == 1:
            said = bool(said)
        text, given = "{name} must return True or False, not {given}", article(said)
        require(isinstance(said, (bool, np.bool_)), text, name=self.name, given=given)
        return bool(said)

    def _some(self, said: object) -> object:
        require(said is not None, "{name} returned None: does every way through it end in `return`?", name=self.name)
        return said


@dataclass(frozen=True)
class Student:
    """A student's function, its exercise's name, whether it must differentiate by hand, and the seconds of a call."""

    function: Callable
    name: str
    by_hand: bool = False
    seconds: float | None = None

    def run(self, call: Call) -> Outcome:
        """Calls the function once; raises Wrong if it fails or replaced a function of the libraries."""
        args = [_copy(arg) for arg in call.args]
        result, error = self._guarded(args, call.kind == "slope")
        if (broken := SEAL.broken()) is not None:
            text = "{name} replaced {broken} of the libraries: restart the kernel and leave them as they are"
            raise Wrong(text, name=self.name, broken=broken)
        if call.kind == "error":
            return Outcome(error)
        if error is not None:
            line, text = _line_of(error, self.function), "{name} stopped with {kind}: {error}"
            if line is not None:
                text = "{name} stopped with {kind} in line {line} of its cell: {error}"
            raise Wrong(text, name=self.name, kind=type(error).__name__, line=line, error=one_line(error)) from None
        changed = (i for i, pair in enumerate(zip(args, call.args, strict=True), 1) if not _same(*pair))
        return Outcome(_copy(result), next(changed, None) if call.kind == "result" else None)

    def _guarded(self, args: list, slope: bool) -> tuple[object, BaseException | None]:
        """The result or the exception; anything that the function writes to stderr is printed to stdout."""
        noise = io.StringIO()  # nbgrader gives no mark to a cell that writes to stderr
        try:
            with time_limit(self.seconds), contextlib.redirect_stderr(noise), _by_hand(self.by_hand) as used:
                result = _gradient(self.function, args) if slope else self.function(*args)
        except NotImplementedError:
            text = "{name} is not written yet: replace `raise NotImplementedError()` by your code"
            raise Wrong(text, name=self.name) from None
        except TooSlow:
            self._refuse(used)  # an import of torch's autograd may well take that long
            text, seconds = "{name} was not done after {seconds:g} s: does a loop never end?", self.seconds
            raise Wrong(text, name=self.name, seconds=seconds or limits.SECONDS) from None
        except (Exception, SystemExit) as error:
            self._refuse(used)
            return None, error
        finally:
            if noise.getvalue():
                print(noise.getvalue(), end="")
        self._refuse(used)
        return result, None

    def _refuse(self, used: list[str]) -> None:
        if used:
            text = "{name} calls {used}: write the gradient by hand here, in products and sums"
            raise Wrong(text, name=self.name, used=used[0])


def results(part: Callable, student: Student, prepare: Callable[[], object]) -> None:
    """Runs a part to its end; raises Wrong if the answer is wrong. `prepare` draws the same inputs each time."""
    known: list[Outcome] = []
    while (call := _next_call(part, Answer(student.name, known), prepare)) is not None:
        known.append(student.run(call))


def _next_call(part: Callable, answer: Answer, prepare: Callable[[], object]) -> Call | None:
    """The first call whose outcome is not known, or None if the part reached its end."""
    try:
        with plain_defaults(), _unwatched():
            part(answer, prepare())
    except _Unwound as unwound:
        return unwound.call
    return None


@contextlib.contextmanager
def _unwatched() -> Iterator[None]:
    """Switches profiler and tracer off in the block: one that a cell installed would see the frames of the check."""
    before = sys.getprofile(), sys.gettrace()
    sys.setprofile(None)
    sys.settrace(None)
    try:
        yield
    finally:
        sys.setprofile(before[0])
        sys.settrace(before[1])


@contextlib.contextmanager
def _by_hand(wanted: bool) -> Iterator[list[str]]:
    """Switches autograd off in the block, and yields a list of the forbidden functions that were called."""
    used: list[str] = []
    if not wanted:
        yield used
        return

    def watch(frame: object, event: str, _: object) -> None:
        if event == "call" and not used and (name := _forbidden(frame.f_code)):
            used.append(name)

    before = sys.getprofile()
    with torch.inference_mode():
        sys.setprofile(watch)
        try:
            yield used
        finally:
            sys.setprofile(before)


def _forbidden(code: object) -> str | None:
    """The name of a function that differentiates or that belongs to this project; None for any other code."""
    file = code.co_filename.replace("\\", "/")
    if file.startswith(PACKAGES):
        return Message("`{function}` of titans_mini", function=code.co_name) if "/exercises/" not in file else None
    root = torch.__path__[0].replace("\\", "/")
    if file.startswith(tuple(f"{root}/{place}" for place in AUTOGRAD)):
        return "autograd"
    return None


def _gradient(function: Callable, args: list) -> Tensor | None:
    with torch.enable_grad():
        leaf = args[0].clone().requires_grad_()
        out = function(leaf, *args[1:])
        if not isinstance(out, Tensor) or not out.requires_grad:
            return None
        return torch.autograd.grad(out.sum(), leaf, allow_unused=True)[0]


def _line_of(error: BaseException, function: Callable) -> int | None:
    """The line of the student's own code in which an error was raised; None if it was raised elsewhere."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def one_line(error: BaseException | str) -> str:
    """The text of an error, on one line of at most 200 characters."""
    text = " ".join(str(error).split())
    return text[:200] or "no message"


def _copy(thing: object) -> object:
    if isinstance(thing, Tensor):
        return thing.clone()
    if type(thing) in (list, tuple):
        return type(thing)(_copy(part) for part in thing)
    return thing


def _same(now: object, before: object) -> bool:
    if isinstance(before, Tensor):
        return torch.equal(now, before)
    if isinstance(before, (list, tuple)):  # by place, since NaN is not equal to itself
        return len(now) == len(before) and all(a is b or _same(a, b) for a, b in zip(now, before, strict=True))
    return now is before or now == before
