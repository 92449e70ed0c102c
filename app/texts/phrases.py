"""What the package says in English - on figures, in errors, in the gallery - in the session's language."""

from __future__ import annotations

from titans_course import chinese
from titans_course.chinese import Phrases

from . import DEFAULT, language, plain
from .chinese import PHRASES as OWN

PHRASES: dict[str, Phrases] = {"zh": Phrases(chinese.PHRASES | OWN)}


def told(text: object) -> str:
    """A text of the package as this session reads it; what no dictionary knows stays English."""
    tongue = language()
    return str(text) if tongue == DEFAULT else phrase(str(text), tongue)


def quoted(text: object, limit: int = 200) -> str:
    """A text of the package, in the session's language, as Markdown that shows just itself, cut at `limit`."""
    return plain(told(text), limit)


def phrase(text: str, tongue: str) -> str:
    """A text in that language; what no dictionary knows stays."""
    return PHRASES[tongue](text)
