"""Every chart of the app is drawn here, with its words in the session's language."""

from __future__ import annotations

import streamlit as st
from plotly.basedatatypes import BaseFigure
from texts import language

from titans_course import chinese
from titans_course.figures import COLOURS
from titans_course.language import DEFAULT

BARE = {"displayModeBar": False}
# Streamlit puts the theme's categorical colours in the place of these, so curves follow light and dark at once.
THEMED = {
    COLOURS[name]: f"#{number:06d}"
    for number, name in enumerate(("surprise", "momentum", "g_write", "g_forget", "memory_norm", "loss"), start=1)
}


class _Spoken(BaseFigure):
    """A figure of which only `to_dict` is asked, as Streamlit does: nothing in it is checked or copied again."""

    def __init__(self, spec: dict) -> None:
        self._spec = spec

    def to_dict(self) -> dict:
        return self._spec


def spoken(figure: BaseFigure) -> BaseFigure:
    """The figure itself in English; else one that draws the same with its words translated."""
    if language() == DEFAULT:
        return figure
    return _Spoken(chinese.translated(figure.to_dict(), chinese.phrase))


def themed(figure: BaseFigure, *, markers: bool = False) -> BaseFigure:
    """The figure with lines, and `markers` if so wished, in the theme's colours where they have the symbols'."""
    for curve in figure.data:
        if curve.type.startswith("scatter"):  # scattergl too
            curve.line.color = THEMED.get(curve.line.color, curve.line.color)
            if markers and isinstance(curve.marker.color, str):
                curve.marker.color = THEMED.get(curve.marker.color, curve.marker.color)
    return figure


def draw(figure: BaseFigure, key: str, alt: str, config: dict | None = None) -> None:
    """The figure as wide as its place, without a tool bar unless `config` asks for one; `alt` is its text."""
    st.plotly_chart(spoken(figure), key=key, alt=alt, config=BARE if config is None else config)
