"""Every chart of the app is drawn here."""

from __future__ import annotations

import streamlit as st
from plotly.basedatatypes import BaseFigure

from titans_course.figures import COLOURS

BARE = {"displayModeBar": False}
# Streamlit puts the theme's categorical colours in the place of these, so curves follow light and dark at once.
THEMED = {
    COLOURS[name]: f"#{number:06d}"
    for number, name in enumerate(("surprise", "momentum", "g_write", "g_forget", "memory_norm", "loss"), start=1)
}


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
    st.plotly_chart(figure, key=key, alt=alt, config=BARE if config is None else config)
