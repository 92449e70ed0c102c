"""A memory beside a body that was trained separately and frozen: what it gains, and what it forgets.

The body has two attention layers of 16 tokens, 32 features wide, and no memory. A memory beside it is one of MAL in the
first layer. Both tables have three seeds. In OWN the body and the memory learn the same task, recall or text. In SECOND
the body has learned text, and then recall is learned, written in the same symbols. What each arm and measure is stands
in these tables. Recipe: 2.1.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from titans_mini.models.beside import place_beside
from titans_mini.models.config import TitansConfig
from titans_mini.models.model import TitansLM
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import RECALL_KEYS, RECALL_PAIRS, RECALL_VALUES, TASKS, recall_filler, recall_pairs
from titans_mini.training.tasks import text_bytes as bytes_of_text
from titans_mini.training.train import TrainConfig, Trainer

from .family import cell, markdown

KEPT = Path(__file__).with_name("frozen_body.json")
SHAPE = dict(variant="mal", dim=32, layers=2, heads=2, window=16, chunk=8)
MEMORIES: dict[str, dict] = {
    "none": dict(memory_layers=()),
    "plain": dict(memory_layers=(0,), memory_depth=1),
    "contexts": dict(
        memory_layers=(0,), memory_depth=1, reach=(1,), key_width=128, copy=True, momentum=False
    ),  # keys of the last token, and a path from what is recalled to the prediction
}
TRAINING = {
    "recall": TrainConfig(task="recall", steps=600, rows=32, size=64, start_size=16, lr=5e-3),
    "text": TrainConfig(task="text", steps=300, rows=8, size=256, start_size=64, lr=5e-3),
}
GROUPS = 3  # further groups of eight facts between the first one and its questions


class Arm(NamedTuple):
    """A way to train: which memory, from where, what of it, and for how many times the body's steps."""

    means: str
    memory: str = "none"
    from_body: bool = False
    frozen: bool = False
    times: int = 0


OWN = {
    "body": Arm("the body, without memory", times=1),
    "body, twice the steps": Arm("the control: the same without memory, as long as body and memory together", times=2),
    "memory, untrained": Arm("frozen body and a memory as it was drawn; nothing trained", "plain", True, True),
    "contexts, untrained": Arm(
        "the same, with keys of the last token and a path from what is recalled to the prediction",
        "contexts", True, True,
    ),
    "memory": Arm("frozen body, then the memory trained by itself", "plain", True, True, 1),
    "contexts": Arm("the same, with those keys and that path", "contexts", True, True, 1),
    "together": Arm("body and memory trained together from the start", "plain", times=1),
    "together, twice the steps": Arm("the same, as long as body and memory one after the other", "plain", times=2),
}  # fmt: skip
SECOND = {
    "body": Arm("the body that has learned text", from_body=True),
    "body goes on": Arm("the control: all weights learn recall, without memory", "none", True, False, 1),
    "memory": Arm("only a memory beside the frozen body learns recall", "plain", True, True, 1),
    "contexts": Arm("the same, with keys of the last token and the path to the prediction", "contexts", True, True, 1),
    "together": Arm("a memory is added, and all weights learn recall", "plain", True, False, 1),
}
MEASURES = {
    "near": "recall of eight facts, 64 tokens later",
    "late": "recall of eight facts told after 1,024 tokens, 512 tokens later",
    "old": "recall of eight facts, 4,096 tokens later",
    "others": "recall of eight facts after 24 further ones",
    "overwritten": "recall of eight facts whose values were changed, 512 tokens later",
    "bits": "bits a byte of held-out text, with the memory on",
    "bits off": "the same with the memory off",
    "seconds": "time of the training on recall over that of the body; of a memory beside a body, only its own",
}
RECALL = {"near": ("once", 64), "late": ("late", 512), "old": ("once", 4096), "overwritten": ("overwritten", 512)}
DIGITS = {name: ".0%" for name in ("near", "late", "old", "others", "overwritten")}
DIGITS |= {"bits": ".2f", "bits off": ".2f", "seconds": ".1f"}


def made(arm: Arm, training: TrainConfig, vocab_size: int, folder: Path, body: Path | None = None) -> TitansLM:
    """The model of an arm; `folder` then holds its checkpoint `model`, if it was trained. `body` is a checkpoint."""
    shape = TitansConfig(**SHAPE, **MEMORIES[arm.memory], vocab_size=vocab_size)
    torch.manual_seed(training.seed)
    if not arm.times:
        return load_model(body) if arm.memory == "none" else place_beside(load_model(body), shape, silent=False).eval()
    mode = "off" if arm.memory == "none" else "on"
    beside = str(body) if arm.from_body and arm.frozen else ""
    config = replace(training, steps=arm.times * training.steps, memory=mode, body=beside)
    trainer = Trainer(shape, config, folder, "cpu")
    if arm.from_body and not arm.frozen:
        begun = load_model(body) if arm.memory == "none" else place_beside(load_model(body), shape)
        trainer.lm.load_state_dict(begun.state_dict())
    trainer.run(quiet=True)
    trainer.finish()
    return trainer.lm


def recall_after(lm: TitansLM, other: str, rows: int) -> float:
    """Share of eight facts recalled when nothing, other facts or filler lie between the facts and the questions.

    Other facts and filler have the same number of tokens, that of three further groups of facts.
    """
    generator = torch.Generator().manual_seed(1234)
    keys = torch.stack([torch.randperm(RECALL_KEYS, generator=generator) for _ in range(rows)]).split(
        RECALL_PAIRS, dim=1
    )
    values = [torch.randint(0, RECALL_VALUES, part.shape, generator=generator) for part in keys]
    first, *rest = (recall_pairs(*pair) for pair in zip(keys, values, strict=True))
    between = {
        "nothing": [],
        "facts": rest[:GROUPS],
        "filler": [recall_filler(rows, 2 * RECALL_PAIRS * GROUPS, generator)],
    }[other]
    ids = torch.cat([first, *between, recall_filler(rows, 16, generator), first], dim=1)
    with torch.inference_mode():
        logits, _ = lm(ids[:, :-1])
    asked = slice(ids.shape[1] - 2 * RECALL_PAIRS, None, 2)  # the keys of the questions; what follows is the answer
    return (logits[:, asked].argmax(-1) == ids[:, asked.start + 1 :: 2]).float().mean().item()


def recalls(lm: TitansLM, rows: int) -> dict[str, float]:
    """The measures of recall."""
    found = {
        name: evaluate(lm, f"recall_{layout}", size, rows=rows)["accuracy"] for name, (layout, size) in RECALL.items()
    }
    return found | {"others": recall_after(lm, "facts", rows)}


def bits(lm: TitansLM, rows: int, memory: str = "on") -> float:
    """Bits a byte of 1,024 bytes of held-out text in each row."""
    return evaluate(lm, "text", 1024, rows=rows, memory=memory, source=bytes_of_text(held_out=True))["bits"]


def compare(seed: int, steps: int | None = None, rows: int = 32) -> dict[str, dict[str, dict[str, float]]]:
    """Table -> arm -> measure -> number, of one seed. `steps` are those of recall; text takes half of them."""
    count = TRAINING["recall"].steps if steps is None else steps
    plans = {
        name: replace(plan, seed=seed, steps=max(1, count * plan.steps // TRAINING["recall"].steps))
        for name, plan in TRAINING.items()
    }
    with TemporaryDirectory() as place, one_thread():
        return {"own": _own(plans, Path(place), rows), "second": _second(plans["recall"], Path(place), rows)}


def _own(plans: dict[str, TrainConfig], folder: Path, rows: int) -> dict[str, dict[str, float]]:
    """The arms of OWN, on both tasks."""
    table, seconds = {}, {}
    for name, arm in OWN.items():
        began = time.process_time()
        lm = _learned(arm, name, plans["recall"], folder)
        seconds[name] = time.process_time() - began
        table[name] = recalls(lm, rows) | {"seconds": seconds[name] / seconds["body"]}
        table[name] |= {"bits": bits(_learned(arm, name, plans["text"], folder), rows)}
    return table


def _learned(arm: Arm, name: str, plan: TrainConfig, folder: Path) -> TitansLM:
    """The model of an arm of OWN on one task, beside the body of that task."""
    body = folder / f"{plan.task}-body" / "model"
    return made(arm, plan, TASKS[plan.task].vocab_size, folder / f"{plan.task}-{name}", body)


def _second(plan: TrainConfig, folder: Path, rows: int) -> dict[str, dict[str, float]]:
    """The arms of SECOND, which begin with the body that learned text."""
    table = {}
    for name, arm in SECOND.items():
        lm = made(arm, plan, TASKS["text"].vocab_size, folder / f"second-{name}", folder / "text-body" / "model")
        table[name] = recalls(lm, rows) | {"bits": bits(lm, rows), "bits off": bits(lm, rows, "off")}
    return table


# ---- the tables ----


def join(found: Sequence[dict]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Table -> arm -> measure -> one number a seed, with six digits."""
    return {
        table: {
            arm: {name: [float(f"{one[table][arm][name]:.6g}") for one in found] for name in found[0][table][arm]}
            for arm in found[0][table]
        }
        for table in found[0]
    }


def as_markdown(table: dict[str, dict[str, list[float]]]) -> str:
    """A table with a row for each arm."""
    return markdown("", {arm: {name: cell(row[name], DIGITS[name]) for name in row} for arm, row in table.items()})


def kept(path: Path = KEPT) -> dict[str, dict[str, dict[str, list[float]]]]:
    """The tables that come with the package, or those of another file."""
    return json.loads(path.read_text(encoding="utf-8"))


def keep(tables: dict, path: Path) -> None:
    """Writes the tables."""
    path.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8", newline="\n")
