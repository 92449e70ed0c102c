"""Figures of the chunk form: its coefficient matrix with one row apart, and cost and recall by chunk size."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.messages import Message

from ..language import Say, spoken
from .anatomy import DASHES, LINES
from .spread import spread_figure
from .trace import COLOURS, NO_NAME, frame

FILL = ((0.0, "rgba(46,134,171,0)"), (1.0, "rgba(46,134,171,1)"))  # zero is transparent, for light and dark pages
ASPECT = {  # matrix -> what its rows and columns are
    "Coef": (Message("gradient of token i"), Message("memory after write t")),
    "D": (Message("S of token j"), Message("memory after write t")),
    "E": (Message("gradient of token i"), Message("S of token j")),
}


def coefficient_figure(
    matrix: np.ndarray, row: int, name: str = "Coef", *, height: int = 520, say: Say = spoken
) -> go.Figure:
    """A lower triangular (c, c) matrix of the chunk form as a heat map, and its `row` as bars below.

    `name` is one of ASPECT. A cell is how much of its column's gradient (or momentum) is in its row's memory.
    """
    below, beside = ASPECT[name]
    c = len(matrix)
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    seen = np.where(np.tri(c, dtype=bool), matrix, np.nan).astype(np.float32)  # cells of the future stay empty
    words = f"{name}[%{{y}}, %{{x}}] = %{{z:.4g}}" + NO_NAME
    top = float(np.nanmax(seen)) or 1.0
    scale = {"colorscale": FILL, "zmin": 0, "zmax": top, "colorbar": {"thickness": 12, "len": 0.72, "y": 0.64}}
    gap = 1 if c <= 32 else 0
    figure.add_trace(go.Heatmap(z=seen, hovertemplate=words, xgap=gap, ygap=gap, **scale), row=1, col=1)
    words = f"{name}[{row}, %{{x}}] = %{{y:.4g}}" + NO_NAME
    bars = go.Bar(x=list(range(c)), y=np.nan_to_num(seen[row]), marker_color=COLOURS["surprise"], hovertemplate=words)
    figure.add_trace(bars, row=2, col=1)
    edge = {"color": COLOURS["surprise"], "width": 2}
    figure.add_shape(type="rect", x0=-0.5, x1=row + 0.5, y0=row - 0.5, y1=row + 0.5, line=edge, row=1, col=1)
    span = [-0.5, c - 0.5]
    figure.update_xaxes(range=span, showgrid=False, zeroline=False)
    figure.update_xaxes(title_text=say(below), row=2, col=1)
    figure.update_yaxes(range=span[::-1], title_text=say(beside), showgrid=False, zeroline=False, row=1, col=1)
    figure.update_yaxes(range=[0, 1.08 * top], title_text=say("row {row}", row=row), row=2, col=1)
    return figure.update_layout(frame(height, bottom=48, showlegend=False))


def tradeoff_figure(
    rows: Sequence[dict], costs: Mapping[str, Mapping[int, float]], *, height: int = 520, say: Say = spoken
) -> go.Figure:
    """Above, recall over the chunk size with its spread over seeds; below, costs as a multiple of those of chunk 1.

    rows: of `parallel.chunk_sizes`. costs: name, a template of `say` -> {chunk: cost of a token}, chunk 1 among them.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.55, 0.45], vertical_spacing=0.07)
    quality = spread_figure(rows, "recall", x="chunk", name="memory", say=say)
    figure.add_traces(list(quality.data), rows=1, cols=1)
    for index, (name, cost) in enumerate(costs.items(), start=len(quality.data)):
        line = {"color": COLOURS[LINES[index % len(LINES)]], "dash": DASHES[index % len(DASHES)], "width": 2}
        share = np.array([value / cost[1] for value in cost.values()], dtype=np.float32)
        drawn = go.Scatter(x=list(cost), y=share, name=say(name), mode="lines+markers", line=line)
        figure.add_trace(drawn, row=2, col=1)
    marks = sorted({row["chunk"] for row in rows}.union(*costs.values()))
    figure.update_xaxes(type="log", tickvals=marks)
    figure.update_xaxes(title_text=say("chunk size C"), row=2, col=1)
    figure.update_yaxes(title_text=say("recall"), row=1, col=1)
    figure.update_yaxes(title_text=say("cost of a token<br>(chunk 1: 1)"), type="log", dtick=1, row=2, col=1)
    return figure.update_layout(frame(height, bottom=48))
