"""The figures of lesson 08: drills of a memory's alarms."""

from __future__ import annotations

import functools

import plotly.graph_objects as go

from titans_course.figures.anatomy import curve_figure
from titans_course.figures.operate import timeline_figure
from titans_course.lab.operations import make_engine
from titans_course.studies.drill import Drill, DrillConfig, clean_drill


@functools.cache
def _clean(engine: str) -> Drill:
    return clean_drill(make_engine(engine))


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
    norms = {f"factor {factor:g}": [sample.norm for sample in drill.samples] for factor, drill in faults.items()}
    for name, words in (("norm", "100 d"), ("norm_rise", "calibrated")):
        norms[words] = [model.runner.monitor.bounds[name]] * 45
    return curve_figure(norms, x=range(100, 4501, 100), y_title="memory norm", log=True)


def operations_drill() -> go.Figure:
    return timeline_figure(_clean("language").play(DrillConfig("scaled_weight", factor=3.0)))
