"""Plotly figures, shared by the app and the notebooks; those of a trace can be imported from here."""

from .trace import COLOURS, NORMAL_WRITES, coloured_text, recall_figure, single_figure, time_figure

__all__ = ["COLOURS", "NORMAL_WRITES", "coloured_text", "recall_figure", "single_figure", "time_figure"]
