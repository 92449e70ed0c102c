"""Figures of a grid search: heat maps of its table, the scores with their noise, and the price. Pure functions."""

from __future__ import annotations

import itertools

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .errors import ConfigError
from .figures import COLOURS, TAU
from .tune import Tuning
from .tune_objectives import OBJECTIVES
from .tune_store import Setting, cost, setting_of, settings_needed

NAMES = {"tau": "tau", "beta": "beta", "lam": "lambda", "eta": "eta", "depth": "depth"}
TIE, BEHIND = COLOURS["g_write"], COLOURS["pinned"]
MARK = "#D62839"  # ring around the best cell
ACROSS = 3  # maps in a row


def cells(lines: list[dict], x: str, y: str, objective: str) -> tuple[list, list, np.ndarray]:
    """(values of x, values of y, scores (y, x)): each cell is the best mean over all other parameters, NaN if none."""
    sign = OBJECTIVES[objective].sign
    across, down = (sorted({line[name] for line in lines}) for name in (x, y))
    grid = np.full((len(down), len(across)), np.nan)
    for line in lines:
        if line["mean"] is not None:
            place = down.index(line[y]), across.index(line[x])
            grid[place] = sign * np.fmax(sign * grid[place], sign * line["mean"])
    return across, down, grid


def heat_maps(lines: list[dict], objective: str, *, height: int = 300) -> go.Figure:
    """A map for each pair of parameters that vary in a table's lines; `height` is that of one row of maps.

    A cell shows the best score that its two values reach with any values of the others; a ring marks the best one.
    Raises ConfigError if fewer than two parameters vary.
    """
    varied = [name for name in Setting._fields if len({line[name] for line in lines}) > 1]
    pairs = list(itertools.combinations(varied, 2))
    if not pairs:
        raise ConfigError("maps need at least 2 parameters that vary, with a finished first stage")
    columns = min(ACROSS, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = make_subplots(rows=rows, cols=columns, horizontal_spacing=0.1, vertical_spacing=0.28 / rows)
    for index, (x, y) in enumerate(pairs):
        _add_map(figure, lines, x, y, objective, row=index // columns + 1, col=index % columns + 1)
    scale = {"colorscale": "Viridis", "reversescale": OBJECTIVES[objective].sign < 0}
    figure.update_layout(coloraxis={**scale, "colorbar": {"title": {"text": objective}}})
    return _finish(figure, height * rows)


def noise_figure(found: Tuning, stage: str = "final", *, most: int = 12, height: int = 320) -> go.Figure:
    """The best settings of a stage, at most `most`: mean, spread and each seed; ties with the best in blue."""
    lines = [line for line in found.table(stage) if line["mean"] is not None][:most]
    labels = [str(setting_of(line)) for line in lines]
    spread = {"type": "data", "array": [line["spread"] or 0.0 for line in lines], "color": TAU}
    colours = [BEHIND if line["tie"] is False else TIE for line in lines]
    figure = go.Figure(
        go.Scatter(
            x=[line["mean"] for line in lines], y=labels, error_x=spread, mode="markers", name="mean +- spread",
            marker={"size": 11, "color": colours}, hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        )
    )  # fmt: skip
    wanted = {(setting_of(line), line["tokens"]): label for line, label in zip(lines, labels, strict=True)}
    seeds = [row for row in found.rows if (setting_of(row), row["tokens"]) in wanted]
    look = {"size": 6, "color": TAU, "symbol": "line-ns-open"}
    figure.add_scatter(
        x=[row["score"] for row in seeds], y=[wanted[setting_of(row), row["tokens"]] for row in seeds],
        text=[row["seed"] for row in seeds], mode="markers", name="one seed", marker=look,
        hovertemplate="seed %{text}: %{x:.4g}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(title_text=OBJECTIVES[found.config.objective].title)
    return _finish(figure, height)


def saving_figure(
    tokens: int, final_tokens: int, keep: int, *, saved: float = 0.8, most: int = 120, height: int = 300
) -> go.Figure:
    """Share of token updates saved against the number of settings; where it reaches `saved` is marked."""
    counts = np.arange(1, most + 1)
    shares = [max(0.0, cost(int(count), tokens, final_tokens, keep).saved) for count in counts]
    line = {"color": COLOURS["g_write"], "width": 2}
    told = "%{x} settings: %{y:.1%} saved<extra></extra>"
    figure = go.Figure(go.Scatter(x=counts, y=shares, mode="lines", name="saved", line=line, hovertemplate=told))
    figure.add_hline(saved, line={"dash": "dot", "width": 1.2, "color": TAU})
    needed = settings_needed(saved, tokens, final_tokens, keep)
    if needed is not None and needed <= most:
        note = f"{needed} settings"
        figure.add_scatter(
            x=[needed], y=[shares[needed - 1]], mode="markers+text", text=[note], textposition="bottom right",
            name=f"{saved:.0%} saved", marker={"size": 10, "color": COLOURS["surprise"]},
        )  # fmt: skip
    figure.update_xaxes(title_text="settings in the grid")
    figure.update_yaxes(title_text="token updates saved", tickformat=".0%", range=[0, 1])
    return _finish(figure, height)


def _add_map(figure: go.Figure, lines: list[dict], x: str, y: str, objective: str, **place) -> None:
    across, down, grid = cells(lines, x, y, objective)
    names = [[f"{value:g}" for value in values] for values in (across, down)]
    told = f"{NAMES[x]} %{{x}}, {NAMES[y]} %{{y}}: %{{z:.4g}}<extra></extra>"
    heat = go.Heatmap(
        x=names[0], y=names[1], z=grid, coloraxis="coloraxis", texttemplate="%{z:.3g}", hovertemplate=told, xgap=1,
        ygap=1,
    )  # fmt: skip
    figure.add_trace(heat, **place)
    if np.isfinite(grid).any():
        best = np.nanargmax(OBJECTIVES[objective].sign * grid)
        ring = {"symbol": "circle-open", "size": 34, "color": MARK, "line": {"width": 2}}
        corner = [names[0][best % len(across)]], [names[1][best // len(across)]]
        figure.add_trace(
            go.Scatter(x=corner[0], y=corner[1], mode="markers", marker=ring, hoverinfo="skip", name="best"), **place
        )
    figure.update_xaxes(title_text=NAMES[x], type="category", **place)
    figure.update_yaxes(title_text=NAMES[y], type="category", **place)


def _finish(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height, margin={"l": 60, "r": 16, "t": 30, "b": 44}, showlegend=False, hovermode="closest",
        uirevision="keep",
    )  # fmt: skip
    return figure
