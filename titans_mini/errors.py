"""The one error that a person can make: a setting or an input outside its range.

Every check ends in a `ConfigError` whose single line names the setting, what was given and what is allowed.
The command line turns it into exit code 2 without a traceback.
"""

from __future__ import annotations

import math
from collections.abc import Iterable


class ConfigError(ValueError):
    """A setting or input that cannot be used; the message is one line that names it and the allowed range."""


class DivergenceError(ArithmeticError):
    """The memory left the range of floating-point numbers; `token` is the position of the first such token."""

    def __init__(self, message: str, token: int) -> None:
        super().__init__(message, token)  # both, since pickle and copy make the error again from these
        self.token = token

    def __str__(self) -> str:
        return str(self.args[0])


def check_number(name: str, value: object, low: float, high: float) -> float:
    """Returns `value` as a float in [low, high], or raises ConfigError (also for NaN, text and booleans)."""
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not low <= number <= high:  # NaN fails both comparisons
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
    return number


def check_integer(name: str, value: object, low: int, high: int) -> int:
    """Returns `value` as an int in [low, high], or raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Returns `value` if it is one of `choices`, or raises ConfigError that lists them."""
    names = list(choices)
    if value not in names:
        raise ConfigError(f"{name} must be one of {', '.join(names)}, not {value!r}")
    return str(value)
