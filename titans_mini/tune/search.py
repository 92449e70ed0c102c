"""The two-stage grid search: every setting on a short stream, the best few on a long one.

Recipe: section 3 (tau, beta, lambda and depth on 10k tokens, then the best three on 100k). Scores carry their noise:
each setting runs over several seeds, which draw the start weights, the keys and values, and the planted facts.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..config import SETTING_RANGES, MemoryConfig, SimulationConfig
from ..data import bundled_text, check_text
from ..errors import ConfigError, check_choice, check_integer, check_number
from ..memory.fastweights import layer_shapes
from ..simulation import simulate_many
from .objectives import OBJECTIVES
from .store import Cost, Key, Setting, Store, cost, setting_of, table

ROWS_FILE = "rows.jsonl"  # of the folder of a search
FEWEST, MOST = 100, 1_000_000  # tokens of a stage
LARGEST_GRID = 2000
BATCH = 2**26  # hidden activations of one batch of runs: 256 MB


@dataclass(frozen=True)
class TuneConfig:
    """A grid, two stream lengths and an objective. Defaults are the recipe article's ranges and lengths."""

    objective: str = "loss"
    tokens: int = 10_000  # of the first stage
    final_tokens: int = 100_000  # of the second; the same as `tokens`: the full grid in one stage
    keep: int = 3  # settings that go on to the second stage
    seeds: int = 3  # runs of each setting
    tau: tuple[float, ...] = (0.2, 0.3, 0.4)
    beta: tuple[float, ...] = (0.5, 0.7, 0.9)
    lam: tuple[float, ...] = (1e-5, 1e-4, 1e-3)
    eta: tuple[float, ...] = (1e-3,)
    depth: tuple[int, ...] = (1, 2)
    width: int = 64  # features of keys and values

    def __post_init__(self) -> None:
        check_choice("objective", self.objective, OBJECTIVES)
        check_integer("tokens", self.tokens, FEWEST, MOST)
        check_integer("final_tokens", self.final_tokens, self.tokens, MOST)
        check_integer("keep", self.keep, 1, LARGEST_GRID)
        check_integer("seeds", self.seeds, 1, 100)
        for name in Setting._fields:
            values = tuple(getattr(self, name))
            for value in values:
                _check_value(name, value)
            if not values or len(set(values)) < len(values):
                raise ConfigError(f"{name} must hold at least 1 value and none twice, not {list(values)}")
            object.__setattr__(self, name, values)  # a list becomes a tuple
        check_integer("width", self.width, 1, 8192)
        check_integer("number of settings", len(self.settings()), 1, LARGEST_GRID)

    def settings(self) -> list[Setting]:
        """All points of the grid."""
        return [Setting(*point) for point in itertools.product(*(getattr(self, name) for name in Setting._fields))]

    @property
    def two_stages(self) -> bool:
        """Whether there is a second stage."""
        return self.final_tokens > self.tokens

    def cost(self) -> Cost:
        """Token updates of the two stages against the full grid."""
        keep = self.keep if self.two_stages else 0
        return cost(len(self.settings()), self.tokens, self.final_tokens, keep, self.seeds)


def _check_value(name: str, value: object) -> None:
    if name == "depth":
        check_integer(name, value, 1, 4)
    else:
        check_number(name, value, *SETTING_RANGES[name])


class Job(NamedTuple):
    """One batch of runs: settings of one depth, one seed, one stream."""

    settings: tuple[Setting, ...]
    seed: int
    tokens: int
    objective: str
    width: int
    text: str | None  # None: the bundled text


Beat = Callable[[Job, int], None]  # told of a batch and of the tokens it has read so far


def run_job(job: Job, beat: Beat | None = None) -> list[dict]:
    """A row per setting: the setting, seed, tokens, score (None: diverged), writes_per_1k, norm_end, diverged_at,
    seconds (its share of the batch's compute time). `beat` is called now and then with the batch and the tokens read.
    """
    objective = OBJECTIVES[job.objective]
    text, judged = objective.prepare(_source(job.text, job.tokens), job.tokens, job.seed)
    memory = MemoryConfig.preset("recipe", dim=job.width, depth=job.settings[0].depth)
    base = SimulationConfig(tokens=job.tokens, seed=job.seed, memory=memory)
    configs = [replace(base, tau=s.tau, beta=s.beta, lam=s.lam, eta=s.eta) for s in job.settings]
    rows, told = [], beat and (lambda read: beat(job, read))
    for setting, trace in zip(job.settings, simulate_many(configs, text, beat=told), strict=True):
        score = objective.score(trace, text, judged) if trace.diverged_at is None else math.inf
        row = {
            **setting._asdict(),
            "seed": job.seed,
            "tokens": job.tokens,
            "score": score if math.isfinite(score) else None,
        }
        summary = trace.summary()
        rows.append(row | {name: summary[name] for name in ("writes_per_1k", "norm_end", "diverged_at", "seconds")})
    return rows


def plan_jobs(config: TuneConfig, settings: list[Setting], tokens: int, done: Container[Key], text=None) -> list[Job]:
    """The batches that are still to run, each as large as memory allows."""
    jobs = []
    for depth, seed in itertools.product(config.depth, range(config.seeds)):
        wanted = [s for s in settings if s.depth == depth and Key(s, seed, tokens) not in done]
        size = _batch(config.width, depth, tokens)
        jobs += [
            Job(tuple(wanted[i : i + size]), seed, tokens, config.objective, config.width, text)
            for i in range(0, len(wanted), size)
        ]
    return jobs


def _batch(width: int, depth: int, tokens: int) -> int:
    widest = max(max(shape) for shape in layer_shapes(MemoryConfig(dim=width, depth=depth)))
    return max(1, BATCH // (widest * tokens))


def _source(text: str | None, tokens: int) -> str:
    if text is not None:
        return text
    bundled = bundled_text()  # goes round where it is shorter
    return bundled * (tokens // len(bundled) + 1)


@dataclass(frozen=True)
class Tuning:
    """A search, finished or stopped: its rows and what they say."""

    config: TuneConfig
    rows: list[dict]  # see run_job
    complete: bool

    def table(self, stage: str = "final") -> list[dict]:
        """The lines of store.table for the stage "coarse" or "final"; of a stopped search, what has all seeds."""
        tokens = {"coarse": self.config.tokens, "final": self.config.final_tokens}[stage]
        rows = [row for row in self.rows if row["tokens"] == tokens]
        counts = Counter(map(setting_of, rows))
        whole = [row for row in rows if counts[setting_of(row)] == self.config.seeds]
        return table(whole, OBJECTIVES[self.config.objective].sign)

    @property
    def chosen(self) -> list[Setting] | None:
        """The settings that go on to the second stage; None until the first one is whole."""
        lines = self.table("coarse")
        whole = len(lines) == len(self.config.settings())
        return [setting_of(line) for line in lines[: self.config.keep]] if whole else None

    @property
    def best(self) -> dict | None:
        """The best line of the last stage that has one; None if there is none, or if all runs diverged."""
        line = next(iter(self.table("final") or self.table("coarse")), None)
        return line if line and line["mean"] is not None else None

    def verdict(self) -> str:
        """The best setting in one line, and whether its lead is more than noise."""
        best = self.best
        if best is None:
            return "no setting has a score"
        noise = "" if best["spread"] is None else f" +- {best['spread']:.2g}"
        told = f"{setting_of(best)}: {self.config.objective} {best['mean']:.4g}{noise} at {best['tokens']} tokens"
        told += "" if self.complete else ", not finished"
        if self.config.seeds < 2:
            return f"{told}; one seed: noise unknown"
        lines = self.table("final") or self.table("coarse")
        ties = sum(line["tie"] for line in lines) - 1
        told += f"; a tie with {ties} of {len(lines) - 1}" if ties else "; ahead by more than the noise"
        cut = sum(line["tie"] for line in self.table("coarse"))
        kept = min(self.config.keep, len(self.config.settings()))
        by_chance = self.config.two_stages and cut > kept
        return f"{told}; the first stage kept {kept} of {cut} that tied" if by_chance else told


class Step(NamedTuple):
    """Where a search stands."""

    stage: str  # "coarse" or "final"
    left: int  # batches of this stage that are still to run
    done: int  # token updates
    total: int
    found: Tuning


def tune(
    config: TuneConfig,
    *,
    text: str | None = None,
    folder: str | Path | None = None,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Tuning:
    """Searches the grid in two stages, on the bundled text or on `text`. Recipe: section 3.

    folder    keeps all rows, so that a stopped search goes on with the same call; a larger grid, more seeds or other
              lengths run what is missing alone
    workers   processes; more than 1 goes through joblib, by default on this machine, or wherever the caller's
              `joblib.parallel_config` says (Dask, Ray)
    progress  called after each batch with the token updates done, their total, and the stage
    stop      asked after each batch; once true, the search returns incomplete. KeyboardInterrupt keeps the rows too

    Raises ConfigError for bad settings, text that is too short, or a folder that cannot be used.
    """
    check_integer("workers", workers, 1, 1024)
    text = None if text is None else _long_enough(check_text(text), config.final_tokens)
    digest = hashlib.sha256((bundled_text() if text is None else text).encode("utf-8", "replace")).hexdigest()
    about = {"objective": config.objective, "width": config.width, "text": digest[:16]}
    store = Store(None if folder is None else Path(folder) / ROWS_FILE, about)
    with store.held(), contextlib.closing(steps(config, store, text=text, workers=workers)) as search:
        for step in search:
            if progress:
                progress(step.done, step.total, step.stage)
            if step.left and stop and stop():
                break
    return step.found


def steps(
    config: TuneConfig, store: Store, *, text: str | None = None, workers: int = 1, beat: Beat | None = None
) -> Iterator[Step]:
    """The search a batch at a time: a Step as each stage begins and after each of its batches.

    What `store` holds is not run again, so a search that was left goes on with the same store, which must belong to
    this objective, width and text. `beat`: see run_job; with 1 worker alone.
    """
    settings, before = config.settings(), []
    for stage, tokens in (("coarse", config.tokens), ("final", config.final_tokens))[: 1 + config.two_stages]:
        wanted = [Key(setting, seed, tokens) for setting in settings for seed in range(config.seeds)]
        jobs = plan_jobs(config, settings, tokens, store.rows, text)
        yield _stand(config, stage, len(jobs), before, wanted, store)
        with contextlib.closing(_work(jobs, workers, beat)) as batches:
            for left, rows in zip(reversed(range(len(jobs))), batches, strict=True):
                store.add(rows)
                yield _stand(config, stage, left, before, wanted, store)
        found = _stand(config, stage, 0, before, wanted, store).found
        before, settings = found.rows, found.chosen


def so_far(config: TuneConfig, store: Store) -> Tuning:
    """What the rows of a store say of a search; nothing is run. On the bundled text."""
    return next(step for step in steps(config, store) if step.left or step.found.complete).found


def _stand(config: TuneConfig, stage: str, left: int, before: list[dict], wanted: list[Key], store: Store) -> Step:
    rows = before + [store.rows[key] for key in wanted if key in store.rows]
    last = stage == "final" or not config.two_stages
    done = sum(row["tokens"] for row in rows)
    return Step(stage, left, done, config.cost().two_stage, Tuning(config, rows, last and not left))


def _work(jobs: list[Job], workers: int, beat: Beat | None) -> Iterator[list[dict]]:
    """The rows of each job, in the order in which they are done."""
    if workers == 1:
        yield from (run_job(job) if beat is None else run_job(job, beat) for job in jobs)
        return
    try:
        import joblib
    except ImportError:
        raise ConfigError("joblib is not installed; run: pip install 'titans-mini[cluster]'") from None
    calls = [joblib.delayed(run_job)(job) for job in jobs]
    try:
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    except ValueError:  # a backend that gives no results before the last: as many jobs at once as there are workers
        with joblib.Parallel(n_jobs=workers) as parallel:
            for start in range(0, len(calls), workers):
                yield from parallel(calls[start : start + workers])
        return
    with contextlib.closing(parallel(calls)) as batches:
        yield from batches


def _long_enough(text: str, tokens: int) -> str:
    size = len(text.encode("utf-8", "replace"))
    if size < tokens:
        raise ConfigError(f"final_tokens must be at most {size}, the bytes of the text, not {tokens}")
    return text
