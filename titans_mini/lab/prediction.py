"""Prediction: a question that a learner answers before a lab shows what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ConfigError
from ..trace import Trace

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
