"""What a choice of the design space is made of: a builder, words for people, and at most one number of its own."""

from collections.abc import Callable
from typing import NamedTuple

from ..errors import check_integer, check_number
from ..messages import Message

# Where several choices come from.
MIRAS = "MIRAS (arXiv 2504.13173)"
ATLAS = "ATLAS (arXiv 2505.23735)"
HOPE = "Nested Learning (arXiv 2512.24695)"
MESA = "MesaNet (arXiv 2506.05233)"
TNT = "TNT (arXiv 2511.07343)"


class Number(NamedTuple):
    """The one number that a choice may take."""

    name: str
    default: float
    low: float
    high: float
    whole: bool = False

    def check(self, setting: str, value: float) -> float:
        """`value` if it is in range, else ConfigError; `setting` is the field's name."""
        test = check_integer if self.whole else check_number
        return test(f"{setting} ({self.name})", value, self.low, self.high)


class Choice(NamedTuple):
    """One entry of a knob; `build` makes what the knob needs, from the number if there is one."""

    build: Callable
    what: str
    formula: str
    reference: str
    number: Number | None = None


def equation(number: str) -> Message:
    """A reference to the paper of Titans."""
    return Message("Titans eq. {number}", number=number)


def recipe(section: str, source: str | None = None) -> Message:
    """A reference to the recipe article, and to a source of its own."""
    if source is None:
        return Message("Recipe: {section}", section=section)
    return Message("Recipe: {section}; {source}", section=section, source=source)
