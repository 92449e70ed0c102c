"""Small figures of matrices and closed forms: heat maps of one token's write, and plain curves. Pure functions."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.config import SimulationConfig
from titans_mini.messages import Message

from ..language import Say, spoken
from ..studies.anatomy import Step, losses
from .trace import COLOURS, NO_NAME, frame

SCALE = ((0.0, COLOURS["g_write"]), (0.5, "#FFFFFF"), (1.0, COLOURS["surprise"]))  # negative, zero, positive
CLEAR = (  # as SCALE, but zero lets the page through, light or dark
    (0.0, "rgba(46,134,171,1)"), (0.5, "rgba(46,134,171,0)"), (0.5, "rgba(228,87,46,0)"), (1.0, "rgba(228,87,46,1)"),
)  # fmt: skip
BARE = {"showgrid": False, "zeroline": False, "ticks": ""}  # of an axis
EDGE, GAP, INNER = 0.06, 0.03, 0.99  # of a figure: its edge strips, the space next to them, and where frames end
LINES = ("surprise", "g_write", "memory_norm", "g_forget", "momentum", "loss")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
CELL = Message("output %{y}, input %{x}: %{z:.4f}")  # what a cell of a layer says


def matrix_figure(matrices: Mapping[str, np.ndarray], *, height: int = 260, say: Say = spoken) -> go.Figure:
    """Matrices (outputs, inputs) as heat maps below each other, each under its name.

    Zero is white, positive red, negative blue. Each matrix has its own scale, whose end is in the title.
    """
    ends = [float(np.abs(matrix).max()) or 1.0 for matrix in matrices.values()]
    ended = zip(matrices, ends, strict=True)
    titles = [say("{name} (colours end at ±{end:.2g})", name=name, end=end) for name, end in ended]
    figure = make_subplots(rows=len(ends), subplot_titles=titles, vertical_spacing=0.3 / len(ends))
    for row, (matrix, end) in enumerate(zip(matrices.values(), ends, strict=True), start=1):
        figure.add_trace(_heat(matrix, end, say, gap=0, colorscale=SCALE), row=row, col=1)
    figure.update_yaxes(autorange="reversed", title_text=say("output"))
    figure.update_xaxes(title_text=say("input"), row=len(ends), col=1)
    figure.update_annotations(font_size=13)
    return figure.update_layout(frame(height * len(ends), left=60, top=40))


def step_figure(step: Step, layer: int = -1, *, height: int = 190, say: Say = spoken) -> go.Figure:
    """One layer in one token's write: weights before, gradient, change, weights after. Recipe: 2.2."""
    before, after = step.before[layer], step.after[layer]
    parts = {
        say("weights before"): before,
        say("gradient = δ aᵀ"): step.gradients[layer],
        say("change = after − before"): after - before,
        say("weights after"): after,
    }
    return matrix_figure(parts, height=height, say=say)


def curve_figure(
    curves: Mapping[str, Sequence[float]],
    *,
    x: Sequence[float] | None = None,
    x_title: str = "token",
    y_title: str = "",
    log: bool = False,
    height: int = 320,
    say: Say = spoken,
) -> go.Figure:
    """Curves under their names, against `x` or 0, 1, 2 ... (tokens); `log` makes the y axis logarithmic.

    Names and titles are templates of `say`: those that the catalogue knows are translated.
    """
    figure = go.Figure()
    for index, (name, values) in enumerate(curves.items()):
        line = {"color": COLOURS[LINES[index % len(LINES)]], "dash": DASHES[index % len(DASHES)], "width": 2}
        y = np.asarray(values, dtype=np.float32)
        mode = "lines+markers" if len(y) <= 12 else "lines"
        figure.add_trace(
            go.Scatter(x=list(range(len(y)) if x is None else x), y=y, name=say(name), mode=mode, line=line)
        )
    figure.update_xaxes(title_text=say(x_title))
    figure.update_yaxes(title_text=say(y_title), type="log" if log else "linear")
    return figure.update_layout(frame(height, showlegend=True))


def vector_figure(step: Step, *, height: int = 210, say: Say = spoken) -> go.Figure:
    """k, v, M(k) and the error M(k) - v as strips, a column a feature, on one scale around zero."""
    strips = {"k": step.key, "v": step.value, "M(k)": step.prediction, say("error"): step.error}
    end = _end(*strips.values())
    drawn = _heat(np.stack(list(strips.values())), end, say, gap=2)
    drawn.update(y=list(strips), hovertemplate=say("%{y}, feature %{x}: %{z:.4f}") + NO_NAME)
    figure = go.Figure(drawn)
    _frame(figure, (len(strips), len(step.key)))
    figure.update_yaxes(showticklabels=True, tickfont_size=13)
    figure.update_xaxes(showticklabels=True, domain=[0, INNER], title_text=say("feature"))
    title = say("k, v, M(k), error · colours end at ±{end:.2g}", end=end)
    return _plain(figure, title, height, left=48, bottom=44)


def gradient_figure(step: Step, layer: int, *, height: int = 320, say: Say = spoken) -> go.Figure:
    """One layer's gradient; delta runs down its left edge and a along the top, and each cell is their product."""
    gradient, delta, a = step.gradients[layer], step.deltas[layer], step.inputs[layer]
    end = _end(gradient)
    figure = make_subplots(
        rows=2, cols=2, shared_xaxes="columns", shared_yaxes="rows", row_heights=[EDGE, 1 - EDGE],
        column_widths=[EDGE, 1 - EDGE], horizontal_spacing=GAP, vertical_spacing=GAP,
    )  # fmt: skip
    across, upright = _heat(a[None], _end(a), say), _heat(delta[:, None], _end(delta), say)
    across.hovertemplate = say("a, input %{x}: %{z:.4f}") + NO_NAME
    upright.hovertemplate = say("δ, output %{y}: %{z:.4f}") + NO_NAME
    products = _heat(gradient, end, say)
    products.customdata = np.stack(np.broadcast_arrays(delta[:, None], a[None]), axis=-1).astype(np.float32)
    products.hovertemplate = "δ %{customdata[0]:.3f} · a %{customdata[1]:.3f} = %{z:.4f}" + NO_NAME
    for drawn, row, col in ((across, 1, 2), (upright, 2, 1), (products, 2, 2)):
        figure.add_trace(drawn, row=row, col=col)
    _frame(figure, gradient.shape)
    figure.update_xaxes(range=[-0.5, 0.5], col=1)
    figure.update_yaxes(range=[0.5, -0.5], row=1)
    figure.update_xaxes(visible=False, row=1, col=1)
    figure.update_yaxes(visible=False, row=1, col=1)
    figure.update_xaxes(domain=[EDGE + GAP, INNER], col=2)
    figure.update_xaxes(title_text=say("inputs"), row=2, col=2)
    figure.update_yaxes(title_text="δ", row=2, col=1)
    note = {"xref": "paper", "yref": "paper", "x": EDGE / 2, "y": 1 - EDGE / 2, "yanchor": "middle", "showarrow": False}
    figure.add_annotation(note, text="a", font_size=14)
    return _plain(figure, say("gradient δ aᵀ · ±{end:.2g}", end=end), height)


def weights_figures(step: Step, layer: int, *, height: int = 320, say: Say = spoken) -> dict[str, go.Figure]:
    """One layer's weights before, their change and the weights after, on one scale.

    The change is usually far smaller than the weights, so it is drawn larger by a factor given in its title.
    """
    before, after = step.before[layer], step.after[layer]
    change = after.astype(np.float64) - before
    end, largest = _end(before, after, change), _end(change, zero=0.0)
    times = _round_down(end / largest) if largest else 1.0
    titles = {
        "before": (before, say("W before · ±{end:.2g}", end=end)),
        "change": (change, say("change · ±{end:.2g}", end=end / times) + (f" (×{times:g})" if times > 1 else "")),
        "after": (after, say("W after · ±{end:.2g}", end=end)),
    }
    figures = {}
    for name, (matrix, title) in titles.items():
        figure = go.Figure(_heat(matrix, end / times if name == "change" else end, say))
        _frame(figure, matrix.shape)
        figure.update_xaxes(domain=[0, INNER], title_text=say("inputs"))
        figure.update_yaxes(domain=[0, 1 - EDGE - GAP], title_text=say("outputs"))  # in line with the gradient's rows
        figures[name] = _plain(figure, title, height)
    return figures


def write_figure(step: Step, *, height: int = 210, say: Say = spoken) -> go.Figure:
    """The pair's loss after the write against the size of the write, with this step's theta marked."""
    thetas = np.geomspace(1e-5, 1.0, 121)
    curve = losses(step, thetas)
    figure = go.Figure(
        go.Scatter(
            x=thetas.tolist(), y=np.where(np.isfinite(curve), curve, np.nan).tolist(), mode="lines",
            name=say("loss after"), line={"color": COLOURS["loss"], "width": 2},
            hovertemplate=say("theta %{x:.2g}: loss %{y:.3f}") + NO_NAME,
        )
    )  # fmt: skip
    top = max(2.0 * step.loss_before, 1e-3)
    figure.add_hline(step.loss_before, line={"dash": "dot", "color": COLOURS["loss"], "width": 1})
    figure.add_scatter(
        x=[min(max(step.theta, 1e-5), 1.0)], y=[min(step.loss_after, top)], mode="markers", name=say("this write"),
        marker={"size": 12, "color": COLOURS["surprise"]}, hovertemplate=say("this write") + NO_NAME,
    )  # fmt: skip
    figure.update_xaxes(type="log", title_text="theta", range=[-5, 0], dtick=1, exponentformat="power")
    figure.update_yaxes(range=[-0.04 * top, 1.04 * top], title_text=say("loss"))
    return _plain(figure, say("loss after the write · dotted: before it"), height, left=52, bottom=44)


def step_formula(step: Step, settings: SimulationConfig, *, by_hand: bool = False) -> str:
    """The write with its numbers, as LaTeX lines; `by_hand`: theta and alpha are not the gate's. Paper: eq. 12-14.
    Recipe: 2.2."""
    norms = [
        rf"({_sci(_norm(delta))}\cdot {_sci(_norm(a))})^2" for delta, a in zip(step.deltas, step.inputs, strict=True)
    ]
    write, forget, names = _sci(step.theta), _sci(step.alpha), (r"\theta", r"\alpha")
    constant, change = settings.gate == "constant", rf"{_sci(step.theta)}\,\delta_l\,a_l^\top"
    if not by_hand and not constant:
        write = rf"{_sci(settings.eta)}\cdot{step.g_write:.3f} = {write}"
        forget = rf"{_sci(settings.lam)}\cdot{1 - step.g_write:.3f} = {forget}"
        names = (r"\theta = \eta\,g_{write}", r"\alpha = \lambda\,g_{forget}")
    lines = (  # each short enough for a phone
        r"\nabla_l = \delta_l\,a_l^\top \qquad \delta_L = 2\,(M(k) - v)",
        rf"\|\nabla\|^2 = {norms[0]}",
        *(f"+ {norm}" for norm in norms[1:]),
        rf"\|\nabla\| / \sqrt{{d}} = \|\nabla\| / \sqrt{{{len(step.key)}}} = {step.raw:.3f}",
        f"{names[0]} = {write}",
        f"{names[1]} = {forget}",
        *([rf"S_l \leftarrow {_sci(settings.beta)}\,S_l - {change}"] if constant else []),
        rf"W_l \leftarrow (1 - {_sci(step.alpha)})\,W_l {'+ S_l' if constant else ''}",
        *([] if constant else [f"- {change}"]),
    )
    return r"\begin{gathered}" + r" \\[0.35em] ".join(lines) + r"\end{gathered}"


def _norm(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector.astype(np.float64)))


def _sci(value: float) -> str:
    """A number in LaTeX with three figures."""
    digits, _, power = f"{value:.3g}".partition("e")
    return rf"{digits}\cdot 10^{{{int(power)}}}" if power else digits


def _round_down(factor: float) -> float:
    """The largest of 1, 2, 5, 10, 20 ... that is not above `factor`; at least 1."""
    power = 10.0 ** np.floor(np.log10(max(factor, 1.0)))
    return float(max(digit * power for digit in (1, 2, 5) if digit * power <= max(factor, 1.0)))


def _end(*arrays: np.ndarray, zero: float = 1.0) -> float:
    """The largest finite size in some arrays; `zero` where all is zero."""
    finite = np.concatenate([np.abs(array[np.isfinite(array)]).ravel() for array in arrays])
    return float(finite.max(initial=0.0)) or zero


def _heat(matrix: np.ndarray, end: float, say: Say, *, gap: int = 1, colorscale=CLEAR) -> go.Heatmap:
    """A heat map around zero; cells that are not finite stay empty."""
    z = np.where(np.isfinite(matrix), matrix, np.nan).astype(np.float32)
    gap = gap if max(z.shape) <= 32 else 0
    return go.Heatmap(
        z=z, zmin=-end, zmax=end, colorscale=colorscale, showscale=False, xgap=gap, ygap=gap,
        hovertemplate=say(CELL) + NO_NAME,
    )  # fmt: skip


def _frame(figure: go.Figure, shape: tuple[int, int]) -> None:
    """Frames close around the cells of each subplot, the first row of a matrix at the top."""
    figure.update_xaxes(BARE, showticklabels=False, range=[-0.5, shape[1] - 0.5])
    figure.update_yaxes(BARE, showticklabels=False, range=[shape[0] - 0.5, -0.5])
    for drawn in figure.data:
        where = {"xref": f"{drawn.xaxis or 'x'} domain", "yref": f"{drawn.yaxis or 'y'} domain"}
        figure.add_shape(where, type="rect", x0=0, x1=1, y0=0, y1=1, line={"color": "#8A929A", "width": 1})


def _plain(figure: go.Figure, title: str, height: int, *, left: int = 26, bottom: int = 26) -> go.Figure:
    title = {"text": title, "font_size": 13, "x": 0}
    return figure.update_layout(frame(height, left=left, right=6, top=30, bottom=bottom, showlegend=False), title=title)
