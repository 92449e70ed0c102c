"""A row of the audit: the article's words, the ways to read them, what the papers say, how it is measured and judged.

Each row is defined below the functions that measure and judge it. The docstring of a judging function is the rule that
people read beside the verdict.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from titans_mini.messages import Message

from .finding import UNTESTED, Figures, Finding, Reading, Size, weigh

TITANS, MIRAS = "Titans, arXiv 2501.00663", "MIRAS, arXiv 2504.13173"
EVERY = "Holds if every reading holds; holds in part if some reading holds at least in part."


class Judged(NamedTuple):
    """A verdict with its reason."""

    verdict: str  # one of VERDICTS
    told: Message  # one sentence made of the figures
    figures: tuple[str, ...] = ()  # keys of the figures that it rests on, where a claim has several readings


Judge = Callable[[Figures], Judged]


class Way(NamedTuple):
    """One way to read a claim."""

    means: str  # what the claim says when it is read so
    judge: Judge

    @property
    def rule(self) -> str:
        """When the claim then holds, in words."""
        return _rule(self.judge)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row. `measure` gives figures at a size; the verdict follows from the figures, whatever they are."""

    key: str
    section: str  # of the article; 0 is its opening
    claim: str  # our translation of `claim_zh`
    claim_zh: str  # the article's own words; … stands between passages
    papers: str = "none"  # what they say, with their figure; empty if they say nothing
    source: str = "none"
    measure: Callable[[Size], Figures]
    judged: Judge | None = None  # of a claim that is read in one way
    readings: dict[str, Way] | None = None  # name -> way, where it can be read in several
    needs: str | None = None  # the reading that must be testable for the row to be
    note: str = ""  # of the rule, where there are several readings
    before: str = ""  # a command to be run first, for a full verdict
    flags: str = ""  # of the command, after the size

    @property
    def ways(self) -> dict[str, Way]:
        """Name -> way of reading it; empty where there is only one."""
        return self.readings or {}

    @property
    def rule(self) -> str:
        """How the verdict is reached, in words."""
        return f"{EVERY} {self.note}".strip() if self.readings else _rule(self.judged)

    @property
    def command(self) -> str:
        """The shell command that measures this row in full."""
        return f"titans-mini claims --only {self.key} --size full{self.flags}"

    def judge(self, figures: Figures) -> Finding:
        """The verdict on figures, with its sentence. KeyError if a figure is missing."""
        if not self.readings:
            verdict, told, _ = self.judged(figures)
            return Finding(verdict, figures, told)
        readings = {name: Reading(name, *way.judge(figures)) for name, way in self.readings.items()}
        found = weigh(figures, *readings.values())
        untested = self.needs is not None and readings[self.needs].verdict == UNTESTED
        return found._replace(verdict=UNTESTED) if untested else found

    def examine(self, size: Size) -> Finding:
        """Measures and judges."""
        return self.judge(self.measure(size))


def _rule(judge: Judge) -> str:
    """The docstring of the function, or of the one that a `functools.partial` fills in."""
    return " ".join(inspect.getdoc(getattr(judge, "func", judge)).split())
