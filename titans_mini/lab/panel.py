"""What all labs share: where a figure is drawn, how changes wait for each other, how an error is shown."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable

import plotly.graph_objects as go

INSTALL = "pip install 'titans-mini[notebooks]'"
try:
    import ipywidgets as w
    from IPython.display import display
except ImportError as error:
    raise ImportError(f"labs need ipywidgets; run: {INSTALL}") from error

DELAY = 0.08  # seconds of rest after the last change before a run starts
MIME = "application/vnd.plotly.v1+json"
RED = "#C1121F"


def show(figure: go.Figure, text: str = "An interactive figure: run this cell in Jupyter to see it.") -> None:
    """Displays a figure as data alone, some 100 kB, where plotly's own way would add 5 MB of plotly.js."""
    display(bundle(figure, text), raw=True)


def bundle(figure: go.Figure, text: str) -> dict:
    """The figure as a notebook's output data."""
    return {MIME: json.loads(figure.to_json()), "text/plain": text}


class Stage:
    """Where a lab draws: a FigureWidget that is updated in place, or without anywidget a figure shown anew."""

    def __init__(self) -> None:
        self.note = ""
        self.figure: go.Figure
        self.box: w.Widget
        try:
            self.figure = self.box = go.FigureWidget()
        except ImportError:
            self.figure, self.box = go.Figure(), w.Output()
            self.note = f"Without anywidget each change redraws the whole figure. For the live one: {INSTALL}"

    def draw(self, figure: go.Figure) -> None:
        """Shows `figure` in place of the one before; curves of the same kinds are updated where they are."""
        if isinstance(self.box, w.Output):
            self.figure = figure
            message = {"output_type": "display_data", "data": bundle(figure, "figure"), "metadata": {}}
            self.box.outputs = (message,)
            return
        live = self.figure
        if [curve.type for curve in live.data] != [curve.type for curve in figure.data]:
            live.data = ()
            live.add_traces(list(figure.data))
        with live.batch_update():
            for old, new in zip(live.data, figure.data, strict=True):
                properties = new.to_plotly_json()
                properties.pop("type")
                old.update(properties, overwrite=True)
        if not figure.layout.title.text:
            live.layout.title.text = ""  # a browser keeps what the next layout does not name
        live.layout = figure.layout


class Panel:
    """A widget with a stage and a line for messages, whose runs wait until the changes pause."""

    what = "panel"

    def __init__(self) -> None:
        self.stage = Stage()
        self.message = w.HTML(tooltip="what happened")
        self.runs = 0  # how often `compute` was called
        self.panel = w.VBox()
        self._todo: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def figure(self) -> go.Figure:
        """The figure as it stands after all changes so far; without curves while a prediction is awaited."""
        self.flush()
        return self.stage.figure

    def compute(self) -> None:
        """Runs the settings and shows the result."""
        raise NotImplementedError

    def changed(self, _=None) -> None:
        """A control moved: `compute` is due."""
        self._later(self.compute)

    def _later(self, todo: Callable[[], None]) -> None:
        """In a notebook `todo` runs when the changes pause; without an event loop, when its result is read."""
        if self._todo != self.compute:  # which draws as well
            self._todo = todo
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Does now what is due; an error goes into the panel, whatever it is."""
        todo, self._todo = self._todo, None
        if todo is None:
            return
        self.runs += todo == self.compute
        try:
            todo()
        except Exception as error:  # a callback has nowhere else to report it
            self.say(f"{type(error).__name__}: {error}", bad=True)

    def say(self, *lines: str, bad: bool = False) -> None:
        """Shows lines of plain text in the panel; `bad` in red."""
        body = "<br>".join(html.escape(line) for line in (*lines, self.stage.note) if line)
        self.message.value = f'<div style="color:{RED if bad else "inherit"};line-height:1.5">{body}</div>'

    def _repr_mimebundle_(self, **kwargs) -> dict:
        self.flush()
        return {**self.panel._repr_mimebundle_(**kwargs), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}: run this cell in Jupyter to open the {self.what}."


def button(description: str, icon: str, tooltip: str, action: Callable[[], None]) -> w.Button:
    """A button that calls `action`."""
    made = w.Button(description=description, icon=icon, tooltip=tooltip)
    made.on_click(lambda _: action())
    return made
