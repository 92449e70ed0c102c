"""Incidents for drills: ways to poison a stream or a memory. Each returns a new value and changes none in place."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from titans_mini.data.scenarios import to_bytes
from titans_mini.errors import ConfigError, check_integer, check_number
from titans_mini.kept import restore
from titans_mini.memory.state import without_activity
from titans_mini.memory.tree import named


def random_bytes(length: int, *, seed: int = 0) -> Tensor:
    """(length,) ids: a burst of random bytes."""
    check_integer("length", length, 1, 10_000_000)
    return torch.randint(0, 256, (length,), generator=torch.Generator().manual_seed(seed))


def repeated_string(length: int, *, text: str = "the same line again. ") -> Tensor:
    """(length,) ids: one string over and over."""
    check_integer("length", length, 1, 10_000_000)
    line = to_bytes(text)
    return line.repeat(length // len(line) + 1)[:length]


def flickering(length: int, *, every: int = 50, burst: int = 10, seed: int = 0) -> Tensor:
    """(length,) ids: a repeated string with a short burst of random bytes every so often, a surprise each time."""
    ids, noise = repeated_string(length), random_bytes(length, seed=seed)
    return torch.where(torch.arange(length) % every < burst, noise, ids)


def splice(ids: Tensor, poison: Tensor, at: int) -> Tensor:
    """The stream ids (t,) with `poison` put in before token `at`."""
    check_integer("at", at, 0, len(ids))
    return torch.cat([ids[:at], poison, ids[at:]])


def scaled_weight(state, *, factor: float = 50.0):
    """The state with the last matrix of its first memory multiplied by `factor`."""
    check_number("factor", factor, -1e6, 1e6)
    return _change(state, lambda weight: weight * factor)


def broken_weight(state):
    """The state with NaN as one number of the last matrix of its first memory."""

    def spoil(weight: Tensor) -> Tensor:
        return weight.flatten().index_fill(0, weight.new_zeros(1, dtype=torch.int64), math.nan).view_as(weight)

    return _change(state, spoil)


def zero_weights(state):
    """The state with all fast weights of its first memory, and their momentum, at 0.

    A memory of two or more matrices cannot leave that state: it is dead.
    """
    return _change(state, torch.zeros_like, whole=True)


def _change(state, change: Callable[[Tensor], Tensor], *, whole: bool = False):
    """The state with the last matrix of its first memory changed, or (`whole`) all its matrices and their momentum."""
    tensors = named(without_activity(state))
    groups = [name for name in tensors if name.rpartition(".")[0].endswith("weights")]
    if not groups:
        raise ConfigError("state holds no fast weights")
    first = groups[0].rpartition(".")[0]
    mine = [name for name in groups if name.rpartition(".")[0] == first][0 if whole else -1 :]
    if whole:
        momentum = f"{first.removesuffix('weights')}momentum."
        mine += [name for name in tensors if name.startswith(momentum)]
    return restore({**tensors, **{name: change(tensors[name]) for name in mine}}, state)


STREAM_INCIDENTS: dict[str, Callable[[int], Tensor]] = {
    "random_bytes": random_bytes,
    "repeated_string": repeated_string,
    "flickering": flickering,
}
MEMORY_INCIDENTS: dict[str, Callable] = {
    "scaled_weight": scaled_weight,
    "broken_weight": broken_weight,
    "zero_weights": zero_weights,
}
