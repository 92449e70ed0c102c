"""The base of all labs: controls, drawing of figures, merging of quick changes, errors, the language."""

import asyncio
import html
import json
from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from titans_mini.errors import check_choice

from .. import language as languages
from ..language import LANGUAGES, Say, choose, speaker, spoken, tell
from .controls import INSTALL, Control, build, display, w, word

DELAY = 0.08  # seconds of rest after the last change before a run starts
MIME = "application/vnd.plotly.v1+json"
RED = "#C1121F"

Make = Callable[[Say], go.Figure]  # draws a figure with its words


def show(figure: go.Figure, text: str = "An interactive figure: run this cell in Jupyter to see it.") -> None:
    """Displays a figure as data only, about 100 kB; plotly's own display would add 5 MB of plotly.js."""
    display(bundle(figure, spoken(text)), raw=True)


def bundle(figure: go.Figure, text: str) -> dict:
    """The figure as a notebook's output data."""
    return {MIME: json.loads(figure.to_json()), "text/plain": text}


class Stage:
    """Where a lab draws: a FigureWidget that is updated in place, or without anywidget a figure that is replaced."""

    def __init__(self) -> None:
        self.live = True
        self.figure: go.Figure
        self.box: w.Widget
        try:
            self.figure = self.box = go.FigureWidget()
        except ImportError:
            self.live, self.figure, self.box = False, go.Figure(), w.Output()

    def draw(self, figure: go.Figure) -> None:
        """Shows `figure` in place of the previous one; curves of the same kinds are updated in place."""
        if not self.live:
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
            live.layout.title.text = ""  # a browser keeps settings that the next layout does not name
        live.layout = figure.layout


class Panel:
    """A widget with controls, a stage and a line for messages, whose runs wait until the changes pause.

    `language` is "en" or "zh"; without it, that of the environment's TITANS_MINI_LANGUAGE. It is also a switch in the
    panel: `lab.language.value = "zh"` changes all words and nothing else. ConfigError for any other language.
    """

    context = "lab"  # of its texts in the catalogues
    constants: dict[str, object] = {}  # numbers that its texts name
    table: dict[str, Control] = {}  # its controls by name, each an attribute

    def __init__(self, language: str | None = None) -> None:
        self.stage = Stage()
        self.runs = 0  # how often `compute` was called
        self.panel = w.VBox()
        self.controls: dict[str, w.DOMWidget] = {}
        self._named: dict[str, w.DOMWidget] = {}
        self._switching = False
        self._todo: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told: tuple[Callable[[], list[str]], bool] = (list, False)
        self._make: Make = lambda say: go.Figure()
        options = [(name, key) for key, name in LANGUAGES.items()]
        self.language = w.ToggleButtons(options=options, value=choose(language))
        self.language.style.button_width = "5rem"
        self._name("language", self.language)
        self.message = self._name("message", w.HTML())
        self.language.observe(self._switch, "value")

    def say(self, key: str, /, **fields: object) -> str:
        """A text of the lab, in the panel's language."""
        return languages.say(self.context, key, self.language.value, **self.constants, **fields)

    def tell(self, message: object) -> str:
        """A message or an error of the package, in the panel's language."""
        return tell(message, self.language.value)

    def _make_controls(self, heard: Mapping[str, Callable] | None = None, /, **values) -> None:
        """Builds the table's controls at these values; ConfigError for one that it does not have or take.

        A change calls `changed`, or what `heard` has for the control.
        """
        for name in values:
            check_choice("control", name, self.table)
        for name, control in self.table.items():
            widget = build(name, control, values.get(name, control.default))
            self.controls[name] = self._name(name, widget)
            setattr(self, name, widget)
            self._watch(widget, (heard or {}).get(name, self.changed))

    @property
    def settings(self) -> object:
        """The values of the controls, in their order."""
        return tuple(control.value for control in self.controls.values())

    def _name(self, key: str, widget: w.DOMWidget) -> w.DOMWidget:
        """Gives a widget its words, now and whenever the language changes."""
        self._named[key] = widget
        names = self.table[key].names if key in self.table else ""
        word(widget, key, self.context, self.language.value, names=names, **self.constants)
        return widget

    def _watch(self, widget: w.Widget, heard: Callable) -> None:
        """Calls `heard` for a new value, but not if only words change."""
        widget.observe(lambda change: None if self._switching else heard(change), "value")

    def _show(self, *widgets: w.Widget) -> None:
        """Puts these into the panel, below the switch of the language."""
        self.panel.children = (self.language, *widgets)

    def _switch(self, _=None) -> None:
        self._switching = True
        try:
            for key, widget in self._named.items():
                self._name(key, widget)
            self._reword()
            self._draw_again()
        finally:
            self._switching = False
        self._retell()

    def _reword(self) -> None:
        """Sets the other words of the panel in its current language."""

    def _draw(self, make: Make) -> None:
        """Shows the figure that `make` draws, and redraws it when the language changes."""
        self._make = make
        self._draw_again()

    def _draw_again(self) -> None:
        self.stage.draw(self._make(speaker(self.language.value)))

    @property
    def figure(self) -> go.Figure:
        """The figure after all changes so far; without curves while a prediction is awaited."""
        self.flush()
        return self.stage.figure

    def compute(self) -> None:
        """Runs the settings and shows the result."""
        raise NotImplementedError

    def changed(self, _=None) -> None:
        """A control changed: schedules `compute`."""
        self._later(self.compute)

    def _later(self, todo: Callable[[], None]) -> None:
        """In a notebook `todo` runs once changes pause; without an event loop, when its result is read."""
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
        """Runs the pending update now; shows any exception in the panel."""
        todo, self._todo = self._todo, None
        if todo is None:
            return
        self.runs += todo == self.compute
        try:
            todo()
        except Exception as error:  # a callback has nowhere else to report it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        kind = type(error).__name__
        self._tell(lambda: [self.say("error", kind=kind, error=self.tell(error))], bad=True)

    def _tell(self, lines: Callable[[], list[str]], *, bad: bool = False) -> None:
        """Shows the plain text that `lines` returns, and again when the language changes; `bad` in red."""
        self._told = lines, bad
        self._retell()

    def _retell(self) -> None:
        lines, bad = self._told
        note = "" if self.stage.live else self.say("plain_figure", install=INSTALL)
        body = "<br>".join(html.escape(line) for line in (*lines(), note) if line)
        self.message.value = f'<div style="color:{RED if bad else "inherit"};line-height:1.5">{body}</div>'

    def _repr_mimebundle_(self, **kwargs) -> dict:
        self.flush()
        return {**self.panel._repr_mimebundle_(**kwargs), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return self.say("run_me", name=type(self).__name__, what=self.say("what"))


def button(icon: str, action: Callable[[], None]) -> w.Button:
    """A button that calls `action`; its words come from `Panel._name`."""
    made = w.Button(icon=icon)
    made.on_click(lambda _: action())
    return made
