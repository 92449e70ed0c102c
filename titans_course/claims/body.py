"""Claims on where the memory sits: a body that stays as it is, and what attention is given."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from titans_mini.models.model import ModelState, TitansLM
from titans_mini.models.variants import MAC
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import RECALL_KEYS, RECALL_PAIRS, RECALL_VALUES, recall_filler, recall_pairs, text_bytes

from .finding import Figures, Finding, Reading, Size, Spread, grade, weigh
from .models import MARGIN

NAMES = ("lmm", "mac", "mag", "mal")
OTHER = 2048  # tokens of something else, read between two tests of what a memory held before
PASSAGE = 128  # bytes whose bits are measured
SKILL = 0.02  # bits per byte: less is no difference
GROUPS = 3  # further groups of facts that a memory is told
BETWEEN = ("nothing", "facts", "filler")  # what is read between telling and asking


def measure_frozen_body(size: Size) -> Figures:
    """Outer weights that change while a model reads; recall of facts after other facts; bits of text after noise."""
    figures: Figures = {"tokens": OTHER, "changed": 0, "weights": 0}
    recalls: dict[str, list[float]] = {kind: [] for kind in BETWEEN}
    bits: dict[str, list[float]] = {"bits_fresh": [], "bits_after_noise": []}
    for name in NAMES:
        lm = load_model(f"text-{name}")
        changed, state = changed_by_reading(lm, text_bytes(True)[:OTHER].unsqueeze(0))
        figures["changed"] += changed
        figures["weights"] += sum(part.numel() for part in lm.parameters())
        figures[f"memory_moved_{name}"] = _moved(lm, state)
        for kind, found in zip(bits, _bits_after_noise(lm, size), strict=True):
            bits[kind].append(found)
        for kind, found in recalls.items():
            found.append(_recall_after(load_model(f"recall-{name}"), kind, size))
            figures[f"recall_after_{kind}_{name}"] = found[-1]
    figures |= {f"recall_after_{kind}": Spread.of(found) for kind, found in recalls.items()}
    return figures | {kind: Spread.of(found) for kind, found in bits.items()}


@torch.inference_mode()
def changed_by_reading(lm: TitansLM, ids: Tensor) -> tuple[int, ModelState]:
    """How many outer weights are not bit for bit as they were before the model read ids (b, t); the state after it."""
    before = {name: part.clone() for name, part in lm.state_dict().items()}
    _, state = lm(ids)
    same = [torch.eq(before[name], part) for name, part in lm.state_dict().items()]
    return sum(int((~part).sum()) for part in same), state


def _moved(lm: TitansLM, state: ModelState) -> float:
    """Distance of the memories' weights from their start, over the start's norm; the largest of the layers."""
    far = []
    for layer, held in zip(lm.layers, state.layers, strict=True):
        starts = [start.detach() for start in layer.mixer.memory.start]
        now = [part.reshape(start.shape) for part, start in zip(held.memory.weights, starts, strict=True)]
        gone = math.sqrt(sum(float((a - b).square().sum()) for a, b in zip(now, starts, strict=True)))
        far.append(gone / math.sqrt(sum(float(start.square().sum()) for start in starts)))
    return max(far)


@torch.inference_mode()
def _recall_after(lm: TitansLM, other: str, size: Size) -> float:
    """Share of eight facts recalled when, between telling and asking, come nothing, other facts or filler.

    All three put as many tokens between: none, or those of three further groups of facts.
    """
    generator = torch.Generator().manual_seed(1234)
    rows = 8 * size.rows
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
    logits, _ = lm(ids[:, :-1])
    asked = slice(ids.shape[1] - 2 * RECALL_PAIRS, None, 2)  # the keys of the questions; what follows is the answer
    return (logits[:, asked].argmax(-1) == ids[:, asked.start + 1 :: 2]).float().mean().item()


@torch.inference_mode()
def _bits_after_noise(lm: TitansLM, size: Size) -> tuple[float, float]:
    """Bits per byte of held-out text by a new model, and by one that has first read random bytes."""
    text = text_bytes(True)
    starts = torch.arange(size.rows) * (len(text) // (size.rows + 1))
    ids = torch.stack([text[start : start + PASSAGE + 32] for start in starts])  # 32 bytes lead in
    noise = torch.randint(32, 127, (len(ids), OTHER), generator=torch.Generator().manual_seed(0))
    _, read = lm(noise)
    return _bits(lm, ids, None), _bits(lm, ids, read)


def _bits(lm: TitansLM, ids: Tensor, state: ModelState | None) -> float:
    """Bits per byte of the last PASSAGE bytes of ids (b, t), which the model reads from `state` on."""
    logits, _ = lm(ids[:, :-1], state)
    loss = functional.cross_entropy(logits[:, -PASSAGE:].flatten(0, 1), ids[:, -PASSAGE:].flatten())
    return loss.item() / math.log(2)


def _read_body(figures: Figures) -> Reading:
    """Holds if no outer weight changes."""
    moved = tuple(f"memory_moved_{name}" for name in NAMES)
    low, high = (bound(figures[name] for name in moved) for bound in (min, max))
    told = (
        f"{figures['changed']:,} of {figures['weights']:,} outer weights changed while {figures['tokens']:,} tokens of "
        f"text were read, and the memories' weights moved by {low:.0%} to {high:.0%} of their norm"
    )
    return Reading("body", grade(figures["changed"] == 0), told, ("changed", "weights", "tokens", *moved))


def _read_facts(figures: Figures) -> Reading:
    """Holds if no model recalls less after other facts."""
    before, facts, filler = (figures[f"recall_after_{kind}"].tell(".0%", "model") for kind in BETWEEN)
    losses = [figures[f"recall_after_nothing_{name}"] - figures[f"recall_after_facts_{name}"] for name in NAMES]
    told = (
        f"eight facts asked for at once: {before} recalled; after {GROUPS * RECALL_PAIRS} other facts {facts}, "
        f"after as much filler {filler}"
    )
    kept = tuple(f"recall_after_{kind}{end}" for end in ("", *(f"_{name}" for name in NAMES)) for kind in BETWEEN)
    return Reading("facts", grade(max(losses) <= MARGIN), told, kept)


def _read_skill(figures: Figures) -> Reading:
    """Holds if text costs at most 0.02 bits per byte more after noise."""
    fresh, noisy = figures["bits_fresh"], figures["bits_after_noise"]
    told = (
        f"bits per byte of text {fresh.tell('.2f', 'model')} by text models that have read nothing, "
        f"{noisy.tell('.2f', 'model')} by models that have "
        f"read {figures['tokens']:,} random bytes"
    )
    kept = ("bits_fresh", "bits_after_noise", "tokens")
    return Reading("skill", grade(noisy.mean - fresh.mean <= SKILL), told, kept)


def judge_frozen_body(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    return weigh(figures, _read_body(figures), _read_facts(figures), _read_skill(figures))


@contextlib.contextmanager
def silent_context(lm: TitansLM) -> Iterator[None]:
    """While it lasts, what the memory says is zero in the keys and values of MAC's attention; all else stays."""
    hooks = [
        layer.mixer.to_recalled.register_forward_hook(lambda module, given, made: torch.zeros_like(made))
        for layer in lm.layers
        if isinstance(layer.mixer, MAC)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def measure_attention_context(size: Size) -> Figures:
    """Recall of the variants that have attention, and of each with the memory's part of the keys and values at 0."""
    figures: Figures = {"gap": size.gap}
    for name in NAMES[1:]:
        lm = load_model(f"recall-{name}")
        joins = [hasattr(layer.mixer, "to_recalled") for layer in lm.layers]
        figures[f"joins_{name}"] = int(all(joins))
        figures[f"recall_{name}"] = evaluate(lm, "recall_once", size.gap, rows=size.rows)["accuracy"]
        with silent_context(lm):
            silent = evaluate(lm, "recall_once", size.gap, rows=size.rows)["accuracy"]
        figures[f"recall_silent_{name}"] = silent
    return figures


def _read_joins(name: str, names: tuple[str, ...], figures: Figures) -> Reading:
    """Parts: the memory's output is among the keys and values; recall needs it there."""
    joins = all(figures[f"joins_{one}"] for one in names)
    drops = [figures[f"recall_{one}"] - figures[f"recall_silent_{one}"] for one in names]
    told = "recall → recall with the memory's part of the keys and values at 0: " + ", ".join(
        f"{one.upper()} {figures[f'recall_{one}']:.0%} → {figures[f'recall_silent_{one}']:.0%}" for one in names
    )
    kept = tuple(f"{kind}_{one}" for one in names for kind in ("joins", "recall", "recall_silent"))
    return Reading(name, grade(joins, min(drops) > MARGIN), told, kept)


def judge_attention_context(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    return weigh(figures, _read_joins("mac", ("mac",), figures), _read_joins("others", ("mag", "mal"), figures))
