"""The figures of lessons 00 to 04. A picture is named after its function."""

from functools import partial

import nbformat
import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from titans_course.figures import coloured_text, recall_figure, single_figure, time_figure
from titans_course.figures.anatomy import step_figure
from titans_course.figures.parallel import coefficient_figure, tradeoff_figure
from titans_course.figures.trace import COLOURS, TAU
from titans_course.studies.anatomy import dissect
from titans_course.studies.capacity import best_matrix, best_two_layers, random_pairs, recall_by_age
from titans_course.studies.parallel import chunk_cost, chunk_sizes, gate_matrices
from titans_course.studies.timing import medians
from titans_mini import MemoryConfig, NeuralMemory, SimulationConfig, simulate, simulate_many
from titans_mini.threads import one_thread

from .words import curve_figure, lessons, say

PLOTLY = "application/vnd.plotly.v1+json"


def tour_trace() -> go.Figure:
    return time_figure(simulate(SimulationConfig(tokens=600)))


def tour_text() -> str:
    body = coloured_text(simulate(SimulationConfig(tokens=600)), length=560)
    return f'<div style="padding:14px;font-size:15px">{body}</div>'


def tour_why() -> go.Figure:
    return stored("00_tour")


def tour_recall() -> go.Figure:
    return recall_figure(_by("lam", (1e-4, 1e-3), tokens=2000))


def memory_leak() -> go.Figure:
    """Two keys at 60 degrees with the shadow of one on the other, and the answer to the first key."""
    titles = say("keys: b has a shadow on a"), say("answer to a: half of vb leaks in")
    figure = make_subplots(cols=2, subplot_titles=titles)
    vectors = (  # column, end, name, colour
        (1, (1, 0), "a", COLOURS["g_write"]), (1, (0.5, 0.75**0.5), "b", COLOURS["surprise"]),
        (2, (1, 0), "va", COLOURS["g_write"]), (2, (0, 1), "vb", COLOURS["surprise"]),
        (2, (1, 0.5), "M a = va + 0.5 vb", COLOURS["pinned"]),
    )  # fmt: skip
    for column, (x, y), name, colour in vectors:
        text, place = [None, f"<b>{name}</b>"], "top center" if y else "bottom center"
        line, mark = {"color": colour, "width": 3}, {"symbol": "arrow", "angleref": "previous", "size": 15}
        arrow = go.Scatter(x=[0, x], y=[0, y], mode="lines+markers+text", text=text, textposition=place, line=line)
        figure.add_trace(arrow.update(marker=mark), row=1, col=column)
    leaks = (
        (1, (0.5, 0.5), (0.75**0.5, 0), "a · b = 0.5", 0.5, -0.08),
        (2, (1, 1), (0, 0.5), say("the leak"), 1.2, 0.25),
    )
    for column, x, y, name, *place in leaks:
        line = {"dash": "dot", "color": TAU, "width": 2}
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line), row=1, col=column)
        figure.add_annotation(x=place[0], y=place[1], text=name, showarrow=False, row=1, col=column)
    figure.update_xaxes(range=[-0.3, 1.5], zeroline=True)
    figure.update_yaxes(range=[-0.25, 1.25])
    return figure.update_layout(height=360, showlegend=False, margin={"l": 40, "r": 20, "t": 40, "b": 30})


def memory_steps() -> go.Figure:
    curves = {f"theta {step}": [(1 - 2 * step) ** n for n in range(9)] for step in (0.1, 0.5, 0.9, 1.1)}
    return curve_figure(curves, x_title="writes of the same pair", y_title="error left")


def memory_capacity() -> go.Figure:
    counts = (4, 8, 16, 32, 64, 128)
    curves = {
        name: [best(*random_pairs(count)) for count in counts]
        for name, best in (("one matrix, 8 wide", best_matrix), ("two layers, 8 → 32 → 8", best_two_layers))
    }
    figure = curve_figure(curves, x=counts, x_title="random pairs", y_title="loss left")
    return figure.update_xaxes(type="log", tickvals=counts)


def memory_step() -> go.Figure:
    text = "the cat sat on the mat. " * 8 + "the cat sat on the X"
    config = SimulationConfig(tokens=len(text), memory=MemoryConfig.preset("recipe", dim=16))
    return step_figure(dissect(config, len(text) - 1, text=text, theta=0.01, alpha=0.0))


def memory_loss() -> go.Figure:
    always = {"gate": "constant", "beta": 0.0, "lam": 0.0, "memory": MemoryConfig.preset("recipe", depth=1)}
    runs = {f"theta {eta:g}": simulate(SimulationConfig(tokens=500, eta=eta, **always)) for eta in (1e-4, 1e-3, 8e-3)}
    curves = {name: np.convolve(run.loss, np.full(50, 1 / 50), "valid") for name, run in runs.items()}
    return curve_figure(curves, x=range(49, 500), y_title="mean loss of 50 bytes")


def momentum_impulse() -> go.Figure:
    curves = {f"eta {eta}": [eta**age for age in range(30)] for eta in (0.5, 0.7, 0.9)}
    return curve_figure(curves, y_title="push left")


def momentum_swing() -> go.Figure:
    curves = {f"eta {eta}": _answers(eta) for eta in (0.0, 0.5, 0.9)}
    return curve_figure(curves, y_title="answer (wanted: 1)")


def momentum_ages() -> go.Figure:
    curves = {f"alpha {alpha}": recall_by_age(alpha).view(-1, 8).mean(-1) for alpha in (0.0, 0.03, 0.3)}
    return curve_figure(curves, x=range(4, 320, 8), x_title="pair (the last one is read last)", y_title="recall")


def momentum_text() -> go.Figure:
    configs = [SimulationConfig(gate="constant", beta=0.0, lam=alpha, tokens=1000) for alpha in (0.0, 0.01, 0.1)]
    return recall_figure({f"alpha {run.settings.lam:g}": run for run in simulate_many(configs)})


def recipe_tau() -> go.Figure:
    return single_figure(_by("tau", (0.2, 0.3, 0.4), tokens=300), "g_write")


def recipe_beta() -> go.Figure:
    return single_figure(_by("beta", (0.0, 0.7, 0.98), scenario="topic_shift", tokens=600), "momentum")


def recipe_lambda() -> go.Figure:
    return single_figure(_by("lam", (1e-4, 1e-3, 1e-2), tokens=1000), "memory_norm")


def recipe_rules() -> go.Figure:
    runs = [simulate(SimulationConfig(gate=gate)) for gate in ("surprise", "constant")]
    return recall_figure({say("the recipe"): runs[0], say("the paper's rule, held constant"): runs[1]})


def parallel_coef() -> go.Figure:
    theta, eta, alpha = torch.full((16,), 0.1), torch.full((16,), 0.5), torch.full((16,), 0.1)
    alpha[8] = 1.0
    return coefficient_figure(gate_matrices(theta, eta, alpha)["Coef"], 15)


def parallel_tradeoff() -> go.Figure:
    config, sizes = MemoryConfig(dim=64), (1, 2, 4, 8, 16, 32, 64, 128, 256)
    costs = {name: {c: chunk_cost(config, c)[i] / c for c in sizes} for name, i in (("operations", 1), ("products", 0))}
    x = torch.randn(1, 256, 64)

    def train(memory: NeuralMemory) -> None:
        memory(x)[0].square().mean().backward()

    with one_thread():
        memories = {chunk: NeuralMemory(MemoryConfig(dim=64, chunk=chunk)) for chunk in sizes}
        costs["time"] = medians({chunk: partial(train, memory) for chunk, memory in memories.items()}, rounds=7)
    return tradeoff_figure(chunk_sizes(), costs)


def stored(lesson: str, number: int = 0) -> go.Figure:
    """A figure that a lesson stores as an output, counted from 0."""
    cells = nbformat.read(lessons() / f"{lesson}.ipynb", as_version=4).cells
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return go.Figure([data[PLOTLY] for data in outputs if PLOTLY in data][number])


def _answers(eta: float, theta: float = 0.1, tokens: int = 60) -> list[float]:
    """The answer along v while one pair with a key of norm 1 is read again and again under momentum."""
    m, s, out = 0.0, 0.0, []
    for _ in range(tokens):
        s = eta * s - theta * 2 * (m - 1)
        m += s
        out.append(m)
    return out


def _by(name: str, values: tuple[float, ...], **settings) -> dict:
    """Runs of the simulator that differ in one setting, named after its values."""
    runs = simulate_many([SimulationConfig(**settings, **{name: value}) for value in values])
    label = {"lam": "lambda"}.get(name, name)
    return {f"{label} = {value:g}": run for value, run in zip(values, runs, strict=True)}
