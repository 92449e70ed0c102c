"""Plotly figures, the same for app and notebooks; those of a trace are at hand here."""

from .trace import COLOURS, NORMAL_WRITES, coloured_text, recall_figure, single_figure, time_figure

__all__ = ["COLOURS", "NORMAL_WRITES", "coloured_text", "recall_figure", "single_figure", "time_figure"]
