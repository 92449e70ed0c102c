"""Trace -> plotly Figure. Pure functions, used by the app and the notebooks alike; one colour per symbol.

Every figure takes its words from `say`, a function of a template and its fields; without one, it speaks the language
of TITANS_MINI_LANGUAGE, English by default.
"""

import copy
import functools
import html
from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.data import Event
from titans_mini.messages import Message
from titans_mini.trace import WRITE_LEVEL, Trace

from ..language import Say, spoken
from ..studies.measures import write_frequency

COLOURS = {
    "surprise": "#E4572E",
    "momentum": "#6A4232",
    "g_write": "#2E86AB",
    "g_forget": "#7C257B",
    "memory_norm": "#CD7B94",
    "loss": "#585B00",
    "frequency": "#7F7BE8",
    "right": "#1E7B54",  # what is recalled
    "pinned": "#22303C",
}
TAU, DIVERGED, WARN = "#8A929A", "#D62839", "#F2A541"  # marks that stand out on light and dark
LABELS = {
    "surprise": Message("surprise"),
    "momentum": Message("S (smoothed)"),
    "g_write": "g_write",
    "g_forget": "g_forget",
    "memory_norm": Message("memory norm"),
    "loss": Message("inner loss"),
    "frequency": Message("writes per 1,000"),
}
WIDTHS = {"surprise": 2.2, "g_write": 2.2}  # pixels, of a curve that shares its row with a thinner one
ROWS = (("surprise", "momentum"), ("g_write", "g_forget"), ("memory_norm",), ("loss",), ("frequency",))
NORMAL_WRITES = (30, 80)  # recipe: 5.1
DASHES = ("solid", "dash", "dot", "dashdot")  # distinguish runs, since the colour stands for the symbol
LEGEND = {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}
KEEP = {"uirevision": "keep"}  # a zoom survives the next run
NO_NAME = "<extra></extra>"  # ends a hover template: hides the curve's name
SHADE = 0.75  # share of red at surprise 1: a character on it keeps a contrast of 4.5 to 1, on light and dark
MANY = 5000  # from this many tokens on, lines are drawn by the graphics card


def frame(height: int, *, left: int = 70, right: int = 20, top: int = 36, bottom: int = 44, **more) -> dict:
    """A figure's height, its margins in pixels and its legend above it, with `more` of its layout."""
    return {"height": height, "margin": {"l": left, "r": right, "t": top, "b": bottom}, "legend": LEGEND, **more}


def time_figure(
    trace: Trace, pinned: Trace | None = None, *, cursor: int | None = None, height: int = 720, say: Say = spoken
) -> go.Figure:
    """All curves of a run on one time axis; a `pinned` run A lies on them, dashed; `cursor` marks a token."""
    lines, layout = [], copy.deepcopy(_axes(say, say("en")))
    longest = max(len(run) for run in (trace, pinned or trace))
    layout["xaxis"]["range"] = [-0.5, longest - 0.5]  # fixed, so that no mark and no gap shifts it
    runs = [trace] if pinned is None else [trace, pinned]
    layout[f"yaxis{len(ROWS)}"]["range"] = [0, max(map(frequency_top, runs))]
    for row, name, bottom in ((3, "memory_norm", 0), (4, "loss", None)):
        layout[f"yaxis{row}"]["range"] = _range([getattr(run, name) for run in runs], bottom)
    for row, names in enumerate(ROWS, start=1):
        axis = {"yaxis": f"y{row}"}
        lines += [_line(trace, name, say, **axis) for name in names]
        if pinned is not None:
            lines.append(_line(pinned, names[0], say, behind=True, showlegend=row == 1, **axis))
    shapes, notes = _marks(trace, cursor, say)
    return go.Figure(lines, layout | _finish(height) | {"shapes": shapes, "annotations": notes})


@functools.cache
def _axes(say: Say, language: str) -> dict:
    """The y axes stacked over one x axis, which a browser draws faster than one x axis each.

    `language` is a part of the cache's key: that of `spoken` may change.
    """
    heights = [0.28, 0.2, 0.17, 0.17, 0.18]
    figure = make_subplots(rows=len(ROWS), vertical_spacing=0.035, row_heights=heights)
    plain = {"automargin": False, "ticklabeloverflow": "allow"}  # so that the browser need not measure labels
    spans = {1: {"range": [-0.03, 1.05]}, 2: {"range": [-0.03, 1.05]}}
    made = {"xaxis": {"anchor": f"y{len(ROWS)}", "title": {"text": say("token")}, **plain}}
    for row, names in enumerate(ROWS, start=1):
        title, domain = "<br>".join(say(LABELS[name]) for name in names), figure.get_subplot(row, 1).yaxis.domain
        made[f"yaxis{row}"] = {
            "anchor": "x", "domain": list(domain), "title": {"text": title}, **plain, **spans.get(row, {}),
        }  # fmt: skip
    return made


def single_figure(traces: dict[str, Trace], name: str, *, height: int = 320, say: Say = spoken) -> go.Figure:
    """One column of several runs, each under its label, for comparing predictions with results."""
    figure = go.Figure()
    for index, (label, trace) in enumerate(traces.items()):
        look = {"dash": DASHES[index % len(DASHES)], "width": 1.6}
        figure.add_trace(_line(trace, name, say).update(name=label, showlegend=True, line=look))
    figure.update_xaxes(title_text=say("token"))
    figure.update_yaxes(title_text=say(LABELS[name]))
    return figure.update_layout(_finish(height))


def recall_figure(traces: dict[str, Trace], *, bins: int = 20, height: int = 320, say: Say = spoken) -> go.Figure:
    """Recall at the end of each run, by where its pairs were read: 1 is perfect, 0 no better than no answer."""
    figure = go.Figure()
    for index, (label, trace) in enumerate(traces.items()):
        groups = np.array_split(np.arange(len(trace)), min(bins, len(trace)))
        middle = np.array([group.mean() for group in groups])
        recall = np.array([1 - trace.loss_after[group].mean() for group in groups])
        line = {"color": COLOURS["right"], "dash": DASHES[index % len(DASHES)]}
        figure.add_trace(go.Scatter(x=middle, y=recall, name=label, mode="lines+markers", line=line))
    figure.update_xaxes(title_text=say("token at which the pair was read"))
    least = min([0.0, *(line.y.min() for line in figure.data)])
    figure.update_yaxes(title_text=say("recall at the end"), range=[least - 0.03, 1.03])
    figure.update_layout(showlegend=True)
    return figure.update_layout(_finish(height))


def formula(trace: Trace, token: int) -> str:
    """The step at one token with its numbers, as LaTeX lines. Recipe: 2.2."""
    s, before = trace.settings, trace.momentum[token - 1] if token else 0.0
    raw, surprise, now = trace.raw[token], trace.surprise[token], trace.momentum[token]
    write, forget = trace.g_write[token], trace.g_forget[token]
    gap = r" \qquad "
    if s.gate == "constant":
        step = rf"S_t = {s.beta:g}\,S_{{t-1}} - {s.eta:g}\,\nabla"
        return rf"{step}{gap}M_t = (1 - {s.lam:g})\,M_{{t-1}} + S_t{gap}\|\nabla\|/\sqrt{{d}} = {raw:.3f}"
    return (
        rf"\text{{surprise}} = {surprise:.3f} \;(\|\nabla\|/\sqrt{{d}} = {raw:.3f}){gap}"
        rf"S_t = {s.beta:g}\cdot{before:.3f} + {1 - s.beta:.3g}\cdot{surprise:.3f} = {now:.3f} \\ "
        rf"g_{{write}} = \sigma\!\left(\frac{{{now:.3f} - {s.tau:g}}}{{{s.softness:g}}}\right) = {write:.3f}{gap}"
        rf"g_{{forget}} = 1 - g_{{write}} = {forget:.3f} \\ "
        rf"m_t = (1 - {s.lam:g}\cdot{forget:.3f})\,m_{{t-1}} - {s.eta:g}\cdot{write:.3f}\,\nabla"
    )


def coloured_text(
    trace: Trace, *, start: int = 0, length: int = 600, cursor: int | None = None, say: Say = spoken
) -> str:
    """HTML of the text read, each character shaded by its surprise; a written one is underlined.

    A character of several bytes takes the largest surprise among them. A character under the mouse shows its numbers.
    Safe to embed: all text is escaped.
    """
    parts, end = [], min(len(trace), start + length)
    surprises = np.nan_to_num(trace.surprise[start:end]).tolist()
    writes = (trace.g_write[start:end] > WRITE_LEVEL).tolist()
    for first, stop, character in _characters(trace.tokens[start:end].tobytes()):
        a, b = start + first, start + stop
        surprise, written = max(surprises[first:stop]), any(writes[first:stop])
        style = f"background:rgba(228,87,46,{SHADE * surprise:.2f});"
        style += f"border-bottom:2px solid {COLOURS['g_write']};" if written else ""
        style += "outline:2px solid currentColor;" if cursor is not None and a <= cursor < b else ""
        shown = html.escape(character) if character not in "\n\r" else "&crarr;<br>"
        title = html.escape(say("token {token}: surprise {surprise:.2f}", token=a, surprise=surprise))
        parts.append(f'<span style="{style}" title="{title}">{shown}</span>')
    body = "".join(parts)
    return f'<div dir="auto" style="font-family:monospace;white-space:pre-wrap;line-height:1.7">{body}</div>'


def _characters(data: bytes):
    """(first byte, end byte, character) of each UTF-8 character; invalid bytes become U+FFFD."""
    position = 0
    while position < len(data):
        lead = data[position]
        width = 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        character = data[position : position + width].decode("utf-8", "replace")
        if len(character) != 1:
            width, character = 1, "\ufffd"
        yield position, min(position + width, len(data)), character
        position += width


def series(trace: Trace, name: str) -> np.ndarray:
    """(t,) a curve of a run in float32: one of its columns, or its write frequency."""
    return (write_frequency(trace) if name == "frequency" else getattr(trace, name)).astype(np.float32)


def _range(curves: list[np.ndarray], bottom: float | None) -> list[float]:
    """The ends of an axis: one curve that is ten times as large as another, as of a run that diverges, leaves it."""
    finite = [curve[np.isfinite(curve)] for curve in curves if np.isfinite(curve).any()] or [np.array([0.0, 1.0])]
    least = min(float(curve.max()) for curve in finite)
    shown = np.concatenate([curve for curve in finite if curve.max() <= 10 * least] or finite)
    low, high = float(shown.min()) if bottom is None else bottom, float(shown.max())
    margin = 0.05 * (high - low or abs(high) or 1)
    return [low - margin if bottom is None else bottom, high + margin]


def _line(trace: Trace, name: str, say: Say, *, behind: bool = False, showlegend: bool | None = None, **axes: str):
    kind = go.Scattergl if len(trace) > MANY else go.Scatter
    label = say("A: {curve}", curve=LABELS[name]) if behind else say(LABELS[name])
    look = {"color": COLOURS["pinned"], "width": 1.4, "dash": "dash"} if behind else {"color": COLOURS[name]}
    twice = name == "g_forget" and trace.settings.gate == "surprise"  # 1 - g_write
    line = kind(
        x0=0, dx=1, y=series(trace, name), name=label, showlegend=showlegend, visible="legendonly" if twice else True,
        mode="lines" if len(trace) > 1 else "markers", line={"width": WIDTHS.get(name, 1.4), **look},
        hovertemplate=f"{label} %{{y:.3f}}" + NO_NAME, **axes,
    )  # fmt: skip
    formulas = {} if behind else hover_texts(trace, say)
    if name in formulas:
        line.hovertemplate, line.customdata = formulas[name] + NO_NAME, _hover_numbers(trace, name)
    return line


def hover_texts(trace: Trace, say: Say) -> dict[str, str]:
    """The formulas of S, g_write and g_forget as hover templates: y is the value, customdata what it is made from.

    customdata is (S before, surprise) for S, and (S,) for g_write. Empty for a constant gate.
    """
    s = trace.settings
    if s.gate != "surprise":
        return {}
    return {
        "momentum": f"S = {s.beta:g}·%{{customdata[0]:.3f}} + {1 - s.beta:.3g}·%{{customdata[1]:.3f}} = %{{y:.3f}}",
        "g_write": f"g_write = σ((%{{customdata[0]:.3f}} − {s.tau:g}) / {s.softness:g}) = %{{y:.3f}}",
        "g_forget": str(say("g_forget = 1 − g_write = %{y:.3f}, decay {lam:g}·g_forget", lam=s.lam)),
    }


def _hover_numbers(trace: Trace, name: str) -> np.ndarray | None:
    """(t, 1 or 2) the customdata of `hover_texts`."""
    if name == "momentum":
        before = np.concatenate([[0.0], trace.momentum[:-1]])
        return np.stack([before, trace.surprise], axis=-1).astype(np.float32)
    return trace.momentum[:, None].astype(np.float32) if name == "g_write" else None


def frequency_top(trace: Trace) -> float:
    """Upper end of the write frequency's axis; the first values, means of few tokens, may lie above it."""
    settled = np.nan_to_num(write_frequency(trace)[min(200, len(trace) // 2) :])
    return max(120.0, 1.1 * float(settled.max(initial=0)))


def _marks(trace: Trace, cursor: int | None, say: Say) -> tuple[list[dict], list[dict]]:
    """Shapes and notes of a `time_figure`; those of a token run through all its rows."""
    low, high = NORMAL_WRITES
    upright = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1}
    across = {"xref": "x domain", "x0": 0, "x1": 1}
    note = {"xref": "x", "yref": "y domain", "y": 1, "showarrow": False, "xanchor": "left", "yanchor": "bottom"}
    tau, blue = trace.settings.tau, {"fillcolor": COLOURS["g_write"], "opacity": 0.12, "line_width": 0}
    red = {"fillcolor": COLOURS["surprise"], "opacity": 0.1, "line_width": 0}
    shapes = [
        {"type": "line", **across, "y0": tau, "y1": tau, "line": {"dash": "dot", "width": 1.5, "color": TAU}},
        {"type": "rect", **across, "yref": f"y{len(ROWS)}", "y0": low, "y1": high, **blue},
    ]
    shapes += [{"type": "rect", **upright, "x0": event.start, "x1": event.end, **red} for event in trace.events[:20]]
    notes = [{**note, "xref": "x domain", "x": 1, "yref": "y", "y": tau, "yanchor": "middle", "text": "tau"}]
    notes += [{**note, "x": event.start, "text": say(event.name)} for event in first_named(trace.events)]
    if cursor is not None:
        line = {"width": 1, "dash": "dot", "color": TAU}
        shapes.append({"type": "line", **upright, "x0": cursor, "x1": cursor, "line": line, "name": "cursor"})
    if (token := trace.diverged_at) is not None:
        shapes.append({"type": "line", **upright, "x0": token, "x1": token, "line": {"color": DIVERGED}})
        notes.append({**note, "x": token, "text": say("diverged at {token}", token=token), "font_color": DIVERGED})
    return shapes, notes


def first_named(events: Iterable[Event]) -> list[Event]:
    """The first event of each name: what comes again needs no word again."""
    return list({event.name: event for event in reversed([*events])}.values())


def _finish(height: int) -> dict:
    return frame(height, right=28, top=60, hovermode="x unified", **KEEP)  # room for the tools above the legend
