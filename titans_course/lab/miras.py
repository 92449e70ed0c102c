"""MirasLab: five pickers make a memory, which reads a stream of pairs; recall and loss, and why a choice is refused."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from titans_mini.errors import ConfigError, check_integer
from titans_mini.messages import Message
from titans_mini.miras import KNOBS, Combination, MirasConfig
from titans_mini.miras.registry import reason, single_repairs
from titans_mini.miras.running import MirasTrace
from titans_mini.threads import one_thread

from .. import language as languages
from ..figures.miras import age_figure, mark_blow_up, stream_figure
from ..studies import asking
from ..studies.asking import Answers
from ..studies.streams import KINDS, Pairs, make_pairs
from .controls import marks, pick
from .prediction import Prediction, PredictionPanel, asked

THETAS = (0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
PAIRS = (2, 4, 8, 16, 32)
DIM, TOKENS = 8, 120
VIEWS = ("recall by age", "along the stream")
THIS, START = Message("this rule"), Message("the rule at the start")
PLAIN = MirasConfig("matrix", "l2", "none", "gd", "constant")


class Run(NamedTuple):
    """A rule over a stream, and how well it answered."""

    trace: MirasTrace
    answers: Answers
    ended: int | None  # the token at which the memory blew up

    @property
    def mean(self) -> float:
        """Mean recall of all pairs after the last token; NaN if it blew up."""
        return float(self.answers.end_recall.mean())


QUESTION = asked("lab.miras", lambda run: run.mean)


def read_pairs(config: MirasConfig, stream: Pairs) -> Run:
    """The stream through a memory of this rule, token by token and without clip (clip 1 for privacy)."""
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):
        return Run(*asking.read_pairs(config, stream))


class MirasLab(PredictionPanel):
    """Pick architecture, bias, retention, algorithm, gate, step size and stream; see recall and loss.

    `config` is the first rule, which stays visible, dotted, behind the ones tried. With `predict` the plot stays closed
    until a prediction is entered. Each control is an attribute: `lab.bias.value = "huber"`.
    """

    context = "lab.miras"
    constants = {"dim": DIM}
    table = {
        **{knob: pick(choices, names="gating" if knob == "gate" else knob) for knob, choices in KNOBS.items()},
        "theta": marks(THETAS, PLAIN.theta),
        "stream": pick(KINDS, "outliers", names="kind"),
        "pairs": marks(PAIRS, 4, (1, 1000)),
        "view": pick(VIEWS),
    }

    def __init__(
        self,
        config: MirasConfig = PLAIN,
        *,
        seed: int = 0,
        predict: Prediction | None = QUESTION,
        language: str | None = None,
        **values,
    ) -> None:
        super().__init__(predict, language)
        self.start, self.stream_seed = config, check_integer("seed", seed, 0, 2**31 - 1)
        self.found: Run | None = None
        self._make_controls(**{name: getattr(config, name) for name in (*KNOBS, "theta")}, **values)
        self._begin()

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
        """Reads the stream with the selected rule; if there is none, says why and keeps the last plot."""
        try:
            config, (kind, pairs, seed) = self.settings
        except ConfigError:
            refused = self.chosen
            self._tell(lambda: self._refusal(refused), bad=True)
            return
        if not self.is_open:
            self._tell(list)
            return
        stream = make_pairs(kind, tokens=TOKENS, dim=DIM, pairs=pairs, seed=seed)
        self.found = read_pairs(config, stream)
        runs = {THIS: self.found}
        if config != self.start:
            runs[START] = read_pairs(self.start, stream)
        self._show_runs(runs, stream.marked)
        self._tell(lambda: self._report(runs))

    def _refusal(self, chosen: Combination) -> list[str]:
        why = self.say("refused", reason=self.tell(reason(chosen)))
        return [why, *(repairs(chosen, self.language.value) or [self.say("alone")])]

    def _show_runs(self, runs: dict[str, Run], marked: np.ndarray) -> None:
        by_age = self.view.value == VIEWS[0]

        def draw(say):
            curves = {say(label): (found.trace, found.answers) for label, found in runs.items()}
            if by_age:
                return age_figure(curves, say=say)
            figure = stream_figure(curves, marked=marked, say=say)
            for label, found in runs.items():
                if found.ended is not None:
                    mark_blow_up(figure, found.ended, say(label), say=say)
            return figure

        self._draw(draw, self.found if self.found.ended is None else None)

    def _report(self, runs: dict[str, Run]) -> list[str]:
        lines = []
        for label, found in runs.items():
            config = found.trace.config
            rule = {"who": self.tell(label), "names": " + ".join(config.combination), "theta": config.theta}
            if found.ended is None:
                lines.append(self.say("recalled", **rule, mean=found.mean))
            else:
                lines.append(self.say("blew_up", **rule, token=found.ended))
        return lines


def repairs(chosen: Combination, language: str = "en") -> list[str]:
    """Each single change that makes a refused combination an allowed one, one line per knob."""
    say = partial(languages.say, MirasLab.context)
    return [
        say("mend", language, knob=say(knob, language), names=say("or", language).join(names))
        for knob, names in single_repairs(chosen).items()
    ]
