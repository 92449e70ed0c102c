"""The pictures of lesson 09, for `notebook_images.py`."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from titans_course.claims import CLAIMS, SIZES
from titans_course.claims.finding import LONG
from titans_course.claims.tuning import BETAS
from titans_course.figures.anatomy import curve_figure
from titans_course.figures.claims import finding_figure, rule_figure
from titans_course.figures.spread import spread_figure
from titans_mini import SimulationConfig, simulate

SMALL = SIZES["small"]


def claims_life() -> go.Figure:
    trace = simulate(SimulationConfig(tokens=2000, eta=0.0))
    at = np.arange(0, 2000, 20)
    curves = {"gate at work": (trace.memory_norm / trace.norm_start)[at], "formula": (1 - 1e-4) ** (at + 1)}
    curves |= {f"formula, lambda {other:g}": (1 - other) ** (at + 1) for other in (1e-3, 1e-5)}
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
