"""Claims on the recipe's rule itself, on simulated streams: its surprise, its constants, its writes, its decay."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from titans_mini.config import NORMALISER_NAMES, SCALE_NAMES, MemoryConfig, SimulationConfig
from titans_mini.operate import Limits, RecipeEngine
from titans_mini.simulation import simulate, simulate_many
from titans_mini.trace import WRITE_LEVEL, Trace
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import text_bytes

from ..studies.incidents import STREAM_INCIDENTS
from ..studies.measures import write_frequency, writes_per_1k
from .finding import LONG, Figures, Finding, Reading, Size, Spread, grade, weigh
from .tuning import standing

KEYS = {"rms": "keys of norm sqrt(d)", "unit": "keys of norm 1"}  # by scale
NORMAL = Limits().writes  # writes per 1,000 tokens; recipe: 5.1
LAMBDAS, ETAS = (1e-5, 1e-4, 1e-3), (1e-4, 1e-3, 1e-2)
LEARNS = 0.1  # share of the loss that writes must take away to count as learning
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


def _read_range(scale: str, figures: Figures) -> Reading:
    """Holds if at most 1 token in 100 lies above 1."""
    above, largest = figures[f"above_1_{scale}"], figures[f"largest_{scale}"]
    told = f"with {KEYS[scale]}: {above:.0%} of the tokens lie above 1, the largest at {largest.high:.3g}"
    return Reading(scale, grade(above.mean <= 0.01), told, (f"above_1_{scale}", f"largest_{scale}"))


def _read_normalised(figures: Figures) -> Reading:
    """Holds if one of the normalisers gives a normal number of writes."""
    writes = {name: figures[f"writes_{name}"].mean for name in NORMALISER_NAMES}
    told = "writes per 1,000 tokens by normaliser: " + ", ".join(f"{name} {mean:.0f}" for name, mean in writes.items())
    normal = any(NORMAL[0] <= mean <= NORMAL[1] for mean in writes.values())
    return Reading("normalised", grade(normal), told, tuple(f"writes_{name}" for name in NORMALISER_NAMES))


def judge_surprise(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    return weigh(figures, *(_read_range(scale, figures) for scale in KEYS), _read_normalised(figures))


def measure_constants(size: Size) -> Figures:
    """What writes at the recipe's constants take from the loss, by scale; loss and recall over lambda and eta."""
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


def _read_learning(scale: str, figures: Figures) -> Reading:
    """Holds if writes take away at least a tenth of the loss in every seed."""
    learned = figures[f"learned_{scale}"]
    told = f"with {KEYS[scale]}: writes at eta 1e-3 take away {learned:.1%} of the loss"
    return Reading(scale, grade(learned.low >= LEARNS), told, (f"learned_{scale}",))


def _read_best(name: str, claimed: float, figures: Figures) -> Reading:
    """Parts, one for each objective: the claimed constant is the best of those tried, or ties with it."""
    keys = {objective: f"{name}_tied_{objective}_{claimed:g}" for objective in ("loss", "recall")}
    loss, recall = (
        _best(figures[f"{name}_best_{objective}"], claimed, figures[key]) for objective, key in keys.items()
    )
    told = f"best {'lambda' if name == 'lam' else name} of those tried: {loss} by loss, {recall} by recall"
    kept = (*keys.values(), *(f"{name}_best_{objective}" for objective in keys))
    return Reading(name, grade(*(figures[key] == 1 for key in keys.values())), told, kept)


def _best(best: float, claimed: float, tied: float) -> str:
    """The best value in words, with the claimed one where that ties with another."""
    return f"{best:g} ({claimed:g} ties)" if tied and best != claimed else f"{best:g}"


def judge_constants(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    learning = (_read_learning(scale, figures) for scale in KEYS)
    return weigh(figures, *learning, _read_best("lam", 1e-4, figures), _read_best("eta", 1e-3, figures))


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


def judge_writes(figures: Figures) -> Finding:
    """Parts: text is in 30..80; so are nine windows in ten; every incident made of new bytes writes more than 80."""
    normal = NORMAL[0] <= figures["writes_0.3"].mean <= NORMAL[1]
    steady = figures["windows_normal"] >= 0.9 * figures["windows"]
    rises = [figures[f"writes_{name}"] > NORMAL[1] for name in ("random_bytes", "flickering")]
    incidents = ", ".join(f"{name.replace('_', ' ')} {figures[f'writes_{name}']:.0f}" for name in STREAM_INCIDENTS)
    told = (
        f"text writes {figures['writes_0.3']} of 1,000 tokens at tau 0.3 and {figures['writes_0.2']} at 0.2; "
        f"{figures['windows_normal']} of {figures['windows']} windows of 1,000 tokens are within 30..80; in incidents: "
        + incidents
    )
    return Finding(grade(normal, steady, *rises), figures, told)


def measure_useful(size: Size) -> Figures:
    """Half-life of a memory that is not written, at lambda 1e-4 and the default gate; recall by gates that can close.

    Only the step is 0, so the gate opens and closes as it does on this text.
    """
    lives = []
    for seed in size.all_seeds:
        trace = simulate(replace(_base(size, seed), eta=0.0))
        lives.append(math.log(2) * len(trace) / math.log(trace.norm_start / trace.memory_norm[-1]))
    life = float(np.mean(lives))
    learned = evaluate(load_model("recall-lmm"), "recall_once", size.gap, rows=size.rows)
    return {
        "half_life": Spread.of(lives),
        "half_life_formula": math.log(2) / -math.log1p(-SimulationConfig().lam),
        "log10_left": -LONG / life * math.log10(2),
        "lambda_needed": 1 - 0.5 ** (1 / LONG),
        "gap": size.gap,
        "recall_learned": learned["accuracy"],
    }


def judge_useful(figures: Figures) -> Finding:
    """Holds if half of an unwritten memory is left after 2M tokens, in part if a hundredth is."""
    left = figures["log10_left"]
    told = (
        f"half of what is not written again is gone after {figures['half_life']} tokens (by formula "
        f"{figures['half_life_formula']:,.0f}) and 10^{left:.1f} of it is left after 2 million; half would be left at "
        f"lambda {figures['lambda_needed']:.2g}, and a trained gate that closes fully recalled "
        f"{figures['recall_learned']:.0%} after {figures['gap']:,} tokens"
    )
    return Finding(grade(left >= math.log10(0.5), left >= -2), figures, told)
