"""Claims on where the memory sits: a body that does not change, and what attention receives."""

import contextlib
import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from titans_mini.messages import Message
from titans_mini.models.model import ModelState, TitansLM
from titans_mini.models.variants import MAC
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import RECALL_PAIRS, text_bytes

from ..studies.frozen_body import GROUPS, recall_after
from .claim import TITANS, Claim, Judged, Way
from .finding import Figures, Size, grade, spreads
from .models import MARGIN, ORDER, VARIANTS, recall

OTHER = 2048  # unrelated tokens, read between two tests of what a memory held before
PASSAGE = 128  # bytes whose bits are measured
SKILL = 0.02  # bits per byte: a smaller difference does not count
BETWEEN = ("nothing", "facts", "filler")  # what is read between the facts and the questions


def measure_frozen_body(size: Size) -> Figures:
    """Outer weights that change while a model reads; recall of facts after other facts; bits of text after noise."""
    figures: Figures = {"tokens": OTHER, "changed": 0, "weights": 0}
    recalls, bits = {}, []
    for name in VARIANTS:
        lm = load_model(f"text-{name}")
        changed, state = changed_by_reading(lm, text_bytes(True)[:OTHER].unsqueeze(0))
        figures["changed"] += changed
        figures["weights"] += sum(part.numel() for part in lm.parameters())
        figures[f"memory_moved_{name}"] = _moved(lm, state)
        bits.append(_bits_after_noise(lm, size))
        lm = load_model(f"recall-{name}")
        recalls[name] = {f"recall_after_{kind}": recall_after(lm, kind, 8 * size.rows) for kind in BETWEEN}
        figures |= {f"{kind}_{name}": share for kind, share in recalls[name].items()}
    return figures | spreads(recalls.values()) | spreads(bits)


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
        if held.memory is None:
            continue
        starts = [start.detach() for start in layer.mixer.memory.start]
        now = [part.reshape(start.shape) for part, start in zip(held.memory.weights, starts, strict=True)]
        gone = math.sqrt(sum(float((a - b).square().sum()) for a, b in zip(now, starts, strict=True)))
        far.append(gone / math.sqrt(sum(float(start.square().sum()) for start in starts)))
    return max(far)


@torch.inference_mode()
def _bits_after_noise(lm: TitansLM, size: Size) -> dict[str, float]:
    """Bits per byte of held-out text by a new model, and by one that has first read random bytes."""
    text = text_bytes(True)
    starts = torch.arange(size.rows) * (len(text) // (size.rows + 1))
    ids = torch.stack([text[start : start + PASSAGE + 32] for start in starts])  # 32 bytes lead in
    noise = torch.randint(32, 127, (len(ids), OTHER), generator=torch.Generator().manual_seed(0))
    _, read = lm(noise)
    return {"bits_fresh": _bits(lm, ids, None), "bits_after_noise": _bits(lm, ids, read)}


def _bits(lm: TitansLM, ids: Tensor, state: ModelState | None) -> float:
    """Bits per byte of the last PASSAGE bytes of ids (b, t), which the model reads from `state` on."""
    logits, _ = lm(ids[:, :-1], state)
    loss = functional.cross_entropy(logits[:, -PASSAGE:].flatten(0, 1), ids[:, -PASSAGE:].flatten())
    return loss.item() / math.log(2)


def judge_body(figures: Figures) -> Judged:
    """Holds if every weight stays the same bit for bit."""
    moved = tuple(f"memory_moved_{name}" for name in VARIANTS)
    low, high = (bound(figures[name] for name in moved) for bound in (min, max))
    told = Message(
        "{changed:,} of {weights:,} outer weights changed while {tokens:,} tokens of text were read, and the memories' "
        "weights moved by {low:.0%} to {high:.0%} of their norm",
        **figures, low=low, high=high,
    )  # fmt: skip
    return Judged(grade(figures["changed"] == 0), told, ("changed", "weights", "tokens", *moved))


def judge_facts(figures: Figures) -> Judged:
    """Holds if no model loses more than 2 points of its recall of the first facts when it reads further ones."""
    told = Message(
        "eight facts asked for at once: {nothing} recalled; after {count} other facts {facts}, after as much filler "
        "{filler}",
        count=GROUPS * RECALL_PAIRS,
        **{kind: figures[f"recall_after_{kind}"].tell(".0%", "model") for kind in BETWEEN},
    )  # fmt: skip
    losses = [figures[f"recall_after_nothing_{name}"] - figures[f"recall_after_facts_{name}"] for name in VARIANTS]
    keys = tuple(f"recall_after_{kind}{end}" for end in ("", *(f"_{name}" for name in VARIANTS)) for kind in BETWEEN)
    return Judged(grade(max(losses) <= MARGIN), told, keys)


def judge_skill(figures: Figures) -> Judged:
    """Holds if text costs at most 0.02 bits per byte more after random bytes."""
    keys = ("bits_fresh", "bits_after_noise", "tokens")
    fresh, noisy, tokens = (figures[key] for key in keys)
    told = Message(
        "bits per byte of text {fresh} by text models that have read nothing, {noisy} by models that have read "
        "{tokens:,} random bytes",
        fresh=fresh.tell(".2f", "model"), noisy=noisy.tell(".2f", "model"), tokens=tokens,
    )  # fmt: skip
    return Judged(grade(noisy.mean - fresh.mean <= SKILL), told, keys)


FROZEN_BODY = Claim(
    key="frozen_body", section="1", source=TITANS,
    claim="it can keep rewriting its own long-term memory during inference, while the main weights stay frozen, which "
    "avoids catastrophic forgetting",
    claim_zh="推理阶段就能持续改写自己的长期记忆,而主体权重保持冻结,避免灾难性遗忘。",
    papers="true by construction of every memory made of fast weights; what the memory itself forgets is not counted",
    measure=measure_frozen_body,
    readings={
        "body": Way("no outer weight changes while a model reads", judge_body),
        "facts": Way("the content of the memory survives other facts", judge_facts),
        "skill": Way("the skill of the model survives other text", judge_skill),
    },
    note="These models were trained with their memory; docs/FROZEN_BODY.md has a body that was trained without one.",
)  # fmt: skip


@contextlib.contextmanager
def silent_context(lm: TitansLM) -> Iterator[None]:
    """Sets the memory's part of the keys and values of MAC's attention to zero; nothing else changes."""
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
    for name in ORDER:
        lm = load_model(f"recall-{name}")
        joins = [hasattr(layer.mixer, "to_recalled") for layer in lm.layers]
        figures[f"joins_{name}"] = int(all(joins))
        figures[f"recall_{name}"] = recall(lm, size)
        with silent_context(lm):
            figures[f"recall_silent_{name}"] = recall(lm, size)
    return figures


def judge_joins(names: tuple[str, ...], figures: Figures) -> Judged:
    """Parts: the memory's output is among the keys and values; recall needs it there."""
    joins = all(figures[f"joins_{one}"] for one in names)
    drops = [figures[f"recall_{one}"] - figures[f"recall_silent_{one}"] for one in names]
    variants = ", ".join(
        f"{one.upper()} {figures[f'recall_{one}']:.0%} → {figures[f'recall_silent_{one}']:.0%}" for one in names
    )
    told = Message("recall → recall with the memory's part of the keys and values at 0: {variants}", variants=variants)
    keys = tuple(f"{kind}_{one}" for one in names for kind in ("joins", "recall", "recall_silent"))
    return Judged(grade(joins, min(drops) > MARGIN), told, keys)


ATTENTION_CONTEXT = Claim(
    key="attention_context", section="2.1", source=TITANS,
    claim="Output: the memory vector m_t, joined directly to attention's keys and values as extra context",
    claim_zh="输出:记忆向量 m_t,直接作为额外上下文拼接到注意力键值对",
    papers="true of MAC (eq. 21-22); MAG multiplies memory and attention (eq. 26-28), MAL applies one after the other "
    "(eq. 29-31)",
    measure=measure_attention_context,
    readings={
        "mac": Way("this is how MAC works", partial(judge_joins, ("mac",))),
        "others": Way("this is how MAG and MAL work", partial(judge_joins, ("mag", "mal"))),
    },
)  # fmt: skip
