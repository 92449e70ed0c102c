"""Checks of kind, shape and value, each with the one sentence that says what is wrong with an answer."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# Of a value, relative to the largest entry: float64 answers are far nearer, an answer in float32 is within it.
CLOSE = 1e-5


class Wrong(AssertionError):
    """An answer that is not right; the text says in one sentence why."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return [f"Not yet: {self}"]


def article(thing: object) -> str:
    """The type of a thing with its article, for a sentence."""
    name = type(thing).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def require(condition: bool, sentence: str) -> None:
    """Raises Wrong with this sentence unless the condition holds."""
    if not condition:
        raise Wrong(sentence)


def as_tensor(said: object, shape: Sequence[int], what: str) -> Tensor:
    """An answer as a float64 tensor of this shape without NaN. Takes numbers, lists and arrays too; raises Wrong."""
    try:
        found = said.detach() if isinstance(said, Tensor) else torch.as_tensor(np.asarray(said, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} must be a tensor, not {article(said)}") from None
    require(not found.is_complex(), f"{what} must be real, not complex")
    shape = tuple(shape)
    turned = _turned(found, shape)
    require(tuple(found.shape) == shape, f"{what} must have the shape {shape}, not {tuple(found.shape)}{turned}")
    short = f"{what} is {found.dtype}, which has 3 digits: compute in float32 or float64"
    require(found.dtype not in (torch.float16, torch.bfloat16), short)
    found = found.double()
    if found.isnan().any():
        raise Wrong(f"{what} is NaN{place(found.isnan())}: where does the code divide by 0, or take 0 times infinity?")
    return found


def _turned(found: Tensor, shape: tuple[int, ...]) -> str:
    return ": is it transposed?" if found.dim() == 2 and tuple(found.shape) == shape[::-1] else ""


def as_number(said: object, what: str) -> float:
    """An answer as a float; raises Wrong."""
    if isinstance(said, (Tensor, np.ndarray)):
        return as_tensor(said, (), what).item()
    require(isinstance(said, (int, float, np.number)), f"{what} must be a number, not {article(said)}")
    require(not math.isnan(said), f"{what} is NaN: where does the code divide by 0, or take 0 times infinity?")
    return float(said)


def place(where: Tensor) -> str:
    """The first true place of a mask, for a sentence."""
    if not where.dim():
        return ""
    spot = where.nonzero()[0].tolist()
    return f" at {spot[0] if len(spot) == 1 else spot}"


def same(said: Tensor | float, wanted: Tensor | float, tolerance: float = CLOSE) -> bool:
    """Whether two things of one shape agree, infinities included."""
    return bool(_near(said, wanted, tolerance).all())


def _near(said: Tensor | float, wanted: Tensor | float, tolerance: float) -> Tensor:
    """Where two things agree: relative to each expected entry, or to the largest one if that is below 1."""
    said, wanted = (torch.as_tensor(side, dtype=torch.float64) for side in (said, wanted))
    sizes = wanted.abs()[wanted.isfinite()]
    largest = sizes.max().item() if sizes.numel() and sizes.max() > 0 else 1.0
    return torch.isclose(said, wanted, rtol=tolerance, atol=tolerance * min(1.0, largest))


def agree(said, wanted, what: str, slips: dict[str, object] | None = None, tolerance: float = CLOSE) -> None:
    """Raises Wrong unless `said` is `wanted`. `slips` names well-known wrong results: sentence -> what it gives."""
    if same(said, wanted, tolerance):
        return
    for sentence, result in (slips or {}).items():
        if same(said, result, tolerance):
            raise Wrong(f"{what} is not right: {sentence}")
    said, wanted = (torch.as_tensor(side, dtype=torch.float64) for side in (said, wanted))
    off = ~_near(said, wanted, tolerance)
    spot = tuple(off.nonzero()[0].tolist()) if off.dim() else ()
    raise Wrong(f"{what}{place(off)} is {said[spot].item():.6g}, but should be {wanted[spot].item():.6g}")


def unmoved(before: Tensor, after: Tensor, token: int, why: str) -> None:
    """Raises Wrong if an answer (t, ...) to a token before `token` changed when that token did."""
    early = slice(0, token)
    moved = (before[early] - after[early]).abs().reshape(token, -1).amax(1) > CLOSE
    if moved.any():
        raise Wrong(f"token {int(moved.nonzero()[0])} changed when token {token} did: {why}")
