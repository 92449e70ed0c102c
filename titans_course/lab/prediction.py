"""Prediction: a question that a learner answers before a lab shows what happens, and the panel that keeps it closed."""

import html
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as w
import plotly.graph_objects as go

from titans_mini.errors import ConfigError, check_integer
from titans_mini.trace import Trace

from ..language import find, say
from .controls import rename, roomy
from .panel import Make, Panel, button

Answer = float | str


@dataclass(frozen=True)
class Prediction:
    """A question about a run. With `choices` the answer is one of them, otherwise a number in `unit`.

    `result` takes the run's Trace and returns the true answer: a number, or one of `choices`. The fields in _zh are
    the same in Chinese; where there are none, a Chinese panel asks in English.
    """

    question: str
    result: Callable[[Trace], Answer]
    choices: tuple[str, ...] = ()
    unit: str = ""
    question_zh: str = ""
    choices_zh: tuple[str, ...] = ()
    unit_zh: str = ""

    def __post_init__(self) -> None:
        if self.choices_zh:
            check_integer("number of choices_zh", len(self.choices_zh), len(self.choices), len(self.choices))

    def asked(self, language: str) -> str:
        """The question in that language."""
        return self.question_zh if language == "zh" and self.question_zh else self.question

    def unit_in(self, language: str) -> str:
        """The unit in that language."""
        return self.unit_zh if language == "zh" and self.unit_zh else self.unit

    def labels(self, language: str) -> dict[str, str]:
        """Choice -> what it is called in that language."""
        called = self.choices_zh if language == "zh" and self.choices_zh else self.choices
        return dict(zip(self.choices, called, strict=True))

    def read(self, entry: str | None) -> Answer:
        """The typed or selected answer; ConfigError in one line if it is not an answer."""
        if self.choices:
            if entry not in self.choices:
                raise ConfigError("choose one of the answers first; a wrong one costs nothing")
            return entry
        try:
            return float(str(entry).strip().replace(",", "."))
        except ValueError:
            text = "prediction must be a number such as 25 or 0.4, not {entry}"
            raise ConfigError(text, entry=repr(entry)) from None

    def together(self, guess: Answer, result: Answer, language: str = "en") -> str:
        """Prediction and result in one line."""
        said = {"guess": self.spell(guess, language), "result": self.spell(result, language)}
        return say("lab", "together", language, **said)

    def spell(self, answer: Answer, language: str) -> str:
        """An answer in that language."""
        if isinstance(answer, str):
            return say("lab", "chosen", language, answer=self.labels(language).get(answer, answer))
        return say("lab", "amount", language, answer=answer, unit=self.unit_in(language)).rstrip()


def asked(
    context: str, result: Callable, choices: tuple[str, ...] = (), kind: type = Prediction, **fields
) -> Prediction:
    """The question of a lab, by the context of its texts."""
    question, question_zh = (say(context, "question", language, **fields) for language in ("en", "zh"))
    unit, unit_zh = (find(context, "unit", language) or "" for language in ("en", "zh"))
    called = tuple(say(context, f"answer={choice}", "zh") for choice in choices)
    return kind(question, result, choices, unit, question_zh, called, unit_zh)


class PredictionPanel(Panel):
    """A panel whose plot stays closed until its question, if it has one, is answered."""

    def __init__(self, predict: Prediction | None, language: str | None = None) -> None:
        super().__init__(language)
        self.predict, self.is_open = predict, predict is None
        self.answer: Answer | None = None
        self._asked: object = None  # what the prediction is about, see `_subject`
        self.found: object = None  # the result of the last run
        self.question = self._name("asked", w.HTML())
        if predict is not None and predict.choices:
            self.guess: w.DOMWidget = w.RadioButtons(options=predict.choices, value=None)
            self.guess.layout.width = "max-content"
        else:
            self.guess = w.Text()
        self._name("guess", roomy(self.guess))
        self.reveal = self._name("reveal", button("eye", self._open))
        PredictionPanel._reword(self)

    def _question(self) -> list[w.Widget]:
        """The question, the field for its answer, and the button; empty without a prediction."""
        return [] if self.predict is None else [self.question, self.guess, self.reveal]

    def _draw(self, make: Make, found=None, *, y: float = 0.98, top: int = 70) -> None:
        """As Panel's; a prediction about these settings is shown above the figure with the result of `found`."""
        if found is None or self.answer is None or self._asked != self._subject():
            super()._draw(make)
            return
        guess, result = self.answer, self.predict.result(found)

        def titled(say) -> go.Figure:
            together = self.predict.together(guess, result, self.language.value)
            return make(say).update_layout(title={"text": together, "font_size": 15, "y": y}, margin_t=top)

        super()._draw(titled)

    def _reword(self) -> None:
        if self.predict is None:
            return
        language = self.language.value
        self.question.value = f"<b>{html.escape(self.predict.asked(language))}</b>"
        if self.predict.choices:
            rename(self.guess, self.predict.labels(language))

    def _subject(self) -> object:
        """The settings that a prediction is about; ConfigError if none can be made."""
        return self.settings

    def _begin(self) -> None:
        """Shows the panel and the run that the controls ask for."""
        self._arrange()
        self._opened()

    def _close(self, _=None) -> None:
        """For another subject: hides the last result and asks again."""
        if self.predict is None:
            return
        self.is_open, self.answer, self.guess.value, self.found = False, None, None, None
        self._draw(lambda say: go.Figure())
        self._tell(list)
        self._arrange()

    def _arrange(self) -> None:
        """Puts the parts into the panel, open or closed."""
        self._show(w.Box(list(self.controls.values()), layout=w.Layout(flex_flow="row wrap")), *self._below())

    def _below(self) -> list[w.Widget]:
        """The parts below the controls: question and message, and the figure once it is open."""
        return [*self._question(), self.message, *([self.stage.box] if self.is_open else [])]

    def _opened(self) -> None:
        self.changed()
        self.flush()

    def _open(self) -> None:
        try:
            self.answer, self._asked = self.predict.read(self.guess.value), self._subject()
        except ConfigError as error:
            self._fail(error)
            return
        self.is_open = True
        self._begin()
