"""The figures of lesson 06b: the family as a tree, and the critics' inner steps."""

import numpy as np
import plotly.graph_objects as go

from titans_course.figures.family_tree import tree_figure
from titans_course.studies.rules import SEEDS, recall
from titans_course.studies.streams import make_pairs
from titans_mini.miras import MirasConfig, run

from .words import curve_figure

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)


def family_tree() -> go.Figure:
    return tree_figure()


def family_steps() -> go.Figure:
    """Inner loss after the write and recall, of a matrix of 8 features that takes many steps of 0.01 on each token."""
    streams = [make_pairs(tokens=192, dim=8, pairs=16, seed=seed) for seed in SEEDS]
    found = []
    for steps in STEPS:
        config = MirasConfig.preset("deltanet", gate="constant", theta=(1 - 0.98**steps) / 2)
        traces = [run(config, stream.keys, stream.values) for stream in streams]
        pairs = list(zip(traces, streams, strict=True))
        left = np.mean([1 - recall(trace.reads, stream.values) for trace, stream in pairs])
        found.append((left, np.mean([recall(trace.recalled, stream.clean) for trace, stream in pairs])))
    curves = dict(zip(("inner loss after the write", "recall of all pairs"), zip(*found, strict=True), strict=True))
    figure = curve_figure(curves, x=STEPS, x_title="inner steps for each token", y_title="share")
    return figure.update_xaxes(type="log", tickvals=STEPS)
