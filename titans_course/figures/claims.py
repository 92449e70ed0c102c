"""Figures of the audit: the numbers of a row, a rule applied to numbers, counts of verdicts. Pure functions."""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from titans_mini.messages import Message

from ..claims.finding import FAILS, HOLDS, PART, UNTESTED, Finding
from ..claims.view import MISSING, figure_rows, label
from ..language import Say, choose, spoken
from .trace import COLOURS, TAU, WARN, frame

VERDICT_COLOURS = {
    HOLDS: COLOURS["right"],
    PART: WARN,
    FAILS: COLOURS["surprise"],
    UNTESTED: "#6C757D",
    MISSING: "#9AA0A6",
}
HEADS = {"value": Message("value"), "low": Message("low"), "high": Message("high"), "seeds": Message("seeds")}
ROW = 24  # pixels
INK = "#22303C"  # reads on a pale verdict


def spoken_label(row: str, key: str) -> str:
    """The label of a row's figure in the language of the environment."""
    return label(row, key, choose())


def finding_figure(
    finding: Finding, row: str, *, labels: Callable[[str, str], str] = spoken_label, say: Say = spoken
) -> go.Figure:
    """A table of the figures of a row: value and, if there are several seeds, their lowest, highest and number.

    `labels` gives the label of a row's figure. Each line is in the colour of the verdict of its first reading, or of
    the row where it belongs to none.
    """
    rows = figure_rows(finding)
    heads = [head for head in HEADS if any(cells[head] for cells in rows.values())]
    names = list(dict.fromkeys(VERDICT_COLOURS))
    places = [names.index(_verdict(finding, name)) for name in rows]
    scale = [[place / (len(names) - 1), VERDICT_COLOURS[name]] for place, name in enumerate(names)]
    cells = go.Heatmap(
        z=[[place] * len(heads) for place in places], x=[say(HEADS[head]) for head in heads],
        y=[labels(row, name) for name in rows], zmin=0, zmax=len(names) - 1,
        showscale=False, colorscale=scale, opacity=0.45, xgap=3, ygap=3, hoverinfo="skip",
        text=[[line[head] for head in heads] for line in rows.values()], texttemplate="%{text}",
        textfont={"color": INK},
    )  # fmt: skip
    figure = go.Figure(cells)
    figure.update_yaxes(autorange="reversed", automargin=True, dtick=1, ticks="", showgrid=False)
    figure.update_xaxes(side="top", showgrid=False)
    return figure.update_layout(frame(60 + ROW * len(rows), left=20, top=40, bottom=10))


def _verdict(finding: Finding, figure: str) -> str:
    """Of the first reading that rests on the figure, or of the row."""
    return next((one.verdict for one in finding.readings if figure in one.figures), finding.verdict)


def rule_figure(
    x: Sequence[float],
    verdicts: Sequence[str],
    y: Sequence[float],
    *,
    x_title: str,
    y_title: str,
    log: bool = False,
    height: int = 340,
    say: Say = spoken,
) -> go.Figure:
    """Points (x, y), each in the colour of the verdict that a rule gives there; a legend of the verdicts met.

    The titles are templates of `say`.
    """
    figure = go.Figure(
        go.Scatter(x=list(x), y=list(y), mode="lines", line={"color": TAU, "width": 1}, showlegend=False)
    )
    for verdict, colour in VERDICT_COLOURS.items():
        points = [(a, b) for a, b, met in zip(x, y, verdicts, strict=True) if met == verdict]
        if points:
            place, value = zip(*points, strict=True)
            marker = {"color": colour, "size": 11}
            figure.add_trace(go.Scatter(x=place, y=value, mode="markers", name=say(verdict), marker=marker))
    figure.update_xaxes(title_text=say(x_title), type="log" if log else "linear", exponentformat="power")
    figure.update_yaxes(title_text=say(y_title))
    return figure.update_layout(frame(height, top=40, bottom=50))


def counts_figure(counts: Mapping[str, int], *, height: int = 240, say: Say = spoken) -> go.Figure:
    """A bar for each verdict."""
    bars = go.Bar(
        x=list(counts.values()), y=[say(name) for name in counts], orientation="h", text=list(counts.values()),
        marker_color=[VERDICT_COLOURS[name] for name in counts], hoverinfo="skip",
    )  # fmt: skip
    figure = go.Figure(bars)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(title_text=say("claims"), rangemode="tozero")
    return figure.update_layout(frame(height, left=20, top=16))
