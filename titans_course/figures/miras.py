"""Figures of the MIRAS page: recall by age, and what happened along the stream, for one rule or two. Pure functions."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from titans_mini.messages import Message
from titans_mini.miras.running import MirasTrace

from ..language import Say, spoken
from ..studies.asking import Answers, by_age
from ..studies.reading import smooth
from .trace import COLOURS, DASHES, DIVERGED, KEEP, LABELS, NO_NAME, TAU, frame

WINDOW = 20  # questions over which recall along the stream is a mean
SYMBOLS = ("circle", "circle-open")
RECALL = COLOURS["right"]
ROWS = {"recall": RECALL, "loss": COLOURS["loss"], "memory_norm": COLOURS["memory_norm"]}
GATES = {"theta": COLOURS["g_write"], "eta": COLOURS["momentum"], "alpha": COLOURS["g_forget"]}
DOMAINS = ((0.73, 1.0), (0.5, 0.68), (0.27, 0.45), (0.0, 0.2))  # of the four rows, from the top
TITLES = (Message("recall"), LABELS["loss"], LABELS["memory_norm"], Message("gates"))
SMALLEST = 1e-5  # of a gate on its logarithmic axis

Runs = Mapping[str, tuple[MirasTrace, Answers]]  # label -> one rule's run; at most as many as there are DASHES


def age_figure(runs: Runs, *, height: int = 400, say: Say = spoken) -> go.Figure:
    """Recall by age: a line for the mean over the whole run, a mark for each pair after the last token.

    A run that ended early recalls nothing at its end and is left out.
    """
    figure = go.Figure()
    lowest = 0.0
    for index, (label, (_, answers)) in enumerate(runs.items()):
        if not _lasted(answers):
            continue
        ages, means = by_age(answers.age, answers.recall)
        look = {"color": RECALL, "dash": DASHES[2 * (index % 2)], "width": 2}
        told = say("{label}: %{y:.2f} at age %{x:.1f}, mean of the run", label=label) + NO_NAME
        figure.add_trace(go.Scatter(x=ages, y=means, name=say(label), mode="lines", line=look, hovertemplate=told))
        marks = {"symbol": SYMBOLS[index % 2], "size": 8, "color": RECALL}
        told = say("{label}: pair %{text}, shown %{x} tokens ago, recall %{y:.2f}", label=label) + NO_NAME
        figure.add_trace(
            go.Scatter(
                x=answers.end_age, y=answers.end_recall, text=answers.end_pair,
                name=say("{label}, at the end", label=label), mode="markers", marker=marks, hovertemplate=told,
            )
        )  # fmt: skip
        lowest = min(lowest, means.min(), answers.end_recall.min())
    figure.add_hline(0, line={"dash": "dot", "width": 1.2, "color": TAU})
    figure.update_xaxes(title_text=say("tokens since the pair was shown"))
    figure.update_yaxes(title_text=say("recall"), range=[lowest - 0.1, 1.06])
    return figure.update_layout(_looks(height))


def stream_figure(runs: Runs, *, marked: np.ndarray | None = None, height: int = 560, say: Say = spoken) -> go.Figure:
    """Recall, inner loss, memory norm and gates along the stream; the second rule is dotted.

    `marked` (t,) bool: tokens with an outlier, which are crossed above the curves. The axis of the loss leaves out
    its highest fiftieth, that of the gates is logarithmic, and rules that do not blow up set the scale.
    """
    lines = []
    for index, (label, (trace, answers)) in enumerate(runs.items()):
        series = {"recall": _running(answers.recall), "loss": trace.loss, "memory_norm": trace.memory_norm}
        for row, (name, colour) in enumerate(ROWS.items(), start=1):
            line = _line(series[name], label, TITLES[row - 1], colour, index, say)
            lines.append({**line, "yaxis": f"y{row}", "showlegend": row == 1})
        for name, colour in GATES.items():
            values = getattr(trace, name)
            line = _line(np.where(values > 0, values, np.nan), label, name, colour, index, say)
            lines.append({**line, "yaxis": "y4", "name": name, "showlegend": index == 0, "legend": "legend2"})
    if marked is not None and marked.any():
        lines.append(_crosses(np.flatnonzero(marked), say("outlier")))
    tokens = max(len(trace.loss) for trace, _ in runs.values())
    across = {"range": [-0.5, tokens - 0.5], "anchor": "y4", "title_text": say("token")}
    gates = {"orientation": "h", "y": DOMAINS[3][1], "x": 0, "yanchor": "bottom"}
    layout = {**_looks(height), **_axes(runs, say), "xaxis": across, "legend2": gates}
    return go.Figure(lines, layout)


def mark_blow_up(figure: go.Figure, token: int, label: str, *, say: Say = spoken) -> None:
    """A vertical red line where a run of a `stream_figure` ends."""
    upright = {"xref": "x", "x0": token, "x1": token, "yref": "paper", "y0": 0, "y1": 1}
    figure.add_shape(type="line", **upright, line={"color": DIVERGED, "width": 1.5})
    note = {"xref": "x", "yref": "y4 domain", "y": 0.02, "showarrow": False, "xanchor": "left", "yanchor": "bottom"}
    figure.add_annotation(
        note, x=token, text=say("{label} ends at {token}", label=label, token=token), font_color=DIVERGED
    )


def _lasted(answers: Answers) -> bool:
    """Whether the run had numbers to its end."""
    return bool(np.isfinite(answers.end_error))


def _running(values: np.ndarray) -> np.ndarray:
    """The mean over the last WINDOW values, as far as there are any."""
    ends = np.flatnonzero(~np.isfinite(values))
    end = ends[0] if len(ends) else len(values)
    out = np.full(len(values), np.nan)
    out[:end] = smooth(values[:end], WINDOW) if end else []
    return out


def _line(values: np.ndarray, label: str, title: str, colour: str, index: int, say: Say) -> dict:
    return {
        "type": "scatter", "x": np.arange(len(values)), "y": values.astype(np.float32), "name": label, "mode": "lines",
        "line": {"color": colour, "dash": DASHES[2 * (index % 2)], "width": 1.6},
        "hovertemplate": say("{label}: {title} %{y:.3g}", label=label, title=title) + NO_NAME,
    }  # fmt: skip


def _crosses(tokens: np.ndarray, name: str) -> dict:
    return {
        "type": "scatter", "x": tokens, "y": np.full(len(tokens), 1.08), "name": name, "mode": "markers",
        "marker": {"symbol": "x-thin", "size": 7, "line": {"width": 1.5, "color": DIVERGED}},
        "hovertemplate": name + NO_NAME,
    }  # fmt: skip


def _axes(runs: Runs, say: Say) -> dict:
    """The four y axes of a `stream_figure`."""
    calm = [trace for trace, answers in runs.values() if _lasted(answers)] or [trace for trace, _ in runs.values()]
    recalls = np.concatenate([_running(answers.recall) for _, answers in runs.values()])
    losses = np.concatenate([trace.loss for trace in calm])
    losses = losses[np.isfinite(losses)]
    bottom, top = np.quantile(losses, (0.0, 0.98)) if len(losses) else (0.0, 1.0)
    bottom = min(bottom, 0.0)
    room = 0.08 * (top - bottom) or 1.0
    norms = np.nan_to_num(np.concatenate([trace.memory_norm for trace in calm]))
    gates = np.concatenate([getattr(trace, name) for trace, _ in runs.values() for name in GATES])
    gates = gates[np.isfinite(gates) & (gates >= SMALLEST)]
    span = np.log10([gates.min() / 2, gates.max() * 2]) if len(gates) else np.array([-2.0, 0.0])
    axes = (
        {"range": [np.nan_to_num(recalls).min(initial=0.0) - 0.08, 1.16]},
        {"range": [bottom - room, top + room]},
        {"range": [0, 1.1 * norms.max() or 1.0]},
        {"range": span.tolist(), "type": "log", "dtick": 1, "exponentformat": "none"},
    )
    named = zip(axes, TITLES, DOMAINS, strict=True)
    return {
        f"yaxis{row}": {**axis, "title_text": say(title), "domain": domain, "anchor": "x"}
        for row, (axis, title, domain) in enumerate(named, start=1)
    }


def _looks(height: int) -> dict:
    return frame(height, left=60, right=16, hovermode="closest", showlegend=True, **KEEP)
