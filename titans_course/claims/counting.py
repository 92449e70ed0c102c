"""Claims settled by counting or by reading: models at 760M on torch's meta device, published numbers and code."""

from functools import partial

import torch

from titans_mini.memory.mlp import mlp_shapes
from titans_mini.messages import Message
from titans_mini.miras.config import PRESETS
from titans_mini.models.config import TitansConfig
from titans_mini.models.model import TitansLM
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.stories import STORIES

from ..studies.flops import memory_bytes
from .claim import MIRAS, TITANS, Claim, Judged, Way
from .finding import UNTESTED, Figures, Size, grade

LENGTH = 256  # bytes of text around a story
PAPERS, REPOSITORIES = 2, 0  # papers read for this audit, and addresses of code that they give
PARAMETERS, WIDTH = 760e6, 1536  # the paper's largest model
UPDATABLE, LARGEST = 0.003, 30e6  # updatable parameters, bytes of a snapshot; recipe: 2.1 and 5.2
SHAPE = dict(variant="mag", vocab_size=32_000, dim=WIDTH, heads=16, window=512, chunk=64)  # Llama 2's vocabulary
# Reading -> (layers that have a memory, or None for all; heads of a memory, each an MLP of its own width).
LAYOUTS = {"one": ((0,), 1), "heads_8": ((0,), 8), "heads_16": ((0,), 16), "all": (None, 1)}


def measure_babilong(size: Size) -> Figures:
    """The score of a text model of this project on stories in the manner of BABILong, which it was not trained for."""
    lm = load_model("text-mag")
    exact = [evaluate(lm, story, LENGTH, rows=size.rows)["exact"] for story in STORIES]
    return {
        "parameters": sum(part.numel() for part in lm.parameters()),
        "exact_stories": sum(exact) / len(exact),
        "printed_numbers": 0,  # BABILong appears in the paper as curves, without a table
    }


def judge_babilong(figures: Figures) -> Judged:
    """Cannot be tested here: that takes GPT-4 and a model a tenth of its size, trained for the benchmark."""
    told = Message(
        "the paper shows curves and prints {printed_numbers} numbers, and it compares a small model that was "
        "fine-tuned on the task with large ones that were not; a text model of {parameters:,} parameters, not trained "
        "for it, answers {exact_stories:.0%} of such stories here",
        **figures,
    )
    return Judged(UNTESTED, told)


BABILONG = Claim(
    key="babilong", section="0", source=TITANS,
    claim="on extreme-length tasks such as BABILong, higher accuracy with less than a tenth of GPT-4's parameters",
    claim_zh="在 BABILong 等极端长度任务上,以不到 GPT-4 十分之一的参数量拿下更高准确率。",
    papers="curves without numbers, of small models fine-tuned on the task beside large ones that were not",
    measure=measure_babilong, judged=judge_babilong,
)  # fmt: skip


def measure_open_source(size: Size) -> Figures:
    """Addresses of code in the two papers, as read; and the number of rules that had to be rebuilt from the text."""
    rebuilt = sum("2504.13173" in preset.reference for preset in PRESETS.values())
    return {"papers": PAPERS, "repositories": REPOSITORIES, "rebuilt": rebuilt}


def judge_open_source(figures: Figures) -> Judged:
    """Holds if one of the two papers names a repository of its code. This is read, not measured."""
    told = Message(
        "the {papers} papers name {repositories} repositories of their code, and this project knows of none by the "
        "authors; it rebuilt {rebuilt} memories of the MIRAS paper from its text",
        **figures,
    )
    return Judged(grade(figures["repositories"] > 0), told)


OPEN_SOURCE = Claim(
    key="open_source", section="0", source=MIRAS, papers="no code was published",
    claim="Google also open-sourced the MIRAS framework", claim_zh="Google 同时开源了 MIRAS 框架",
    measure=measure_open_source, judged=judge_open_source,
)  # fmt: skip


def count(layers: int, memories: tuple[int, ...] | None = None, heads: int = 1) -> tuple[int, int]:
    """(parameters, those that change while it reads: the fast weights) of the model with `layers` layers."""
    with torch.device("meta"):
        lm = TitansLM(TitansConfig(**SHAPE, layers=layers, memory_layers=memories, memory_heads=heads))
    fast = [weights for name, weights in lm.named_parameters() if ".memory.start." in name]
    return sum(part.numel() for part in lm.parameters()), sum(part.numel() for part in fast)


def layers_for(parameters: float, memories: tuple[int, ...] | None = None, heads: int = 1) -> int:
    """The number of layers that comes nearest to a number of parameters."""
    (two, _), (three, _) = (count(layers, memories, heads) for layers in (2, 3))
    return round(2 + (parameters - two) / (three - two))


def measure_share(size: Size) -> Figures:
    """Parameters, fast weights and snapshot (float32) of the 760M model in each layout; width of a memory that fits.

    One memory in all, its hidden layer 4 times the model or 4 times one of 8 or 16 heads; and one in each layer.
    """
    figures: Figures = {}
    for name, (memories, heads) in LAYOUTS.items():
        layers = layers_for(PARAMETERS, memories, heads)
        total, fast = count(layers, memories, heads)
        figures |= {f"layers_{name}": layers, f"parameters_{name}": total, f"updatable_{name}": fast}
        figures |= {f"share_{name}": fast / total, f"snapshot_mb_{name}": 4 * fast / 1e6}
    room = UPDATABLE * PARAMETERS
    width = next(width for width in range(WIDTH, 0, -1) if sum(o * i for o, i in mlp_shapes(width, 2, 4)) <= room)
    return figures | {"width_of_share": width, "snapshot_mb_of_share": memory_bytes(width=width) / 1e6}


def judge_share(name: str, figures: Figures) -> Judged:
    """Parts: the share rounds to 0.3% or less; the weights take less than 30 MB in float32."""
    keys = tuple(f"{kind}_{name}" for kind in ("layers", "parameters", "updatable", "share", "snapshot_mb"))
    layers, parameters, updatable, share, megabytes = (figures[key] for key in keys)
    memories, heads = LAYOUTS[name]
    told = Message(
        "{memories}, heads: {heads}, width {width}: {updatable:,} weights, {share:.2%} of {millions:.0f}M, "
        "{megabytes:,.1f} MB in float32",
        memories=Message("1 memory") if memories else Message("{count} memories", count=layers),
        heads=heads, width=WIDTH, updatable=updatable, share=share, millions=parameters / 1e6, megabytes=megabytes,
    )  # fmt: skip
    return Judged(grade(round(share, 3) <= UPDATABLE, megabytes * 1e6 < LARGEST), told, keys)


_MODEL = "; the model has 760M parameters and width 1536, which the article does not say"
SHARE = Claim(
    key="share", section="2.1, 5.2", papers="no such count",
    claim="hidden layer = 4× the model's dimension, only 0.3% of the parameters can be updated … export the weights of "
    "the memory module (only 0.3% of the parameters, < 30 MB)",
    claim_zh="隐藏层维度 = 4× 模型维度,仅 0.3% 参数可被更新 … 导出记忆模块权重(仅 0.3% 参数,< 30 MB)",
    measure=measure_share,
    readings={
        name: Way(f"{means}{_MODEL}", partial(judge_share, name))
        for name, means in (
            ("one", "word for word: one memory, its hidden layer 4 times the model's width"),
            ("heads_8", "one memory of 8 heads, the hidden layer of each 4 times the width of a head"),
            ("heads_16", "one memory of 16 heads, the hidden layer of each 4 times the width of a head"),
            ("all", "a memory in each layer, its hidden layer 4 times the model's width"),
        )
    },
)  # fmt: skip
