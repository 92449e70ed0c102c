"""Small figures of matrices and closed forms: heat maps of one token's write, and plain curves. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .anatomy import Step
from .figures import COLOURS

SCALE = ((0.0, COLOURS["g_write"]), (0.5, "#FFFFFF"), (1.0, COLOURS["surprise"]))  # negative, zero, positive
LINES = ("surprise", "g_write", "memory_norm", "g_forget", "momentum", "loss")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def matrix_figure(matrices: Mapping[str, np.ndarray], *, height: int = 260) -> go.Figure:
    """Matrices (outputs, inputs) as heat maps below each other, each under its name.

    Zero is white, positive red, negative blue. Each has its own scale, whose end stands in the title.
    """
    ends = [float(np.abs(matrix).max()) or 1.0 for matrix in matrices.values()]
    titles = [f"{name} (colours end at ±{end:.2g})" for name, end in zip(matrices, ends, strict=True)]
    figure = make_subplots(rows=len(ends), subplot_titles=titles, vertical_spacing=0.3 / len(ends))
    for row, (matrix, end) in enumerate(zip(matrices.values(), ends, strict=True), start=1):
        drawn = go.Heatmap(
            z=np.asarray(matrix, dtype=np.float32),
            zmin=-end,
            zmax=end,
            colorscale=SCALE,
            showscale=False,
            hovertemplate="output %{y}, input %{x}: %{z:.4f}<extra></extra>",
        )
        figure.add_trace(drawn, row=row, col=1)
    figure.update_yaxes(autorange="reversed", title_text="output")
    figure.update_xaxes(title_text="input", row=len(ends), col=1)
    figure.update_annotations(font_size=13)
    figure.update_layout(height=height * len(ends), margin={"l": 60, "r": 20, "t": 40, "b": 44})
    return figure


def step_figure(step: Step, layer: int = -1, *, height: int = 190) -> go.Figure:
    """One layer in one token's write: weights before, gradient, change, weights after. Recipe: 2.2."""
    before, after = step.before[layer], step.after[layer]
    parts = {
        "weights before": before,
        "gradient = δ aᵀ": step.gradients[layer],
        "change = after − before": after - before,
        "weights after": after,
    }
    return matrix_figure(parts, height=height)


def curve_figure(
    curves: Mapping[str, Sequence[float]],
    *,
    x: Sequence[float] | None = None,
    x_title: str = "token",
    y_title: str = "",
    log: bool = False,
    height: int = 320,
) -> go.Figure:
    """Curves under their names, against `x` or 0, 1, 2 ...; `log` makes the upright axis logarithmic."""
    figure = go.Figure()
    for index, (name, values) in enumerate(curves.items()):
        line = {"color": COLOURS[LINES[index % len(LINES)]], "dash": DASHES[index % len(DASHES)], "width": 2}
        y = np.asarray(values, dtype=np.float32)
        mode = "lines+markers" if len(y) <= 12 else "lines"
        figure.add_trace(go.Scatter(x=list(range(len(y)) if x is None else x), y=y, name=name, mode=mode, line=line))
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(title_text=y_title, type="log" if log else "linear")
    legend = {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}
    figure.update_layout(height=height, margin={"l": 70, "r": 20, "t": 36, "b": 44}, legend=legend, showlegend=True)
    return figure
