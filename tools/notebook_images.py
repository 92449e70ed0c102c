"""Draws `notebooks/images/*.png`: the figures of the lessons, for pages that run no JavaScript.

    python tools/notebook_images.py [NAME ...]      # all, or those named

The pictures come from `titans_course.figures`, through Playwright and the system's Chromium.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import torch
from bug_hunt_images import bug_hunt_future, bug_hunt_table
from claims_images import claims_beta, claims_life, claims_rule, claims_share
from course_maps import (
    map_bug_hunt,
    map_claims,
    map_frontiers,
    map_memory,
    map_miras,
    map_momentum,
    map_operations,
    map_parallel,
    map_recipe,
    map_tour,
    map_tuning,
    map_variants,
)
from frontiers_images import frontiers_bits, frontiers_life, frontiers_tau
from operations_images import operations_drill, operations_norm, operations_writes
from playwright.sync_api import Page, sync_playwright
from plotly.offline import get_plotlyjs
from tuning_images import tuning_loss, tuning_maps, tuning_noise, tuning_saving, tuning_stages, tuning_tau

from titans_course.figures import coloured_text, recall_figure, single_figure, time_figure
from titans_course.figures.anatomy import curve_figure, step_figure
from titans_course.figures.evidence import context_figure
from titans_course.figures.parallel import coefficient_figure, tradeoff_figure
from titans_course.figures.spread import spread_figure
from titans_course.figures.variants import attention_figure, distance_figure
from titans_course.studies import rules as experiments
from titans_course.studies.anatomy import dissect
from titans_course.studies.capacity import best_matrix, best_two_layers, random_pairs, recall_by_age
from titans_course.studies.evidence import recall_table, series_of
from titans_course.studies.parallel import chunk_cost, chunk_sizes, gate_matrices
from titans_course.studies.visibility import measure
from titans_mini import MemoryConfig, NeuralMemory, SimulationConfig, TitansConfig, simulate, simulate_many
from titans_mini.models.model import MODES
from titans_mini.threads import one_thread
from titans_mini.timing import medians
from titans_mini.training.checkpoint import load_model, read_card, read_seeds
from titans_mini.training.controls import CONTROLS, RECALL_CONTROL
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import make_batch
from titans_mini.training.train import TrainConfig, Trainer

IMAGES = Path(__file__).resolve().parents[1] / "notebooks" / "images"
WIDTH = 860


def tour_trace() -> go.Figure:
    return time_figure(simulate(SimulationConfig(tokens=600)))


def tour_text() -> str:
    body = coloured_text(simulate(SimulationConfig(tokens=600)), length=560)
    return f'<div style="padding:14px;font-size:15px">{body}</div>'


def tour_burst() -> go.Figure:
    return time_figure(simulate(SimulationConfig("novelty_burst", tokens=600)))


def tour_recall() -> go.Figure:
    return recall_figure(_by("lam", (1e-4, 1e-3), tokens=2000))


def memory_steps() -> go.Figure:
    curves = {f"step {step}": [(1 - 2 * step) ** n for n in range(9)] for step in (0.1, 0.5, 0.9, 1.1)}
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
    runs = {f"step {eta:g}": simulate(SimulationConfig(tokens=500, eta=eta, **always)) for eta in (1e-4, 1e-3, 8e-3)}
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
    return recall_figure({"the recipe": runs[0], "the paper's rule, held constant": runs[1]})


def variants_mac() -> go.Figure:
    return attention_figure(measure("mac"))


def variants_train() -> go.Figure:
    shape = TitansConfig("mag", vocab_size=80, layers=1, memory_depth=1, chunk=32)
    curves = {}
    for memory in ("on", "off"):
        sizes = {"rows": 16, "size": 16, "start_size": 4}
        plan = TrainConfig("recall_once", steps=200, **sizes, lr=0.01, gate_cost=3.0, memory=memory)
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(shape, plan, folder)
            trainer.run(quiet=True)
        curves[f"memory {memory}"] = trainer.losses
    return curve_figure({**curves, "ln 32": [math.log(32)] * 200}, x_title="step", y_title="loss")


def variants_recall() -> go.Figure:
    lm, gaps = load_model("recall-mag"), (16, 128, 2048)
    curves = {
        mode: {gap: evaluate(lm, "recall_once", gap, rows=8, memory=mode)["accuracy"] for gap in gaps} for mode in MODES
    }
    (control,) = recall_table({"off": read_seeds(RECALL_CONTROL)[0]})
    return distance_figure({**curves, "same steps": {2048: control["near"]}})


def variants_context() -> go.Figure:
    controls = {same: read_card(name) for same, name in CONTROLS.items()}
    return context_figure(series_of(read_card("text-mag"), controls, "context"))


def variants_gates() -> go.Figure:
    """theta and alpha along 16 told, 64 filler and 16 asked tokens, in the first layer."""
    lm = load_model("recall-mag")
    ids = make_batch("recall_once", 1, 64, torch.Generator().manual_seed(2)).ids
    layer = lm.layers[0]
    with torch.inference_mode():
        gate = layer.mixer.memory.gate
        gates, _ = gate(None, gate.project(layer.norms[0](lm.embed(ids))), None)  # a gate sees one token alone
    return curve_figure({"theta": gates.theta[0], "alpha": gates.alpha[0]}, y_title="gate of layer 1")


def miras_outliers() -> go.Figure:
    rows = experiments.outliers(biases=("l2", "huber"))
    return spread_figure(rows, "recall", x="share", name="bias", x_title="share of outliers", y_title="recall")


def miras_coins() -> go.Figure:
    rows = experiments.coins((1, 1.25, 1.5, 2, 3, 4, 6))
    figure = spread_figure(rows, "answer", x="p", x_title="p", y_title="answer")
    line = {"dash": "dot", "color": "#22303C"}
    return figure.add_scatter(
        x=[row["p"] for row in rows], y=[row["limit"] for row in rows], name="closed form", line=line
    )


def miras_ages() -> go.Figure:
    rows = experiments.ages(("none", "decay 0.05", "lq 4"), thetas=(0.2, 0.5))
    curves = {f"{row['retention']}, theta {row['theta']}": [part.mean for part in row["quarters"]] for row in rows}
    del curves["lq 4, theta 0.2"]  # its own step is the larger one
    quarters = ("1, the oldest", "2", "3", "4, the newest")
    return curve_figure(curves, x=quarters, x_title="quarter of the stream", y_title="recall")


def miras_privacy() -> go.Figure:
    rows = experiments.privacy((0.05, 0.1, 0.3, 1.0, 2.0))
    title = "epsilon of one pair (left: more private)"
    return spread_figure(rows, "recall", x="epsilon", x_title=title, y_title="recall").update_xaxes(type="log")


def parallel_coef() -> go.Figure:
    theta, eta, alpha = torch.full((16,), 0.1), torch.full((16,), 0.5), torch.full((16,), 0.1)
    alpha[8] = 1.0
    return coefficient_figure(gate_matrices(theta, eta, alpha)["Coef"], 15)


def parallel_tradeoff() -> go.Figure:
    config, sizes = MemoryConfig(dim=64), (1, 2, 4, 8, 16, 32, 64, 128, 256)
    costs = {name: {c: chunk_cost(config, c)[i] / c for c in sizes} for name, i in (("operations", 1), ("products", 0))}
    x = torch.randn(1, 256, 64)
    with torch.inference_mode(), one_thread():
        memories = {chunk: NeuralMemory(MemoryConfig(dim=64, chunk=chunk)) for chunk in sizes}
        costs["time"] = medians({chunk: partial(memory, x) for chunk, memory in memories.items()}, rounds=15)
    return tradeoff_figure(chunk_sizes(), costs)


def _answers(eta: float, theta: float = 0.1, tokens: int = 60) -> list[float]:
    """A pair with a key of length 1, reread at each token, under momentum: what is answered along v."""
    m, s, out = 0.0, 0.0, []
    for _ in range(tokens):
        s = eta * s - theta * 2 * (m - 1)
        m += s
        out.append(m)
    return out


def _by(name: str, values: tuple[float, ...], **settings) -> dict:
    runs = simulate_many([SimulationConfig(**settings, **{name: value}) for value in values])
    label = {"lam": "lambda"}.get(name, name)
    return {f"{label} = {value:g}": run for value, run in zip(values, runs, strict=True)}


PICTURES: dict[str, Callable[[], go.Figure | str]] = {
    picture.__name__: picture
    for picture in (
        map_tour, map_memory, map_momentum, map_recipe, tour_trace, tour_text, tour_burst, tour_recall,
        memory_steps, memory_capacity, memory_step, memory_loss,
        momentum_impulse, momentum_swing, momentum_ages, momentum_text,
        recipe_tau, recipe_beta, recipe_lambda, recipe_rules,
        map_variants, variants_mac, variants_train, variants_recall, variants_gates, variants_context,
        map_miras, miras_outliers, miras_coins, miras_ages, miras_privacy,
        map_parallel, parallel_coef, parallel_tradeoff, map_frontiers, frontiers_bits, frontiers_life, frontiers_tau,
        map_tuning, tuning_saving, tuning_noise, tuning_maps, tuning_tau, tuning_loss, tuning_stages,
        map_operations, operations_writes, operations_norm, operations_drill,
        map_bug_hunt, bug_hunt_future, bug_hunt_table, map_claims, claims_life, claims_beta, claims_rule, claims_share,
    )
}  # fmt: skip


def page_of(picture: go.Figure | str) -> str:
    """A page that holds the picture alone, in an element `#picture`."""
    if isinstance(picture, str):
        inner, script = picture, ""
    else:
        inner = picture.to_html(include_plotlyjs=False, full_html=False, default_width=f"{WIDTH}px")
        script = f"<script>{get_plotlyjs()}</script>"
    style = f"margin:0;width:{WIDTH}px;background:#fff;font-family:'DejaVu Sans','Noto Sans CJK SC',sans-serif"
    return f'<!doctype html><meta charset="utf-8">{script}<body><div id="picture" style="{style}">{inner}</div>'


def draw(page: Page, names: list[str]) -> Iterator[Path]:
    """Writes the pictures named and yields their files."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in names:
        picture = PICTURES[name]()
        page.set_content(page_of(picture))
        if isinstance(picture, go.Figure):
            page.wait_for_selector(".js-plotly-plot .xaxislayer-above", state="attached")
            page.wait_for_timeout(300)
        target = IMAGES / f"{name}.png"
        page.locator("#picture").screenshot(path=target)
        yield target


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PICTURES]
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if unknown or chromium is None:
        print(f"no picture {unknown[0]!r}" if unknown else "Chromium is not installed", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        for file in draw(page, names or list(PICTURES)):
            print(f"{file.relative_to(IMAGES.parent)}  {file.stat().st_size // 1000} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
