"""Figure of a fixed write gate: its recall and its reward over its threshold. Pure functions."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.messages import Message

from ..language import Say, spoken
from ..studies.frontiers import Outcome
from .anatomy import DASHES, LINES
from .trace import COLOURS, TAU, frame

SHOWN = {"recall": Message("share of facts recalled"), "reward": Message("reward")}
TOLD = {  # hover text of a curve
    "recall": Message("tau %{x:g}: recall %{y:.2f}, %{customdata:.1f} writes"),
    "reward": Message("tau %{x:g}: reward %{y:.2f}, %{customdata:.1f} writes"),
}


def sweep_figure(
    curves: Mapping[str, Sequence[Outcome]],
    taus: Sequence[float],
    *,
    chosen: float | None = None,
    silent: float | None = None,
    height: int = 440,
    say: Say = spoken,
) -> go.Figure:
    """Recall above and reward below over tau, a curve each; `curves`: template of `say` -> an outcome for each tau.

    A ring marks the `chosen` tau on the first curve, a dotted line the reward `silent` of a gate that never writes.
    Raises ValueError if `chosen` is not one of `taus`.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    for row, (measure, title) in enumerate(SHOWN.items(), start=1):
        for index, (name, outcomes) in enumerate(curves.items()):
            colour = COLOURS[LINES[index % len(LINES)]]
            line = go.Scatter(
                x=list(taus), y=np.array([getattr(outcome, measure) for outcome in outcomes], dtype=np.float32),
                name=say(name), legendgroup=str(index), showlegend=row == 1, mode="lines",
                line={"color": colour, "dash": DASHES[index % len(DASHES)], "width": 2},
                customdata=[outcome.writes for outcome in outcomes],
                hovertemplate=say(TOLD[measure]),
            )  # fmt: skip
            figure.add_trace(line, row=row, col=1)
            if chosen is not None and index == 0:
                here = list(taus).index(chosen)
                ring = {"size": 13, "symbol": "circle-open", "color": colour, "line": {"width": 3}}
                mark = go.Scatter(x=[chosen], y=[line.y[here]], mode="markers", marker=ring, showlegend=False)
                figure.add_trace(mark.update(hoverinfo="skip"), row=row, col=1)
        if silent is not None:
            note = {"annotation_text": say("nothing written"), "annotation_font_size": 11} if row == 2 else {}
            figure.add_hline(silent, row=row, col=1, line={"dash": "dot", "width": 1.2, "color": TAU}, **note)
        figure.update_yaxes(title_text=say(title), row=row, col=1)
    figure.update_yaxes(range=[-0.03, 1.03], row=1, col=1)
    figure.update_xaxes(title_text="tau", row=2, col=1)
    return figure.update_layout(frame(height, bottom=48))
