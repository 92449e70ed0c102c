"""The values that go into a memory and come out of it. All are passed in and returned, never stored on a module."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .gates import Gates, GateState
from .mlp import Weights
from .tree import map_tree


class Fast(NamedTuple):
    """Everything that changes from chunk to chunk. Saved states go by these names."""

    weights: Weights  # M, per layer (n, o, i)
    momentum: Weights  # S, the same shapes
    gate: GateState  # what the gate remembers
    # (n, m, ...) `mlp.pack` of the first m tokens of an unfinished chunk, so that they are not differentiated again.
    # It holds at these weights. None: nothing is kept, and those tokens are differentiated with the next ones.
    activity: Tensor | None = None


class Tokens(NamedTuple):
    """The input of the memory, per token: each field is (n, c, d), the features (n, c, features)."""

    keys: Tensor
    values: Tensor
    queries: Tensor | None = None  # None: nothing is read; may be shorter: then the last tokens ask
    features: Tensor | None = None  # the gate's

    def after(self, count: int) -> Tokens:
        """The tokens to write without the first `count`; the queries stay."""
        keys, values, features = (x if x is None else x[:, count:] for x in (self.keys, self.values, self.features))
        return Tokens(keys, values, self.queries, features)

    def split(self, chunk: int, held: int = 0) -> list[Tokens]:
        """Consecutive pieces of `chunk` tokens, the first of `chunk - held`; the last may be shorter."""
        length = self.keys.shape[1]
        ends = [*range(chunk - held, length, chunk), length]
        sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        fields = ([None] * len(sizes) if field is None else field.split(sizes, dim=1) for field in self)
        return [Tokens(*parts) for parts in zip(*fields, strict=True)]


class Record(NamedTuple):
    """What happened at each token, (n, c)."""

    raw: Tensor  # ||grad|| / sqrt(d): surprise before normalising, never clipped
    loss: Tensor  # inner loss before the write, at the weights of the chunk's start
    gates: Gates  # as the gate decided, before the clip: the step is theta, made smaller where the clip applies
    memory_norm: Tensor | None  # after the write
    silence: Tensor | None = None  # the loss of a memory that answers 0; only in a trace of NeuralMemory


class Pending(NamedTuple):
    """Tokens of the chunk that is not full yet, (n, m, ...) with m < chunk.

    They have been read, but the fast weights of the state are those before them: a chunk is folded in as a whole.
    """

    keys: Tensor
    values: Tensor
    features: Tensor  # the gate's


class MemoryState(NamedTuple):
    """Everything that a memory carries from one call to the next. n = batch x heads rows, row-major by batch."""

    weights: Weights  # per layer (n, o, i): M at the start of the current chunk
    momentum: Weights  # per layer (n, o, i): S at that point
    gate: GateState  # each (n, 1), at that point
    pending: Pending
    conv: Tensor  # (b, taps - 1, 3 dim): the last inputs of the causal convolution
    tokens_seen: Tensor  # (b,) int64, pending ones included
    # (0, c) bool. It holds nothing; its shape records the chunk, so that a memory of another chunk refuses the state.
    # A plain number would not do: a state consists of tensors, and is saved as such. None: unknown.
    chunk: Tensor | None = None
    activity: Tensor | None = None  # of the pending tokens, as in Fast; for other weights see `without_activity`

    @property
    def fast(self) -> Fast:
        """What the rule works on."""
        return Fast(self.weights, self.momentum, self.gate, self.activity)


def without_activity(state):
    """The state, in any nested tuple, with pending tokens that are differentiated again: for other weights."""
    return map_tree(lambda part: part._replace(activity=None), state, leaf=(Fast, MemoryState))


def chunks(pending: Pending, tokens: Tokens, chunk: int) -> list[Tokens]:
    """The chunks of the pending tokens and the new ones. The pending ones were answered before, so they ask nothing."""
    held = pending.keys.shape[1]
    first, *others = tokens.split(chunk, held)
    if held:
        pairs = zip(pending, (first.keys, first.values, first.features), strict=True)
        keys, values, features = (torch.cat(pair, dim=1) for pair in pairs)
        first = Tokens(keys, values, first.queries, features)
    return [first, *others]
