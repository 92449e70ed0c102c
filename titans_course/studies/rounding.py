"""A memory rounded to 8 and 4 bits: its size, and how well it still works. Recipe: section 6."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from titans_mini.data.encode import CONTEXT
from titans_mini.errors import ConfigError
from titans_mini.memory.mlp import ACTIVATIONS, Weights, apply_memory
from titans_mini.models.model import ModelState
from titans_mini.operate.engine import LanguageEngine, RecipeEngine, RecipeState
from titans_mini.quantize import KINDS, compress, dequantize, memory_bytes, quantize, quantized_model, restore
from titans_mini.threads import one_thread


class Rounded(NamedTuple):
    """One way to keep the weights."""

    weights: str  # fp32, int8, int4, or start: the initial weights, for comparison
    bytes: int  # of the fast weights
    score: float  # bits per byte of the text read next, or recall of the bytes read last


def rounded(engine: LanguageEngine | RecipeEngine, state, ids: Tensor) -> list[Rounded]:
    """A row for fp32, int8, int4 and start. `ids` (t,): for a language model the bytes read next, else those read last.

    A language model continues to write, its memory rounded after each chunk; the recipe's memory is rounded once and
    asked. Raises ConfigError for another engine.
    """
    with one_thread(), torch.inference_mode():
        for kind, row in ((LanguageEngine, _language), (RecipeEngine, _recipe)):
            if isinstance(engine, kind):
                start = row(engine, engine.start(), ids, KINDS[0])
                return [*(row(engine, state, ids, name) for name in KINDS), start._replace(weights="start")]
    raise ConfigError("engine must be a language model or the recipe's memory")


def bits_ahead(engine: LanguageEngine, state: ModelState, ids: Tensor) -> float:
    """Mean bits of each of ids (t,) but the first, read from `state` on; t is at least 2."""
    with torch.inference_mode():
        logits, _ = engine.lm(ids[None, :-1], state)
        return functional.cross_entropy(logits[0].double(), ids[1:]).item() / math.log(2)


def recall_of(engine: RecipeEngine, weights: Weights, ids: Tensor) -> float:
    """How well weights answer for the bytes ids (t,), those with their whole context: 1 is perfect, 0 a zero answer."""
    memory = engine.config.memory
    keys, values = (part[CONTEXT:] * memory.norm for part in engine.encoder(ids))
    error = apply_memory(weights, keys.unsqueeze(0), ACTIVATIONS[memory.activation])[0] - values  # (t, dim)
    return 1 - error.square().sum(-1).mean().item() / memory.norm**2


def _language(engine: LanguageEngine, state: ModelState, ids: Tensor, kind: str) -> Rounded:
    if kind == "fp32":
        return Rounded(kind, memory_bytes(state)["weights"], bits_ahead(engine, state, ids))
    kept = compress(state, kind)
    reader = LanguageEngine(quantized_model(engine.lm, kind))
    return Rounded(kind, memory_bytes(kept)["weights"], bits_ahead(reader, restore(kept), ids))


def _recipe(engine: RecipeEngine, state: RecipeState, ids: Tensor, kind: str) -> Rounded:
    weights = state.fast.weights
    if kind == "fp32":
        return Rounded(kind, sum(part.nbytes for part in weights), recall_of(engine, weights, ids))
    codes = [quantize(part, kind) for part in weights]
    score = recall_of(engine, tuple(dequantize(part) for part in codes), ids)
    return Rounded(kind, sum(part.nbytes for part in codes), score)
