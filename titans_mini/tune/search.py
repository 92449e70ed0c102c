"""The two-stage grid search: every setting on a short stream, the best few on a long one.

Recipe: section 3 (tau, beta, lambda and depth on 10k tokens, then the best three on 100k). Scores carry their noise:
each setting runs over several seeds, which draw the start weights, the keys and values, and the planted facts.
"""

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
from ..errors import ConfigError, check_integer, check_number
from ..memory.fast.rows import compiled
from ..memory.mlp import layer_shapes
from ..messages import Message
from ..settings import Settings, choice, whole
from ..simulation import simulate_many
from .cluster import finished, workers_live
from .objectives import OBJECTIVES
from .store import Cost, Key, Setting, Store, cost, setting_of, table

ROWS_FILE = "rows.jsonl"  # of the folder of a search
FEWEST, MOST = 100, 1_000_000  # tokens of a stage
LARGEST_GRID = 2000
BATCH = 2**26  # hidden activations of one batch of runs: 256 MB


@dataclass(frozen=True)
class TuneConfig(Settings):
    """A grid, two stream lengths and an objective. Defaults are the recipe article's ranges and lengths."""

    objective: str = choice("loss", OBJECTIVES)  # score: loss, lower is better; recall of facts, higher is better
    tokens: int = whole(10_000, FEWEST, MOST)  # tokens of the first stage, which runs every setting
    final_tokens: int = 100_000  # tokens of the second stage; if equal to --tokens, all settings run in one stage
    keep: int = whole(3, 1, LARGEST_GRID)  # settings that continue to the second stage
    seeds: int = whole(3, 1, 100)  # seeds per setting
    tau: tuple[float, ...] = (0.2, 0.3, 0.4)  # values of tau (surprise threshold) to try, each 0 to 1
    beta: tuple[float, ...] = (0.5, 0.7, 0.9)  # values of beta (smoothing) to try, each 0 to 1
    lam: tuple[float, ...] = (1e-5, 1e-4, 1e-3)  # values of lambda (decay) to try, each 0 to 1
    eta: tuple[float, ...] = (1e-3,)  # values of eta (step size) to try, each 0 to 10
    depth: tuple[int, ...] = (1, 2)  # values of depth (weight matrices) to try, each 1 to 4
    width: int = whole(64, 1, 8192)  # features of keys and values

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("final_tokens", self.final_tokens, self.tokens, MOST)
        for name in Setting._fields:
            values = tuple(getattr(self, name))
            for value in values:
                check, bounds = (check_integer, (1, 4)) if name == "depth" else (check_number, SETTING_RANGES[name])
                check(name, value, *bounds)
            if not values or len(set(values)) < len(values):
                text = "{name} must hold at least 1 value and none twice, not {values}"
                raise ConfigError(text, name=Message(name), values=list(values))
            object.__setattr__(self, name, values)  # a list becomes a tuple
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


class Job(NamedTuple):
    """One batch of runs: settings of one depth, one seed, one stream."""

    settings: tuple[Setting, ...]
    seed: int
    tokens: int
    objective: str
    width: int
    text: str | None  # None: the bundled text
    device: str = "cpu"  # of the process that runs it


Beat = Callable[[Job, int], None]  # called with a batch and the tokens that it has read so far


def run_job(job: Job, beat: Beat | None = None) -> list[dict]:
    """A row per setting: the setting, seed, tokens, score (None: diverged), writes_per_1k, norm_end, diverged_at,
    seconds (its share of the batch's compute time). `beat` is called now and then with the batch and the tokens read.
    """
    objective, bundled = OBJECTIVES[job.objective], bundled_text()
    source = bundled * (job.tokens // len(bundled) + 1) if job.text is None else job.text  # repeated where too short
    text, judged = objective.prepare(source, job.tokens, job.seed)
    memory = MemoryConfig.preset("recipe", dim=job.width, depth=job.settings[0].depth)
    base = SimulationConfig(tokens=job.tokens, seed=job.seed, memory=memory)
    configs = [replace(base, tau=s.tau, beta=s.beta, lam=s.lam, eta=s.eta) for s in job.settings]
    read = None if beat is None else lambda count: beat(job, count)
    rows = []
    for setting, trace in zip(job.settings, simulate_many(configs, text, beat=read, device=job.device), strict=True):
        score = objective.score(trace, text, judged) if trace.diverged_at is None else math.inf
        row = {**setting._asdict(), "seed": job.seed, "tokens": job.tokens}
        row["score"] = score if math.isfinite(score) else None
        summary = trace.summary()
        rows.append(row | {name: summary[name] for name in ("writes_per_1k", "norm_end", "diverged_at", "seconds")})
    return rows


def _run_compiled(job: Job) -> list[dict]:
    """A batch that waits for the compiled loop: its rows are the same to the last bit here and in any worker."""
    compiled(wait=None)
    return run_job(job)


def plan_jobs(config: TuneConfig, settings: list[Setting], tokens: int, done: Container[Key], text=None) -> list[Job]:
    """The batches that are still to run, each as large as memory allows."""
    jobs = []
    for depth, seed in itertools.product(config.depth, range(config.seeds)):
        wanted = [s for s in settings if s.depth == depth and Key(s, seed, tokens) not in done]
        widest = max(max(shape) for shape in layer_shapes(MemoryConfig(dim=config.width, depth=depth)))
        size = max(1, BATCH // (widest * tokens))
        batches = [tuple(wanted[start : start + size]) for start in range(0, len(wanted), size)]
        jobs += [Job(batch, seed, tokens, config.objective, config.width, text) for batch in batches]
    return jobs


@dataclass(frozen=True)
class Tuning:
    """A search, finished or stopped: its rows, and what follows from them."""

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
        """The settings that continue to the second stage; None until the first one is complete."""
        lines = self.table("coarse")
        whole = len(lines) == len(self.config.settings())
        return [setting_of(line) for line in lines[: self.config.keep]] if whole else None

    @property
    def best(self) -> dict | None:
        """The best line of the last stage that has one; None if there is none, or if all runs diverged."""
        line = next(iter(self.table("final") or self.table("coarse")), None)
        return line if line and line["mean"] is not None else None

    def verdict(self) -> Message:
        """The best setting in one line, and whether its lead is more than noise."""
        best, config = self.best, self.config
        if best is None:
            return Message("no setting has a score")
        score = f"{best['mean']:.4g}"
        if best["spread"] is not None:
            score = Message("{mean} +- {spread}", mean=score, spread=f"{best['spread']:.2g}")
        text, about = "{setting}: {objective} {score} at {tokens} tokens", {"score": score, "tokens": best["tokens"]}
        told = Message(text, setting=setting_of(best).message, objective=Message(config.objective), **about)
        if not self.complete:
            told = Message("{told}, not finished", told=told)
        if config.seeds < 2:
            return Message("{told}; one seed: noise unknown", told=told)
        lines = self.table("final") or self.table("coarse")
        rivals = sum(line["tie"] for line in lines) - 1
        if rivals:
            told = Message("{told}; a tie with {ties} of {others}", told=told, ties=rivals, others=len(lines) - 1)
        else:
            told = Message("{told}; ahead by more than the noise", told=told)
        kept, cut = min(config.keep, len(config.settings())), sum(line["tie"] for line in self.table("coarse"))
        if config.two_stages and cut > kept:
            told = Message("{told}; the first stage kept {kept} of {cut} that tied", told=told, kept=kept, cut=cut)
        return told


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
    device: str = "cpu",
    progress: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Tuning:
    """Searches the grid in two stages, on the bundled text or on `text`. Recipe: section 3.

    folder    keeps all rows, so that the same call continues a stopped search; a larger grid, more seeds or other
              lengths run only what is missing
    workers   processes; more than 1 needs joblib, by default on this machine, or wherever the caller's
              `joblib.parallel_config` says (Dask, Ray)
    device    where each process computes. Scores depend on it only by rounding, so a search may continue on another
    progress  called after each batch with the token updates done, their total, and the stage
    stop      asked after each batch; once true, the search returns incomplete. KeyboardInterrupt keeps the rows too

    Raises ConfigError for bad settings, text that is too short, or a folder that cannot be used.
    """
    check_integer("workers", workers, 1, 1024)
    source = (bundled_text() if text is None else check_text(text)).encode("utf-8", "replace")
    if text is not None and len(source) < config.final_tokens:
        problem = "final_tokens must be at most {size}, the bytes of the text, not {tokens}"
        raise ConfigError(problem, size=len(source), tokens=config.final_tokens)
    about = {"objective": config.objective, "width": config.width, "text": hashlib.sha256(source).hexdigest()[:16]}
    store = Store(None if folder is None else Path(folder) / ROWS_FILE, about)
    with store.held(), contextlib.closing(steps(config, store, text=text, workers=workers, device=device)) as search:
        for step in search:
            if progress:
                progress(step.done, step.total, step.stage)
            if step.left and stop and stop():
                break
    return step.found


def steps(
    config: TuneConfig, store: Store, *, text: str | None = None, workers=1, device="cpu", beat: Beat | None = None
) -> Iterator[Step]:
    """The search a batch at a time: a Step as each stage begins and after each of its batches.

    What `store` holds is not run again, so the same store continues a search that was left; it must belong to this
    objective, width and text. `beat`: see run_job; only with 1 worker.
    """
    settings, wanted, total = config.settings(), [], config.cost().two_stage
    stages = {"coarse": config.tokens, "final": config.final_tokens} if config.two_stages else {"coarse": config.tokens}
    for stage, tokens in stages.items():
        jobs = [job._replace(device=device) for job in plan_jobs(config, settings, tokens, store.rows, text)]
        wanted += [Key(setting, seed, tokens) for setting in settings for seed in range(config.seeds)]
        with workers_live(), contextlib.closing(_work(jobs, workers, beat)) as batches:
            for left in reversed(range(len(jobs) + 1)):
                if left < len(jobs):
                    store.add(next(batches))
                rows = [store.rows[key] for key in wanted if key in store.rows]
                found = Tuning(config, rows, complete=stage == list(stages)[-1] and not left)
                yield Step(stage, left, sum(row["tokens"] for row in rows), total, found)
        settings = found.chosen


def _work(jobs: list[Job], workers: int, beat: Beat | None) -> Iterator[list[dict]]:
    """The rows of each job, in the order in which they are done."""
    if workers == 1:
        yield from (_run_compiled(job) if beat is None else run_job(job, beat) for job in jobs)
        return
    try:
        import joblib
    except ImportError:
        raise ConfigError("joblib is not installed; run: pip install 'titans-mini[cluster]'") from None
    client = getattr(joblib.parallel.get_active_backend()[0], "client", None)
    if client is not None:
        yield from finished(client, _run_compiled, jobs)
        return
    calls = [joblib.delayed(_run_compiled)(job) for job in jobs]
    try:
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    except ValueError:  # a backend that gives no results before the last: as many jobs at once as there are workers
        with joblib.Parallel(n_jobs=workers) as parallel:
            for start in range(0, len(calls), workers):
                yield from parallel(calls[start : start + workers])
        return
    with contextlib.closing(parallel(calls)) as batches:
        yield from batches
