"""SimulatorLab: sliders around one simulation. FailureLab: the failure gallery, a row at a time."""

import html
from dataclasses import replace

from titans_mini.config import ENCODING_NAMES, NORMALISER_NAMES, SCENARIO_NAMES, SIMULATION_GATE_NAMES, SimulationConfig
from titans_mini.errors import check_choice
from titans_mini.simulation import simulate
from titans_mini.trace import COLUMNS, Trace

from ..figures import trace as figures
from ..figures.export import to_code
from ..language import speaker
from ..studies.gallery import FAILURES, Comparison, examine
from .controls import entry, marks, pick, rename, slide, w
from .panel import Panel, button
from .prediction import Prediction, PredictionPanel

START = SimulationConfig(tokens=1000)
RATES = (0.0, 1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)  # of lam and eta
VIEWS = ("time", "recall", *(name for name in COLUMNS if name in figures.LABELS))


class SimulatorLab(PredictionPanel):
    """Sliders around one simulation.

    `settings` are those of SimulationConfig, `controls` the sliders shown, `view` the picture: "time" (all curves),
    "recall" or one column. `pinned` holds the changes that make run A, which lies on it, dashed. With `predict`
    the plot stays closed until a prediction is entered. Each control is an attribute: `lab.tau.value = 0.2`.
    """

    context = "lab.simulator"
    table = {
        "scenario": pick(SCENARIO_NAMES, START.scenario, names="stream"),
        "tau": slide(0.0, 1.0, START.tau, step=0.005, strict=False),
        "beta": slide(0.0, 0.99, START.beta, step=0.005, strict=False),
        "lam": marks(RATES, START.lam),
        "eta": marks(RATES, START.eta),
        "softness": slide(0.005, 0.5, START.softness, step=0.005, strict=False),
        "normaliser": pick(NORMALISER_NAMES, START.normaliser),
        "gate": pick(SIMULATION_GATE_NAMES, START.gate),
        "encoding": pick(ENCODING_NAMES, START.encoding),
        "tokens": entry(START.tokens),
    }

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
        self.start = replace(START, scenario=scenario, **settings)
        self.start_pin = None if pinned is None else replace(self.start, **pinned)
        self.pinned: Trace | None = None
        self._trace: Trace | None = None
        self._make_controls(**{name: getattr(self.start, name) for name in self.table})
        self.shown = [self.controls[check_choice("control", name, self.table)] for name in controls]
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
        self._watch(self.token, lambda _: self._later(self._show_run))
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
        """The run after all changes so far; None while a prediction is awaited."""
        self.flush()
        return self._trace

    @property
    def settings(self) -> SimulationConfig:
        """The current settings of the controls; ConfigError if they cannot be run."""
        return replace(self.start, **{name: widget.value for name, widget in self.controls.items()})

    @property
    def code(self) -> str:
        """Python that repeats this run."""
        imported = "from titans_course.figures import time_figure\n"
        return f"{imported}{to_code(self.settings, self.text)}time_figure(trace)"

    def restart(self) -> None:
        """Restores the first settings and, since a run depends on nothing else, exactly the same curves."""
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
        self._show_run()
        self._write_code()

    def _show_run(self) -> None:
        run, pinned, cursor = self._trace, self.pinned, self.token.value

        def draw(say):
            if self.view == "time":
                return figures.time_figure(run, pinned, cursor=cursor, say=say)
            runs = {} if pinned is None else {"A": pinned}
            runs[say("this run")] = run
            if self.view == "recall":
                return figures.recall_figure(runs, say=say)
            return figures.single_figure(runs, self.view, say=say)

        self._draw(draw, run, y=0.99, top=84)
        self.formula.value = _displayed(figures.formula(run, cursor))
        self._read()
        self._tell(lambda: self._report(run, pinned), bad=run.state != "alive")

    def _read(self) -> None:
        """Shows the text around the cursor."""
        start, say = max(0, self.token.value - 60), speaker(self.language.value)
        text = figures.coloured_text(self._trace, start=start, length=240, cursor=self.token.value, say=say)
        self.reading.value = text

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

    def _subject(self) -> None:
        """Its one prediction is about whatever is run."""

    def _reword(self) -> None:
        super()._reword()
        if self._trace is not None:
            self._read()
        unit = "" if self.predict is None else self.predict.unit_in(self.language.value)
        if unit and isinstance(self.guess, w.Text):
            self.guess.placeholder = f"{self.say('guess:hint')} ({unit})"

    def _pin(self) -> None:
        self.pinned = self.trace
        self._later(self._show_run)

    def _unpin(self) -> None:
        self.pinned = None
        self._later(self._show_run)

    def _write_code(self, _=None) -> None:
        self.code_box.value = f"<pre>{html.escape(self.code)}</pre>" if self.show_code.value else ""


class FailureLab(Panel):
    """One row of the recipe's failure table beside the default (A, dashed), with its number and its verdict."""

    context = "lab.gallery"
    table = {"failure": pick(FAILURES, "tau_low", width="30rem")}

    def __init__(self, failure: str = "tau_low", *, tokens: int = 1000, language: str | None = None) -> None:
        super().__init__(language)
        self.tokens = tokens
        self.finding: Comparison | None = None
        self._make_controls(failure=failure)
        self._reword()
        self._show(self.failure, self.message, self.stage.box)
        self.changed()
        self.flush()

    def _reword(self) -> None:
        rows = {
            name: self.say("row", title=self.tell(row.title), claim=self.tell(row.claim))
            for name, row in FAILURES.items()
        }
        rename(self.failure, rows)

    def compute(self) -> None:
        """Runs the row and shows it."""
        finding = self.finding = examine(self.failure.value, tokens=self.tokens)
        self._draw(lambda say: figures.time_figure(finding.trace, finding.default, say=say))
        self._tell(lambda: self._report(finding))

    def _report(self, finding: Comparison) -> list[str]:
        failure = finding.failure
        words = {name: self.tell(getattr(failure, name)) for name in ("title", "claim", "number", "rule")}
        words |= {"outcome": self.tell(finding.outcome)}
        numbers = {"value": finding.value, "default": finding.default_value}
        return [self.say("finding", **words, **numbers), self.say("why", reason=self.tell(failure.reason))]


def _displayed(latex: str) -> str:
    return rf"$$\begin{{gathered}} {latex} \end{{gathered}}$$"
