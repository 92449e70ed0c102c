"""SimulatorLab: sliders around one simulation. FailureLab: the failure gallery, a row at a time."""

from __future__ import annotations

import html
from dataclasses import replace

import ipywidgets as w

from ..config import NORMALISER_NAMES, SCENARIO_NAMES, SIMULATION_GATE_NAMES, SimulationConfig
from ..errors import check_choice
from ..export import to_code
from ..figures import trace as figures
from ..simulate import simulate
from ..studies.gallery import FAILURES, Finding, examine
from ..trace import COLUMNS, Trace
from .panel import Panel, button
from .prediction import Prediction, PredictionPanel

HELP = {
    "scenario": "the stream that is read",
    "tau": "threshold: the gate opens where S passes it",
    "beta": "momentum: the share of S that is kept from token to token; with constant gates, eta_t",
    "lam": "decay (lambda) of the weights at each token that is not written; with constant gates, alpha_t",
    "eta": "step size of a write; with constant gates, theta_t",
    "softness": "width of the threshold: small is a switch, large a slope",
    "normaliser": "how raw surprise becomes a number from 0 to 1",
    "gate": "surprise: the recipe's gate; constant: the paper's rule with fixed gates",
    "tokens": "length of the run; press Enter to start it",
}
CHOICES = {"scenario": SCENARIO_NAMES, "normaliser": NORMALISER_NAMES, "gate": SIMULATION_GATE_NAMES}
SPANS = {"tau": (0.0, 1.0), "beta": (0.0, 0.99), "softness": (0.005, 0.5)}
RATES = (0.0, 1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)  # of lam and eta
VIEWS = ("time", "recall", *(name for name in COLUMNS if name in figures.LABELS))


def control(name: str, value) -> w.Widget:
    """The widget of one setting; it reports a change when it is let go of, not while it is dragged."""
    texts = {"description": "lambda" if name == "lam" else name, "tooltip": HELP[name], "value": value}
    if name in CHOICES:
        return w.Dropdown(options=CHOICES[name], **texts)
    if name == "tokens":
        return w.IntText(continuous_update=False, **texts)
    if name in SPANS:
        low, high = SPANS[name]
        low, high = min(low, value), max(high, value)
        return w.FloatSlider(min=low, max=high, step=0.005, readout_format=".3f", continuous_update=False, **texts)
    rates = sorted({*RATES, value})
    return w.SelectionSlider(options=[(f"{rate:g}", rate) for rate in rates], continuous_update=False, **texts)


class SimulatorLab(PredictionPanel):
    """Sliders around one simulation.

    `settings` are those of SimulationConfig, `controls` the sliders shown, `view` the picture: "time" (all curves),
    "recall" or one column. `pinned` holds the changes that make run A, which lies behind in grey. With `predict`
    the plot stays closed until a prediction is entered. Each control is an attribute: `lab.tau.value = 0.2`.
    """

    what = "sliders and the live plot"

    def __init__(
        self,
        scenario: str = "text",
        *,
        text: str | None = None,
        controls: tuple[str, ...] = ("tau", "beta", "lam", "eta", "softness"),
        view: str = "time",
        pinned: dict | None = None,
        predict: Prediction | None = None,
        **settings,
    ) -> None:
        super().__init__(predict)
        self.view, self.text = check_choice("view", view, VIEWS), text
        self.start = SimulationConfig(scenario=scenario, **{"tokens": 1000, **settings})
        self.start_pin = None if pinned is None else replace(self.start, **pinned)
        self.pinned: Trace | None = None
        self._trace: Trace | None = None
        self.controls = {name: control(name, getattr(self.start, name)) for name in HELP}
        for name, widget in self.controls.items():
            setattr(self, name, widget)
            widget.observe(self.changed, "value")
        self.shown = [self.controls[check_choice("control", name, HELP)] for name in controls]
        self._make_parts()
        self._arrange()
        if self.is_open:
            self.restart()

    def _make_parts(self) -> None:
        self.reset = button("Reset", "undo", "back to the first settings, and the very same curves", self.restart)
        self.pin = button("Pin as A", "thumb-tack", "keep this run in grey behind the next ones", self._pin)
        self.unpin = button("Unpin A", "times", "take run A away", self._unpin)
        self.show_code = w.ToggleButton(description="Show the code", tooltip="Python that repeats this run")
        self.show_code.observe(self._write_code, "value")
        self.token = w.IntSlider(description="token", tooltip="whose numbers the formula shows", max=0)
        self.token.continuous_update, self.token.layout.width = False, "95%"
        self.token.observe(lambda _: self._later(self._draw), "value")
        self.formula = w.HTMLMath(tooltip="the step with this token's numbers")
        self.reading = w.HTML(tooltip="the text around the token, shaded by surprise, underlined where written")
        self.code_box = w.HTML(tooltip="Python that repeats this run")
        if self.predict is not None:
            self._make_guess(placeholder=f"a number {self.predict.unit}".strip(), tooltip=self.predict.question)

    def _arrange(self) -> None:
        question = self._question()
        if not self.is_open:
            self.panel.children = (*question, self.message)
            return
        sliders = w.Box(self.shown, layout=w.Layout(flex_flow="row wrap"))
        buttons = w.Box([self.reset, self.pin, self.unpin, self.show_code], layout=w.Layout(flex_flow="row wrap"))
        scrub = [self.token, self.formula, self.reading] if self.view == "time" else []
        self.panel.children = (*question[:2], sliders, buttons, self.message, self.stage.box, *scrub, self.code_box)

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
        imported = "from titans_mini.figures import time_figure\n"
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
        run, cursor = self._trace, self.token.value
        if self.view == "time":
            figure = figures.time_figure(run, self.pinned, cursor=cursor)
        else:
            runs = {"this run": run} if self.pinned is None else {"A": self.pinned, "this run": run}
            figure = figures.recall_figure(runs) if self.view == "recall" else figures.single_figure(runs, self.view)
        if self.answer is not None:
            self._title(figure, run, y=0.99, top=84)
        self.stage.draw(figure)
        self.formula.value = _displayed(figures.formula(run, cursor))
        self.reading.value = figures.coloured_text(run, start=max(0, cursor - 60), length=240, cursor=cursor)
        lines = (
            [_numbers(run)] if self.pinned is None else [f"A: {_numbers(self.pinned)}", f"this run: {_numbers(run)}"]
        )
        self.say(*lines, bad=run.diverged_at is not None)

    def _opened(self) -> None:
        self.guess.disabled = True
        self.restart()

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

    what = "failure gallery"

    def __init__(self, failure: str = "tau_low", *, tokens: int = 1000) -> None:
        super().__init__()
        self.tokens = tokens
        self.finding: Finding | None = None
        options = [(f"{row.title} → {row.claim}?", name) for name, row in FAILURES.items()]
        self.failure = w.Dropdown(
            options=options, value=failure, description="failure", tooltip="a row of the article's table"
        )
        self.failure.observe(self.changed, "value")
        self.panel.children = (self.failure, self.message, self.stage.box)
        self.changed()
        self.flush()

    def compute(self) -> None:
        """Runs the row and shows it."""
        self.finding = examine(self.failure.value, tokens=self.tokens)
        self.stage.draw(figures.time_figure(self.finding.trace, self.finding.default))
        self.say(str(self.finding), f"Why: {self.finding.failure.reason}.")


def _numbers(trace: Trace) -> str:
    if trace.diverged_at is not None:
        step = "eta" if trace.settings.gate == "surprise" else "eta or beta"
        return f"the memory diverged at token {trace.diverged_at}: its steps overshoot. Lower {step}."
    now = trace.summary()
    return (
        f"{now['writes_per_1k']:.4g} writes per 1,000 tokens; memory norm {now['norm_start']:.2f} -> "
        f"{now['norm_end']:.2f}; inner loss {now['loss_start']:.3f} -> {now['loss_end']:.3f}"
    )


def _displayed(latex: str) -> str:
    return rf"$$\begin{{gathered}} {latex} \end{{gathered}}$$"
