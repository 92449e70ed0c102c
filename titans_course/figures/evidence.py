"""Figures of the value of context to a text model, beside the controls: bits by its length, and a second reading."""

from collections.abc import Mapping

import plotly.graph_objects as go

from titans_mini.errors import check_choice

from ..language import Say, spoken
from .trace import NO_NAME
from .variants import LINE, MODE_COLOURS, MODE_DASHES, NAMES, curves

Rows = list[dict]


def context_figure(series: Mapping[str, Rows], *, height: int = 320, say: Say = spoken) -> go.Figure:
    """Series -> rows of a card's `context`: bits of the same bytes against the length of their context.

    Bars are two standard errors of the difference to the longest context. A model whose memory is off lacks what it
    was trained with, so its curve lies far above the others and is shown on a click only.
    """
    figure = _drawn(series, "context", "bits", say)
    figure.update_traces({"visible": "legendonly"}, {"name": say(NAMES["off"])})
    return _sizes(curves(figure, say("bytes of context"), say("bits per byte"), height), series, "context")


def second_reading_figure(series: Mapping[str, Rows], *, height: int = 320, say: Say = spoken) -> go.Figure:
    """Series -> rows of a card's `second_reading`: bits saved by it against the length of the passage.

    Bars are two standard errors. A line at 0 marks a second reading that is no easier than the first.
    """
    figure = _drawn(series, "passage", "saved", say)
    figure.add_hline(0, line={"dash": "dot", "width": 1.2, "color": LINE})
    curves(figure, say("bytes of the passage"), say("bits saved per byte"), height)
    return _sizes(figure, series, "passage")


def _drawn(series: Mapping[str, Rows], across: str, upright: str, say: Say) -> go.Figure:
    """A curve of the field `upright` against the field `across` for each series."""
    figure = go.Figure()
    for name, unordered in series.items():
        check_choice("series", name, NAMES)
        rows = sorted(unordered, key=lambda row: row[across])
        figure.add_trace(
            go.Scatter(
                x=[row[across] for row in rows], y=[row[upright] for row in rows], mode="lines+markers",
                name=say(NAMES[name]), marker={"size": 7},
                line={"color": MODE_COLOURS[name], "dash": MODE_DASHES[name], "width": 2},
                error_y={"array": [2 * (row["error"] or 0) for row in rows], "thickness": 1, "width": 3},
                hovertemplate=say("{curve} %{y:.3f}", curve=NAMES[name]) + NO_NAME,
            )
        )  # fmt: skip
    return figure


def _sizes(figure: go.Figure, series: Mapping[str, Rows], field: str) -> go.Figure:
    """A logarithmic axis with a mark at each size."""
    sizes = sorted({row[field] for rows in series.values() for row in rows})
    figure.update_xaxes(type="log", tickvals=sizes, ticktext=[f"{size:,}" for size in sizes])
    return figure
