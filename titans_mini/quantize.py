"""Fast weights in 8 or 4 bits: how small the memory gets, what that costs in recall, and what it does to speed.

Each row of a weight matrix has one scale, symmetric about zero: w ~ code * scale, with codes -127..127 (`int8`) or
-7..7 (`int4`, two a byte). Recipe: section 6, which names 8 and 4 bits and 35% less latency.
Differs: rounding has no gradient, so all of this is for reading with a trained model, not for training one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .defaults import plain_defaults
from .errors import ConfigError, check_choice, check_integer
from .memory import NeuralMemory
from .memory.chunk import Fast, Record, Tokens
from .memory.state import MemoryState
from .models.model import ModelState, TitansLM
from .models.variants import LayerState
from .threads import one_thread
from .timing import medians
from .training.evaluate import evaluate
from .training.tasks import TASKS, check_vocabulary, make_batch

LIMITS = {"int8": 127, "int4": 7}  # largest code
KINDS = ("fp32", *LIMITS)


class Quantized(NamedTuple):
    """Matrices (..., o, i) as codes, with one scale a row."""

    codes: Tensor  # int8 (..., o, i), or uint8 (..., o, ceil(i / 2)): even columns in the low four bits
    scale: Tensor  # float32 (..., o, 1)
    columns: int  # i

    @property
    def nbytes(self) -> int:
        """Bytes of codes and scales."""
        return self.codes.nbytes + self.scale.nbytes


def quantize(weight: Tensor, kind: str = "int8") -> Quantized:
    """Rounds a float tensor (..., o, i) to the nearest codes; the error is at most half a step, `scale / 2`.

    A row of zeros stays zero, and a row that is not finite stays not finite. Raises ConfigError for an unknown kind.
    """
    limit = LIMITS[check_choice("kind", kind, LIMITS)]
    scale = weight.detach().float().abs().amax(-1, keepdim=True) / limit  # (..., o, 1)
    scale = scale.clamp_min(torch.finfo(torch.float32).tiny)
    codes = (weight.detach() / scale).round().clamp(-limit, limit).nan_to_num().to(torch.int8)
    return Quantized(pack_pairs(codes) if kind == "int4" else codes, scale, weight.shape[-1])


def dequantize(weight: Quantized, dtype: torch.dtype = torch.float32) -> Tensor:
    """The matrices (..., o, i) that the codes stand for."""
    packed = weight.codes.dtype == torch.uint8
    codes = unpack_pairs(weight.codes, weight.columns) if packed else weight.codes
    return codes.to(dtype) * weight.scale.to(dtype)


def pack_pairs(codes: Tensor) -> Tensor:
    """int8 codes -8..7 (..., i) -> uint8 (..., ceil(i / 2)), two a byte; an odd last one is paired with 0."""
    shifted = torch.nn.functional.pad((codes + 8).to(torch.uint8), (0, codes.shape[-1] % 2), value=8)
    return shifted[..., 0::2] | shifted[..., 1::2] << 4


def unpack_pairs(packed: Tensor, columns: int) -> Tensor:
    """The inverse of `pack_pairs`: int8 (..., columns)."""
    pairs = torch.stack([packed & 15, packed >> 4], dim=-1)
    return pairs.flatten(-2)[..., :columns].to(torch.int8) - 8


class KeptState(NamedTuple):
    """A MemoryState at rest: its weights, and its momentum if so wished, as codes; the rest as it was."""

    weights: tuple[Quantized, ...]
    momentum: tuple[Quantized, ...] | tuple[Tensor, ...]
    rest: MemoryState  # without weights and momentum
    dtype: torch.dtype  # of the weights


State = MemoryState | LayerState | ModelState


def compress(state: State, kind: str = "int8", *, momentum: bool = False):
    """The same state with each memory in it as a KeptState; `momentum` says whether that is rounded as well."""
    check_choice("kind", kind, LIMITS)

    def keep(memory: MemoryState) -> KeptState:
        weights, pushes = (tuple(quantize(part, kind) for part in parts) for parts in (memory.weights, memory.momentum))
        rest = memory._replace(weights=(), momentum=())
        return KeptState(weights, pushes if momentum else memory.momentum, rest, memory.weights[0].dtype)

    return _change(state, MemoryState, keep)


def restore(state) -> State:
    """The state that a compressed one stands for, to go on reading with."""
    return _change(state, KeptState, _restored)


def _restored(kept: KeptState) -> MemoryState:
    weights, momentum = (
        tuple(dequantize(part, kept.dtype) if isinstance(part, Quantized) else part for part in parts)
        for parts in (kept.weights, kept.momentum)
    )
    return kept.rest._replace(weights=weights, momentum=momentum)


def memory_bytes(state) -> dict[str, int]:
    """Bytes of a state's fast weights and of its momentum, over all layers and rows, at rest or not."""
    total = {"weights": 0, "momentum": 0}

    def count(memory: MemoryState | KeptState):
        for name in total:
            total[name] += sum(part.nbytes for part in getattr(memory, name))
        return memory

    _change(state, (MemoryState, KeptState), count)
    return total


def _change(state, kind, change: Callable):
    """The same state with `change` applied to each memory in it that is of this kind."""
    if isinstance(state, kind):
        return change(state)
    if isinstance(state, LayerState):
        return state if state.memory is None else state._replace(memory=_change(state.memory, kind, change))
    if isinstance(state, ModelState):
        return state._replace(layers=tuple(_change(layer, kind, change) for layer in state.layers))
    raise ConfigError(f"state must be that of a memory, a layer or a model, not {type(state).__name__}")


class QuantizedMemory(NeuralMemory):
    """A trained memory whose fast weights rest as codes between chunks: rounded at the start and after each chunk.

    Within a chunk the reads are exact, as in the chunk form. Its states are ordinary ones, of numbers that codes hold,
    so that `compress` of the same kind loses nothing of them. A write far below half a step is lost to rounding.
    Takes the place of `memory` and shares its parameters.
    """

    def __init__(self, memory: NeuralMemory, kind: str = "int8", *, momentum: bool = False) -> None:
        check_choice("kind", kind, LIMITS)
        super().__init__(memory.config, gate=memory.gate)
        for name, module in memory.named_children():
            setattr(self, name, module)
        self.kind, self.rounds_momentum = kind, momentum
        self.train(memory.training)

    def initial_state(self, batch: int = 1) -> MemoryState:
        """The state that has read nothing, its start weights rounded."""
        state = super().initial_state(batch)
        return state._replace(weights=self._round(state.weights))

    def _chunk(self, fast: Fast, tokens: Tokens, ends: bool) -> tuple[Tensor | None, Fast, Record]:
        reads, after, record = super()._chunk(fast, tokens, ends)
        if tokens.keys.shape[1] == self.config.chunk:  # an unfinished chunk is written from its start again
            momentum = self._round(after.momentum) if self.rounds_momentum else after.momentum
            after = Fast(self._round(after.weights), momentum, after.gate)
        return reads, after, record

    def _round(self, weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(dequantize(quantize(weight, self.kind), weight.dtype) for weight in weights)


def quantized_model(lm: TitansLM, kind: str = "int8", *, momentum: bool = False) -> TitansLM:
    """A copy of `lm` whose memories are QuantizedMemory; attention and all else stay as they are."""
    check_choice("kind", kind, LIMITS)
    lm = copy.deepcopy(lm)
    for layer in lm.layers:
        if isinstance(getattr(layer.mixer, "memory", None), NeuralMemory):
            layer.mixer.memory = QuantizedMemory(layer.mixer.memory, kind, momentum=momentum)
    return lm


def step(lm: TitansLM, ids: Tensor, kept: ModelState, kind: str = "int8", *, memory: str = "on"):
    """(logits, kept) after ids (b, t), with memories at rest before and after: dequantise, read, quantise.

    A memory that finished no chunk keeps its codes, which are then exact. With `memory="frozen"` weights are
    quantised once, by whoever made `kept`, and only read.
    """
    before = restore(kept)
    logits, after = lm(ids, before, memory=memory)
    layers = []
    for old, middle, new in zip(kept.layers, before.layers, after.layers, strict=True):
        if new.memory is not None and new.memory.weights is middle.memory.weights:
            rest = new.memory._replace(weights=(), momentum=())
            new = new._replace(memory=old.memory._replace(rest=rest))
        elif new.memory is not None:
            new = compress(new, kind, momentum=isinstance(old.memory.momentum[0], Quantized))
        layers.append(new)
    return logits, after._replace(layers=tuple(layers))


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
