"""Fields of a settings dataclass that check themselves: `tau: float = number(0.3, 0.0, 1.0)  # surprise threshold`.

Default, range and meaning of a setting stand on one line. `Settings` checks all of them, and the command line makes a
flag of each, with the comment as its help.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import field, fields

from .errors import ConfigError, check_choice, check_integer, check_number, plain, show
from .messages import Message

SEED = (0, 2**31 - 1)  # the range of every seed


def number(default: float | None, low: float, high: float):
    """A number from `low` to `high`. Where the default is None, None is a value too."""
    return _checked(default, check_number, low, high)


def whole(default: int | None, low: int, high: int):
    """A whole number from `low` to `high`. Where the default is None, None is a value too."""
    return _checked(default, check_integer, low, high)


def choice(default: str | None, names: Iterable[str]):
    """One of these names. Where the default is None, None is a value too."""
    return _checked(default, check_choice, names)


def _checked(default: object, check: Callable, *limits: object):
    return field(default=default, metadata={"check": check, "limits": limits})


def limits(settings: type, name: str) -> tuple:
    """(low, high) of a number, (names,) of a choice, and () of a field that is not checked by itself."""
    return settings.__dataclass_fields__[name].metadata.get("limits", ())


class Settings:
    """The base of frozen dataclasses: checks each field by itself, and turns numpy's numbers into Python's.

    Raises ConfigError, which names the field and what it may be.
    """

    def __post_init__(self) -> None:
        for one in fields(self):
            value = plain(getattr(self, one.name))
            if isinstance(value, list) and isinstance(one.default, tuple):  # JSON has no tuples
                value = tuple(value)
            object.__setattr__(self, one.name, value)
            if "check" in one.metadata and not (value is None and one.default is None):
                one.metadata["check"](one.name, value, *one.metadata["limits"])


def comments(settings: type) -> dict[str, str]:
    """Field -> the comment behind it in the source, which says what the field means."""
    return dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(settings), re.M))


def check_switch(settings: Settings, name: str) -> None:
    if not isinstance(getattr(settings, name), bool):
        raise ConfigError("{name} must be true or false, not {value}", name=name, value=show(getattr(settings, name)))


def check_whole_numbers(settings: Settings, name: str, least: int, most: int) -> None:
    """Raises ConfigError unless the field is a tuple of whole numbers in this range."""
    given = getattr(settings, name)
    if not isinstance(given, tuple):
        text = "{name} must be a tuple of whole numbers, not {value}"
        raise ConfigError(text, name=name, value=show(given))
    for value in given:
        check_integer(name, value, least, most)


def check_divides(settings: Settings, name: str) -> None:
    count, dim = getattr(settings, name), settings.dim
    if dim % count:  # a Message is a word of the package, which a front end may translate
        text = "{name} must divide dim: {count} does not divide {dim}"
        raise ConfigError(text, name=Message(name), count=count, dim=dim)
