"""The bug hunt of lesson 11: small wrong memories, checks that tell them apart, and a way to fix them.

from titans_course.bug_hunt import build, failed, mend, source
print(source("A"))                    # a patient, as a learner sees it
failed(build("A"))                    # ["future"]
failed(mend("A", "wrong", "right"))   # [] once the right piece is replaced
"""

import inspect

import torch

from titans_mini.errors import ConfigError, check_choice

from . import patients
from .checks import CHECKS, LOOKS, TOKENS, diagnose, failed, moved, repeated_rows, same, series
from .memory import CHUNK, DIM, Memory

CONTROL = "control"
PATIENTS: dict[str, type[Memory]] = {CONTROL: Memory} | {
    name: getattr(patients, name) for name in ("A", "B", "C", "D", "E", "F", "G", "H")
}

__all__ = [
    "CHECKS", "CHUNK", "CONTROL", "DIM", "LOOKS", "PATIENTS", "TOKENS", "Memory", "build", "diagnose", "failed",
    "mend", "moved", "repeated_rows", "same", "series", "source",
]  # fmt: skip


def source(name: str) -> str:
    """The source of a patient or of the control. Raises ConfigError for an unknown one."""
    return inspect.getsource(PATIENTS[check_choice("patient", name, PATIENTS)])


def build(name: str, *, seed: int = 0) -> Memory:
    """A patient or the control, float64, with weights drawn from `seed`. Raises ConfigError for an unknown one."""
    return _built(PATIENTS[check_choice("patient", name, PATIENTS)], seed)


def mend(name: str, wrong: str, right: str, *, seed: int = 0) -> Memory:
    """The patient with one piece of its source replaced.

    ConfigError if `wrong` does not occur there exactly once, or if the new source does not run.
    """
    text = source(name)
    if text.count(wrong) != 1:
        told = "the piece must stand exactly once in patient {name}, not {count} times"
        raise ConfigError(told, name=name, count=text.count(wrong))
    names = dict(vars(inspect.getmodule(PATIENTS[name])))
    try:
        exec("from __future__ import annotations\n" + text.replace(wrong, right), names)
    except SyntaxError as error:
        raise ConfigError("the new source is not valid Python: {reason}", reason=error.msg) from None
    return _built(names[PATIENTS[name].__name__], seed)


def _built(kind: type[Memory], seed: int) -> Memory:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind().double()
