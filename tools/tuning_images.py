"""The pictures of lesson 07, which `notebook_images.py` draws."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import plotly.graph_objects as go

from titans_course.figures.anatomy import curve_figure
from titans_course.figures.tune import heat_maps, noise_figure, saving_figure, stages_figure
from titans_course.studies.tuning import best_by, order
from titans_mini.tune import TuneConfig, Tuning, tune

GRID = TuneConfig(
    "recall", 200, 2000, tau=(0.1, 0.2, 0.3, 0.4, 0.5), beta=(0.5, 0.7, 0.9), lam=(1e-5, 1e-3), depth=(1,)
)


@cache
def full_grid(objective: str, tokens: int) -> Tuning:
    """The lesson's grid in one stage."""
    return tune(replace(GRID, objective=objective, tokens=tokens, final_tokens=tokens))


def tuning_saving() -> go.Figure:
    return saving_figure(10_000, 100_000, 3, own=54)


def tuning_noise() -> go.Figure:
    return noise_figure(full_grid("recall", 1000), short=True)


def tuning_maps() -> go.Figure:
    return heat_maps(full_grid("recall", 2000).table(), "recall")


def tuning_loss() -> go.Figure:
    return heat_maps(full_grid("loss", 2000).table(), "loss")


def tuning_stages() -> go.Figure:
    short, long = (full_grid("recall", tokens) for tokens in (200, 2000))
    return stages_figure(short, long, GRID.keep, pick=order(short)[0])


def tuning_tau() -> go.Figure:
    curves = {
        f"{tokens:,} tokens": list(best_by(full_grid("recall", tokens), "tau").values())
        for tokens in (200, 500, 1000, 2000)
    }
    return curve_figure(curves, x=GRID.tau, x_title="tau", y_title="best recall")
