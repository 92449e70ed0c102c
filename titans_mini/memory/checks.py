"""What a memory checks: its input, that a state is one of its own, and that its output is finite."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ConfigError, DivergenceError
from ..messages import Message
from .gates import GateState
from .mlp import packed_widths
from .state import MemoryState, Pending
from .transforms import in_transform, is_numberless
from .tree import map_tree, tensors


def check_input(x: Tensor, dim: int, device: torch.device) -> None:
    """Raises ConfigError unless x is float (b, t, dim), at least 1 x 1 and on `device`."""
    wanted = "x must be a float tensor (batch, tokens, {dim}), not {given}"
    if not isinstance(x, Tensor):
        raise ConfigError(wanted, dim=dim, given=type(x).__name__)
    check_device("x", x, device)
    if x.dim() != 3 or x.shape[-1] != dim or not x.is_floating_point():
        raise ConfigError(wanted, dim=dim, given=f"{x.dtype} {tuple(x.shape)}")
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise ConfigError("x must hold at least 1 row and 1 token, not {given}", given=tuple(x.shape))


def check_device(name: str, given: Tensor, device: torch.device) -> None:
    """Raises ConfigError unless the tensor lies where the module does, on a device that holds numbers."""
    if given.device != device:
        text = "{name} must be on {device}, where the module is, not on {given}"
        raise ConfigError(text, name=name, device=device, given=given.device)
    if is_numberless(given):
        raise ConfigError("device must be one that holds numbers, not {device}", device=device)


class Leaf(NamedTuple):
    """A tensor that a state must hold."""

    dtype: torch.dtype
    axes: tuple[tuple[int | None, str], ...] = ()  # (size, the setting that decides it); the size None is any
    optional: bool = False  # whether None is fine too

    def check(self, found: Tensor, name: str, device: torch.device) -> None:
        """Raises ConfigError, which names the setting and the tensor, unless `found` is such a tensor."""
        if not isinstance(found, Tensor):
            raise ConfigError("{name} must be a tensor, not {given}", name=name, given=type(found).__name__)
        shape, sizes = found.shape, [size for size, _ in self.axes]
        alike = len(shape) == len(sizes) and all(size in (None, own) for own, size in zip(shape, sizes, strict=True))
        if alike and found.dtype == self.dtype and found.device == device:
            return
        if found.dtype != self.dtype:
            _refuse("dtype", name, self.dtype, found.dtype)
        if found.device != device:
            _refuse("device", name, device, found.device)
        wanted = f"({', '.join('any' if size is None else str(size) for size in sizes)})"
        if len(shape) != len(sizes):
            _refuse("shape", name, wanted, tuple(shape))
        for own, (size, setting) in zip(shape, self.axes, strict=True):
            if size not in (None, own):
                _refuse(setting, name, wanted, tuple(shape))


def _refuse(setting: str, name: str, wanted: object, found: object) -> None:
    text = "state is of another {setting}: {name} must be {wanted}, not {given}"
    raise ConfigError(text, setting=Message(setting), name=name, wanted=wanted, given=found)


def check_state(found, wanted, device: torch.device, name: str = "state") -> None:
    """Raises ConfigError for the last part of a nested tuple that is not what `wanted`, of Leafs, says it must be.

    The last parts go first: sizes that name one setting stand there, and weights, which many settings decide, in front.
    """
    if wanted is ...:  # `check_pending` looks at it
        return
    if isinstance(wanted, Leaf):
        if found is not None or not wanted.optional:
            wanted.check(found, name, device)
        return
    if wanted is None or found is None:
        if found is not wanted:
            presence = Message("absent" if wanted is None else "there")
            raise ConfigError("state is of another variant: {name} must be {presence}", name=name, presence=presence)
        return
    kind, given = type(wanted).__name__, type(found).__name__
    if type(found) is not type(wanted):
        raise ConfigError("{name} must be a {kind}, not a {given}", name=name, kind=kind, given=given)
    if len(found) != len(wanted):
        text = "state is of another depth: {name} must have {count} parts, not {given}"
        raise ConfigError(text, name=name, count=len(wanted), given=len(found))
    fields = getattr(wanted, "_fields", range(len(wanted)))
    for part, own, field in reversed(list(zip(found, wanted, fields, strict=True))):
        check_state(part, own, device, f"{name}.{field}")


def wanted_state(like: MemoryState, batch: int, heads: int) -> MemoryState:
    """The MemoryState of Leafs for `batch` rows; `like` is the initial state of a single row."""
    rows, keys, conv = (batch * heads, "heads"), like.pending.keys, like.conv

    def layer(part: Tensor) -> Leaf:
        return Leaf(part.dtype, (rows, *((size, "dim, heads, expansion or architecture") for size in part.shape[1:])))

    def waiting(part: Tensor, setting: str) -> Leaf:
        return Leaf(keys.dtype, (rows, (None, "chunk"), (part.shape[-1], setting)))

    return MemoryState(
        weights=map_tree(layer, like.weights),
        momentum=map_tree(layer, like.momentum),
        gate=GateState(*(Leaf(part.dtype, (rows, (1, "shape"))) for part in like.gate)),
        pending=Pending(
            waiting(keys, "heads"), waiting(like.pending.values, "heads"), waiting(like.pending.features, "gate")
        ),
        conv=Leaf(conv.dtype, ((batch, "batch"), (conv.shape[1], "conv"), (conv.shape[2], "dim"))),
        tokens_seen=Leaf(torch.int64, ((batch, "batch"),)),
        chunk=Leaf(torch.bool, ((0, "shape"), (like.chunk.shape[1], "chunk")), optional=True),
        activity=...,
    )


def check_pending(state: MemoryState, chunk: int) -> None:
    """Raises ConfigError where a full chunk waits, or its parts differ in length, or the activity is not theirs."""
    keys = state.pending.keys
    if state.activity is not None:
        axes = (keys.shape[0], "heads"), (keys.shape[1], "chunk"), (sum(packed_widths(state.weights)), "shape")
        Leaf(keys.dtype, axes).check(state.activity, "state.activity", keys.device)
    counts = {part.shape[1] for part in state.pending}
    if len(counts) > 1 or max(counts) >= chunk:
        text = "state is of another chunk: {waiting} tokens wait, and a chunk has {chunk}"
        raise ConfigError(text, waiting=max(counts), chunk=chunk)


def usable(state):
    """The state, with copies of tensors made under inference_mode where a backward pass may have to keep them."""
    if not torch.is_grad_enabled() or not any(tensor.is_inference() for tensor in tensors(state)):
        return state
    return map_tree(lambda tensor: tensor.clone() if tensor.is_inference() else tensor, state)


def check_finite(out: Tensor, x: Tensor, first: int = 0) -> None:
    """Raises DivergenceError for the first token of the input, else of `out`, that is not finite.

    x begins with token `first` of the call. The input goes first: a token that is not finite spoils the reads of its
    whole chunk. Under torch.func nothing is checked, since vmap forbids looking at numbers.
    """
    if in_transform() or math.isfinite(out.detach().sum()):  # a sum over anything that is not finite is not finite
        return
    if bool(out.isfinite().all()):  # the sum was too large for its type
        return
    faults = "input is not finite at token {token} of row {row}", "memory diverged at token {token} of row {row}"
    for template, series in zip(faults, (x, out), strict=True):
        bad = ~series.isfinite().all(-1)  # (b, t)
        if bool(bad.any()):
            token = int(bad.any(0).nonzero()[0])
            row = int(bad[:, token].nonzero()[0])
            raise DivergenceError(Message(template, token=first + token, row=row), first + token)
