"""Wrong answers to the classroom exercises: for each what a student may well write, and what it must cost.

A mutant names the parts it loses, `value`, `property` or both, and words of the sentence that it is told.
"""

from collections.abc import Callable
from typing import NamedTuple

VALUE, PROPERTY, BOTH = ("value",), ("property",), ("value", "property")


class Mutant(NamedTuple):
    """A wrong function, the parts whose points it loses, and a pattern of what the first of them says."""

    function: Callable
    lost: tuple[str, ...]
    says: str
