"""Sentences found by their English words: whole ones, and those with blanks for names and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property, lru_cache

_BLANK = re.compile(r"(?<!%)\{(\w+)\}")  # %{...} is plotly's own
_SPACED = re.compile(r"(?<=[，；：。、（）]) ")  # full-width marks have room of their own
_BREAK = re.compile(r"(<br>|<extra>|</extra>)")


class Phrases:
    """A dictionary, English -> Chinese, as a function of a text. A `{blank}` of a key stands for anything.

    What stands in a blank is itself looked up, and a text that is not known whole is read line by line (`<br>`); what
    no key fits stays as it is.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self._found = lru_cache(maxsize=4096)(self._find)

    def __call__(self, text: str) -> str:
        return self._found(text)

    @cached_property
    def _forms(self) -> list[tuple[Callable, str]]:
        """(matcher, text) of each key with blanks; made when the first text is read, which in English none is."""
        blanks = [key for key in self.known if _BLANK.search(key)]
        blanks.sort(key=lambda key: -len(_BLANK.sub("", key)))  # those with most words of their own first
        return [(matcher(key), _own_braces(self.known[key])) for key in blanks]

    def _find(self, text: str) -> str:
        if text in self.known:
            return self.known[text]
        parts = _BREAK.split(text)
        if len(parts) > 1:
            return "".join(part if place % 2 else self(part) for place, part in enumerate(parts))
        for matches, chosen in self._forms:
            if (found := matches(text)) is not None:
                said = chosen.format(**{name: self(part) for name, part in found.groupdict().items()})
                return _SPACED.sub("", said)
        return text


@cache
def matcher(key: str) -> Callable:
    """Of a text that a key with blanks fits: the match, whose groups are the blanks."""
    parts = _BLANK.split(key)  # text, name, text, name, ... text
    pieces = (re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+?)" for place, part in enumerate(parts))
    return re.compile("".join(pieces)).fullmatch


def _own_braces(text: str) -> str:
    """The text for str.format: braces of plotly's %{...} doubled."""
    return re.sub(r"%\{([^}]*)\}", r"%{{\1}}", text)
