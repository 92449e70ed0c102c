"""The cards of trained text models combined: a model in its three modes beside the controls.

A series is a model's mode ("on", "frozen", "off"), a control by what it shares with the model ("same steps", "same
time"), or the first control with an n-gram cache ("cache"). Pure functions of cards; they work for any bundled ones.
"""

from collections.abc import Mapping
from typing import NamedTuple

from titans_mini.models.model import MODES

from . import ngram_cache
from .controls import CONTROLS

SERIES = (*MODES, *CONTROLS, ngram_cache.NAME)
NOTHING = 0.0005  # bits per byte; less is shown as 0.000 and may be rounding


class Gain(NamedTuple):
    """A difference in bits per byte and its standard error, which is None where one row was measured."""

    size: int  # bytes of context, or of a passage
    value: float
    error: float | None

    @property
    def sign(self) -> int:
        """1 or -1 where the value is more than two standard errors and NOTHING from 0, else 0."""
        if self.error is None or abs(self.value) <= max(NOTHING, 2 * self.error):
            return 0
        return 1 if self.value > 0 else -1


def series_of(card: dict, controls: Mapping[str, dict], entry: str) -> dict[str, list[dict]]:
    """The rows of a card's `entry` by series, then those of the controls that have it.

    `entry` is "context", "swap", "second_reading" or "return".
    """

    def rows(of: dict, mode: str) -> list[dict]:
        return [row for row in of.get(entry) or () if row["memory"] == mode]

    found = {mode: rows(card, mode) for mode in MODES}
    found |= {name: rows(controls[name], "off") for name in CONTROLS if name in controls}
    found[ngram_cache.NAME] = rows(controls.get(next(iter(CONTROLS)), {}), ngram_cache.NAME)
    return {name: rows for name, rows in found.items() if rows}


def reach(card: dict) -> int:
    """How many bytes a model sees without its memory: its last one, and for each layer the rest of a window."""
    shape = card.get("model", {})
    return 1 + shape.get("layers", 1) * (shape.get("window", 1) - 1)


def context_gain(rows: list[dict], beyond: int) -> Gain | None:
    """The bits saved by the longest context over the shortest of at least `beyond` bytes; None if they are the same."""
    enough = sorted((row for row in rows if row["context"] >= beyond), key=lambda row: row["context"])
    if len(enough) < 2:
        return None
    return Gain(enough[0]["context"], enough[0]["lost"], enough[0]["error"])


def saved_gains(rows: list[dict]) -> list[Gain]:
    """The bits saved by a second reading, by length of the passage; or by their own past, by length of the context."""
    return [Gain(row.get("passage", row.get("context")), row["saved"], row["error"]) for row in rows]


def bits_by_mode(card: dict) -> dict[str, float]:
    """mode -> bits per byte at the training length, for the modes that the card holds."""
    size = card.get("training", {}).get("size")
    rows = [row for row in card.get("results") or () if row.get("size") == size and row.get("task") == "text"]
    return {mode: next(row["bits"] for row in rows if row["memory"] == mode) for mode in MODES if _has(rows, mode)}


def _has(rows: list[dict], mode: str) -> bool:
    return any(row["memory"] == mode for row in rows)


def table(cards: Mapping[str, dict]) -> list[dict]:
    """A row for each model: {name, control, steps, seconds, on, frozen, off}; None where its card does not say.

    `seconds` is the time of the steps on an otherwise idle processor, if the card holds the time of a step;
    else it is the wall-clock time of the training.
    """
    rows = []
    for name, card in cards.items():
        training, bits = card.get("training", {}), bits_by_mode(card)
        rows.append(
            {"name": name, "control": training.get("memory") == "off", "steps": training.get("steps")}
            | {"seconds": _seconds(card), **{mode: bits.get(mode) for mode in MODES}}
        )
    return rows


def _seconds(card: dict) -> float | None:
    step, steps = card.get("step_cpu_seconds"), card.get("training", {}).get("steps")
    return card.get("seconds") if step is None or steps is None else step * steps


# The columns of the recall table: what is asked for, as results of a card name it.
RECALLED = {
    "near": {"task": "recall_once", "size": 2048},
    "far": {"task": "recall_once", "size": 65_536},
    "late": {"task": "recall_late", "size": 2048},
    "groups": {"task": "recall_groups", "size": 2048},
    "overwritten": {"task": "recall_overwritten", "size": 2048},
    "many": {"task": "recall_many", "size": 2048},
}


def recall_table(cards: Mapping[str, dict]) -> list[dict]:
    """A row for each recall model: {name, and its accuracy in each column of RECALLED, or None}.

    A control is read with its memory off, as it was trained; the others with their memory on.
    """
    rows = []
    for name, card in cards.items():
        mode = "off" if card.get("training", {}).get("memory") == "off" else "on"
        results = [row for row in card.get("results") or () if row.get("memory") == mode]
        found = {
            column: next((row["accuracy"] for row in results if wanted.items() <= row.items()), None)
            for column, wanted in RECALLED.items()
        }
        rows.append({"name": name, **found})
    return rows
