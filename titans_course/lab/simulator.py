"""SimulatorLab: sliders around one simulation. FailureLab: the failure gallery, a row at a time."""

from __future__ import annotations

import html
from dataclasses import replace

import ipywidgets as w

from titans_mini.config import NORMALISER_NAMES, SCENARIO_NAMES, SIMULATION_GATE_NAMES, SimulationConfig
from titans_mini.errors import check_choice
from titans_mini.simulation import simulate
from titans_mini.trace import COLUMNS, Trace

from ..figures import trace as figures
from ..figures.export import to_code
from ..studies.gallery import FAILURES, Finding, examine
from .panel import Panel, button
from .prediction import Prediction, PredictionPanel
from .words import rename, roomy

CONTROLS = ("scenario", "tau", "beta", "lam", "eta", "softness", "normaliser", "gate", "tokens")
CHOICES = {"scenario": SCENARIO_NAMES, "normaliser": NORMALISER_NAMES, "gate": SIMULATION_GATE_NAMES}
SPANS = {"tau": (0.0, 1.0), "beta": (0.0, 0.99), "softness": (0.005, 0.5)}
RATES = (0.0, 1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)  # of lam and eta
VIEWS = ("time", "recall", *(name for name in COLUMNS if name in figures.LABELS))


def control(name: str, value) -> w.Widget:
    """The widget of one setting; it reports a change when it is let go of, not while it is dragged."""
    if name in CHOICES:
        return w.Dropdown(options=CHOICES[name], value=value)
    if name == "tokens":
        return w.IntText(value=value, continuous_update=False)
    if name in SPANS:
        low, high = SPANS[name]
        span = {"min": min(low, value), "max": max(high, value), "step": 0.005}
        return w.FloatSlider(value=value, readout_format=".3f", continuous_update=False, **span)
    rates = sorted({*RATES, value})
    return w.SelectionSlider(options=[(f"{rate:g}", rate) for rate in rates], value=value, continuous_update=False)


class SimulatorLab(PredictionPanel):
    """Sliders around one simulation.

    `settings` are those of SimulationConfig, `controls` the sliders shown, `view` the picture: "time" (all curves),
    "recall" or one column. `pinned` holds the changes that make run A, which lies behind in grey. With `predict`
    the plot stays closed until a prediction is entered. Each control is an attribute: `lab.tau.value = 0.2`.
    """

    texts = "simulator"

    def __init__(
        self,
        scenario: str = "text",
        *,
        text: str | None = None,
        controls: tuple[str, ...] = ("tau", "beta", "lam", "eta", "softness"),
        view: str = "time",
        pinned: dict | None = None,
        predict: Prediction | None = None,
        language: str | None = None,
        **settings,
    ) -> None:
        super().__init__(predict, language)
        self.view, self.text = check_choice("view", view, VIEWS), text
        self.start = SimulationConfig(scenario=scenario, **{"tokens": 1000, **settings})
        self.start_pin = None if pinned is None else replace(self.start, **pinned)
        self.pinned: Trace | None = None
        self._trace: Trace | None = None
        self.controls = {name: roomy(control(name, getattr(self.start, name))) for name in CONTROLS}
        for name, widget in self.controls.items():
            setattr(self, name, self._name(name, widget))
            self._watch(widget, self.changed)
        self.shown = [self.controls[check_choice("control", name, CONTROLS)] for name in controls]
        self._make_parts()
        self._arrange()
        if self.is_open:
            self.restart()

    def _make_parts(self) -> None:
        self.reset = self._name("reset", button("undo", self.restart))
        self.pin = self._name("pin", button("thumb-tack", self._pin))
        self.unpin = self._name("unpin", button("times", self._unpin))
        self.show_code = self._name("show_code", w.ToggleButton())
        self._watch(self.show_code, self._write_code)
        self.token = self._name("token", w.IntSlider(max=0, continuous_update=False))
        self.token.layout.width = "95%"
        self._watch(self.token, lambda _: self._later(self._draw))
        self.formula = self._name("formula", w.HTMLMath())
        self.reading = self._name("reading", w.HTML())
        self.code_box = self._name("code_box", w.HTML())
        self._reword()

    def _arrange(self) -> None:
        question = self._question()
        if not self.is_open:
            self._show(*question, self.message)
            return
        sliders = w.Box(self.shown, layout=w.Layout(flex_flow="row wrap"))
        buttons = w.Box([self.reset, self.pin, self.unpin, self.show_code], layout=w.Layout(flex_flow="row wrap"))
        scrub = [self.token, self.formula, self.reading] if self.view == "time" else []
        self._show(*question[:2], sliders, buttons, self.message, self.stage.box, *scrub, self.code_box)

    @property
    def trace(self) -> Trace | None:
        """The run as it stands after all changes so far; None while a prediction is awaited."""
        self.flush()
        return self._trace

    @property
    def settings(self) -> SimulationConfig:
        """What the controls say now; ConfigError if that cannot be run."""
        return replace(self.start, **{name: widget.value for name, widget in self.controls.items()})

    @property
    def code(self) -> str:
        """Python that repeats this run."""
        imported = "from titans_course.figures import time_figure\n"
        return f"{imported}{to_code(self.settings, self.text)}time_figure(trace)"

    def restart(self) -> None:
        """Back to the first settings and, since a run depends on them alone, to the very same curves."""
        for name, widget in self.controls.items():
            widget.value = getattr(self.start, name)
        self.token.value = 0
        self.pinned = None if self.start_pin is None else simulate(self.start_pin, self.text)
        self.changed()
        self.flush()

    def compute(self) -> None:
        """Runs the settings and shows curves, numbers and code."""
        if not self.is_open:
            return
        self._trace = simulate(self.settings, self.text)
        self.token.max = len(self._trace) - 1
        self._draw()
        self._write_code()

    def _draw(self) -> None:
        run, pinned, cursor = self._trace, self.pinned, self.token.value
        if self.view == "time":
            figure = figures.time_figure(run, pinned, cursor=cursor)
        else:
            runs = {"this run": run} if pinned is None else {"A": pinned, "this run": run}
            figure = figures.recall_figure(runs) if self.view == "recall" else figures.single_figure(runs, self.view)
        if self.answer is not None:
            self._title(figure, run, y=0.99, top=84)
        self.stage.draw(figure)
        self.formula.value = _displayed(figures.formula(run, cursor))
        self.reading.value = figures.coloured_text(run, start=max(0, cursor - 60), length=240, cursor=cursor)
        self._tell(lambda: self._report(run, pinned), bad=run.state != "alive")

    def _report(self, run: Trace, pinned: Trace | None) -> list[str]:
        if pinned is None:
            return [self._numbers(run)]
        return [self.say(f"run={name}", numbers=self._numbers(one)) for name, one in (("A", pinned), ("now", run))]

    def _numbers(self, trace: Trace) -> str:
        if trace.diverged_at is not None:
            return self.say(f"diverged={trace.settings.gate}", token=trace.diverged_at)
        said = self.say("numbers", **trace.summary())
        return said if trace.dead_at is None else self.say("dead", numbers=said, token=trace.dead_at)

    def _opened(self) -> None:
        self.guess.disabled = True
        self.restart()

    def _reword(self) -> None:
        super()._reword()
        unit = "" if self.predict is None else self.predict.unit_in(self.say.language)
        if unit and isinstance(self.guess, w.Text):
            self.guess.placeholder = f"{self.say('guess:hint')} ({unit})"

    def _pin(self) -> None:
        self.pinned = self.trace
        self._later(self._draw)

    def _unpin(self) -> None:
        self.pinned = None
        self._later(self._draw)

    def _write_code(self, _=None) -> None:
        self.code_box.value = f"<pre>{html.escape(self.code)}</pre>" if self.show_code.value else ""


class FailureLab(Panel):
    """One row of the recipe's failure table beside the default (A, grey), with its number and its verdict."""

    texts = "gallery"

    def __init__(self, failure: str = "tau_low", *, tokens: int = 1000, language: str | None = None) -> None:
        super().__init__(language)
        self.tokens = tokens
        self.finding: Finding | None = None
        self.failure = self._name("failure", roomy(w.Dropdown(options=list(FAILURES), value=failure)))
        self.failure.layout.width = "30rem"
        self._reword()
        self._watch(self.failure, self.changed)
        self._show(self.failure, self.message, self.stage.box)
        self.changed()
        self.flush()

    def _reword(self) -> None:
        told = self.say.translate
        rename(
            self.failure,
            {name: self.say("row", title=told(row.title), claim=told(row.claim)) for name, row in FAILURES.items()},
        )

    def compute(self) -> None:
        """Runs the row and shows it."""
        finding = self.finding = examine(self.failure.value, tokens=self.tokens)
        self.stage.draw(figures.time_figure(finding.trace, finding.default))
        self._tell(lambda: self._report(finding))

    def _report(self, finding: Finding) -> list[str]:
        failure = finding.failure
        words = {name: self.say.translate(getattr(failure, name)) for name in ("title", "claim", "number", "rule")}
        words |= {"outcome": self.say.translate(finding.outcome)}
        numbers = {"value": finding.value, "default": finding.default_value}
        return [self.say("finding", **words, **numbers), self.say("why", reason=self.say.translate(failure.reason))]


def _displayed(latex: str) -> str:
    return rf"$$\begin{{gathered}} {latex} \end{{gathered}}$$"
