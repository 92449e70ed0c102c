"""The one error that a person can make: a setting or an input outside its range.

Every check ends in a `ConfigError` whose single line names the setting, what was given and what is allowed.
The command line turns it into exit code 2 without a traceback.
"""

import contextlib
import math
from collections.abc import Iterable

import numpy as np

from .messages import Message

SHOWN = 80  # characters of a value that an error repeats


class ConfigError(ValueError):
    """A setting or input that cannot be used: `ConfigError("{name} is empty", name="text")`.

    The message is one line that names the setting and the allowed range; see `Message` for its parts.
    """

    def __init__(self, template: str, /, **fields: object) -> None:
        super().__init__(template if isinstance(template, Message) else Message(template, **fields))

    @property
    def message(self) -> Message:
        """The template and its fields."""
        return self.args[0]


class DivergenceError(ArithmeticError):
    """The memory left the range of floating-point numbers; `token` is the position of the first such token."""

    def __init__(self, message: str, token: int) -> None:
        super().__init__(message, token)  # both, since pickle and copy make the error again from these
        self.token = token

    def __str__(self) -> str:
        return str(self.args[0])


def plain(value: object) -> object:
    """A numpy number, truth value or text as Python's own; everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def show(value: object) -> str:
    """A value on one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def check_number(name: str, value: object, low: float, high: float) -> float:
    """Returns `value` as a float in [low, high], or raises ConfigError (also for NaN, text and booleans)."""
    value, number = plain(value), math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # a whole number beyond all floats
            number = float(value)
    if not low <= number <= high:  # NaN fails both comparisons
        text = "{name} must be a number from {low} to {high}, not {value}"
        raise ConfigError(text, name=Message(name), low=f"{low:g}", high=f"{high:g}", value=show(value))
    return number


def check_integer(name: str, value: object, low: int, high: int) -> int:
    """Returns `value` as an int in [low, high], or raises ConfigError."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        text = "{name} must be a whole number from {low} to {high}, not {value}"
        raise ConfigError(text, name=Message(name), low=low, high=high, value=show(value))
    return value


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Returns `value` if it is one of `choices`, or raises ConfigError that lists them."""
    names = list(choices)
    if not isinstance(value, str) or value not in names:
        text = "{name} must be one of {names}, not {value}"
        raise ConfigError(text, name=Message(name), names=", ".join(names), value=show(value))
    return str(value)
