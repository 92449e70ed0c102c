"""`predict` asks for a prediction before a cell shows its result; `Guess.reveal` and `score` compare.

It waits for an answer, and Jupyter runs no later cell before that, so the result stays closed. Where nobody can be
asked (in the published copies, in tests), it says so and the notebook goes on.
"""

import math
from dataclasses import dataclass

from titans_mini.errors import ConfigError

from ..language import choose, say, tell

WITHIN = 0.25  # how far a number may be from the measured one, relative to it, and count as right
_answered: list[bool] = []  # whether each answer of this session was right


@dataclass
class Guess:
    """What a learner predicted: a number, one of `choices`, or None if nobody could be asked."""

    choices: str = ""
    answer: float | str | None = None

    def reveal(self, measured: float | str, *, within: float = WITHIN, off: float | None = None) -> None:
        """Prints the measured result, and beside it the prediction and whether it was right.

        A number is right if it differs by no more than `within` of the measured one, or than `off` if that is given.
        """
        result = measured if self.choices else float(measured)
        if self.choices and result not in tuple(self.choices):
            raise ConfigError("measured must be one of {choices}, not {value}", choices=self.choices, value=result)
        said = {"measured": _spell(result)}
        if self.answer is None:
            print(_say("measured", **said))
            return
        right = self._is_right(result, within, off)
        _answered.append(right)
        print(_say("right" if right else "wrong", **said, guess=_spell(self.answer)))

    def _is_right(self, measured: float | str, within: float, off: float | None) -> bool:
        if self.choices:
            return self.answer == measured
        return math.isclose(self.answer, measured, rel_tol=0, abs_tol=within * abs(measured) if off is None else off)


def predict(choices: str = "") -> Guess:
    """Asks for a number or, with `choices`, one of these letters, and asks again until the answer is one."""
    letters = ", ".join(choices)
    question = _say("ask_letter", letters=letters) if choices else _say("ask_number")
    while True:
        try:
            return Guess(choices, _read(input(question), choices))
        except ConfigError as error:
            print(tell(error, choose()))
        except (EOFError, OSError, NotImplementedError):  # the last is Jupyter's, for a program that cannot answer
            print(_say("unasked"))
            return Guess(choices)


def score() -> None:
    """Prints how many of this session's predictions were right."""
    right, count = sum(_answered), len(_answered)
    print(_say("score", right=right, count=count) if count else _say("no_score"))


def _read(entry: str, choices: str) -> float | str:
    entry = entry.strip()
    if choices:
        if len(entry) == 1 and entry.lower() in choices:
            return entry.lower()
        raise ConfigError("choose one of {letters}; a wrong answer costs nothing", letters=", ".join(choices))
    try:
        number = float(entry.rstrip("%").replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        text = "prediction must be a number such as 25 or 0.4, not {entry}"
        raise ConfigError(text, entry=repr(entry))
    return number


def _spell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _say(key: str, **fields: object) -> str:
    return say("lab.predict", key, choose(), **fields)
