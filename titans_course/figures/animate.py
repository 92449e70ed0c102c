"""Eight short animations: what a memory does write by write. Pure functions of arrays, tensors and traces.

Nothing moves before play is pressed, and no frame glides. At rest the last frame is shown, which is the still on paper.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from titans_mini.trace import WRITE_LEVEL, Trace

from ..language import Say, spoken
from ..studies.frontiers import round_weights
from ..studies.visibility import Visibility
from .anatomy import BARE, CLEAR
from .trace import COLOURS, DIVERGED, TAU, frame
from .variants import attention_figure

MOST, PAD = 16, 84  # frames along a stream; pixels below the axes, for the buttons and the slider
FAINT = "rgba(138,146,154,0.16)"  # for light and dark pages


def matrix_writes(keys: np.ndarray, values: np.ndarray, theta=0.5, *, say: Say = spoken) -> go.Figure:
    """The delta rule writes keys (n, i) and values (n, o) into M = 0: left, what a write adds; right, M after it."""
    after = [np.zeros((len(values[0]), len(keys[0])))]
    for k, v in zip(np.asarray(keys), np.asarray(values), strict=True):
        after.append(after[-1] - 2 * theta * np.outer(after[-1] @ k - v, k))
    added = np.diff(after, axis=0, prepend=after[:1])
    end = max(np.abs([added, after]).max(), 1e-9)
    figure = make_subplots(cols=2, subplot_titles=[say("what this write adds"), say("M after it")])
    for col in (1, 2):
        _add_cells(figure, col, say, colorscale=CLEAR, zmin=-end, zmax=end)
    states = {str(n): [{"z": added[n]}, {"z": M}] for n, M in enumerate(after)}
    return _animated(figure, states, say("write"), say)


def leak(degrees: Sequence[float] = range(90, 59, -3), *, say: Say = spoken) -> go.Figure:
    """Key b turns towards key a: the shadow of b on a, and what M answers a, the sum of both outer products v k^T."""
    figure = make_subplots(cols=2, column_widths=[0.6, 0.4])
    looks = {"a": ("g_write", 3), "b": ("g_forget", 3), say("shadow of b on a"): ("surprise", 8), "": ("frequency", 1)}
    for name, (colour, width) in looks.items():
        line = {"color": COLOURS[colour], "width": width}
        figure.add_trace(go.Scatter(name=name, mode="lines", line=line, showlegend=bool(name)), 1, 1)
    bars = {"x": [say("value of a"), say("value of b")], "marker_color": [COLOURS["g_write"], COLOURS["surprise"]]}
    figure.add_bar(**bars, showlegend=False, row=1, col=2)
    states, a, zero = {}, np.array([1.0, 0.0]), np.zeros(2)
    for angle in degrees:
        b = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
        answer = np.stack([a, b]) @ a  # the values are (1, 0) and (0, 1), so the rows of M are the keys
        ends = [(zero, a), (zero, b), (zero, (a @ b) * a), ((a @ b) * a, b)]
        lines = [dict(zip("xy", np.transpose(pair), strict=True)) for pair in ends]
        states[f"{angle:g}°"] = [*lines, {"y": answer}]
    figure.update_xaxes(range=[-0.1, 1.1], col=1).update_yaxes(range=[-0.1, 1.1], scaleanchor="x", col=1)
    figure.update_yaxes(range=[0, 1.1], title_text=say("M's answer to a"), col=2)
    return _animated(figure, states, say("angle"), say, height=340, showlegend=True)


def surprise_along(trace: Trace, start: int = 0, length: int = 64, *, say: Say = spoken) -> go.Figure:
    """A run reads `length` bytes from `start` on: the surprise, S that follows it, tau, and what is written."""
    part = slice(start, start + length)
    letters = [chr(byte) if 33 <= byte < 127 else "·" for byte in trace.tokens[part]]
    marks = np.where(trace.g_write[part] > WRITE_LEVEL, trace.momentum[part], np.nan)
    figure = go.Figure()
    figure.add_bar(name=say("surprise"), marker_color=COLOURS["surprise"], opacity=0.6)
    figure.add_scatter(name=say("S (smoothed)"), mode="lines", line={"color": COLOURS["momentum"], "width": 2.5})
    figure.add_scatter(name=say("is written"), mode="markers", marker={"color": COLOURS["g_write"], "size": 9})
    figure.add_hline(trace.settings.tau, line={"dash": "dash", "color": TAU}, annotation_text="τ")
    figure.update_xaxes(tickvals=list(range(len(letters))), ticktext=letters, tickangle=0, range=[-1, len(letters)])
    figure.update_yaxes(range=[0, 1.05])
    states = _grown(trace.surprise[part], trace.momentum[part], marks)
    return _animated(figure, states, say("bytes read"), say, showlegend=True)


def momentum_trail(gradients: Sequence[float], eta=0.8, theta=0.1, *, say: Say = spoken) -> go.Figure:
    """One weight reads gradients: S <- eta S - theta g carries them on, and M <- M + S. Dashed: M without momentum."""
    g, S = np.asarray(gradients), [0.0]
    for one in g:
        S.append(eta * S[-1] - theta * one)
    curves = (g, np.array(S[1:]), np.cumsum(S[1:]), np.cumsum(-theta * g))
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.06)
    figure.add_bar(marker_color=COLOURS["surprise"], row=1, col=1)
    figure.add_bar(marker_color=COLOURS["momentum"], row=2, col=1)
    for dash in ("solid", "dash"):
        figure.add_scatter(
            mode="lines", line={"color": COLOURS["memory_norm"], "dash": dash, "width": 2.5}, row=3, col=1
        )
    for row, name in enumerate((say("gradient"), "S", "M"), start=1):
        figure.update_yaxes(title_text=name, range=_span(*curves[row - 1 : row if row < 3 else None]), row=row, col=1)
    figure.update_xaxes(range=[-0.7, len(g) - 0.3])
    return _animated(figure, _grown(*curves), say("tokens read"), say, showlegend=False)


def chunk_and_loop(loop: np.ndarray, by_chunks: np.ndarray, chunk: int, *, say: Say = spoken) -> go.Figure:
    """Answers (t, d) token by token, and with gradients at each chunk's start: at which M, and how far apart."""
    x, loop = np.arange(len(loop)), np.asarray(loop)
    apart = np.linalg.norm(np.asarray(by_chunks) - loop, axis=1) / np.linalg.norm(loop, axis=1)
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.08)
    for name, colour in ((say("token by token"), "g_write"), (say("by chunks"), "surprise")):
        figure.add_scatter(name=name, mode="lines", line={"color": COLOURS[colour], "shape": "hv"}, row=1, col=1)
    figure.add_bar(marker_color=COLOURS["loss"], showlegend=False, row=2, col=1)
    figure.update_xaxes(range=[-0.7, len(x) - 0.3], dtick=chunk)
    figure.update_yaxes(title_text=say("gradient at M<br>after writes"), range=[-1, len(x)], row=1, col=1)
    figure.update_yaxes(title_text=say("answers<br>apart"), range=_span(apart), tickformat=".0%", row=2, col=1)
    return _animated(figure, _grown(x, x // chunk * chunk, apart), say("tokens read"), say, showlegend=True)


def mask_grows(seen: Visibility, *, say: Say = spoken) -> go.Figure:
    """What attention sees, as `attention_figure` draws it, with one token, which is a row, more in each frame."""
    masks, rows = seen.attention.values(), np.arange(len(seen.attention["tokens"]))[:, None]
    states = {str(n + 1): [{"z": mask & (rows <= n)} for mask in masks] for n in rows.flat}
    return _animated(attention_figure(seen, say=say), states, say("tokens read"), say)


def poison_and_rollback(clean: tuple, poison: tuple, more: tuple, theta=0.1, eta=0.9, say: Say = spoken) -> go.Figure:
    """How far a matrix with momentum is from a twin that reads no poison, as a share; parts: (keys (n, d), values).

    After `poison` one memory goes on, one returns to M as it was after `clean`, with S = 0, and one to M and S.
    """
    d = len(clean[0][0])
    before = _read((np.zeros((d, d)), np.zeros((d, d))), clean, theta, eta)
    kept, ill = before[-1], _read(before[-1], poison, theta, eta)
    twin, span = [kept] * len(ill) + _read(kept, more, theta, eta), len(before) + len(ill) + len(more[0])
    ways = {say("no rollback"): ill[-1], say("back to M"): (kept[0], 0.0), say("back to M and S"): kept}
    figure, curves = go.Figure(), []
    for way, colour, dash in zip(ways, ("surprise", "g_write", "right"), ("solid", "dash", "solid"), strict=True):
        path = zip(ill + _read(ways[way], more, theta, eta), twin, strict=True)
        apart = [np.linalg.norm(M - other) / np.linalg.norm(other) for (M, _), (other, _) in path]
        curves.append(np.array([0.0] * len(before) + apart))
        figure.add_scatter(name=way, mode="lines", line={"color": COLOURS[colour], "dash": dash, "width": 2.5})
    shade = {"fillcolor": DIVERGED, "opacity": 0.12, "line_width": 0}
    note = {"annotation_text": say("poison"), "annotation_position": "top left"}
    figure.add_vrect(len(before) - 0.5, len(before) + len(ill) - 0.5, **shade, **note)
    figure.update_xaxes(range=[0, span])
    figure.update_yaxes(range=_span(*curves), tickformat=".0%", title_text=say("away from the twin"))
    return _animated(figure, _grown(*curves), say("pairs read"), say, showlegend=True)


def rounded_writes(start: np.ndarray, pair: tuple, theta=0.01, bits=8, *, say: Say = spoken) -> go.Figure:
    """`start` (o, i) learns a pair (key, value) in 2 / theta writes, in floats and rounded after each one."""
    start, (k, v), left = torch.as_tensor(start), map(np.asarray, pair), []
    for width in (32, bits):
        Ms = [round_weights(start, width).numpy()]
        for _ in range(round(2 / theta)):
            M = Ms[-1] - 2 * theta * np.outer(Ms[-1] @ k - v, k)
            Ms.append(round_weights(torch.from_numpy(M), width).numpy())
        errors = np.linalg.norm(np.stack(Ms) @ k - v, axis=1)
        left.append(errors / errors[0])
    codes = np.rint(Ms / np.abs(Ms).max(-1, keepdims=True) * (2 ** (bits - 1) - 1))
    changed = np.diff(codes, axis=0, prepend=codes[:1]) != 0
    figure = make_subplots(cols=2, subplot_titles=["", say("codes that this write changes")])
    for name, colour in ((say("floats"), "right"), (say("{bits} bits", bits=bits), "surprise")):
        figure.add_scatter(name=name, mode="lines", line={"color": COLOURS[colour], "width": 2.5}, row=1, col=1)
    _add_cells(figure, 2, say, colorscale=[[0, FAINT], [1, COLOURS["surprise"]]], zmin=0, zmax=1)
    figure.update_xaxes(range=[0, len(changed)], col=1)
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%", title_text=say("error left"), col=1)
    states = {str(int(n) - 1): [*two, {"z": changed[int(n) - 1]}] for n, two in _grown(*left).items()}
    return _animated(figure, states, say("write"), say, showlegend=True)


def _read(state: tuple, pairs: tuple, theta: float, eta: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """M and S after each of the pairs: S <- eta S - theta (M k - v) k^T, M <- M + S."""
    (M, S), states = state, []
    for k, v in zip(*map(np.asarray, pairs), strict=True):
        S = eta * S - theta * np.outer(M @ k - v, k)
        M = M + S
        states.append((M, S))
    return states


def _span(*curves: np.ndarray) -> list[float]:
    """An axis that holds the curves and zero."""
    low, high = min(0.0, *map(np.min, curves)), max(1e-9, *map(np.max, curves))
    return [low - 0.06 * (high - low), high + 0.06 * (high - low)]


def _grown(*curves: np.ndarray) -> dict[str, list[dict]]:
    """States of an animation in which curves of the same length grow from left to right."""
    stops = {max(1, round(len(curves[0]) * (n + 1) / MOST)) for n in range(MOST)}
    return {str(n): [{"y": curve[:n]} for curve in curves] for n in sorted(stops)}


def _add_cells(figure: go.Figure, col: int, say: Say, **look) -> None:
    figure.add_heatmap(xgap=1, ygap=1, showscale=False, **look, row=1, col=col)
    figure.update_xaxes(**BARE, title_text=say("input"), title_standoff=4, col=col)
    figure.update_yaxes(**BARE, title_text=say("output"), title_standoff=4, autorange="reversed", col=col)


def _animated(figure: go.Figure, states: dict[str, list[dict]], counted: str, say: Say, **layout) -> go.Figure:
    """The figure with a frame for each state, named at the slider after `counted`, with what changes of each curve."""

    def changes(parts: list[dict]) -> list[dict]:
        small = [{axis: x.astype("i1" if x.dtype == bool else "f4") for axis, x in part.items()} for part in parts]
        return [{"type": trace.type, **part} for trace, part in zip(figure.data, small, strict=True)]

    figure.frames = [{"name": name, "data": changes(parts)} for name, parts in states.items()]
    for trace, last in zip(figure.data, changes([*states.values()][-1]), strict=True):
        trace.update({axis: last[axis] for axis in ("x", "y", "z") if axis in last})

    def run(target: object, duration: int) -> dict:
        how = {"mode": "immediate", "fromcurrent": True, "transition": {"duration": 0}}
        return {"method": "animate", "args": [target, {**how, "frame": {"duration": duration, "redraw": True}}]}

    buttons = [{"label": "▶ " + say("play"), **run(None, 600)}, {"label": "❚❚ " + say("pause"), **run([None], 0)}]
    steps = [{"label": name, **run([name], 0)} for name in states]
    place = {"y": 0, "yanchor": "top", "xanchor": "left", "bgcolor": FAINT, "bordercolor": TAU}
    menu = {"type": "buttons", "direction": "left", "showactive": False, "buttons": buttons, "x": 0, "pad_t": 52}
    slider = {"steps": steps, "active": len(steps) - 1, "x": 0.3, "len": 0.7, "pad_t": 36, "ticklen": 0}
    value = {"prefix": f"{counted}: ", "font": {"size": 12, "color": TAU}}
    slider |= {"currentvalue": value, "font": {"size": 1, "color": "rgba(0,0,0,0)"}, "minorticklen": 0}
    figure.update_layout(frame(layout.pop("height", 320) + PAD, bottom=PAD + 30, **layout))
    return figure.update_layout(updatemenus=[{**place, **menu}], sliders=[{**place, **slider}])
