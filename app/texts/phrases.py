"""What the package says in English - on figures, in errors, in the gallery - in the session's language."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from . import DEFAULT, language
from .chinese import FIGURES as CHINESE

PHRASES: dict[str, dict[str, str]] = {"zh": CHINESE}
_BLANK = re.compile(r"(?<!%)\{(\w+)\}")  # %{...} is plotly's own
_SPACED = re.compile(r"(?<=[，；：。、（）]) ")  # full-width marks have room of their own
_BREAK = re.compile(r"(<br>|<extra>|</extra>)")


def told(text: object) -> str:
    """A text of the package as this session reads it; what no dictionary knows stays English."""
    tongue = language()
    return str(text) if tongue == DEFAULT else phrase(str(text), tongue)


@lru_cache(maxsize=4096)
def phrase(text: str, tongue: str) -> str:
    """A text in that language, line by line; what no dictionary knows stays."""
    known, patterns = PHRASES[tongue], _patterns(tongue)
    if text in known:
        return known[text]
    parts = _BREAK.split(text)
    if len(parts) > 1:
        return "".join(part if place % 2 else phrase(part, tongue) for place, part in enumerate(parts))
    for matches, chosen in patterns:
        if (found := matches(text)) is not None:
            said = chosen.format(**{name: phrase(part, tongue) for name, part in found.groupdict().items()})
            return _SPACED.sub("", said)
    return text


@cache
def _patterns(tongue: str) -> list[tuple[Callable, str]]:
    """(matcher, text) of each phrase with blanks, those with most words of their own first."""
    phrases = [(key, text) for key, text in PHRASES[tongue].items() if _BLANK.search(key)]
    phrases.sort(key=lambda pair: -len(_BLANK.sub("", pair[0])))
    return [(matcher(key), _own_braces(text)) for key, text in phrases]


@cache
def matcher(key: str) -> Callable:
    """Of a text that a key with blanks fits: the match, whose groups are the blanks."""
    parts = _BLANK.split(key)  # text, name, text, name, ... text
    pieces = (re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+?)" for place, part in enumerate(parts))
    return re.compile("".join(pieces)).fullmatch


def _own_braces(text: str) -> str:
    """The text for str.format: braces of plotly's %{...} doubled."""
    return re.sub(r"%\{([^}]*)\}", r"%{{\1}}", text)
