"""Figures of the four variants: how a layer is wired, who sees whom, loss per token, recall. Pure functions."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.errors import check_choice
from titans_mini.messages import Message

from ..language import Say, spoken
from ..studies.reading import CHANCE, smooth
from ..studies.visibility import Visibility
from .trace import COLOURS, KEEP, NO_NAME, frame

# Of a model's modes, and of the controls, by what they share with the model (see studies.controls).
MODE_COLOURS = {
    "on": COLOURS["g_write"],
    "frozen": COLOURS["g_forget"],
    "off": COLOURS["loss"],
    "same steps": COLOURS["surprise"],
    "same time": COLOURS["memory_norm"],
    "cache": COLOURS["momentum"],
}
STYLES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MODE_DASHES = dict(zip(MODE_COLOURS, STYLES, strict=True))
NAMES = {
    "on": Message("on"),
    "frozen": Message("frozen"),
    "off": Message("off"),
    "same steps": Message("trained without memory, same steps"),
    "same time": Message("trained without memory, same time"),
    "cache": Message("the same steps, with an n-gram cache"),
}
SEEN = {  # group -> its colour, its title, and the hover text of a cell
    "persistent": (COLOURS["momentum"], "P", Message("persistent token %{x}")),
    "answers": (COLOURS["memory_norm"], "h", Message("the memory's answer h %{x}")),
    "tokens": (COLOURS["loss"], "x", Message("token x %{x}")),
}
WRITTEN = {
    "persistent": (COLOURS["momentum"], "P", SEEN["persistent"][2]),
    "answers": (COLOURS["memory_norm"], Message("writes that h sees"), Message("the write of token %{x}")),
    "output": (COLOURS["g_write"], Message("writes that the output sees"), Message("the write of token %{x}")),
}
LINE = "#8A929A"  # stands out on light and dark
PERSISTENT, MEMORY = Message("persistent"), Message("write, then read M")
PRODUCT, WINDOW = Message("gated product"), Message("attention to<br>[P | window]")
KINDS = {"memory": COLOURS["g_write"], "attention": LINE, "persistent": COLOURS["momentum"], "plain": LINE}

# A box: its column 0..2, its row and its words; `PARTS` gives the kind of those that are not plain.
PARTS = {"M": "memory", "h": "memory", "a": "attention", "p": "persistent"}
DIAGRAMS: dict[str, tuple[dict[str, tuple[int, int, str]], tuple[str, ...]]] = {
    "lmm": (
        {"p": (0, 0, PERSISTENT), "x": (1, 0, "x"), "M": (1, 1, MEMORY), "y": (1, 2, "y")},
        ("p M", "x M", "M y"),
    ),
    "mac": (
        {
            "x": (1, 0, "x"), "h": (2, 1, Message("h: read M as of<br>before the segment")), "p": (0, 1, PERSISTENT),
            "a": (1, 2, Message("attention to<br>[P | h | segment]")), "M": (2, 3, MEMORY), "g": (1, 4, PRODUCT),
            "y": (1, 5, "y"),
        },
        ("x h", "x a", "h a", "p a", "a M", "a g", "M g", "g y", "M h next<br>segment"),
    ),
    "mag": (
        {
            "p": (0, 0, PERSISTENT), "x": (1, 0, "x"), "a": (0, 1, WINDOW), "M": (2, 1, MEMORY), "g": (1, 2, PRODUCT),
            "y": (1, 3, "y"),
        },
        ("p a", "x a", "x M", "a g", "M g", "g y"),
    ),
    "mal": (
        {
            "x": (1, 0, "x"), "M": (2, 1, MEMORY), "s": (1, 2, "x + M(x)"), "p": (0, 2, PERSISTENT),
            "a": (1, 3, WINDOW), "y": (1, 4, "y"),
        },
        ("x M", "x s", "M s", "s a", "p a", "a y"),
    ),
}  # fmt: skip


def block_figure(variant: str, *, height: int = 330, say: Say = spoken) -> go.Figure:
    """How a layer of that variant is wired, from its input x at the top to its output y. Paper: section 4."""
    check_choice("variant", variant, DIAGRAMS)
    boxes, arrows = DIAGRAMS[variant]
    figure = go.Figure(go.Scatter(x=[None], y=[None], showlegend=False))
    rows = max(row for _, row, _ in boxes.values())
    half = 0.053 * (rows + 1)  # of a box's height: the same on the screen for all variants
    for name, (column, row, text) in boxes.items():
        colour = KINDS[PARTS.get(name, "plain")]
        figure.add_shape(
            type="rect", x0=column - 0.47, x1=column + 0.47, y0=row - half, y1=row + half,
            line={"color": colour, "width": 1.5}, fillcolor=_faint(colour),
        )  # fmt: skip
        figure.add_annotation(x=column, y=row, text=say(text), showarrow=False, font_size=11)
    for arrow in arrows:
        start, end, *note = arrow.split(" ", 2)
        figure.add_annotation(_arrow(boxes[start], boxes[end], half), opacity=0.6 if note else 1.0)
        if note:
            column, middle = boxes[end][0], (boxes[start][1] + boxes[end][1]) / 2
            figure.add_annotation(
                x=column, y=middle, text=say(note[0]), showarrow=False, font_size=11, xshift=4, xanchor="left"
            )
    figure.update_xaxes(visible=False, range=[-0.52, 2.52], fixedrange=True)
    figure.update_yaxes(visible=False, range=[rows + 0.5, -0.5], fixedrange=True)
    return figure.update_layout(frame(height, left=4, right=4, top=4, bottom=4))


def _arrow(start: tuple, end: tuple, half: float) -> dict:
    """An annotation that leads from one box's lower (or upper, or side) edge to the other's."""
    (x0, y0), (x1, y1) = start[:2], end[:2]
    if y0 == y1:
        side = 0.47 if x1 > x0 else -0.47
        x0, x1 = x0 + side, x1 - side
    else:
        down = half if y1 > y0 else -half
        y0, y1 = y0 + down, y1 - down
    ends = {"x": x1, "y": y1, "ax": x0, "ay": y0, "xref": "x", "yref": "y", "axref": "x", "ayref": "y"}
    return {**ends, "text": "", "showarrow": True, "arrowhead": 2, "arrowsize": 1.1, "arrowcolor": LINE}


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"


def attention_figure(seen: Visibility, *, height: int = 330, say: Say = spoken) -> go.Figure:
    """What attention's output at each token sees directly; not for lmm, which has no attention."""
    return _masks(seen.attention, SEEN, seen.window, height, say)


def writes_figure(seen: Visibility, *, height: int = 330, say: Say = spoken) -> go.Figure:
    """Whose writes reach each token through the memory."""
    return _masks(seen.memory, WRITTEN, seen.window, height, say)


def _masks(groups: Mapping[str, np.ndarray], looks: Mapping, window: int, height: int, say: Say) -> go.Figure:
    """Bool matrices (tokens, sources) side by side, filled where true; lines where a segment or chunk ends."""
    widths = [matrix.shape[1] for matrix in groups.values()]
    figure = make_subplots(
        cols=len(groups), shared_yaxes=True, column_widths=widths, horizontal_spacing=0.025,
        subplot_titles=[say(looks[name][1]) for name in groups],
    )  # fmt: skip
    for col, (name, matrix) in enumerate(groups.items(), start=1):
        colour, _, words = looks[name]
        drawn = go.Heatmap(
            z=matrix.astype(np.float32), zmin=0, zmax=1, showscale=False, xgap=1, ygap=1,
            colorscale=[[0, "rgba(138,146,154,0.13)"], [1, colour]],
            text=np.where(matrix, say("sees"), say("does not see")),
            hovertemplate=say("token %{y} %{text} {source}", source=words) + NO_NAME,
        )  # fmt: skip
        figure.add_trace(drawn, row=1, col=col)
        small = name == "persistent"
        for place in np.arange(window, matrix.shape[1], window) if not small else ():
            figure.add_vline(place - 0.5, row=1, col=col, line={"color": LINE, "width": 1})
        for place in np.arange(window, matrix.shape[0], window):
            figure.add_hline(place - 0.5, row=1, col=col, line={"color": LINE, "width": 1})
        figure.update_xaxes(tickvals=[] if small else list(range(0, matrix.shape[1], window)), row=1, col=col)
    figure.update_xaxes(showgrid=False, zeroline=False, ticks="", fixedrange=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, zeroline=False, ticks="", fixedrange=True)
    figure.update_yaxes(tickvals=list(range(0, len(next(iter(groups.values()))), window)))
    figure.update_yaxes(title_text=say("token that sees"), title_standoff=6, row=1, col=1)
    figure.update_annotations(font_size=12)
    return figure.update_layout(frame(height, left=44, right=8, top=28, bottom=24))


def bits_figure(
    bits: Mapping[str, np.ndarray], window: int, *, trained: int | None = None, height: int = 320, say: Say = spoken
) -> go.Figure:
    """Mode or control -> (t,) bits per token, each as the mean of the last `window`, the overall mean in the legend.

    A vertical line marks the length of the `trained` sequences.
    """
    figure = go.Figure()
    for mode, values in bits.items():
        check_choice("memory", mode, MODE_COLOURS)
        figure.add_trace(
            go.Scatter(
                x=np.arange(1, len(values) + 1), y=smooth(values, window).astype(np.float32), mode="lines",
                name=say("{curve}: {value}", curve=NAMES[mode], value=f"{values.mean():.3f}"),
                line={"color": MODE_COLOURS[mode], "dash": MODE_DASHES[mode], "width": 1.8},
                hovertemplate=say("{curve} %{y:.3f}", curve=NAMES[mode]) + NO_NAME,
            )
        )  # fmt: skip
    if trained is not None and any(len(values) > trained for values in bits.values()):
        note = {"annotation_text": say("length of training"), "annotation_font_size": 11}
        figure.add_vline(trained, line={"dash": "dot", "width": 1.2, "color": LINE}, **note)
    return curves(figure, say("byte"), say("bits per byte"), height)


def distance_figure(results: Mapping[str, Mapping[int, float]], *, height: int = 320, say: Say = spoken) -> go.Figure:
    """Mode or control -> gap -> accuracy of recall, with the line of a guess; gaps on a logarithmic axis."""
    figure = go.Figure()
    for mode, found in results.items():
        gaps = sorted(found)
        figure.add_trace(
            go.Scatter(
                x=gaps, y=[found[gap] for gap in gaps], name=say(NAMES[mode]), mode="lines+markers",
                line={"color": MODE_COLOURS[mode], "dash": MODE_DASHES[mode], "width": 2}, marker={"size": 8},
                hovertemplate=say("{curve}: {value}", curve=NAMES[mode], value="%{y:.1%}") + NO_NAME,
            )
        )  # fmt: skip
    gaps = sorted({gap for found in results.values() for gap in found})
    figure.add_hline(CHANCE, line={"dash": "dot", "width": 1.2, "color": LINE})
    note = {"xref": "paper", "x": 1, "xanchor": "right", "yanchor": "bottom", "showarrow": False}
    figure.add_annotation(note, y=CHANCE, text=say("a guess: {chance:.1%}", chance=CHANCE), font_size=11)
    curves(figure, say("filler tokens between telling and asking"), say("accuracy"), height)
    figure.update_yaxes(range=[-0.03, 1.05], tickformat=".0%")
    figure.update_xaxes(type="log", tickvals=gaps, ticktext=[f"{gap:,}" for gap in gaps])
    return figure


def curves(figure: go.Figure, across: str, upright: str, height: int) -> go.Figure:
    """The figure with its axes named and its legend above it."""
    figure.update_xaxes(title_text=across)
    figure.update_yaxes(title_text=upright)
    return figure.update_layout(frame(height, left=60, right=16, hovermode="x unified", showlegend=True, **KEEP))
