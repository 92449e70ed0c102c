"""Checks of kind, shape and value, each with the one sentence that says what is wrong with an answer.

A sentence is a template of a `Message`, so that it can be told in the student's language.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from titans_mini.messages import Message

from ..language import choose, tell

# Of a value, relative to the largest entry: float64 answers are far nearer, an answer in float32 is within it.
CLOSE = 1e-5
NAN = "{what} is NaN: where does the code divide by 0, or take 0 times infinity?"
NAN_AT = "{what} is NaN at {spot}: where does the code divide by 0, or take 0 times infinity?"


class Wrong(AssertionError):
    """An answer that is not right: `Wrong("{what} is empty", what="M")`; the `Message` says in one sentence why."""

    def __init__(self, template: str, /, **fields: object) -> None:
        super().__init__(Message(template, **fields))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return [tell(Message("Not yet: {said}", said=str(self)), choose())]


def article(thing: object) -> Message:
    """The type of a thing with its article, for a sentence."""
    name = type(thing).__name__
    return Message("an {kind}" if name[0] in "aeiou" else "a {kind}", kind=name)


def require(condition: bool, template: str, /, **fields: object) -> None:
    """Raises Wrong with this sentence unless the condition holds."""
    if not condition:
        raise Wrong(template, **fields)


def as_tensor(said: object, shape: Sequence[int], what: str) -> Tensor:
    """An answer as a float64 tensor of this shape without NaN. Takes numbers, lists and arrays too; raises Wrong.

    `what` is a name that is shown as it is, or a Message.
    """
    try:
        found = said.detach() if isinstance(said, Tensor) else torch.as_tensor(np.asarray(said, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError):
        raise Wrong("{what} must be a tensor, not {given}", what=what, given=article(said)) from None
    require(not found.is_complex(), "{what} must be real, not complex", what=what)
    wanted, given = tuple(shape), tuple(found.shape)
    text = "{what} must have the shape {shape}, not {given}"
    if len(given) == 2 and given == wanted[::-1]:
        text = "{what} must have the shape {shape}, not {given}: is it transposed?"
    require(given == wanted, text, what=what, shape=wanted, given=given)
    short = "{what} is {dtype}, which has 3 digits: compute in float32 or float64"
    require(found.dtype not in (torch.float16, torch.bfloat16), short, what=what, dtype=found.dtype)
    found = found.double()
    if found.isnan().any():
        spot = _spot(found.isnan())
        raise Wrong(NAN if spot is None else NAN_AT, what=what, spot=spot)
    return found


def as_number(said: object, what: str) -> float:
    """An answer as a float; raises Wrong."""
    if isinstance(said, (Tensor, np.ndarray)):
        return as_tensor(said, (), what).item()
    number = isinstance(said, (int, float, np.number))
    require(number, "{what} must be a number, not {given}", what=what, given=article(said))
    require(not math.isnan(said), NAN, what=what)
    return float(said)


def _spot(where: Tensor) -> int | list[int] | None:
    """The first true place of a mask; None for a mask that is a single number."""
    spot = where.nonzero()[0].tolist() if where.dim() else [None]
    return spot[0] if len(spot) == 1 else spot


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
    """Raises Wrong unless `said` is `wanted`. `slips` names well-known wrong results: sentence -> what it gives.

    `what` and the sentences are templates without fields, or Messages.
    """
    if same(said, wanted, tolerance):
        return
    what = what if isinstance(what, Message) else Message(what)
    for sentence, result in (slips or {}).items():
        if same(said, result, tolerance):
            raise Wrong("{what} is not right: {why}", what=what, why=Message(sentence))
    said, wanted = (torch.as_tensor(side, dtype=torch.float64) for side in (said, wanted))
    off = ~_near(said, wanted, tolerance)
    place, spot = tuple(off.nonzero()[0].tolist()) if off.dim() else (), _spot(off)
    text = "{what} is {said:.6g}, but should be {wanted:.6g}"
    if spot is not None:
        text = "{what} at {spot} is {said:.6g}, but should be {wanted:.6g}"
    raise Wrong(text, what=what, spot=spot, said=said[place].item(), wanted=wanted[place].item())


def unmoved(before: Tensor, after: Tensor, token: int, why: str) -> None:
    """Raises Wrong if an answer (t, ...) to a token before `token` changed when that token did."""
    early = slice(0, token)
    moved = (before[early] - after[early]).abs().reshape(token, -1).amax(1) > CLOSE
    if moved.any():
        text, first = "token {first} changed when token {token} did: {why}", int(moved.nonzero()[0])
        raise Wrong(text, first=first, token=token, why=Message(why))
