"""The figures of lessons 05 to 11. A picture is named after its function."""

import functools
import itertools
import math
import statistics
import tempfile
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from titans_course.bug_hunt import PATIENTS, build, diagnose, moved
from titans_course.claims import CLAIMS, SIZES
from titans_course.claims.finding import LONG
from titans_course.claims.tuning import BETAS
from titans_course.figures.bug_hunt import moved_figure, table_figure
from titans_course.figures.claims import finding_figure, rule_figure
from titans_course.figures.evidence import context_figure
from titans_course.figures.family import family_figure
from titans_course.figures.frontiers import sweep_figure
from titans_course.figures.operate import timeline_figure
from titans_course.figures.trace import COLOURS, TAU
from titans_course.figures.tune import heat_maps, noise_figure, saving_figure, stages_figure
from titans_course.figures.variants import attention_figure, distance_figure
from titans_course.lab.operations import make_engine
from titans_course.reward import RewardConfig
from titans_course.studies import rules as experiments
from titans_course.studies.controls import CONTROLS, RECALL_CONTROL, read_seeds
from titans_course.studies.drill import Drill, DrillConfig, clean_drill
from titans_course.studies.evidence import recall_table, series_of
from titans_course.studies.family import kept
from titans_course.studies.frontiers import SHARED, TAUS, lifetime, rounded_model, sweep
from titans_course.studies.tuning import T_95, best_by, means, order, part
from titans_course.studies.visibility import measure
from titans_mini import SimulationConfig, TitansConfig, simulate
from titans_mini.models.model import MODES
from titans_mini.training.checkpoint import load_model, read_card
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import make_batch
from titans_mini.training.train import TrainConfig, Trainer
from titans_mini.tune import TuneConfig, Tuning, tune

from .words import curve_figure, say, spread_figure

# The grid of lesson 07.
GRID = TuneConfig(
    "recall", 200, 2000, tau=(0.1, 0.2, 0.3, 0.4, 0.5), beta=(0.5, 0.7, 0.9), lam=(1e-5, 1e-3), depth=(1,)
)
SMALL = SIZES["small"]


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
    return context_figure(series_of(read_card("text-mag"), controls, "context"), height=400)


def variants_gates() -> go.Figure:
    """theta and alpha of the first layer while it reads 16 facts, 64 tokens of filler and 16 questions."""
    lm = load_model("recall-mag")
    ids = make_batch("recall_once", 1, 64, torch.Generator().manual_seed(2)).ids
    layer = lm.layers[0]
    with torch.inference_mode():
        gate = layer.mixer.memory.gate
        gates, _ = gate(None, gate.project(layer.norms[0](lm.embed(ids))), None)  # a learned gate sees only its token
    return curve_figure({"theta": gates.theta[0], "alpha": gates.alpha[0]}, y_title="gate of layer 1")


def miras_outliers() -> go.Figure:
    rows = experiments.outliers(biases=("l2", "huber"))
    return spread_figure(rows, "recall", x="share", name="bias", x_title="share of outliers", y_title="recall")


def miras_coins() -> go.Figure:
    rows = experiments.coins((1, 1.25, 1.5, 2, 3, 4, 6))
    figure = spread_figure(rows, "answer", x="p", x_title="p", y_title="answer")
    line = {"dash": "dot", "color": "#22303C"}
    return figure.add_scatter(
        x=[row["p"] for row in rows], y=[row["limit"] for row in rows], name=say("closed form"), line=line
    )


def miras_family() -> go.Figure:
    return family_figure(kept())


def miras_ages() -> go.Figure:
    rows = experiments.ages(("none", "decay 0.05", "lq 4"), thetas=(0.2, 0.5))
    curves = {f"{row['retention']}, theta {row['theta']}": [part.mean for part in row["quarters"]] for row in rows}
    del curves["lq 4, theta 0.2"]  # its own step is the larger one
    quarters = (say("1, the oldest"), "2", "3", say("4, the newest"))
    return curve_figure(curves, x=quarters, x_title="quarter of the stream", y_title="recall")


def miras_privacy() -> go.Figure:
    rows = experiments.privacy((0.05, 0.1, 0.3, 1.0, 2.0))
    title = "epsilon of one pair (left: more private)"
    return spread_figure(rows, "recall", x="epsilon", x_title=title, y_title="recall").update_xaxes(type="log")


def tuning_saving() -> go.Figure:
    return saving_figure(10_000, 100_000, 3, own=54)


def tuning_noise() -> go.Figure:
    return noise_figure(_grid("recall", 1000), short=True)


def tuning_pairs() -> go.Figure:
    """Invented scores of two settings on three seeds: two clouds that overlap, and gaps that do not."""
    first, second = (0.3, 0.5, 0.7), (0.24, 0.45, 0.63)
    titles = say("scores: the clouds overlap"), say("paired: the gap on each seed")
    figure = make_subplots(cols=2, subplot_titles=titles)
    for seed, colour in enumerate(("g_write", "surprise", "momentum")):
        pair, look = (first[seed], second[seed]), {"color": COLOURS[colour]}
        line = {**look, "dash": "dot"}
        figure.add_scatter(x=["A", "B"], y=pair, mode="lines+markers", line=line, marker={"size": 11}, row=1, col=1)
        figure.add_bar(x=[say("seed {seed}", seed=seed)], y=[pair[0] - pair[1]], marker=look, width=0.4, row=1, col=2)
    figure.update_yaxes(range=[0, 0.8], row=1, col=1)
    figure.update_yaxes(range=[-0.02, 0.1], row=1, col=2)
    return figure.update_layout(height=320, showlegend=False, margin={"l": 50, "r": 20, "t": 40, "b": 30})


def tuning_gaps() -> go.Figure:
    """The best setting beside lines 2 and 3, seed by seed, and the gaps with the noise of their mean."""
    grid = _grid("recall", 1000)
    by_seed = [means(part(grid, seeds=[seed])) for seed in range(3)]
    best, *others = order(grid)[:3]
    names = [say("the best"), *(say("line {line}", line=line) for line in (2, 3))]
    titles = say("recall, a line for each seed"), say("gap to the best; its mean less noise")
    figure = make_subplots(cols=2, subplot_titles=titles)
    for scores, colour in zip(by_seed, ("g_write", "surprise", "momentum"), strict=True):
        line, recalls = {"color": COLOURS[colour]}, [scores[setting] for setting in (best, *others)]
        figure.add_scatter(x=names, y=recalls, mode="lines+markers", line=line, row=1, col=1)
        gaps, mark = [recalls[0] - recall for recall in recalls[1:]], {"color": COLOURS[colour], "size": 9}
        figure.add_scatter(x=names[1:], y=gaps, mode="markers", marker=mark, row=1, col=2)
    for name, setting in zip(names[1:], others, strict=True):
        gaps = [scores[best] - scores[setting] for scores in by_seed]
        noise = T_95[1] * statistics.stdev(gaps) / math.sqrt(3)
        bar = {"type": "data", "array": [0], "arrayminus": [noise], "symmetric": False, "width": 12, "thickness": 2}
        mark = {"symbol": "line-ew-open", "size": 26, "color": COLOURS["pinned"]}
        figure.add_scatter(x=[name], y=[statistics.fmean(gaps)], mode="markers", marker=mark, error_y=bar, row=1, col=2)
    figure.add_hline(y=0, line={"dash": "dot", "color": TAU}, row=1, col=2)
    return figure.update_layout(height=360, showlegend=False, margin={"l": 50, "r": 20, "t": 40, "b": 30})


def tuning_maps() -> go.Figure:
    return heat_maps(_grid("recall", 2000).table(), "recall")


def tuning_loss() -> go.Figure:
    return heat_maps(_grid("loss", 2000).table(), "loss")


def tuning_stages() -> go.Figure:
    short, long = (_grid("recall", tokens) for tokens in (200, 2000))
    return stages_figure(short, long, GRID.keep, pick=order(short)[0])


def tuning_tau() -> go.Figure:
    curves = {
        f"t = {tokens:,}": list(best_by(_grid("recall", tokens), "tau").values()) for tokens in (200, 500, 1000, 2000)
    }
    return curve_figure(curves, x=GRID.tau, x_title="tau", y_title="best recall")


def operations_writes() -> go.Figure:
    poisons = {"none": 1, "random_bytes": 400, "repeated_string": 3000, "flickering": 2500}
    curves = {
        "clean" if name == "none" else name: [
            sample.writes for sample in _clean("recipe").play(DrillConfig(name, duration=tokens)).samples[9:]
        ]
        for name, tokens in poisons.items()
    }
    figure = curve_figure(curves, x=range(1000, 6001, 100), y_title="writes per 1,000")
    return figure.add_hrect(30, 80, fillcolor="#2E86AB", opacity=0.12)


def operations_norm() -> go.Figure:
    model = _clean("language")
    faults = {f: model.play(DrillConfig("scaled_weight", factor=f, tokens=4500)) for f in (1.5, 3.0, 6.0, 20.0)}
    norms = {f"× {factor:g}": [sample.norm for sample in drill.samples] for factor, drill in faults.items()}
    for name, words in (("norm", "100 d"), ("norm_rise", "calibrated")):
        norms[words] = [model.runner.monitor.bounds[name]] * 45
    return curve_figure(norms, x=range(100, 4501, 100), y_title="memory norm", log=True)


def operations_drill() -> go.Figure:
    return timeline_figure(_clean("language").play(DrillConfig("scaled_weight", factor=3.0)))


def claims_life() -> go.Figure:
    trace = simulate(SimulationConfig(tokens=2000, eta=0.0))
    at = np.arange(0, 2000, 20)
    curves = {"gate at work": (trace.memory_norm / trace.norm_start)[at], "formula": (1 - 1e-4) ** (at + 1)}
    curves |= {f"lambda = {other:g}": (1 - other) ** (at + 1) for other in (1e-3, 1e-5)}
    return curve_figure(curves, x=at, y_title="share left")


def claims_beta() -> go.Figure:
    found = CLAIMS["beta"].measure(SMALL)
    rows = [{"beta": value, "loss": found[f"loss_{value:g}"]} for value in BETAS]
    return spread_figure(rows, "loss", x="beta", x_title="beta", y_title="inner loss")


def claims_rule() -> go.Figure:
    row = CLAIMS["useful"]
    found, lams = row.measure(SMALL), np.logspace(-8, -4, 17)
    lefts = LONG * np.log10(1 - lams)
    verdicts = [row.judge(found | {"log10_left": left}).verdict for left in lefts]
    words = dict(x_title="lambda", y_title="share left after 2 million tokens", log=True)
    return rule_figure(lams, verdicts, 10**lefts, **words)


def claims_share() -> go.Figure:
    return finding_figure(CLAIMS["share"].examine(SMALL), "share")


def frontiers_bits() -> go.Figure:
    bits, curves = (8, 6, 5, 4, 3, 2), {}
    for name, per in itertools.product(("mag", "mal"), SHARED):
        readers = [rounded_model(load_model(f"recall-{name}"), one, per) for one in bits]
        curves[say("{name}, a scale per {per}", name=name, per=say(per))] = [
            evaluate(lm, "recall_once", 32, rows=16)["accuracy"] for lm in readers
        ]
    figure = curve_figure(curves, x=bits, x_title="bits of a number", y_title="share right")
    return figure.update_xaxes(autorange="reversed", tickvals=bits)


def frontiers_life() -> go.Figure:
    known = {name: lifetime(load_model(f"recall-{name}"), rows=64) for name in ("lmm", "mac", "mag", "mal")}
    curves = {name: [facts.shares(age, age)[0] for age in range(8)] for name, facts in known.items()}
    return curve_figure(curves, x_title="sessions since the fact was told", y_title="share of facts known")


def frontiers_tau() -> go.Figure:
    settings = itertools.product((0.3, 2.0), ("surprise", "smoothed"))
    curves = {
        say("noise {noise}, {name}", noise=noise, name=say(name)): sweep(RewardConfig(noise_norm=noise), TAUS, name)
        for noise, name in settings
    }
    return sweep_figure(curves, TAUS, silent=sweep(RewardConfig(), (1.0,))[0].reward)


def bug_hunt_future() -> go.Figure:
    return moved_figure(moved(build("A"), "future", 6).numpy(), "future", 6)


def bug_hunt_table() -> go.Figure:
    return table_figure({name: diagnose(build(name)) for name in PATIENTS})


@functools.cache
def _grid(objective: str, tokens: int) -> Tuning:
    """The grid of lesson 07 with all its settings on the same number of tokens."""
    return tune(replace(GRID, objective=objective, tokens=tokens, final_tokens=tokens))


@functools.cache
def _clean(engine: str) -> Drill:
    return clean_drill(make_engine(engine))
