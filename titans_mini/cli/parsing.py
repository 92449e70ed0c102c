"""argparse in the language of the command: its own words, help texts, and lines of wide characters."""

import argparse
import contextlib
import re
import unicodedata
from collections.abc import Iterator

from ..errors import ConfigError
from ..language import say

# What is not torn apart: a run of narrow characters, or one wide character, each with the punctuation that follows.
UNIT = re.compile(r"\s+|[（“]*[^\s\u2e80-\uffef“”]+[，。；：、）”]*|[（“]*.[，。；：、）”]*")


class Formatter(argparse.HelpFormatter):
    """Breaks lines of Chinese by the columns that they take: a terminal shows each character two columns wide."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return super()._split_lines(text, width) if columns(text) == len(text) else broken(text, width)

    def _format_usage(self, *parts: object) -> str:
        wide = columns(say("usage: ")) - len(say("usage: "))  # by which argparse would indent too little
        self._width -= wide
        try:
            return super()._format_usage(*parts).replace("\n ", "\n " + " " * wide)
        finally:
            self._width += wide

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width - len(indent)))


class Parser(argparse.ArgumentParser):
    """A parser of titans-mini, whose mistakes are ConfigErrors."""

    def __init__(self, **settings: object) -> None:
        super().__init__(formatter_class=Formatter, **settings)

    def add_argument(self, *flags: str, help: str | None = None, **settings: object) -> argparse.Action:
        """argparse's own, with the help text, a template or a Message, in the language of the command."""
        return super().add_argument(*flags, help=help and say(help), **settings)

    def error(self, message: str) -> None:
        """Raises ConfigError; argparse's own would print the usage as well."""
        raise ConfigError(message)


@contextlib.contextmanager
def own_words() -> Iterator[None]:
    """Inside it argparse's own words are in the language of the command: it looks each up in gettext's functions."""
    before = argparse._, argparse.ngettext
    argparse._, argparse.ngettext = say, lambda one, many, count: say(one if count == 1 else many)
    try:
        yield
    finally:
        argparse._, argparse.ngettext = before


def columns(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def aligned(text: str, width: int) -> str:
    """The text at the right end of so many columns; at the left end for a negative width."""
    space = " " * (abs(width) - columns(text))
    return space + text if width > 0 else text + space


def broken(text: str, width: int) -> list[str]:
    """The lines of a text, of at most so many columns each unless a single word is longer."""
    lines = [""]
    for unit in UNIT.findall(" ".join(text.split())):
        if lines[-1] and columns(lines[-1] + unit.rstrip()) > width:
            lines.append("")
        lines[-1] += unit if lines[-1] else unit.lstrip()
    return [line.rstrip() for line in lines]
