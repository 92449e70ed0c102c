"""The family side by side: each rule inside the same small language model, trained on the same batches, three seeds.

One attention layer, then one MAG layer whose memory runs the rule, 32 features wide. All rules take gradients at the
start of chunks of 8 tokens, so those that are exact token by token are here their chunked versions. `off` is the same
model trained without its memory. What each measure is stands in MEASURES.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from titans_mini.config import MemoryConfig
from titans_mini.memory.tree import tensors
from titans_mini.miras import PRESETS, MirasConfig
from titans_mini.models.config import TitansConfig
from titans_mini.models.model import TitansLM
from titans_mini.threads import one_thread
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS, source_of
from titans_mini.training.train import TrainConfig, Trainer

from . import asking
from .rules import SEEDS, read_streams
from .streams import Pairs, make_pairs

KEPT = Path(__file__).with_name("family.json")
OFF = "off"
PREVIOUS = "titans_previous"  # Titans' rule, whose memory reads h_{t-1} + x_t. Recipe: 2.1
RULES = (
    OFF, "linear_attention", "deltanet", "gated_deltanet", "mamba2", "gla", "rwkv7", "deltaproduct", "mesa", "titans",
    PREVIOUS, "omeganet", "hope", "tnt", "yaad",
)  # fmt: skip
SHAPE = dict(variant="mag", dim=32, layers=2, heads=2, window=16, chunk=8, memory_depth=1, memory_layers=(1,))
RECALL = dict(task="recall", steps=800, rows=32, size=64, start_size=16, lr=5e-3)
TEXT = dict(task="text", steps=400, rows=8, size=256, start_size=64, lr=5e-3)
WILD = 0.2  # share of values that are outliers, in the column noisy
FAR, BYTES = 512, 1024  # tokens between facts and questions; bytes that are read of each held-out text

MEASURES = {
    "late": "recall of eight facts told after 1,024 tokens, 512 tokens later",
    "overwritten": "recall of eight facts whose values were changed",
    "many": "recall of 32 facts",
    "bits": "bits a byte of held-out text",
    "capacity": "pairs that an untrained memory of 8 features holds",
    "noisy": "likeness (squared cosine) of what an untrained memory says to the true values, where one value in five "
    "was replaced by noise ten times as large",
    "seconds": "time of a training step, over that of the model without memory",
    "state": "numbers that a memory carries from token to token, also a momentum that its rule does not use",
}

DIGITS = {name: ".0%" for name in ("late", "overwritten", "many")} | {
    "bits": ".2f", "capacity": ".0f", "noisy": ".2f", "seconds": ".1f", "state": ",.0f",
}  # fmt: skip


def trained(
    rule: str, seed: int, training: dict, steps: int | None = None, each: Callable[[Trainer], int] | None = None
) -> tuple[TitansLM, float]:
    """A model with this rule, trained on a task, and the seconds of one of its steps. OFF: without memory.

    `each` sees the trainer before the first step and after every block of steps; it returns the steps of the next
    block, and 0 ends the training.
    """
    config = TrainConfig(**training, seed=seed, memory="off" if rule == OFF else "on")
    config = config if steps is None else replace(config, steps=steps)
    named = {OFF: {}, PREVIOUS: {"memory_input": "previous"}}.get(rule, {"memory_rule": rule})
    shape = TitansConfig(**SHAPE, **named, vocab_size=TASKS[config.task].vocab_size)
    with TemporaryDirectory() as folder, one_thread():
        trainer = Trainer(shape, config, folder, "cpu")
        began = time.process_time()
        with trainer.held():
            while (block := each(trainer) if each else config.steps) and trainer.step < config.steps:
                trainer.run(trainer.step + block, quiet=True)
        return trainer.lm.eval(), (time.process_time() - began) / max(1, trainer.step)


def measure(rule: str, seed: int, *, steps: int | None = None, rows: int = 32) -> dict[str, float]:
    """MEASURES of one rule with one seed but for those of untrained memories; `seconds` is not yet a ratio."""
    mode = "off" if rule == OFF else "on"
    lm, seconds = trained(rule, seed, RECALL, steps)
    found = recalled(lm, mode, rows)
    lm, _ = trained(rule, seed, TEXT, None if steps is None else max(1, steps // 2))
    held_out = source_of("text", "", held_out=True)
    found["bits"] = evaluate(lm, "text", BYTES, rows=rows, memory=mode, source=held_out)["bits"]
    return found | {"seconds": seconds, "state": 0 if rule == OFF else carried(lm)}


def recalled(lm: TitansLM, memory: str, rows: int, before: Callable[[], None] = lambda: None) -> dict[str, float]:
    """The measures of recall, on `rows` sequences each; `before` is called before each of them."""
    found = {}
    for name in ("late", "overwritten", "many"):
        before()
        found[name] = evaluate(lm, f"recall_{name}", FAR, rows=rows, memory=memory)["accuracy"]
    return found


def carried(lm: TitansLM) -> int:
    """Numbers in one row's memory: weights, momentum, and what else the rule carries."""
    memory = lm.initial_state(1).layers[1].memory
    return sum(part.numel() for part in tensors((memory.weights, memory.momentum)))


# ---- untrained memories ----


def plain(rule: str, theta: float) -> tuple[MirasConfig, MemoryConfig]:
    """The rule with this step, next to nothing forgotten, token by token; a matrix of 8 features if it can be one."""
    preset = PRESETS["titans" if rule == PREVIOUS else rule]
    config = replace(preset.config, theta=theta, alpha=1e-6)
    return config, preset.memory_config(dim=8, depth=1, chunk=1, scale="unit")


def likeness(told: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., t, d) twice -> (..., t): squared cosine. The model norms what it reads, so only the direction counts."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.square(asking.recall(told, truth)))


def capacity(
    rule: str, counts: Sequence[int] = (4, 8, 12, 16, 24, 32), thetas: Sequence[float] = (0.1, 0.3, 0.5)
) -> list[float]:
    """For each of three seeds, the most pairs of `count` held (likeness over 0.9) after 12 readings of each."""
    best = np.zeros(len(SEEDS))
    for count in counts:
        streams = [make_pairs(tokens=12 * count, dim=8, pairs=count, seed=seed) for seed in SEEDS]
        for theta in thetas:
            held = likeness(*_told(rule, theta, streams)) > 0.9  # (3, t)
            pairs = [len(set(stream.pair[good])) for stream, good in zip(streams, held, strict=True)]
            best = np.maximum(best, pairs)
    return best.tolist()


def noisy(rule: str, thetas: Sequence[float] = (0.01, 0.03, 0.1, 0.3)) -> list[float]:
    """For each of three seeds, likeness to eight true values after 64 tokens with outliers, at the best of `thetas`."""
    streams = [make_pairs("outliers", tokens=64, dim=8, pairs=8, amount=WILD, seed=seed) for seed in SEEDS]
    return max((likeness(*_told(rule, theta, streams)).mean(-1).tolist() for theta in thetas), key=sum)


def _told(rule: str, theta: float, streams: list[Pairs]) -> tuple[np.ndarray, np.ndarray]:
    """What the final memories say to each token's key, and the true values."""
    config, memory = plain(rule, theta)
    return read_streams(config, streams, memory).recalled, np.stack([stream.clean for stream in streams])


# ---- the table ----


def compare(rule: str, seeds: int = 3, steps: int | None = None) -> dict[str, list[float]]:
    """Measure -> one number a seed. `seconds` is over that of the model without memory, measured beside it."""
    found = [measure(rule, seed, steps=steps) for seed in range(seeds)]
    row = {name: [one[name] for one in found] for name in found[0]}
    without = min(trained(OFF, 0, RECALL, 30)[1] for _ in range(2))
    row["seconds"] = [seconds / without for seconds in row["seconds"]]
    return row if rule == OFF else row | {"capacity": capacity(rule), "noisy": noisy(rule)}


def as_cells(row: dict[str, list[float]]) -> dict[str, str]:
    """Measure -> mean over seeds, and the lowest and highest of them where they differ."""
    return {name: cell(row[name], DIGITS[name]) if name in row else "" for name in MEASURES}


def cell(values: Sequence[float], form: str) -> str:
    """Mean over seeds in a format, and the lowest and highest of them where they differ."""
    mean, low, high = (format(number, form) for number in (fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def kept(path: Path = KEPT) -> dict[str, dict]:
    """Rule -> its row: the table that comes with the package, or that of another file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(table: dict[str, dict], path: Path) -> None:
    """Writes the rows in the order of RULES, with six digits."""
    rows = {rule: table[rule] for rule in sorted(table, key=RULES.index)}
    short = {rule: {name: [float(f"{x:.6g}") for x in row[name]] for name in row} for rule, row in rows.items()}
    path.write_text(json.dumps(short, indent=1) + "\n", encoding="utf-8", newline="\n")


def as_markdown(table: dict[str, dict]) -> str:
    """The table with a row for each rule."""
    return markdown("rule", {rule: as_cells(row) for rule, row in table.items()})


def markdown(corner: str, rows: dict[str, dict[str, str]]) -> str:
    """A table of rows with the same columns; `corner` stands above their names."""
    columns = list(next(iter(rows.values())))
    head = f"| {corner} |" if corner else "| |"
    lines = [f"{head} {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(lines + [f"| {' | '.join([name, *row.values()])} |" for name, row in rows.items()])
