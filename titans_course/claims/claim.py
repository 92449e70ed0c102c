"""A row of the audit: what the article says, how it is read, what the papers say, how it is measured and judged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .finding import Figures, Finding, Size

TITANS, MIRAS = "Titans, arXiv 2501.00663", "MIRAS, arXiv 2504.13173"


class Way(NamedTuple):
    """One way to read a claim."""

    means: str  # what the claim says when it is read so
    rule: str  # when it then holds


@dataclass(frozen=True)
class Claim:
    """One row. `measure` gives figures at a size, `judge` the verdict on figures, whatever they are."""

    key: str
    claim: str  # our translation of `claim_zh`
    claim_zh: str  # the article's own words; … stands between passages
    section: str  # of the article; 0 is its opening
    papers: str  # what they say, with their figure
    source: str
    measure: Callable[[Size], Figures]
    judge: Callable[[Figures], Finding]
    before: str = ""  # a command to be run first, for a full verdict
    flags: str = ""  # of the command, after the size
    readings: dict[str, Way] | None = None  # name -> way, where the claim can be read in several

    @property
    def rule(self) -> str:
        """How the verdict is reached, in words."""
        return " ".join(inspect.getdoc(self.judge).split())

    @property
    def ways(self) -> dict[str, Way]:
        """Name -> way of reading it; empty where there is only the one that `rule` judges."""
        return self.readings or {}

    @property
    def command(self) -> str:
        """The shell command that measures this row in full."""
        return f"titans-mini claims --only {self.key} --size full{self.flags}"

    def examine(self, size: Size) -> Finding:
        """Measures and judges."""
        return self.judge(self.measure(size))
