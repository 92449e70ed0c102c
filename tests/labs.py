"""What the tests of all labs share: a small lab of each kind, and small grids for the tuning lab."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from functools import partial

import ipywidgets
import plotly.graph_objects as go
from reading import shape_of

from titans_course.lab import FailureLab, Prediction, SimulatorLab
from titans_course.lab.bug_hunt import BugHuntLab
from titans_course.lab.claims import ClaimsLab
from titans_course.lab.frontiers import FrontiersLab
from titans_course.lab.miras import MirasLab
from titans_course.lab.operations import DrillLab
from titans_course.lab.parallel import ParallelLab
from titans_course.lab.tuning import TuningLab
from titans_course.lab.variants import RecallLab
from titans_course.language import LANGUAGES
from titans_course.studies.drill import DrillConfig
from titans_mini.tune import TuneConfig, Tuning

UNSAID = (ipywidgets.Box, go.FigureWidget)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CONFIG = TuneConfig(
    "recall", 100, 100, seeds=3, tau=(0.1, 0.2, 0.3, 0.4), beta=(0.5, 0.9), lam=(1e-4,), eta=(1e-3,), depth=(1,)
)


def grid(tokens: int) -> Tuning:
    """Short streams like a low tau, long ones a high one; seeds move all settings alike."""
    numbers = {"tokens": tokens, "writes_per_1k": 1.0, "norm_end": 1.0, "diverged_at": None, "seconds": 0.1}
    like = (tokens - 500) / 1000
    rows = [
        {**s._asdict(), "seed": seed, "score": like * s.tau + 0.01 * s.beta + 0.1 * seed, **numbers}
        for s, seed in itertools.product(CONFIG.settings(), range(3))
    ]
    return Tuning(replace(CONFIG, tokens=tokens, final_tokens=tokens), rows, True)


GRIDS = {tokens: grid(tokens) for tokens in (100, 400, 1000)}


LABS = {
    "simulator": partial(SimulatorLab, tokens=60, predict=Prediction("How many?", len, unit="writes")),
    "gallery": partial(FailureLab, tokens=60),
    "variants": partial(RecallLab, gap=8),
    "parallel": partial(ParallelLab, chunk=4),
    "miras": partial(MirasLab, pairs=2),
    "tuning": partial(TuningLab, GRIDS),
    "operations": partial(DrillLab, DrillConfig("scaled_weight", at=1300, tokens=1600), engine="recipe"),
    "claims": ClaimsLab,
    "frontiers": FrontiersLab,
    "bug_hunt": BugHuntLab,
}


def check_controls(lab) -> None:
    """Each control of a lab is in its panel and says in both languages what it does; a switch changes no more."""
    controls = (*lab.controls.values(), lab.guess, lab.reveal)
    shown = inside(lab.panel)
    before, said = state(lab), {}
    for language in (*LANGUAGES, lab.language.value):
        lab.language.value = language
        assert state(lab) == before
        for widget in shown:
            if isinstance(widget, ipywidgets.DOMWidget) and not isinstance(widget, UNSAID):
                assert widget.tooltip and (language == "en" or CHINESE.search(widget.tooltip)), widget
        assert all(widget in shown and widget.description for widget in controls)
        said[language] = [(widget.description, widget.tooltip) for widget in controls]
    assert all(english != chinese for english, chinese in zip(said["en"], said["zh"], strict=True))


def state(lab) -> tuple:
    """What a lab has been set to and shows, but for its words."""
    controls = getattr(lab, "controls", {})
    values = {name: control.value for name, control in controls.items()}
    return values, lab.runs, shape_of(lab.stage.figure.to_json())["data"]


def inside(widget) -> list:
    """A widget and all that it holds."""
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += inside(child)
    return found
