"""The words on a finished figure in the session's language; its numbers stay as they are."""

from __future__ import annotations

from plotly.basedatatypes import BaseFigure

from titans_course.chinese import translated

from . import DEFAULT, language
from .phrases import PHRASES


class _Spoken(BaseFigure):
    """A figure of which only `to_dict` is asked, as Streamlit does: nothing in it is checked or copied again."""

    def __init__(self, spec: dict) -> None:
        self._spec = spec

    def to_dict(self) -> dict:
        return self._spec


def spoken(figure: BaseFigure) -> BaseFigure:
    """The figure itself in English; else one that draws the same with its words translated."""
    tongue = language()
    return figure if tongue == DEFAULT else _Spoken(translated(figure.to_dict(), PHRASES[tongue]))
