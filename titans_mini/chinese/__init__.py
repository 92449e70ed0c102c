"""What the package says in English, in Chinese: its errors, the failure gallery, MIRAS and the claims.

`about` finds the words on a name by its group, `phrase` a whole sentence by its English words. It imports nothing but
the standard library, so that every front end can use it.
"""

from . import claims, errors, gallery, miras
from .phrases import Phrases

PHRASES: dict[str, str] = errors.PHRASES | gallery.PHRASES | miras.PHRASES | claims.PHRASES
ABOUT: dict[str, dict[str, str]] = miras.ABOUT | claims.ABOUT

phrase = Phrases(PHRASES)


def about(group: str, name: str, english: str) -> str:
    """The words on a name of a group, such as a choice of MIRAS or a claim's rule; `english` where there are none."""
    return ABOUT.get(group, {}).get(name, english)
