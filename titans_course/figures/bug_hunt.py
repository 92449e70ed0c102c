"""Pictures of the bug hunt: which tokens moved, and which patient fails which check. Pure functions."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from titans_mini.messages import Message

from ..bug_hunt.checks import CLOSE
from ..language import Say, spoken
from .trace import COLOURS, NO_NAME, TAU, frame

DONE = {
    "future": Message("tokens from here on are others"),
    "rows": Message("the row alone, without its batch"),
    "parts": Message("a second call begins here"),
}


def moved_figure(moved: Sequence[float], look: str, token: int, *, height: int = 320, say: Say = spoken) -> go.Figure:
    """A bar per token: how far its read moved. Red tokens must not move; see `bug_hunt.moved` for `look`.

    With "future" tokens from `token` on may move, and are blue.
    """
    values = np.asarray(moved, dtype=np.float64)
    allowed = (np.arange(len(values)) >= token) & (look == "future")
    bars = go.Bar(
        x=np.arange(len(values)), y=values,
        marker_color=[COLOURS["g_write"] if fine else COLOURS["surprise"] for fine in allowed],
        text=[f"{value:.2g}" if value > CLOSE else "0" for value in values],
        textposition="outside", cliponaxis=False, hovertemplate=say("token %{x}: %{y:.3g}") + NO_NAME,
    )  # fmt: skip
    figure = go.Figure(bars)
    where = -0.5 if look == "rows" else token - 0.5
    figure.add_vline(where, line={"dash": "dot", "width": 1.5, "color": TAU})
    side = "right" if token > 2 * len(values) / 3 and look != "rows" else "left"
    note = {"xanchor": side, "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False}
    figure.add_annotation(note, x=where, text=say(DONE[look]), font_size=12)
    figure.update_xaxes(title_text=say("token"), dtick=1)
    figure.update_yaxes(title_text=say("largest move of a read"), range=[0, 1.15 * max(values.max(), CLOSE)])
    return figure.update_layout(frame(height, top=50, bottom=48, showlegend=False))


def table_figure(table: Mapping[str, Mapping[str, bool]], *, height: int = 380, say: Say = spoken) -> go.Figure:
    """A row per memory, a column per check: green where it passes, red where it fails."""
    checks = list(next(iter(table.values())))
    passes = np.array([[table[name][check] for check in checks] for name in table])
    colours = [[0, COLOURS["surprise"]], [1, COLOURS["right"]]]
    cells = go.Heatmap(
        z=passes.astype(int), x=checks, y=list(table), zmin=0, zmax=1, colorscale=colours, showscale=False,
        text=np.where(passes, say("passes"), say("FAILS")), texttemplate="%{text}", textfont={"color": "#fff"},
        xgap=3, ygap=3, hovertemplate="%{y}, %{x}: %{text}" + NO_NAME,
    )  # fmt: skip
    figure = go.Figure(cells)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(side="top")
    return figure.update_layout(frame(height, left=80, top=40, bottom=16))
