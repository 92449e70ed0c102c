"""What the package says in English, in Chinese: its errors, its figures, the failure gallery, MIRAS, and so on.

`about` finds the words on a name by its group, `phrase` a whole sentence by its English words, `translated` all words
on a figure. It imports nothing but the standard library, so that every front end can use it.
"""

from . import errors, figures, gallery, miras, operations, tuning
from .phrases import Phrases, of_package
from .spec import translated

__all__ = ["ABOUT", "PHRASES", "Phrases", "about", "phrase", "translated"]

PHRASES: dict[str, str] = {}
for module in (figures, gallery, miras, tuning):
    PHRASES |= of_package(module.PHRASES)
for module in (errors, operations):  # these also quote what a person gave; they mark the package's own words
    PHRASES |= module.PHRASES
ABOUT: dict[str, dict[str, str]] = miras.ABOUT

phrase = Phrases(PHRASES)


def about(group: str, name: str, english: str) -> str:
    """The words on a name of a group, such as a choice of MIRAS or a claim's rule; `english` where there are none."""
    return ABOUT.get(group, {}).get(name, english)
