"""What a claim's measurement gives: figures with their spread over seeds, a verdict by rule, and a sentence."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from titans_mini.errors import ConfigError

HOLDS, PART, FAILS, UNTESTED = "holds", "holds in part", "does not hold", "cannot be tested here"
VERDICTS = (HOLDS, PART, FAILS, UNTESTED)
LONG = 2_000_000  # tokens to which the recipe's claims go
LOST = 1e9  # stands for a number that is not finite, with its sign


@dataclass(frozen=True)
class Size:
    """How much is run for a verdict."""

    name: str
    seeds: int  # runs of each setting
    tokens: int  # of a simulated stream
    width: int  # of a simulated memory
    stages: tuple[int, int]  # tokens of the two stages of a grid search
    gap: int  # tokens between telling and asking
    rows: int  # sequences of an evaluation
    rounds: int  # calls of which a time is the median
    stream: int  # tokens of the long stream
    training: int  # steps of a small training
    large: int  # width of the memory whose snapshots and reads are timed
    runs: str | None = None  # folder of training runs, see order.read_cards

    @property
    def all_seeds(self) -> range:
        """0, 1, 2 ..."""
        return range(self.seeds)


SIZES: dict[str, Size] = {
    "small": Size("small", 2, 1000, 32, (100, 600), 512, 8, 16, 32_768, 30, 256),
    "full": Size("full", 5, 10_000, 64, (1000, 10_000), 16_384, 8, 200, 2_000_000, 100, 1536),
}


Number = float | int


class Spread(NamedTuple):
    """One number a seed, or one a model, as their mean and range."""

    mean: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of one value a seed; what is not finite counts as plus or minus LOST."""
        kept = [finite(value) for value in values]
        return cls(statistics.fmean(kept), min(kept), max(kept), len(kept))

    def tell(self, spec: str = "", each: str = "seed") -> str:
        """Mean and range in words; `each` is what there was one number of."""
        sign, rest = ("+", spec[1:]) if spec.startswith("+") else ("", spec)  # z: what rounds to 0 has no minus
        mean, low, high = (format(number, f"{sign}z{rest}") if spec else show(number) for number in self[:3])
        if self.seeds == 1:
            return f"{mean} (one {each})"
        return f"{mean} ({low} to {high})" if low != high else f"{mean} (every {each})"

    def __format__(self, spec: str) -> str:
        return self.tell(spec)

    def __str__(self) -> str:
        return format(self, "")


def show(number: Number) -> str:
    """Three significant digits, or a whole number with its thousands set apart."""
    rounded = float(f"{number:.3g}")  # 999.6 is 1,000
    return f"{number:,.0f}" if abs(rounded) >= 1000 else f"{number:.3g}"


Figures = dict[str, Number | Spread]


def finite(value: Number) -> float:
    """The number, or LOST with its sign where it is infinite; NaN counts as plus LOST."""
    if math.isnan(value):
        return LOST
    return float(max(-LOST, min(LOST, value)))


class Reading(NamedTuple):
    """One way to understand a claim, and what became of the claim when it is read so."""

    name: str  # of the claim's `readings`, which hold its words and its rule
    verdict: str  # one of VERDICTS
    told: str  # one sentence made of its figures
    figures: tuple[str, ...]  # keys of the finding's figures that it rests on

    def to_dict(self) -> dict:
        """Plain JSON types."""
        return {**self._asdict(), "figures": list(self.figures)}


class Finding(NamedTuple):
    """What became of a claim."""

    verdict: str  # one of VERDICTS
    figures: Figures
    told: str  # one sentence made of the figures
    readings: tuple[Reading, ...] = ()  # empty: the claim was read in one way

    def to_dict(self) -> dict:
        """Plain JSON types; a Spread becomes an object."""
        figures = {
            name: value._asdict() if isinstance(value, Spread) else value for name, value in self.figures.items()
        }
        readings = [reading.to_dict() for reading in self.readings]
        return {"verdict": self.verdict, "figures": figures, "told": self.told, "readings": readings}

    @classmethod
    def from_dict(cls, content: Mapping) -> Finding:
        """The inverse of `to_dict`; ConfigError where it is none."""
        try:
            figures = {
                name: Spread(**value) if isinstance(value, dict) else value
                for name, value in content["figures"].items()
            }
            readings = tuple(
                Reading(one["name"], one["verdict"], one["told"], tuple(one["figures"])) for one in content["readings"]
            )
            found = cls(content["verdict"], figures, content["told"], readings)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"not a finding: {error}") from None
        for verdict in (found.verdict, *(reading.verdict for reading in readings)):
            if verdict not in VERDICTS:
                raise ConfigError(f"verdict must be one of {', '.join(VERDICTS)}, not {verdict!r}")
        return found


def weigh(figures: Figures, *readings: Reading) -> Finding:
    """The finding of a claim that was read in several ways; those that cannot be tested do not count.

    It holds where all the others hold, does not hold where none does, and holds in part in between.
    """
    tested = [reading.verdict for reading in readings if reading.verdict != UNTESTED]
    some = any(verdict in (HOLDS, PART) for verdict in tested)
    verdict = UNTESTED if not tested else grade(all(verdict == HOLDS for verdict in tested), some)
    return Finding(verdict, figures, "; ".join(reading.told for reading in readings), readings)


def grade(*parts: bool) -> str:
    """HOLDS where all parts of a claim do, PART where some do, FAILS where none does."""
    if all(parts):
        return HOLDS
    return PART if any(parts) else FAILS
