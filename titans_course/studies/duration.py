"""How long a search takes on this machine: a quick benchmark, and an estimate of the seconds it needs and has left."""

import time
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from titans_mini.config import MemoryConfig, SimulationConfig
from titans_mini.simulation import count_groups, simulate_many
from titans_mini.tune.search import Job, Step, TuneConfig, plan_jobs
from titans_mini.tune.store import Key, Setting

from . import timing

TOKENS, ROWS = 128, 8  # of the benchmark runs
TRUSTED = 0.1  # share of a search after which its own speed is trusted


class Speed(NamedTuple):
    """Seconds that one token takes: a fixed part for each group of settings, and a part for each setting."""

    fixed: float
    each: float

    def seconds(self, settings: int, tokens: int, groups: int = 1) -> float:
        """Seconds of a batch of that many settings over that many tokens."""
        return tokens * (self.fixed * groups + self.each * settings)


def measure(width: int, depth: int) -> Speed:
    """Two short runs, of one setting and of several; the better of two tries each."""
    config = SimulationConfig(tokens=TOKENS, memory=MemoryConfig.preset("recipe", dim=width, depth=depth))
    few, many = (min(_timed([config] * rows) for _ in range(2)) / TOKENS for rows in (2, 2 + ROWS))
    each = max(0.0, many - few) / ROWS
    return Speed(max(0.0, few - 2 * each), each)


def _timed(configs: list[SimulationConfig]) -> float:
    return timing.seconds(lambda: simulate_many(configs))


def job_seconds(job: Job, speeds: Mapping[int, Speed]) -> float:
    """Estimated seconds of a batch; `speeds` by depth."""
    depth, count = job.settings[0].depth, len(job.settings)
    groups = count_groups(MemoryConfig.preset("recipe", dim=job.width, depth=depth), count)
    return speeds[depth].seconds(count, job.tokens, groups)


def seconds_left(
    config: TuneConfig, speeds: Mapping[int, Speed], done: Container[Key] = (), chosen: Iterable[Setting] | None = None
) -> float:
    """Estimated seconds that a search still needs, without the rows in `done`.

    `chosen` continue to the second stage; until they are known, the last settings of the grid, a mix of depths, are
    used instead.
    """
    jobs = plan_jobs(config, config.settings(), config.tokens, done)
    if config.two_stages:
        kept = config.settings()[-config.keep :] if chosen is None else list(chosen)
        jobs += plan_jobs(config, kept, config.final_tokens, done)
    return sum(job_seconds(job, speeds) for job in jobs)


class Clock:
    """Share done and time left of a running search: the estimate, corrected by the search's own speed."""

    def __init__(self, config: TuneConfig, speeds: Mapping[int, Speed], done: Container[Key] = ()) -> None:
        self.config, self.speeds = config, speeds
        self.spent = 0.0  # by the measured speeds, of batches that are done
        self.left = seconds_left(config, speeds, done)  # the same, of those still to run
        self._chosen: list[Setting] | None = None
        self._began = time.perf_counter()

    def step(self, step: Step, done: Container[Key]) -> None:
        """Call it after each step of the search, with the rows in the store."""
        left = seconds_left(self.config, self.speeds, done, self._chosen)
        self.spent, self.left = self.spent + self.left - left, left
        if self._chosen is None and not step.left:
            self._chosen = step.found.chosen
            self.left = seconds_left(self.config, self.speeds, done, self._chosen)

    def now(self, job: Job | None = None, read: int = 0) -> tuple[float, float]:
        """(share done, seconds left), `read` tokens into a batch."""
        inside = 0.0 if job is None else job_seconds(job, self.speeds) * read / job.tokens
        spent, left = self.spent + inside, max(0.0, self.left - inside)
        share = spent / (spent + left) if spent + left else 1.0
        pace = (time.perf_counter() - self._began) / spent if share > TRUSTED else 1.0
        return min(1.0, share), left * pace
