"""Every chart of the app is drawn here, with its words in the session's language."""

from __future__ import annotations

import streamlit as st
from plotly.basedatatypes import BaseFigure
from texts.figures import spoken

BARE = {"displayModeBar": False}


def draw(figure: BaseFigure, key: str, alt: str, config: dict | None = None) -> None:
    """The figure as wide as its place, without a tool bar unless `config` asks for one; `alt` is its text."""
    st.plotly_chart(spoken(figure), key=key, alt=alt, config=BARE if config is None else config)
