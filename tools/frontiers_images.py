"""The pictures of lesson 10, for `notebook_images.py`."""

from __future__ import annotations

import itertools

import plotly.graph_objects as go

from titans_course.figures.anatomy import curve_figure
from titans_course.figures.frontiers import sweep_figure
from titans_course.reward import RewardConfig
from titans_course.studies.frontiers import SHARED, TAUS, lifetime, rounded_model, sweep
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate


def frontiers_bits() -> go.Figure:
    bits, curves = (8, 6, 5, 4, 3, 2), {}
    for name, per in itertools.product(("mag", "mal"), SHARED):
        readers = [rounded_model(load_model(f"recall-{name}"), one, per) for one in bits]
        curves[f"{name}, a scale per {per}"] = [evaluate(lm, "recall_once", 32, rows=16)["accuracy"] for lm in readers]
    figure = curve_figure(curves, x=bits, x_title="bits of a number", y_title="recall")
    return figure.update_xaxes(autorange="reversed", tickvals=bits)


def frontiers_life() -> go.Figure:
    known = {name: lifetime(load_model(f"recall-{name}"), rows=64) for name in ("lmm", "mac", "mag", "mal")}
    curves = {name: [facts.shares(age, age)[0] for age in range(8)] for name, facts in known.items()}
    return curve_figure(curves, x_title="sessions since the fact was told", y_title="share of facts known")


def frontiers_tau() -> go.Figure:
    settings = itertools.product((0.3, 2.0), ("surprise", "smoothed"))
    curves = {f"noise {noise}, {name}": sweep(RewardConfig(noise_norm=noise), TAUS, name) for noise, name in settings}
    return sweep_figure(curves, TAUS, silent=sweep(RewardConfig(), (1.0,))[0].reward)
