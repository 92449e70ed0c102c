"""Claims on how wrong settings fail: the rows of the failure gallery, over seeds."""

from __future__ import annotations

from titans_mini.config import MemoryConfig, SimulationConfig
from titans_mini.memory.state import tensors
from titans_mini.operate import RecipeEngine
from titans_mini.threads import one_thread
from titans_mini.training.tasks import text_bytes

from ..studies.gallery import FAILURES, examine
from .finding import Figures, Finding, Size, Spread, grade

TOKENS = 2000  # of a run of the gallery, whose rules are made for this length
UPPER = 1e-3  # the upper end of the article's range of lambda
LARGE = FAILURES["lam_large"].changes["lam"]


def measure_failures(names: tuple[str, ...], size: Size) -> Figures:
    """For each row of the gallery its number, the default's, and the share of seeds in which it was seen."""
    figures: Figures = {}
    for name in names:
        figures |= _measure(name, name, size)
    return figures


def _measure(key: str, name: str, size: Size, outcomes: tuple[str, ...] = ("seen",), **changes: float) -> Figures:
    """The same for one row with some settings changed, under names that begin with `key`."""
    found = [examine(name, tokens=TOKENS, seed=seed, **changes) for seed in size.all_seeds]
    figures: Figures = {key: Spread.of(finding.value for finding in found)}
    figures[f"{key}_default"] = Spread.of(finding.default_value for finding in found)
    for outcome in outcomes:
        figures[f"{key}_{outcome}"] = sum(finding.outcome == outcome for finding in found) / len(found)
    return figures


def _told(figures: Figures, name: str) -> str:
    failure = FAILURES[name]
    (setting, value), *_ = failure.changes.items()
    return (
        f"{setting} {value:g}: {failure.number} {figures[name]}, at the default {figures[f'{name}_default']}, so "
        f"{failure.claim} was seen in {figures[f'{name}_seen']:.0%} of the runs"
    )


def judge_failures(names: tuple[str, ...], figures: Figures) -> Finding:
    """A part each: seen in most of the seeds."""
    seen = [figures[f"{name}_seen"] > 0.5 for name in names]
    return Finding(grade(*seen), figures, "; ".join(_told(figures, name) for name in names))


def measure_tau(size: Size) -> Figures:
    """The gallery's rows on tau."""
    return measure_failures(("tau_low", "tau_high"), size)


def judge_tau(figures: Figures) -> Finding:
    """Parts: memory explosion below, hollow memory above."""
    return judge_failures(("tau_low", "tau_high"), figures)


def measure_beta(size: Size) -> Figures:
    """The gallery's rows on beta."""
    return measure_failures(("beta_small", "beta_large"), size)


def judge_beta(figures: Figures) -> Finding:
    """Parts: jitter below, lag above."""
    return judge_failures(("beta_small", "beta_large"), figures)


def measure_lambda(size: Size) -> Figures:
    """The gallery's rows on lambda, and the bytes of a memory without decay before and after a text."""
    engine = RecipeEngine(SimulationConfig(lam=0.0, memory=MemoryConfig.preset("recipe", dim=size.width)))
    start = engine.start()
    with one_thread():
        after = engine.read(text_bytes()[:TOKENS], start).state
    bytes_of = [sum(part.nbytes for part in tensors(state)) for state in (start, after)]
    found = _measure("lam_small", "lam_small", size, ())  # the gallery holds it for impossible; here the bytes decide
    found |= _measure("lam_upper", "lam_large", size, lam=UPPER)
    found.pop("lam_upper_default")  # that of lam_large
    found |= _measure("lam_large", "lam_large", size, ("seen", "dead"))
    return found | {"bytes_start": bytes_of[0], "bytes_end": bytes_of[1]}


def judge_lambda(figures: Figures) -> Finding:
    """Parts: bytes grow without decay; above, a living memory forgets. A dead one is counted by itself."""
    grows = figures["bytes_end"] > 1.01 * figures["bytes_start"]
    forgets = max(figures["lam_upper_seen"], figures["lam_large_seen"]) > 0.5
    told = (
        f"without decay the memory has {figures['bytes_start']:,} bytes before and {figures['bytes_end']:,} after "
        f"{TOKENS:,} tokens, while its norm grows to {figures['lam_small']} times the start (at the default "
        f"{figures['lam_small_default']}); at lam {UPPER:g} its recall of the first tenth of the text is "
        f"{figures['lam_upper']} (at the default {figures['lam_large_default']}), so a living memory was seen to "
        f"forget in {figures['lam_upper_seen']:.0%} of the runs; at lam {LARGE:g} the recall is "
        f"{figures['lam_large']}, and the memory was dead in {figures['lam_large_dead']:.0%} of the runs"
    )
    return Finding(grade(grows, forgets), figures, told)
