"""Fast weights in 8 or 4 bits: how small the memory gets, what that costs in recall, and what it does to speed.

Each row of a weight matrix has one scale, symmetric about zero: w ~ code * scale, with codes -127..127 (`int8`) or
-7..7 (`int4`, two a byte). Recipe: section 6, which names 8 and 4 bits and 35% less latency.
Differs: rounding has no gradient, so all of this is for reading with a trained model, not for training one.
"""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .errors import ConfigError, check_choice
from .memory import NeuralMemory
from .memory.chunk import TitansRule
from .memory.mlp import Weights
from .memory.state import Fast, MemoryState, Record, Tokens
from .memory.tree import map_tree
from .models.model import ModelState, TitansLM
from .models.variants import LayerState

LIMITS = {"int8": 127, "int4": 7}  # largest code
KINDS = ("fp32", *LIMITS)


class Quantized(NamedTuple):
    """Matrices (..., o, i) as codes, with one scale a row."""

    codes: Tensor  # int8 (..., o, i), or uint8 (..., o, ceil(i / 2)): even columns in the low four bits
    scale: Tensor  # float32 (..., o, 1)
    columns: int  # i
    dtype: torch.dtype = torch.float32  # of the matrices that were rounded

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
    return Quantized(pack_pairs(codes) if kind == "int4" else codes, scale, weight.shape[-1], weight.dtype)


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


State = MemoryState | LayerState | ModelState


def compress(state: State, kind: str = "int8", *, momentum: bool = False) -> State:
    """The same state at rest: the weights of each memory in it as Quantized, and its momentum if wished."""
    check_choice("kind", kind, LIMITS)
    return map_tree(lambda memory: _compressed(memory, kind, momentum), _checked(state), leaf=MemoryState)


def _compressed(memory: MemoryState, kind: str, momentum: bool) -> MemoryState:
    codes = lambda part: quantize(part, kind)  # noqa: E731
    memory = memory._replace(weights=map_tree(codes, memory.weights), activity=None)
    return memory._replace(momentum=map_tree(codes, memory.momentum)) if momentum else memory


def restore(state: State) -> State:
    """The state that a compressed one stands for, ready to read on."""
    return map_tree(lambda part: dequantize(part, part.dtype), _checked(state), leaf=Quantized)


def memory_bytes(state: State) -> dict[str, int]:
    """Bytes of a state's fast weights and of its momentum, over all layers and rows, at rest or not."""
    memories: list[MemoryState] = []
    map_tree(memories.append, _checked(state), leaf=MemoryState)
    size = lambda parts: sum(part.nbytes for part in parts)  # noqa: E731
    return {
        "weights": sum(size(memory.weights) for memory in memories),
        "momentum": sum(size(memory.momentum) for memory in memories),
    }


def _checked(state: State) -> State:
    if not isinstance(state, State):
        given = type(state).__name__
        raise ConfigError("state must be that of a memory, a layer or a model, not {given}", given=given)
    return state


class RoundedRule(NamedTuple):
    """A rule whose fast weights are rounded at the start and after each full chunk.

    Within a chunk the reads are exact, as in the chunk form. Its states are ordinary ones, of numbers that the
    rounding leaves alone. A write far below half a step is lost. A chunk that ends early, because MAC changed its mode
    within a segment, is rounded with the next full one.
    """

    rule: TitansRule
    round: Callable[[Tensor], Tensor]  # of a matrix (n, o, i)
    chunk: int  # an unfinished chunk is written from its start again, so it is not rounded
    momentum: bool = False  # whether that is rounded as well

    @property
    def gate(self) -> nn.Module:
        """As in TitansRule; so are the methods."""
        return self.rule.gate

    def draw(self, heads: int) -> Sequence[Tensor]:
        return self.rule.draw(heads)

    def begin(self, weights: Weights) -> tuple[Weights, Weights]:
        weights, momentum = self.rule.begin(weights)
        return map_tree(self.round, weights), momentum

    def step(self, fast: Fast, tokens: Tokens, *, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
        """As in TitansRule, then rounds what a full chunk leaves."""
        reads, after, record = self.rule.step(fast, tokens, ends=ends)
        if tokens.keys.shape[1] == self.chunk:
            after = after._replace(weights=map_tree(self.round, after.weights))
            if self.momentum:
                after = after._replace(momentum=map_tree(self.round, after.momentum))
        return reads, after, record

    def answer(self, weights: Weights, queries: Tensor) -> Tensor:
        return self.rule.answer(weights, queries)


def rounded(memory: NeuralMemory, round: Callable[[Tensor], Tensor], *, momentum: bool = False) -> NeuralMemory:
    """A memory whose fast weights are rounded between chunks; it shares the parameters of `memory`."""
    return memory.with_rule(RoundedRule(memory.rule, round, memory.config.chunk, momentum))


def rounded_model(lm: TitansLM, round: Callable[[Tensor], Tensor], *, momentum: bool = False) -> TitansLM:
    """A copy of `lm` whose memories are rounded; attention and everything else stay as they are."""
    lm = copy.deepcopy(lm)
    for layer in lm.layers:
        if isinstance(getattr(layer.mixer, "memory", None), NeuralMemory):
            layer.mixer.memory = rounded(layer.mixer.memory, round, momentum=momentum)
    return lm


def _through_codes(kind: str) -> Callable[[Tensor], Tensor]:
    check_choice("kind", kind, LIMITS)
    return lambda weight: dequantize(quantize(weight, kind), weight.dtype)


def QuantizedMemory(memory: NeuralMemory, kind: str = "int8", *, momentum: bool = False) -> NeuralMemory:  # noqa: N802
    """As `rounded`, to the numbers that codes of this kind hold: `compress` loses nothing of its states."""
    return rounded(memory, _through_codes(kind), momentum=momentum)


def quantized_model(lm: TitansLM, kind: str = "int8", *, momentum: bool = False) -> TitansLM:
    """As `rounded_model`, by the codes of this kind."""
    return rounded_model(lm, _through_codes(kind), momentum=momentum)


def step(lm: TitansLM, ids: Tensor, kept: ModelState, kind: str = "int8", *, memory: str = "on"):
    """(logits, kept) after ids (b, t), with memories at rest before and after: dequantise, read, quantise.

    A memory that finished no chunk keeps its codes, which are then exact. With `memory="frozen"` weights are
    quantised once, by whoever made `kept`, and only read.
    """
    before = restore(kept)
    logits, after = lm(ids, before, memory=memory)

    def rest(new: MemoryState, between: MemoryState, old: MemoryState) -> MemoryState:
        if new.weights is between.weights:
            return new._replace(weights=old.weights, momentum=old.momentum)
        return _compressed(new, kind, momentum=isinstance(old.momentum[0], Quantized))

    return logits, map_tree(rest, after, before, kept, leaf=MemoryState)
