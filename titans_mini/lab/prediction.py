"""Prediction: a question that a learner answers before a lab shows what happens, and the panel that keeps it closed."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as w
import plotly.graph_objects as go

from ..errors import ConfigError
from ..trace import Trace
from .panel import Panel, button

Answer = float | str


@dataclass(frozen=True)
class Prediction:
    """A question about a run. With `choices` the answer is one of them, else a number in `unit`.

    `result` takes the run's Trace and returns the true answer: a number, or one of `choices`.
    """

    question: str
    result: Callable[[Trace], Answer]
    choices: tuple[str, ...] = ()
    unit: str = ""

    def read(self, entry: str | None) -> Answer:
        """What was typed or chosen, as an answer; ConfigError in one line if it is none."""
        if self.choices:
            if entry not in self.choices:
                raise ConfigError("choose one of the answers first; a wrong one costs nothing")
            return entry
        try:
            return float(str(entry).strip().replace(",", "."))
        except ValueError:
            raise ConfigError(f"prediction must be a number such as 25 or 0.4, not {entry!r}") from None

    def together(self, guess: Answer, trace: Trace) -> str:
        """Prediction and result in one line."""
        return f"You predicted {self._spell(guess)}; this run gives {self._spell(self.result(trace))}."

    def _spell(self, answer: Answer) -> str:
        return f"“{answer}”" if isinstance(answer, str) else f"{answer:.4g} {self.unit}".strip()


class PredictionPanel(Panel):
    """A panel whose plot stays closed until its question, if it has one, is answered."""

    def __init__(self, predict: Prediction | None) -> None:
        super().__init__()
        self.predict, self.is_open = predict, predict is None
        self.answer: Answer | None = None
        self._asked: object = None  # what the prediction is about, see `_subject`

    def _make_guess(self, *, placeholder: str, tooltip: str) -> None:
        texts = {"description": "I predict", "tooltip": tooltip}
        if self.predict is not None and self.predict.choices:
            self.guess = w.RadioButtons(options=self.predict.choices, value=None, **texts)
            self.guess.layout.width = "max-content"
        else:
            self.guess = w.Text(placeholder=placeholder, **texts)
        self.reveal = button("Show the result", "eye", "opens the plot beside your prediction", self._open)

    def _question(self) -> list[w.Widget]:
        """The question, where it is answered, and the button; nothing without a prediction."""
        if self.predict is None:
            return []
        return [w.HTML(f"<b>{html.escape(self.predict.question)}</b>", tooltip="the question"), self.guess, self.reveal]

    def _title(self, figure: go.Figure, found, *, y: float = 0.98, top: int = 70) -> None:
        """Writes prediction and result above a figure."""
        together = self.predict.together(self.answer, found)
        figure.update_layout(title={"text": together, "font_size": 15, "y": y}, margin_t=top)

    def _subject(self) -> object:
        """What a prediction is about; ConfigError where there can be none."""
        return None

    def _arrange(self) -> None:
        """Puts the parts into the panel, open or closed."""
        raise NotImplementedError

    def _opened(self) -> None:
        self.changed()
        self.flush()

    def _open(self) -> None:
        try:
            self.answer, self._asked = self.predict.read(self.guess.value), self._subject()
        except ConfigError as error:
            self.say(str(error), bad=True)
            return
        self.is_open = True
        self._arrange()
        self._opened()
