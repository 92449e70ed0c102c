"""The result of a measurement: figures with their spread over seeds, a verdict reached by a rule, and a sentence."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from titans_mini.messages import Message

HOLDS, PART, FAILS, UNTESTED = "holds", "holds in part", "does not hold", "cannot be tested here"
VERDICTS = (HOLDS, PART, FAILS, UNTESTED)
LONG = 2_000_000  # tokens that the recipe's claims reach
LOST = 1e9  # with a sign, in place of a number that is not finite


@dataclass(frozen=True)
class Size:
    """The size of the runs behind a verdict."""

    name: str
    seeds: int  # runs of each setting
    tokens: int  # of a simulated stream
    width: int  # of a simulated memory
    stages: tuple[int, int]  # tokens of the two stages of a grid search
    gap: int  # tokens between the facts and the questions
    rows: int  # sequences of an evaluation
    rounds: int  # number of calls whose median time is taken
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
    """One number per seed, or one per model, as their mean and range."""

    mean: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """From one value per seed; a value that is not finite counts as plus or minus LOST."""
        kept = [finite(value) for value in values]
        return cls(statistics.fmean(kept), min(kept), max(kept), len(kept))

    def tell(self, spec: str = "", each: str = "seed") -> Message:
        """Mean and range in words. `spec` formats the numbers; `each` names what there is one number of."""
        sign, rest = ("+", spec[1:]) if spec.startswith("+") else ("", spec)  # z: what rounds to 0 has no minus
        mean, low, high = (format(number, f"{sign}z{rest}") if spec else show(number) for number in self[:3])
        if self.seeds == 1:
            return Message(f"{{mean}} (one {each})", mean=mean)
        if low == high:
            return Message(f"{{mean}} (every {each})", mean=mean)
        return Message("{mean} ({low} to {high})", mean=mean, low=low, high=high)

    def __format__(self, spec: str) -> str:
        return str(self.tell(spec))

    def __str__(self) -> str:
        return str(self.tell())


def show(number: Number) -> str:
    """Three significant digits, or a whole number with its thousands set apart."""
    rounded = float(f"{number:.3g}")  # 999.6 is 1,000
    return f"{number:,.0f}" if abs(rounded) >= 1000 else f"{number:.3g}"


Figures = dict[str, Number | Spread]


def spreads(rows: Iterable[Mapping[str, float]]) -> Figures:
    """Rows with the same keys, one per seed or per model, as a Spread for each key."""
    rows = list(rows)
    return {key: Spread.of(row[key] for row in rows) for key in rows[0]}


def finite(value: Number) -> float:
    """The number, or LOST with its sign where it is infinite; NaN counts as plus LOST."""
    if math.isnan(value):
        return LOST
    return float(max(-LOST, min(LOST, value)))


def figures_from(content: Mapping) -> Figures:
    """Figures from JSON, where a Spread is an object; TypeError for anything else but numbers."""
    figures = {name: Spread(**value) if isinstance(value, dict) else value for name, value in content.items()}
    for name, value in figures.items():
        for number in value if isinstance(value, Spread) else (value,):
            if not isinstance(number, Number):
                raise TypeError(f"{name} is no number")
    return figures


class Reading(NamedTuple):
    """One way to understand a claim, and the verdict on the claim in that reading."""

    name: str  # of the claim's `readings`, which hold its words and its rule
    verdict: str  # one of VERDICTS
    told: Message  # one sentence made of its figures
    figures: tuple[str, ...]  # keys of the finding's figures that it rests on


class Finding(NamedTuple):
    """The verdict on a claim, and why."""

    verdict: str  # one of VERDICTS
    figures: Figures
    told: Message  # one sentence made of the figures
    readings: tuple[Reading, ...] = ()  # empty: the claim was read in one way

    def to_dict(self) -> dict:
        """Plain JSON types; a Spread becomes an object."""
        figures = {
            name: value._asdict() if isinstance(value, Spread) else value for name, value in self.figures.items()
        }
        readings = [{**reading._asdict(), "figures": list(reading.figures)} for reading in self.readings]
        return {"verdict": self.verdict, "figures": figures, "told": self.told, "readings": readings}


def weigh(figures: Figures, *readings: Reading) -> Finding:
    """The finding on a claim that can be read in several ways; readings that cannot be tested do not count.

    It holds if all the others hold, does not hold if none does, and holds in part otherwise.
    """
    tested = [reading.verdict for reading in readings if reading.verdict != UNTESTED]
    some = any(verdict in (HOLDS, PART) for verdict in tested)
    verdict = UNTESTED if not tested else grade(all(verdict == HOLDS for verdict in tested), some)
    return Finding(verdict, figures, listed((reading.told for reading in readings), "; "), readings)


def grade(*parts: bool) -> str:
    """HOLDS if all parts of a claim hold, PART if some do, FAILS if none does."""
    if all(parts):
        return HOLDS
    return PART if any(parts) else FAILS


def listed(parts: Iterable[str], between: str = ", ") -> Message:
    """Several texts as one message; each of them is still translated separately."""
    fields = {f"part{number}": part for number, part in enumerate(parts)}
    return Message(between.join(f"{{{name}}}" for name in fields), **fields)
