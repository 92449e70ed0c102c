"""The pictures of lesson 11, for `notebook_images.py`."""

from __future__ import annotations

import plotly.graph_objects as go

from titans_course.bug_hunt import PATIENTS, build, diagnose, moved
from titans_course.figures.bug_hunt import moved_figure, table_figure


def bug_hunt_future() -> go.Figure:
    return moved_figure(moved(build("A"), "future", 6).numpy(), "future", 6)


def bug_hunt_table() -> go.Figure:
    return table_figure({name: diagnose(build(name)) for name in PATIENTS})
