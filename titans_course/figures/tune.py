"""Figures of a grid search: heat maps of its table, the scores with their noise, and the price. Pure functions."""

import itertools

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.errors import ConfigError
from titans_mini.messages import Message
from titans_mini.tune import Tuning
from titans_mini.tune.objectives import OBJECTIVES
from titans_mini.tune.store import Setting, cost, setting_of

from ..language import Say, spoken
from ..studies.tuning import means, order, settings_needed
from .trace import COLOURS, DIVERGED, KEEP, NO_NAME, TAU, frame

NAMES = {"tau": "tau", "beta": "beta", "lam": "lambda", "eta": "eta", "depth": Message("depth")}
TIE, BEHIND = COLOURS["g_write"], "#9AA0A6"
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


def varied(lines: list[dict]) -> list[str]:
    """The parameters of which a table's lines have more than one value."""
    return [name for name in Setting._fields if len({line[name] for line in lines}) > 1]


def heat_maps(
    lines: list[dict], objective: str, *, pairs: list[tuple[str, str]] | None = None, height: int = 300,
    say: Say = spoken,
) -> go.Figure:  # fmt: skip
    """A map for each pair of parameters that vary in a table's lines; `height` is that of one row of maps.

    A cell shows the best score that its two values reach with any values of the others; a ring marks the best one.
    `pairs` draws only some of them, (x, y), in the colours of all. Raises ConfigError if fewer than two
    parameters vary.
    """
    every = list(itertools.combinations(varied(lines), 2))
    pairs = every if pairs is None else pairs
    if not pairs:
        raise ConfigError("maps need at least 2 parameters that vary, with a finished first stage")
    columns = min(ACROSS, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = make_subplots(rows=rows, cols=columns, horizontal_spacing=0.1, vertical_spacing=0.28 / rows)
    for index, (x, y) in enumerate(pairs):
        _add_map(figure, lines, x, y, objective, say, row=index // columns + 1, col=index % columns + 1)
    scale = {"colorscale": "Viridis", "reversescale": OBJECTIVES[objective].sign < 0}
    shown = np.concatenate([cells(lines, x, y, objective)[2].ravel() for x, y in every])
    if np.isfinite(shown).any():
        scale |= {"cmin": np.nanmin(shown), "cmax": np.nanmax(shown)}
    bar = {"showscale": len(pairs) > 1, "colorbar": {"title": {"text": say(objective)}}}
    figure.update_layout(coloraxis={**scale, **bar})
    return _finish(figure, height * rows)


def noise_figure(
    found: Tuning, stage: str = "final", *, most: int = 12, short: bool = False, height: int = 320, say: Say = spoken
) -> go.Figure:  # fmt: skip
    """The best settings of a stage, at most `most`: mean, spread and each seed; ties with the best in blue.

    `short` has brief labels, for a narrow screen: of a setting, the values of what the search varies.
    """
    lines = [line for line in found.table(stage) if line["mean"] is not None][:most]
    names = [name for name in Setting._fields if len(getattr(found.config, name)) > 1] or list(Setting._fields)
    labels = [say(setting_of(line).message) for line in lines]
    if short:
        labels = [", ".join(f"{line[name]:g}" for name in names) for line in lines]
    spread = {"type": "data", "array": [line["spread"] or 0.0 for line in lines], "color": TAU}
    colours = [BEHIND if line["tie"] is False else TIE for line in lines]
    figure = go.Figure(
        go.Scatter(
            x=[line["mean"] for line in lines], y=labels, error_x=spread, mode="markers", name=say("mean +- spread"),
            marker={"size": 11, "color": colours}, hovertemplate="%{y}: %{x:.4g}" + NO_NAME,
        )
    )  # fmt: skip
    wanted = {(setting_of(line), line["tokens"]): label for line, label in zip(lines, labels, strict=True)}
    seeds = [row for row in found.rows if (setting_of(row), row["tokens"]) in wanted]
    look = {"size": 6, "color": TAU, "symbol": "line-ns-open"}
    figure.add_scatter(
        x=[row["score"] for row in seeds], y=[wanted[setting_of(row), row["tokens"]] for row in seeds],
        text=[row["seed"] for row in seeds], mode="markers", name=say("one seed"), marker=look,
        hovertemplate=say("seed %{text}: %{x:.4g}") + NO_NAME,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    title = say(OBJECTIVES[found.config.objective].title)
    if short:
        title = say(found.config.objective)
        figure.update_yaxes(title_text=", ".join(say(NAMES[name]) for name in names))
    figure.update_xaxes(title_text=title)
    return _finish(figure, height)


def saving_figure(
    tokens: int, final_tokens: int, keep: int, *, saved: float = 0.8, own: int | None = None, most: int = 120,
    height: int = 300, say: Say = spoken,
) -> go.Figure:  # fmt: skip
    """Share of token updates saved against the number of settings; the point where it reaches `saved` is marked.

    `own` marks another number of settings. Below 0, where two stages cost more than the full grid, 0 is drawn.
    """
    counts = np.arange(1, most + 1)
    shares = [max(0.0, cost(int(count), tokens, final_tokens, keep).saved) for count in counts]
    line = {"color": COLOURS["g_write"], "width": 2}
    told = say("%{x} settings: %{y:.1%} saved") + NO_NAME
    figure = go.Figure(go.Scatter(x=counts, y=shares, mode="lines", name=say("saved"), line=line, hovertemplate=told))
    figure.add_hline(saved, line={"dash": "dot", "width": 1.2, "color": TAU})
    needed = settings_needed(saved, tokens, final_tokens, keep)
    if needed is not None and needed <= most:
        note = say("{count} settings", count=needed)
        figure.add_scatter(
            x=[needed], y=[shares[needed - 1]], mode="markers+text", text=[note], textposition="bottom right",
            name=say("{share} saved", share=f"{saved:.0%}"), marker={"size": 10, "color": COLOURS["surprise"]},
        )  # fmt: skip
    if own is not None:
        share = max(0.0, cost(own, tokens, final_tokens, keep).saved)
        mark = {"size": 13, "color": DIVERGED, "symbol": "circle-open", "line": {"width": 2.5}}
        figure.add_scatter(x=[own], y=[share], mode="markers", marker=mark, name=say("this grid"), hovertemplate=told)
    figure.update_xaxes(title_text=say("settings in the grid"))
    figure.update_yaxes(title_text=say("token updates saved"), tickformat=".0%", range=[0, 1])
    return _finish(figure, height)


def stages_figure(
    short: Tuning, long: Tuning, keep: int, *, pick: Setting | None = None, height: int = 360, say: Say = spoken
) -> go.Figure:
    """A full grid's settings by their mean on a short stream (x) and on a long one (y).

    Blue: the `keep` best of the short stream. A ring marks the best of the long one, a cross `pick`.
    """
    coarse, final = means(short), means(long)
    kept = set(order(short)[:keep])
    groups = {
        say("kept"): [setting for setting in coarse if setting in kept],
        say("left behind"): [setting for setting in coarse if setting not in kept],
    }
    figure = go.Figure()
    for (name, settings), colour in zip(groups.items(), (TIE, BEHIND), strict=True):
        figure.add_scatter(
            x=[coarse[setting] for setting in settings], y=[final[setting] for setting in settings], mode="markers",
            name=name, text=[say(setting.message) for setting in settings], marker={"size": 9, "color": colour},
            hovertemplate="%{text}<br>" + say("short %{x:.4g}, long %{y:.4g}") + NO_NAME,
        )  # fmt: skip
    marks = {say("best on the long stream"): (order(long)[0], "circle-open", 18)}
    if pick is not None:
        marks[say("your pick")] = (pick, "x-thin-open", 14)
    for name, (setting, symbol, size) in marks.items():
        look = {"symbol": symbol, "size": size, "color": DIVERGED, "line": {"width": 2.5}}
        spot = {"x": [coarse[setting]], "y": [final[setting]]}
        figure.add_scatter(**spot, mode="markers", name=name, marker=look, hoverinfo="skip")
    objective = Message(long.config.objective)
    across, upright = (
        say("{objective} at {count:,} tokens", objective=objective, count=run.config.tokens) for run in (short, long)
    )
    figure.update_xaxes(title_text=across)
    figure.update_yaxes(title_text=upright)
    return _finish(figure, height).update_layout(showlegend=True)


def _add_map(figure: go.Figure, lines: list[dict], x: str, y: str, objective: str, say: Say, **place) -> None:
    across, down, grid = cells(lines, x, y, objective)
    names = [[f"{value:g}" for value in values] for values in (across, down)]
    told = say("{across} %{x}, {down} %{y}: %{z:.4g}", across=NAMES[x], down=NAMES[y]) + NO_NAME
    heat = go.Heatmap(
        x=names[0], y=names[1], z=grid, coloraxis="coloraxis", texttemplate="%{z:.3g}", hovertemplate=told, xgap=1,
        ygap=1,
    )  # fmt: skip
    figure.add_trace(heat, **place)
    if np.isfinite(grid).any():
        best = np.nanargmax(OBJECTIVES[objective].sign * grid)
        ring = {"symbol": "circle-open", "size": 34, "color": DIVERGED, "line": {"width": 2}}
        corner = [names[0][best % len(across)]], [names[1][best // len(across)]]
        figure.add_trace(
            go.Scatter(x=corner[0], y=corner[1], mode="markers", marker=ring, hoverinfo="skip", name=say("best")),
            **place,
        )
    spans = [[-0.5, len(values) - 0.5] for values in (across, down)]  # else the ring would widen the axis
    figure.update_xaxes(title_text=say(NAMES[x]), type="category", range=spans[0], **place)
    figure.update_yaxes(title_text=say(NAMES[y]), type="category", range=spans[1], **place)


def _finish(figure: go.Figure, height: int) -> go.Figure:
    layout = frame(height, left=60, right=16, top=30, hovermode="closest", showlegend=False, **KEEP)
    return figure.update_layout(layout)
