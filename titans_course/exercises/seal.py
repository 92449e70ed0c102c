"""Remembers what the checks rely on before a student's code runs, so that a replaced `torch.allclose` is noticed.

The seal is made when `titans_course.exercises` is imported, in the first cell of an exercise notebook. It is not a
sandbox: code in the same process can undo it. TEACHING.md says what only a separate process can prevent.
"""

import builtins
import hashlib
import inspect
import math
import statistics
from collections.abc import Callable

import numpy as np
import torch

# The builtins that checks call; a cell may well replace others, such as input.
USED = (abs, all, any, bool, bytes, callable, dict, enumerate, float, getattr, int, isinstance, len, list, max, min)
USED += (range, repr, round, set, sorted, str, sum, tuple, type, vars, zip)
LIBRARIES = (torch, torch.Tensor, torch.linalg, torch.nn.functional, torch.autograd, np, math, statistics, hashlib)


class Seal:
    """The functions and classes of some modules and classes, as they were when each was added."""

    def __init__(self) -> None:
        # Of each module or class: its name, itself, the names in it, and what is remembered, name -> (thing, its code).
        self.kept: list[tuple[str, object, set[str], dict]] = []

    def add(self, space: object, wanted: Callable[[object], bool] = callable) -> None:
        """Remembers the `wanted` members of a module, a class or an exercise: by default all callables."""
        found = {name: _pair(thing) for name, thing in vars(space).items() if wanted(thing)}
        self.kept.append((getattr(space, "__name__", None) or space.name, space, set(vars(space)), found))

    def broken(self) -> str | None:
        """The name of the first member that was replaced, such as `torch.allclose`, or None."""
        for where, space, names, found in self.kept:
            now = vars(space)
            for name, (thing, code) in found.items():
                if now.get(name) is not thing or getattr(thing, "__code__", None) is not code:
                    return f"{where}.{name}"
            if isinstance(space, type):  # a new name hides an inherited one
                for name in now.keys() - names:
                    if callable(now[name]) and any(name in vars(base) for base in space.__mro__[1:]):
                        return f"{where}.{name}"
        return None


def _pair(thing: object) -> tuple[object, object]:
    return thing, getattr(thing, "__code__", None)


SEAL = Seal()
SEAL.add(builtins, lambda thing: thing in USED)
# torch itself replaces a few of its classes while it works, and this function when its compiler is first needed; no
# check calls it.
OWN = (torch.manual_seed,)
for library in LIBRARIES:
    SEAL.add(library, lambda thing: inspect.isroutine(thing) and not any(thing is one for one in OWN))
