"""Sentences found by their English words: whole ones, and those with blanks for names and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property, lru_cache

_BLANK = re.compile(r"(?<!%)\{(\w+)\}")  # %{...} is plotly's own
WORDS = "words"  # marks a blank of a Chinese text whose content is looked up
_SPACED = re.compile(r"(?<=[，；：。、（）]) ")  # full-width marks have room of their own
_BREAK = re.compile(r"(<br>|<extra>|</extra>)")


class Phrases:
    """A dictionary, English -> Chinese, as a function of a text. A `{blank}` of a key stands for anything.

    What stands in a blank stays as it is, since it may be a person's own word, such as the name of a memory. Where the
    Chinese says `{blank:words}`, it is the package's own and looked up as well. A text that is not known whole is read
    line by line (`<br>`); what no key fits stays as it is.
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
                said = chosen.format(**{name: _Blank(part, self) for name, part in found.groupdict().items()})
                return _SPACED.sub("", said)
        return text


class _Blank:
    """What stands in a blank; `{blank:words}` looks it up."""

    def __init__(self, text: str, look_up: Phrases) -> None:
        self.text, self.look_up = text, look_up

    def __format__(self, spec: str) -> str:
        return self.look_up(self.text) if spec == WORDS else self.text


def of_package(known: Mapping[str, str]) -> dict[str, str]:
    """Sentences in whose blanks nothing but words and numbers of the package can stand."""
    return {key: _BLANK.sub(rf"{{\1:{WORDS}}}", text) for key, text in known.items()}


@cache
def matcher(key: str) -> Callable:
    """Of a text that a key with blanks fits: the match, whose groups are the blanks."""
    parts = _BLANK.split(key)  # text, name, text, name, ... text
    pieces = (re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+?)" for place, part in enumerate(parts))
    return re.compile("".join(pieces)).fullmatch


def _own_braces(text: str) -> str:
    """The text for str.format: braces of plotly's %{...} doubled."""
    return re.sub(r"%\{([^}]*)\}", r"%{{\1}}", text)
