"""What weights of few bits cost and save: bytes, accuracy and time, of a model and of one frozen layer.

Recipe: section 6, which claims 35% less latency. The rounding itself is `titans_mini.quantize`.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from titans_mini.defaults import plain_defaults
from titans_mini.errors import check_choice, check_integer
from titans_mini.models.model import ModelState, TitansLM
from titans_mini.quantize import KINDS, Quantized, compress, dequantize, memory_bytes, quantize, quantized_model, step
from titans_mini.threads import one_thread
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS, check_vocabulary, make_batch

from .timing import medians


@plain_defaults()
def report(lm: TitansLM, task: str, size: int, *, rows: int = 32, seed: int = 1234, repeats: int = 64) -> list[dict]:
    """One dict for fp32, int8 and int4: bytes of one row's memories, accuracy and bits of the task, and latency.

    `accuracy` and `bits` (per asked token; bits per byte for the task text) are those of a memory that is rounded
    after each chunk. `latency_on_us` is the median time of one token of one row that the memory writes, its weights at
    rest in between; `latency_frozen_us` that of one it only reads, at weights quantised once. The `change` of each is
    against fp32: the recipe claims -0.35.
    """
    check_choice("task", task, TASKS)
    check_integer("size", size, 0, 10_000_000)
    check_integer("rows", rows, 1, 100_000)
    check_integer("seed", seed, 0, 2**31 - 1)
    check_integer("repeats", repeats, 1, 100_000)
    check_vocabulary(task, lm.config.vocab_size)
    ids = make_batch(task, 1, max(size, 32), torch.Generator().manual_seed(seed), True).ids[:, :33]
    table = []
    with one_thread(), torch.inference_mode():
        latencies = {mode: _latencies(lm, ids, mode, repeats) for mode in ("on", "frozen")}
        _, state = lm(ids)
        for kind in KINDS:
            reader = lm if kind == "fp32" else quantized_model(lm, kind)
            scores = evaluate(reader, task, size, rows=rows, seed=seed)
            row = {"weights": kind, "bytes": memory_bytes(_at_rest(state, kind))["weights"]}
            row |= {"accuracy": scores["accuracy"], "bits": scores["bits"]}
            for mode, times in latencies.items():
                row |= {f"latency_{mode}_us": times[kind], f"change_{mode}": times[kind] / times["fp32"] - 1}
            table.append(row)
    return table


def _at_rest(state: ModelState, kind: str):
    return state if kind == "fp32" else compress(state, kind)


def _latencies(lm: TitansLM, ids: Tensor, mode: str, repeats: int) -> dict[str, float]:
    """Median microseconds of one token after ids (1, t), per kind; the kinds take turns, so that noise hits all."""
    token = ids[:, -1:]
    kept = {kind: _at_rest(lm(ids)[1], kind) for kind in KINDS}

    def read(kind: str) -> None:
        if kind == "fp32":
            _, kept[kind] = lm(token, kept[kind], memory=mode)
        else:
            _, kept[kind] = step(lm, token, kept[kind], kind, memory=mode)

    return _microseconds({kind: lambda kind=kind: read(kind) for kind in KINDS}, repeats)


def _microseconds(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    return {name: 1e6 * median for name, median in medians(calls, repeats).items()}


# One layer (o, i) and a query (1, i) -> the product as a function without arguments: how a frozen layer can be read.
READERS: dict[str, Callable[[Tensor, Tensor], Callable[[], Tensor]]] = {
    "fp32": lambda weight, x: lambda: x @ weight.mT,
    "bf16": lambda weight, x: _bf16_product(weight.bfloat16(), x.bfloat16()),
    "int8, restored": lambda weight, x: _restored_product(quantize(weight, "int8"), x),
    "int4, restored": lambda weight, x: _restored_product(quantize(weight, "int4"), x),
    "int8, bf16 kernel": lambda weight, x: _kernel_product(quantize(weight, "int8"), x.bfloat16()),
}


def _bf16_product(weight: Tensor, x: Tensor) -> Callable[[], Tensor]:
    return lambda: x @ weight.mT


def _restored_product(weight: Quantized, x: Tensor) -> Callable[[], Tensor]:
    return lambda: x @ dequantize(weight).mT


def _kernel_product(weight: Quantized, x: Tensor) -> Callable[[], Tensor]:
    """torch's own kernel of 8-bit weights, which never restores the matrix."""
    scale = weight.scale.squeeze(-1).to(x.dtype)
    return lambda: torch.ops.aten._weight_int8pack_mm(x, weight.codes, scale)


@plain_defaults()
def read_latencies(dim: int = 64, *, repeats: int = 64, readers: Iterable[str] = READERS, seed: int = 0) -> dict:
    """{way of reading: median microseconds} of one query through one frozen layer (4 dim, dim), on one thread.

    At width 1536, that of a large model, a layer no longer fits the caches and the bytes read decide.
    """
    check_integer("dim", dim, 1, 8192)
    check_integer("repeats", repeats, 1, 100_000)
    check_integer("seed", seed, 0, 2**31 - 1)
    generator = torch.Generator().manual_seed(seed)
    weight, x = (torch.randn(rows, dim, generator=generator) for rows in (4 * dim, 1))
    with one_thread(), torch.inference_mode():
        calls = {name: READERS[check_choice("readers", name, READERS)](weight, x) for name in readers}
        return _microseconds(calls, repeats)
