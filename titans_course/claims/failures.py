"""Claims on how wrong settings fail: the rows of the failure gallery, over seeds."""

from functools import partial

from titans_mini.config import MemoryConfig, SimulationConfig
from titans_mini.memory.tree import tensors
from titans_mini.messages import Message
from titans_mini.operate import RecipeEngine
from titans_mini.threads import one_thread
from titans_mini.training.tasks import text_bytes

from ..studies.gallery import FAILURES, examine
from .claim import TITANS, Claim, Judged
from .finding import Figures, Size, Spread, grade, listed

TOKENS = 2000  # of a run of the gallery, whose rules are made for this length
UPPER = 1e-3  # the upper end of the article's range of lambda
LARGE = FAILURES["lam_large"].changes["lam"]
TAU, BETA = ("tau_low", "tau_high"), ("beta_small", "beta_large")  # rows of the gallery


def measure_failures(names: tuple[str, ...], size: Size) -> Figures:
    """For each row of the gallery its number, the default's, and the share of seeds in which it was seen."""
    return {key: value for name in names for key, value in _measure(name, name, size).items()}


def _measure(key: str, name: str, size: Size, outcomes: tuple[str, ...] = ("seen",), **changes: float) -> Figures:
    """The same for one row with some settings changed, under names that begin with `key`."""
    found = [examine(name, tokens=TOKENS, seed=seed, **changes) for seed in size.all_seeds]
    figures: Figures = {key: Spread.of(finding.value for finding in found)}
    figures[f"{key}_default"] = Spread.of(finding.default_value for finding in found)
    for outcome in outcomes:
        figures[f"{key}_{outcome}"] = sum(finding.outcome == outcome for finding in found) / len(found)
    return figures


def _told(figures: Figures, name: str) -> Message:
    failure = FAILURES[name]
    (setting, value), *_ = failure.changes.items()
    return Message(
        "{setting} {value:g}: {number} {here}, at the default {default}, so {failure} was seen in {seen:.0%} of the "
        "runs",
        setting=setting, value=value, number=Message(failure.number), here=figures[name].tell(),
        default=figures[f"{name}_default"].tell(), failure=Message(failure.claim), seen=figures[f"{name}_seen"],
    )  # fmt: skip


def _judge(names: tuple[str, ...], figures: Figures) -> Judged:
    """A part each: seen in most of the seeds."""
    seen = [figures[f"{name}_seen"] > 0.5 for name in names]
    return Judged(grade(*seen), listed((_told(figures, name) for name in names), "; "))


def judge_tau(figures: Figures) -> Judged:
    """Parts: the memory explodes if tau is too low; it is hollow if tau is too high."""
    return _judge(TAU, figures)


def judge_beta(figures: Figures) -> Judged:
    """Parts: jitter if beta is too small; lag if beta is too large."""
    return _judge(BETA, figures)


TAU_FAILURES = Claim(
    key="tau_failures", section="3", papers="no tau",
    claim="τ (surprise threshold): too low → the memory explodes, too high → the memory is hollow",
    claim_zh="τ(惊喜阈值) … 过低→记忆爆炸,过高→记忆空洞",
    measure=partial(measure_failures, TAU), judged=judge_tau,
)  # fmt: skip
BETA_FAILURES = Claim(
    key="beta_failures", section="3", papers="no beta",
    claim="β (momentum): too small → jitter, too large → lag", claim_zh="β(动量) … 过小→抖动,过大→滞后",
    measure=partial(measure_failures, BETA), judged=judge_beta,
)  # fmt: skip


def measure_lambda(size: Size) -> Figures:
    """The gallery's rows on lambda, and the bytes of a memory without decay before and after a text."""
    engine = RecipeEngine(SimulationConfig(lam=0.0, memory=MemoryConfig.preset("recipe", dim=size.width)))
    start = engine.start()
    with one_thread():
        after = engine.read(text_bytes()[:TOKENS], start).state
    bytes_of = [sum(part.nbytes for part in tensors(state)) for state in (start, after)]
    found = _measure("lam_small", "lam_small", size, ())  # impossible by the gallery's rule; here the bytes decide
    found |= _measure("lam_upper", "lam_large", size, lam=UPPER)
    found.pop("lam_upper_default")  # that of lam_large
    found |= _measure("lam_large", "lam_large", size, ("seen", "dead"))
    return found | {"bytes_start": bytes_of[0], "bytes_end": bytes_of[1]}


def judge_lambda(figures: Figures) -> Judged:
    """Parts: without decay bytes grow; with too much a living memory forgets. Dead memories are counted separately."""
    spreads = ("lam_small", "lam_small_default", "lam_upper", "lam_large", "lam_large_default")
    told = Message(
        "without decay the memory has {bytes_start:,} bytes before and {bytes_end:,} after {tokens:,} tokens, while "
        "its norm grows to {lam_small} times the start (at the default {lam_small_default}); at lam {upper:g} its "
        "recall of the first tenth of the text is {lam_upper} (at the default {lam_large_default}), so a living memory "
        "was seen to forget in {lam_upper_seen:.0%} of the runs; at lam {large:g} the recall is {lam_large}, and the "
        "memory was dead in {lam_large_dead:.0%} of the runs",
        **figures | {name: figures[name].tell() for name in spreads}, tokens=TOKENS, upper=UPPER, large=LARGE,
    )  # fmt: skip
    grows = figures["bytes_end"] > 1.01 * figures["bytes_start"]
    forgets = max(figures["lam_upper_seen"], figures["lam_large_seen"]) > 0.5
    return Judged(grade(grows, forgets), told)


LAMBDA_FAILURES = Claim(
    key="lambda_failures", section="3", source=TITANS,
    claim="λ (decay): too small → out of memory, too large → forgetting", claim_zh="λ(衰减) … 过小→OOM,过大→遗忘",
    papers="the memory is a fixed set of weights; without forgetting perplexity is 29.04 instead of 27.01",
    measure=measure_lambda, judged=judge_lambda,
)  # fmt: skip
