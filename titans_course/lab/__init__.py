"""Panels for notebooks: sliders around `titans_course.figures`. The only package that imports ipywidgets.

`SimulatorLab` is the main one, `FailureLab` opens the failure gallery. A `Prediction` keeps a lab closed until it is
answered, `predict` the cells below it. `show` puts a plain figure into a notebook without plotly.js, `keep` writes
my_memory.py, and `playground.Playground` is a memory that runs in the browser. Every control of a lab is an attribute,
so it also works without a browser: `lab.tau.value = 0.2; lab.figure.data; lab.trace.summary()`. Every lab speaks
English and Chinese: `language="zh"`, TITANS_MINI_LANGUAGE=zh, or the switch in its panel.
"""

from .keeping import keep
from .panel import INSTALL, Panel, Stage, show
from .predicting import Guess, predict, score
from .prediction import Prediction
from .simulator import FailureLab, SimulatorLab

__all__ = [
    "INSTALL", "FailureLab", "Guess", "Panel", "Prediction", "SimulatorLab", "Stage", "keep", "predict", "score",
    "show",
]  # fmt: skip
