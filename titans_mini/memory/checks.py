"""What a memory checks: its input, that a state is one of its own, and that its output is finite."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ConfigError, DivergenceError
from ..messages import Message
from .fastweights import Weights
from .gates import GateState
from .state import MemoryState, Pending, map_tensors, tensors
from .transforms import in_transform


def check_input(x: Tensor, dim: int, device: torch.device, mask: Tensor | None = None) -> None:
    """Raises ConfigError unless x is float (b, t, dim), at least 1 x 1 and on `device`, mask None or bool (b, t)."""
    if not isinstance(x, Tensor):
        raise ConfigError(f"x must be a float tensor (batch, tokens, {dim}), not {type(x).__name__}")
    check_device("x", x, device)
    if x.dim() != 3 or x.shape[-1] != dim or not x.is_floating_point():
        raise ConfigError(f"x must be a float tensor (batch, tokens, {dim}), not {x.dtype} {tuple(x.shape)}")
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise ConfigError(f"x must hold at least 1 row and 1 token, not {tuple(x.shape)}")
    if mask is not None and (mask.dtype != torch.bool or mask.shape != x.shape[:2]):
        raise ConfigError(f"mask must be bool {tuple(x.shape[:2])}, not {mask.dtype} {tuple(mask.shape)}")


def check_device(name: str, given: Tensor, device: torch.device) -> None:
    """Raises ConfigError unless the tensor lies where the module does, on a device that holds numbers."""
    if given.device != device:
        raise ConfigError(f"{name} must be on {device}, where the module is, not on {given.device}")
    if given.is_meta:
        raise ConfigError(f"device must be one that holds numbers, not {device}")


class Leaf:
    """A tensor that a state must hold: its dtype, and each axis as (size, the setting that decides it).

    The size None stands for any; an `optional` leaf may be None in the state.
    """

    def __init__(self, dtype: torch.dtype, *axes: tuple[int | None, str], optional: bool = False) -> None:
        self.dtype, self.axes, self.optional = dtype, axes, optional
        self.sizes = tuple(size for size, _ in axes)

    def check(self, found: Tensor, name: str, device: torch.device) -> None:
        """Raises ConfigError, which names the setting and the tensor, unless `found` is such a tensor."""
        if not isinstance(found, Tensor):
            raise ConfigError(f"{name} must be a tensor, not {type(found).__name__}")
        shape = ", ".join("any" if size is None else str(size) for size, _ in self.axes)
        _refuse_unless(found.dtype == self.dtype, "dtype", name, self.dtype, found.dtype)
        _refuse_unless(found.device == device, "device", name, device, found.device)
        _refuse_unless(found.dim() == len(self.axes), "shape", name, f"({shape})", tuple(found.shape))
        for own, (size, setting) in zip(found.shape, self.axes, strict=True):
            _refuse_unless(size in (None, own), setting, name, f"({shape})", tuple(found.shape))

    def fits(self, found: Tensor | None, device: torch.device) -> bool:
        """Whether `check` would pass."""
        if found is None:
            return self.optional
        if not isinstance(found, Tensor) or found.dtype is not self.dtype or found.device != device:
            return False
        sizes = self.sizes
        return len(found.shape) == len(sizes) and (
            found.shape == sizes or all(size in (None, own) for size, own in zip(sizes, found.shape, strict=True))
        )


def _refuse_unless(fits: bool, setting: str, name: str, wanted: object, found: object) -> None:
    if not fits:
        raise ConfigError(f"state is of another {setting}: {name} must be {wanted}, not {found}")


def check_state(found, wanted, device: torch.device) -> None:
    """Raises ConfigError for the last part of a nested tuple that is not what `wanted`, of Leafs, says it must be.

    The last parts go first: sizes that name one setting stand there, and weights, which many settings decide, in front.
    """
    if not _alike(found, wanted, device):  # names are made only for a refusal, since this runs at every call
        _name_difference(found, wanted, device, "state")


def _alike(found, wanted, device: torch.device) -> bool:
    if isinstance(wanted, Leaf):
        return wanted.fits(found, device)
    if wanted is None or found is None:
        return found is wanted
    if type(found) is not type(wanted) or len(found) != len(wanted):
        return False
    return all(_alike(part, own, device) for part, own in zip(found, wanted, strict=True))


def _name_difference(found, wanted, device: torch.device, name: str) -> None:
    if isinstance(wanted, Leaf):
        if found is not None or not wanted.optional:
            wanted.check(found, name, device)
        return
    if wanted is None or found is None:
        if found is not wanted:
            raise ConfigError(f"state is of another variant: {name} must be {'absent' if wanted is None else 'there'}")
        return
    kind, fields = type(wanted), getattr(wanted, "_fields", range(len(wanted)))
    if type(found) is not kind:
        raise ConfigError(f"{name} must be a {kind.__name__}, not a {type(found).__name__}")
    if len(found) != len(wanted):
        raise ConfigError(f"state is of another depth: {name} must have {len(wanted)} parts, not {len(found)}")
    for part, own, field in [*zip(found, wanted, fields, strict=True)][::-1]:
        _name_difference(part, own, device, f"{name}.{field}")


class Sizes(NamedTuple):
    """What decides the shapes of a memory's state."""

    batch: int
    heads: int
    width: int  # features of a head
    features: int  # of the gate, per head
    taps: int  # of the convolution
    chunk: int


def wanted_state(sizes: Sizes, weights: Weights, momentum: Weights, conv: torch.dtype) -> MemoryState:
    """The MemoryState of Leafs: weights and momentum have the shapes of those given, `conv` is the module's dtype."""
    dtype, rows = weights[0].dtype, (sizes.batch * sizes.heads, "heads")
    tokens = ((None, "chunk"), (sizes.width, "heads"))

    def layer(part: Tensor) -> Leaf:
        return Leaf(part.dtype, rows, *((size, "dim, heads, expansion or architecture") for size in part.shape[1:]))

    return MemoryState(
        weights=tuple(map(layer, weights)),
        momentum=tuple(map(layer, momentum)),
        gate=GateState(*(Leaf(dtype, rows, (1, "shape")) for _ in GateState._fields)),
        pending=Pending(
            keys=Leaf(dtype, rows, *tokens),
            values=Leaf(dtype, rows, *tokens),
            features=Leaf(dtype, rows, (None, "chunk"), (sizes.features, "gate")),
            valid=Leaf(torch.bool, rows, (None, "chunk"), optional=True),
        ),
        conv=Leaf(conv, (sizes.batch, "batch"), (sizes.taps - 1, "conv"), (3 * sizes.width * sizes.heads, "dim")),
        tokens_seen=Leaf(torch.int64, (sizes.batch, "batch")),
        chunk=Leaf(torch.bool, (0, "shape"), (sizes.chunk, "chunk"), optional=True),
    )


def check_pending(pending: Pending, chunk: int) -> None:
    """Raises ConfigError where a full chunk waits, or its parts differ in length."""
    counts = {part.shape[1] for part in pending if part is not None}
    if len(counts) > 1 or max(counts) >= chunk:
        raise ConfigError(f"state is of another chunk: {max(counts)} tokens wait, and a chunk has {chunk}")


def usable(state):
    """The state, with copies of tensors made under inference_mode where a backward pass may have to keep them."""
    if not torch.is_grad_enabled() or not any(tensor.is_inference() for tensor in tensors(state)):
        return state
    return map_tensors(lambda tensor: tensor.clone() if tensor.is_inference() else tensor, state)


def check_finite(out: Tensor, x: Tensor, first: int = 0) -> None:
    """Raises DivergenceError for the first token of the input, else of `out`, that is not finite.

    x begins with token `first` of the call. The input goes first: a token that is not finite spoils the reads of its
    whole chunk. Under torch.func nothing is checked, since vmap forbids to look at numbers.
    """
    if in_transform() or bool(out.isfinite().all()):
        return
    told = "input is not finite at token {token} of row {row}", "memory diverged at token {token} of row {row}"
    for template, series in zip(told, (x, out), strict=True):
        bad = ~series.isfinite().all(-1)  # (b, t)
        if bool(bad.any()):
            token = int(bad.any(0).nonzero()[0])
            row = int(bad[:, token].nonzero()[0])
            raise DivergenceError(Message(template, token=first + token, row=row), first + token)
