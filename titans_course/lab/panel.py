"""What all labs share: where a figure is drawn, how changes wait for each other, errors, and the language."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable

import plotly.graph_objects as go

from .texts import LANGUAGES
from .words import INSTALL, Words, display, w, word

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
    """Where a lab draws: a FigureWidget that is updated in place, or without anywidget a figure shown anew.

    Figures come in English and are shown in the language of `words`.
    """

    def __init__(self, words: Words) -> None:
        self.words = words
        self.live, self._drawn = True, go.Figure()
        self.figure: go.Figure
        self.box: w.Widget
        try:
            self.figure = self.box = go.FigureWidget()
        except ImportError:
            self.live, self.figure, self.box = False, go.Figure(), w.Output()

    def draw(self, figure: go.Figure) -> None:
        """Shows `figure` in place of the one before; curves of the same kinds are updated where they are."""
        self._drawn = figure
        figure = self.words.translate_figure(figure)
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
            live.layout.title.text = ""  # a browser keeps what the next layout does not name
        live.layout = figure.layout

    def redraw(self, title: str | None = None) -> None:
        """The same figure in the language as it is now, and under another title if one is given."""
        if title is not None:
            self._drawn.layout.title.text = title
        self.draw(self._drawn)


class Panel:
    """A widget with a stage and a line for messages, whose runs wait until the changes pause.

    `language` is "en" or "zh"; without it, that of the environment's TITANS_MINI_LANGUAGE. It is also a switch in the
    panel: `lab.language.value = "zh"` changes all words and nothing else. ConfigError for any other language.
    """

    texts = "panel"  # its module in `titans_course.lab.texts`
    constants: dict[str, object] = {}  # numbers that its texts name

    def __init__(self, language: str | None = None) -> None:
        self.say = Words(self.texts, language, **self.constants)
        self.stage = Stage(self.say)
        self.runs = 0  # how often `compute` was called
        self.panel = w.VBox()
        self._named: dict[str, w.DOMWidget] = {}
        self._switching = False
        self._todo: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told: tuple[Callable[[], list[str]], bool] = (list, False)
        self.message = self._name("message", w.HTML())
        options = [(name, key) for key, name in LANGUAGES.items()]
        self.language = w.ToggleButtons(options=options, value=self.say.language)
        self.language.style.button_width = "5rem"
        self._name("language", self.language)
        self.language.observe(self._switch, "value")

    def _name(self, key: str, widget: w.DOMWidget) -> w.DOMWidget:
        """Gives a widget its words, now and whenever the language changes."""
        self._named[key] = widget
        word(widget, key, self.say)
        return widget

    def _watch(self, widget: w.Widget, heard: Callable) -> None:
        """Calls `heard` for a new value, but not while words alone change."""
        widget.observe(lambda change: None if self._switching else heard(change), "value")

    def _show(self, *widgets: w.Widget) -> None:
        """Puts these into the panel, below the switch of the language."""
        self.panel.children = (self.language, *widgets)

    def _switch(self, change: dict) -> None:
        self.say.language, self._switching = change["new"], True
        try:
            for key, widget in self._named.items():
                word(widget, key, self.say)
            self._reword()
            self.stage.redraw(self._heading())
        finally:
            self._switching = False
        self._retell()

    def _reword(self) -> None:
        """What else has words, in the language as it is now."""

    def _heading(self) -> str | None:
        """The title above the figure in the language as it is now; None where there is none."""

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
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        kind, text = type(error).__name__, str(error)
        self._tell(lambda: [self.say("error", kind=kind, error=self.say.translate(text))], bad=True)

    def _tell(self, lines: Callable[[], list[str]], *, bad: bool = False) -> None:
        """Shows what `lines` gives, plain text, now and again in another language; `bad` in red."""
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
