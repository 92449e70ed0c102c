"""Claims on the recipe's rule itself, on simulated streams: its surprise, its constants, its writes, its decay."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from titans_mini.config import NORMALISER_NAMES, SCALE_NAMES, MemoryConfig, SimulationConfig
from titans_mini.messages import Message
from titans_mini.operate import Limits, RecipeEngine
from titans_mini.simulation import simulate, simulate_many
from titans_mini.trace import WRITE_LEVEL, Trace
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import text_bytes

from ..studies.incidents import STREAM_INCIDENTS
from ..studies.measures import write_frequency, writes_per_1k
from .claim import TITANS, Claim, Judged, Way
from .finding import LONG, Figures, Size, Spread, grade
from .models import recall
from .tuning import OBJECTIVES, standing

KEYS = {"rms": "keys of norm sqrt(d)", "unit": "keys of norm 1"}  # by scale
SCALED = {"rms": "keys and values of norm sqrt(d)", "unit": "keys and values of norm 1, as in the paper"}
NORMAL = Limits().writes  # writes per 1,000 tokens; recipe: 5.1
SYMBOLS = {"lam": "lambda", "eta": "eta"}
LAMBDAS, ETAS = (1e-5, 1e-4, 1e-3), (1e-4, 1e-3, 1e-2)
LEARNS = 0.1  # share of the loss that writes must remove to count as learning
WINDOW = 1000  # tokens


def _base(size: Size, seed: int, scale: str = "rms") -> SimulationConfig:
    memory = MemoryConfig.preset("recipe", dim=size.width, scale=scale)
    return SimulationConfig(tokens=size.tokens, seed=seed, memory=memory)


def measure_surprise(size: Size) -> Figures:
    """||grad|| / sqrt(d) over text, for both scales of keys and values; writes per 1,000 for each normaliser."""
    figures: Figures = {}
    for scale in SCALE_NAMES:
        raws = [simulate(_base(size, seed, scale)).raw for seed in size.all_seeds]
        figures[f"above_1_{scale}"] = Spread.of((raw > 1).mean() for raw in raws)
        figures[f"largest_{scale}"] = Spread.of(raw.max() for raw in raws)
    for name in NORMALISER_NAMES:
        runs = [simulate(replace(_base(size, seed), normaliser=name)) for seed in size.all_seeds]
        figures[f"writes_{name}"] = Spread.of(map(writes_per_1k, runs))
    return figures


def judge_range(scale: str, figures: Figures) -> Judged:
    """Holds if at most 1 token in 100 lies above 1."""
    above, largest = f"above_1_{scale}", f"largest_{scale}"
    told = Message(
        "with {keys}: {share} of the tokens lie above 1, the largest at {largest:.3g}",
        keys=Message(KEYS[scale]), share=figures[above].tell(".0%"), largest=figures[largest].high,
    )  # fmt: skip
    return Judged(grade(figures[above].mean <= 0.01), told, (above, largest))


def judge_normalised(figures: Figures) -> Judged:
    """Holds if one of the normalisers gives 30 to 80 writes per 1,000 tokens."""
    keys = {name: f"writes_{name}" for name in NORMALISER_NAMES}
    writes = {name: figures[key].mean for name, key in keys.items()}
    told = Message(
        "writes per 1,000 tokens by normaliser: {writes}",
        writes=", ".join(f"{name} {mean:.0f}" for name, mean in writes.items()),
    )
    normal = any(NORMAL[0] <= mean <= NORMAL[1] for mean in writes.values())
    return Judged(grade(normal), told, tuple(keys.values()))


SURPRISE = Claim(
    key="surprise", section="2.2", source=TITANS,
    claim="surprise = ‖∇_m L‖₂ / √d, the L2 norm of the gradient of the memory's parameters, normalised to a score of "
    "0~1",
    claim_zh="surprise = ‖∇_m L‖₂ / √d 即对记忆参数的梯度 L2 范数,归一化后得到 0~1 分数",
    papers="surprise S_t has the shape of the weights, not that of a number (eq. 14)",
    measure=measure_surprise,
    readings={
        **{
            scale: Way(f"||grad|| / sqrt(d) lies in 0..1 as it is, with {means}", partial(judge_range, scale))
            for scale, means in SCALED.items()
        },
        "normalised": Way(
            "normalised to 0..1, it makes the write gate open as often as the article calls normal", judge_normalised
        ),
    },
)  # fmt: skip


def measure_constants(size: Size) -> Figures:
    """How much writes at the recipe's constants lower the loss, by scale; loss and recall over lambda and eta."""
    figures: Figures = {}
    for scale in SCALE_NAMES:
        gains = []
        for seed in size.all_seeds:
            base = _base(size, seed, scale)
            wrote, silent = (_late_loss(trace) for trace in simulate_many([base, replace(base, eta=0.0)]))
            gains.append(1 - wrote / silent)
        figures[f"learned_{scale}"] = Spread.of(gains)
    for name, values in (("lam", LAMBDAS), ("eta", ETAS)):
        figures |= {f"{name}_{key}": value for key, value in standing(name, values, size).items()}
    return figures


def _late_loss(trace: Trace) -> float:
    return float(trace.loss[len(trace) // 2 :].mean())


def judge_learning(scale: str, figures: Figures) -> Judged:
    """Holds if writes take away at least a tenth of the loss in every seed."""
    learned = figures[f"learned_{scale}"]
    told = Message(
        "with {keys}: writes at eta 1e-3 take away {share} of the loss",
        keys=Message(KEYS[scale]), share=learned.tell(".1%"),
    )  # fmt: skip
    return Judged(grade(learned.low >= LEARNS), told, (f"learned_{scale}",))


def judge_best(name: str, claimed: float, figures: Figures) -> Judged:
    """Parts, one for each objective: it is the best of those tried or ties with the best."""
    ties = [f"{name}_tied_{objective}_{claimed:g}" for objective in OBJECTIVES]
    bests = [f"{name}_best_{objective}" for objective in OBJECTIVES]
    loss, recalled = (_best(figures[best], claimed, figures[tie]) for best, tie in zip(bests, ties, strict=True))
    told = Message(
        "best {name} of those tried: {loss} by loss, {recall} by recall",
        name=SYMBOLS[name], loss=loss, recall=recalled,
    )  # fmt: skip
    return Judged(grade(*(figures[tie] == 1 for tie in ties)), told, (*ties, *bests))


def _best(best: float, claimed: float, tied: float) -> Message:
    """The best value in words, with the claimed one where that ties with another."""
    if tied and best != claimed:
        return Message("{best:g} ({other:g} ties)", best=best, other=claimed)
    return Message("{best:g}", best=best)


CONSTANTS = Claim(
    key="constants", section="2.2, 3", source=TITANS,
    claim="λ=1e-4 is the decay coefficient, η=1e-3 the memory's learning rate",
    claim_zh="λ=1e-4 为衰减系数,η=1e-3 为记忆学习率",
    papers="decay and step are learned for each token, with keys of norm 1 (eq. 13-14)",
    measure=measure_constants,
    readings={
        **{
            scale: Way(f"a memory learns at these constants, with {means}", partial(judge_learning, scale))
            for scale, means in SCALED.items()
        },
        "lam": Way("1e-4 is the best lambda, by loss and by recall", partial(judge_best, "lam", 1e-4)),
        "eta": Way("1e-3 is the best eta, by loss and by recall", partial(judge_best, "eta", 1e-3)),
    },
)  # fmt: skip


def measure_writes(size: Size) -> Figures:
    """Writes per 1,000 tokens of text at tau 0.2 and 0.3, by windows of 1,000, and before and in each incident."""
    rates: dict[float, list[float]] = {0.2: [], 0.3: []}
    windows = []
    for seed in size.all_seeds:
        base = _base(size, seed)
        traces = simulate_many([replace(base, tau=tau) for tau in rates])
        for trace in traces:
            rates[trace.settings.tau].append(writes_per_1k(trace))
        windows += write_frequency(traces[1], WINDOW)[WINDOW - 1 :: WINDOW].tolist()
    figures: Figures = {f"writes_{tau:g}": Spread.of(values) for tau, values in rates.items()}
    figures |= {"windows": len(windows), "windows_normal": sum(NORMAL[0] <= rate <= NORMAL[1] for rate in windows)}
    return figures | {f"writes_{name}": _writes_in(name, size) for name in STREAM_INCIDENTS}


def _writes_in(incident: str, size: Size) -> float:
    """Writes per 1,000 tokens of an incident, after 1,000 tokens of text."""
    engine = RecipeEngine(_base(size, 0))
    state = engine.read(text_bytes()[:WINDOW], engine.start()).state
    opened = engine.read(STREAM_INCIDENTS[incident](WINDOW), state).g_write > WRITE_LEVEL
    return 1000 * opened.double().mean().item()


def judge_writes(figures: Figures) -> Judged:
    """Parts: text is in 30..80; so are nine windows in ten; every incident made of new bytes writes more than 80."""
    told = Message(
        "text writes {high} of 1,000 tokens at tau 0.3 and {low} at 0.2; {windows_normal} of {windows} windows of "
        "1,000 tokens are within 30..80; in incidents: random bytes {writes_random_bytes:.0f}, repeated string "
        "{writes_repeated_string:.0f}, flickering {writes_flickering:.0f}",
        **figures, high=figures["writes_0.3"].tell(), low=figures["writes_0.2"].tell(),
    )  # fmt: skip
    normal = NORMAL[0] <= figures["writes_0.3"].mean <= NORMAL[1]
    steady = figures["windows_normal"] >= 0.9 * figures["windows"]
    rises = [figures[f"writes_{name}"] > NORMAL[1] for name in ("random_bytes", "flickering")]
    return Judged(grade(normal, steady, *rises), told)


WRITES = Claim(
    key="writes", section="5.1",
    claim="f_write = times that g_write>0.5 per 1k tokens; normal range 30~80; sudden rise → input may be abnormal",
    claim_zh="f_write = 每 1k token 的 g_write>0.5 次数 正常区间 30~80;突增→可能异常输入",
    measure=measure_writes, judged=judge_writes,
)  # fmt: skip


def measure_useful(size: Size) -> Figures:
    """Half-life of a memory that is not written, at lambda 1e-4 and the default gate; recall by gates that can close.

    Only the step is 0, so the gate opens and closes as it does on this text.
    """
    lives = []
    for seed in size.all_seeds:
        trace = simulate(replace(_base(size, seed), eta=0.0))
        lives.append(math.log(2) * len(trace) / math.log(trace.norm_start / trace.memory_norm[-1]))
    life = float(np.mean(lives))
    return {
        "half_life": Spread.of(lives),
        "half_life_formula": math.log(2) / -math.log1p(-SimulationConfig().lam),
        "log10_left": -LONG / life * math.log10(2),
        "lambda_needed": 1 - 0.5 ** (1 / LONG),
        "gap": size.gap,
        "recall_learned": recall(load_model("recall-lmm"), size),
    }


def judge_useful(figures: Figures) -> Judged:
    """Holds if half of an unwritten memory is left after 2M tokens, in part if a hundredth is."""
    told = Message(
        "half of what is not written again is gone after {life} tokens (by formula {half_life_formula:,.0f}) and "
        "10^{log10_left:.1f} of it is left after 2 million; half would be left at lambda {lambda_needed:.2g}, and a "
        "trained gate that closes fully recalled {recall_learned:.0%} after {gap:,} tokens",
        **figures, life=figures["half_life"].tell(),
    )  # fmt: skip
    left = figures["log10_left"]
    return Judged(grade(left >= math.log10(0.5), left >= -2), told)


USEFUL = Claim(
    key="useful", section="0, 2.2", source=TITANS,
    claim="λ=1e-4 is the decay coefficient … a context window of 2 million tokens",
    claim_zh="λ=1e-4 为衰减系数 … 把上下文窗口推到 200 万 token",
    papers="no lambda; alpha_t may be 0, so that nothing is lost (eq. 13)",
    measure=measure_useful, judged=judge_useful,
)  # fmt: skip
