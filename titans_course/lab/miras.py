"""MirasLab: five pickers make a memory, which reads a stream of pairs; recall and loss, and why a choice is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import ipywidgets as w
import numpy as np

from titans_mini.errors import ConfigError, check_choice, check_integer
from titans_mini.miras import KNOBS, Combination, MirasConfig
from titans_mini.miras.registry import reason, single_repairs
from titans_mini.miras.running import MirasTrace
from titans_mini.threads import one_thread

from ..figures.miras import age_figure, mark_blow_up, stream_figure
from ..studies import asking
from ..studies.asking import Answers
from ..studies.streams import KINDS, Pairs, make_pairs
from .prediction import Prediction, PredictionPanel, asked
from .texts import say
from .words import roomy

THETAS = (0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
PAIRS = (2, 4, 8, 16, 32)
DIM, TOKENS = 8, 120
VIEWS = ("recall by age", "along the stream")
PLAIN = MirasConfig("matrix", "l2", "none", "gd", "constant")
CONTROLS = (*KNOBS, "theta", "stream", "pairs", "view")


class Run(NamedTuple):
    """A rule over a stream, and how well it answered."""

    trace: MirasTrace
    answers: Answers
    ended: int | None  # the token at which the memory blew up

    @property
    def mean(self) -> float:
        """Mean recall of all pairs after the last token; NaN if it blew up."""
        return float(self.answers.end_recall.mean())


QUESTION = asked("miras", lambda run: run.mean)


def read_pairs(config: MirasConfig, stream: Pairs) -> Run:
    """The stream through a memory of this rule, token by token and without clip (clip 1 for privacy)."""
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):
        return Run(*asking.read_pairs(config, stream))


def mend(chosen: Combination, language: str = "en") -> list[str]:
    """Each single change that makes a refused combination one that is allowed, a line per knob."""
    either = say(language, "miras", "or")
    changes = single_repairs(chosen).items()
    return [
        say(language, "miras", "mend", knob=say(language, "miras", knob), names=either.join(names))
        for knob, names in changes
    ]


class MirasLab(PredictionPanel):
    """Pick architecture, bias, retention, algorithm, gate, step size and stream; see recall and loss.

    `config` is the rule at the start, which stays dotted behind the ones tried. With `predict` the plot stays closed
    until a prediction is entered. Each control is an attribute: `lab.bias.value = "huber"`.
    """

    texts = "miras"
    constants = {"dim": DIM}

    def __init__(
        self,
        config: MirasConfig = PLAIN,
        *,
        stream: str = "outliers",
        pairs: int = 4,
        view: str = VIEWS[0],
        seed: int = 0,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
    ) -> None:
        super().__init__(predict, language)
        check_integer("pairs", pairs, 1, 1000)
        self.start, self.stream_seed = config, check_integer("seed", seed, 0, 2**31 - 1)
        self.found: Run | None = None
        self._make_controls(check_choice("stream", stream, KINDS), pairs, check_choice("view", view, VIEWS))
        self._arrange()
        self.changed()
        self.flush()

    def _make_controls(self, stream: str, pairs: int, view: str) -> None:
        options = {knob: list(choices) for knob, choices in KNOBS.items()}
        values = {knob: getattr(self.start, knob) for knob in KNOBS} | {"stream": stream, "view": view}
        options |= {"stream": list(KINDS), "view": list(VIEWS)}
        made = {name: w.Dropdown(options=names, value=values[name]) for name, names in options.items()}
        for name, value, marks in (("theta", self.start.theta, THETAS), ("pairs", pairs, PAIRS)):
            marks = [(f"{mark:g}", mark) for mark in sorted({*marks, value})]
            made[name] = w.SelectionSlider(options=marks, value=value, continuous_update=False)
        self.controls = {name: self._name(name, roomy(made[name])) for name in CONTROLS}
        for name, control in self.controls.items():
            setattr(self, name, control)
            self._watch(control, self.changed)

    @property
    def chosen(self) -> Combination:
        """The five names that the pickers show, allowed or not."""
        return Combination(*(self.controls[knob].value for knob in KNOBS))

    @property
    def settings(self) -> tuple:
        """(rule, stream) as the controls say; ConfigError if they do not go together."""
        config = self.start
        changed = {knob: name for knob, name in self.chosen._asdict().items() if name != getattr(config, knob)}
        numbers = {f"{knob}_number": None for knob in changed if knob in ("bias", "retention", "algorithm")}
        config = replace(config, **changed, **numbers, theta=self.theta.value)
        return config, (self.stream.value, self.pairs.value, self.stream_seed)

    def compute(self) -> None:
        """Reads the stream by the rule of the pickers, or says why there is none; the last plot then stays."""
        try:
            settings = config, (kind, pairs, seed) = self.settings
        except ConfigError:
            refused = self.chosen
            self._tell(lambda: self._refusal(refused), bad=True)
            return
        if not self.is_open:
            self._tell(list)
            return
        stream = make_pairs(kind, tokens=TOKENS, dim=DIM, pairs=pairs, seed=seed)
        self.found = read_pairs(config, stream)
        runs = {"this rule": self.found}
        if config != self.start:
            runs["the rule at the start"] = read_pairs(self.start, stream)
        self._draw(runs, stream, settings)
        self._tell(lambda: self._report(runs))

    def _refusal(self, chosen: Combination) -> list[str]:
        why = self.say("refused", reason=self.say.translate(reason(chosen)))
        return [why, *(mend(chosen, self.say.language) or [self.say("alone")])]

    def _draw(self, runs: dict[str, Run], stream: Pairs, settings: tuple) -> None:
        curves = {label: (found.trace, found.answers) for label, found in runs.items()}
        if self.view.value == VIEWS[0]:
            figure = age_figure(curves)
        else:
            figure = stream_figure(curves, marked=stream.marked)
            for label, found in runs.items():
                if found.ended is not None:
                    mark_blow_up(figure, found.ended, label)
        if self.answer is not None and self._asked == settings and self.found.ended is None:
            self._title(figure, self.found)
        self.stage.draw(figure)

    def _report(self, runs: dict[str, Run]) -> list[str]:
        lines = []
        for label, found in runs.items():
            config = found.trace.config
            rule = {"who": self.say(f"run={label}"), "names": " + ".join(config.combination), "theta": config.theta}
            if found.ended is None:
                lines.append(self.say("recalled", **rule, mean=found.mean))
            else:
                lines.append(self.say("blew_up", **rule, token=found.ended))
        return lines

    def _subject(self) -> tuple:
        return self.settings
