"""What the figures of the Claims page are, in the session's language; their keys are those of the JSON."""

from __future__ import annotations

from titans_mini.chinese.phrases import matcher

from .. import language
from .chinese import LABELS as CHINESE
from .english import LABELS as ENGLISH

LABELS: dict[str, dict[str, dict[str, str]]] = {"en": ENGLISH, "zh": CHINESE}


def label(row: str, key: str) -> str:
    """What the figure of a row is; the first key that fits counts, and one that is not known stays as it is."""
    for known, words in LABELS[language()][row].items():
        if (found := matcher(known)(key)) is not None:
            return words.format(**found.groupdict())
    return key
