"""Lesson 11: the student writes checks, and each is tried on memories that are right and memories that leak."""

from collections.abc import Callable

import torch
from torch import Tensor

from titans_mini.messages import Message

from .check import Answer, Draw, Exercise
from .values import as_number, as_tensor, require

Read = Callable[..., object]


def _judge(answer: Answer, right: dict[str, Read], wrong: dict[str, Read], *args: int) -> None:
    """A check must find every wrong one and accuse no right one."""
    for what, read in wrong.items():
        require(answer.truth(read, *args, tensor=True), "this fault was missed: {what}", what=Message(what))
    for what, read in right.items():
        text = "this one is right, but was accused: {what}"
        require(not answer.truth(read, *args, tensor=True), text, what=Message(what))


def _chunk_mean(x: Tensor, chunk: int) -> Tensor:
    return torch.cat([part.mean(0, keepdim=True).expand_as(part) for part in x.split(chunk)])


def _decayed(x: Tensor, keep: float = 0.5) -> Tensor:
    """m = keep m + x, token by token."""
    out, m = [], torch.zeros_like(x[0])
    for token in x:
        m = keep * m + token
        out.append(m)
    return torch.stack(out)


def _ahead(x: Tensor, first: int, end: int) -> Tensor:
    """Tokens from `first` to `end` - 1 have the next one mixed in."""
    place = torch.arange(len(x))
    return x + x.roll(-1, 0) * ((place >= first) & (place < end)).view(-1, 1)


def _future_value(answer: Answer, draw: Draw) -> None:
    chunk = draw.whole(3, 4)
    wrong = {
        "every read has the mean of all tokens taken off": lambda x: x - x.mean(0),
        "the sum runs from the last token to the first": lambda x: x.flip(0).cumsum(0).flip(0),
        "each token reads the next one": lambda x: x.roll(-1, 0),
    }
    right = {"a running sum": lambda x: x.cumsum(0), "a memory that fades": _decayed, "each token itself": lambda x: x}
    _judge(answer, right, wrong, 2 * chunk, draw.whole(2, 3))


def _future_property(answer: Answer, draw: Draw) -> None:
    chunk = draw.whole(3, 4)
    wrong = {
        "each chunk is its own mean, and the last token is a chunk by itself": lambda x: _chunk_mean(x, chunk),
        "only the first token looks at the next one": lambda x: _ahead(x, 0, 1),
        "only the second chunk looks at the next token": lambda x: _ahead(x, chunk, 2 * chunk - 1),
        "a ten-thousandth of the last token is in all reads": lambda x: x + 1e-4 * x[-1],
    }
    right = {"a running sum of large numbers": lambda x: 1e3 * x.cumsum(0), "one constant": torch.ones_like}
    _judge(answer, right, wrong, 2 * chunk + 1, draw.whole(2, 3))


def _rows_value(answer: Answer, draw: Draw) -> None:
    wrong = {
        "the mean of the batch is taken off each row": lambda x: x - x.mean(0, keepdim=True),
        "all rows write into one memory, their mean": lambda x: x.mean(0, keepdim=True).expand_as(x).cumsum(1),
        "each row reads the memory of the next row": lambda x: x.roll(1, 0).cumsum(1),
    }
    right = {"a running sum of each row": lambda x: x.cumsum(1), "the mean of each row": lambda x: x - x.mean(1, True)}
    _judge(answer, right, wrong, draw.whole(3, 4), draw.whole(3, 5), 2)


def _last_row_leaks(x: Tensor) -> Tensor:
    out = x.cumsum(1)
    return torch.cat([out[:-1], out[-1:] + out[:1]]) if len(x) > 1 else out


def _one_before_the_last_leaks(x: Tensor) -> Tensor:
    out = x.cumsum(1)
    return torch.cat([out[:-2], out[-2:-1] + out[-1:], out[-1:]]) if len(x) > 1 else out


def _rounded(x: Tensor) -> Tensor:
    return x.cumsum(1) * (1 + 1e-15 * len(x))


def _rows_property(answer: Answer, draw: Draw) -> None:
    wrong = {
        "only the last row has the first one mixed in": _last_row_leaks,
        "the row before the last has the last one mixed in": _one_before_the_last_leaks,
        "only the last token has the mean of the batch in it": lambda x: torch.cat(
            [x[:, :-1], x[:, -1:] - x[:, -1:].mean(0, True)], 1
        ),
        "a length is taken over the whole batch": lambda x: x / x.norm() * len(x) ** 0.5,
    }
    right = {"rounding in the last digit depends on the batch (compare with a tolerance)": _rounded}
    _judge(answer, right, wrong, draw.whole(4, 5), draw.whole(3, 5), 2)


def _carry(x: Tensor, m: Tensor | None, keep: float = 0.5) -> tuple[Tensor, Tensor]:
    out, m = [], torch.zeros_like(x[0]) if m is None else m
    for token in x:
        m = keep * m + token
        out.append(m)
    return torch.stack(out), m


def _no_state(x: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
    return _carry(x, None)


def _half_state(x: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
    out, m = _carry(x, m)
    return out, m / 2


def _keeps(place: slice) -> Read:
    """A pair sum x_t + x_(t-1) whose state is the token at `place` of the call; slice(-1, None) is right."""

    def read(x: Tensor, tail: Tensor | None) -> tuple[Tensor, Tensor]:
        series = torch.cat([torch.zeros_like(x[:1]) if tail is None else tail, x])
        return series[1:] + series[:-1], x[place]

    return read


def _every(chunk: int) -> Read:
    """Forgets tokens of a chunk that the call leaves unfinished."""

    def read(x: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
        out, after = _carry(x, m)
        full = len(x) // chunk * chunk
        return out, _carry(x[:full], m)[1] if full else (torch.zeros_like(after) if m is None else m)

    return read


def _loses_after(length: Callable[[int], bool]) -> Read:
    """Forgets all where the length of a call is such."""

    def read(x: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
        out, after = _carry(x, m)
        return out, torch.zeros_like(after) if length(len(x)) else after

    return read


def _deaf(x: Tensor, m: Tensor | None) -> tuple[Tensor, Tensor]:
    return _carry(x, None if len(x) == 1 else m)


def _state_value(answer: Answer, draw: Draw) -> None:
    wrong = {
        "the state of the first call is ignored": _no_state,
        "half of the memory is lost at the end of a call": _half_state,
    }
    right = {"a memory that fades, carried on": _carry, "a pair sum that keeps the last token": _keeps(slice(-1, None))}
    _judge(answer, right, wrong, 2 * draw.whole(3, 4), 2)


def _state_property(answer: Answer, draw: Draw) -> None:
    chunk = draw.whole(3, 4)
    wrong = {
        "the state keeps the first token of the call in place of the last": _keeps(slice(0, 1)),
        "tokens of an unfinished chunk are lost": _every(chunk),
        "a call that ends with a full chunk loses it": _loses_after(lambda length: length % chunk == 0),
        "a first call of one token is lost": _loses_after(lambda length: length == 1),
        "a call of one token does not read the state": _deaf,
    }
    _judge(answer, {"the last token is kept": _keeps(slice(-1, None))}, wrong, 2 * chunk, 2)


LEAKS = ("future", "rows", "state")
Memory = Callable[[Tensor, object], tuple[Tensor, object]]


def _shows(read: Memory, name: str, x: Tensor, n: int) -> bool:
    """Whether `x` (b, t, d) and the number n show that the memory leaks in this way."""
    whole = read(x, None)[0]
    if name == "state":
        first, state = read(x[:, :n], None)
        found = torch.cat([first, read(x[:, n:], state)[0]], 1)
    else:
        part = torch.zeros_like(x)
        place = (slice(None), slice(0, n)) if name == "future" else (slice(n, n + 1),)
        part[place] = x[place]
        found, whole = read(part, None)[0][place], whole[place]
    return bool((found - whole).abs().max() > 1e-9 * (1 + whole.abs().max()))


def _found(answer: Answer, read: Memory, what: str, leaks: bool, sizes: tuple[int, int, int]) -> None:
    said, what = answer.any(read, *sizes), Message(what)
    if not leaks:
        require(said is None, "this memory is right, but was accused: {what}", what=what)
        return
    require(said is not None, "this leak was missed: {what}", what=what)
    require(isinstance(said, (tuple, list)) and len(said) == 3, "return None or three things: name, x and n")
    name, x, n = said
    known = isinstance(name, str) and name in LEAKS
    require(known, "the name must be one of {names}", names=", ".join(map(repr, LEAKS)))
    x, n = as_tensor(x, sizes, Message("the witness x")), as_number(n, "n")
    require(bool(x.abs().max() < 1e3), "the witness must hold numbers below 1,000")
    low, high = (0, sizes[0]) if name == "rows" else (1, sizes[1])
    text = "n must be a whole number from {low} to {high} for '{name}', not {n:g}"
    require(n == int(n) and low <= n < high, text, low=low, high=high - 1, name=name, n=n)
    text = "your x and n = {n:g} do not show '{name}'. The leak: {what}"
    require(_shows(read, name, x, int(n)), text, n=n, name=name, what=what)


def _per_row(read: Read) -> Memory:
    """A memory that reads each row of a batch by itself."""

    def batched(x: Tensor, state: list | None) -> tuple[Tensor, list]:
        out = [read(row, before) for row, before in zip(x, state or [None] * len(x), strict=True)]
        return torch.stack([part for part, _ in out]), [after for _, after in out]

    return batched


def _over_rows(mix: Callable[[Tensor], Tensor]) -> Memory:
    """Sums carried on from call to call; `mix` adds what belongs to other rows."""

    def batched(x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        out = x.cumsum(1) + (0 if state is None else state)
        return mix(out), out[:, -1:]

    return batched


def _leak_value(answer: Answer, draw: Draw) -> None:
    sizes = (draw.whole(3, 4), 2 * draw.whole(3, 4), 2)
    _found(answer, _over_rows(lambda out: out - out.mean(0)), "the mean of the batch is taken off", True, sizes)
    _found(answer, _over_rows(lambda out: out - out.mean(1, True)), "the mean of all tokens is taken off", True, sizes)
    _found(answer, _per_row(_no_state), "the state of the call before is ignored", True, sizes)
    _found(answer, _per_row(_carry), "it fades and carries its state on", False, sizes)


def _leak_property(answer: Answer, draw: Draw) -> None:
    chunk = draw.whole(3, 4)
    sizes = (draw.whole(3, 4), 2 * chunk, 2)
    late = torch.arange(sizes[1]).view(-1, 1) == chunk - 1
    leaks = {
        "only the last row has the first one mixed in": _over_rows(
            lambda out: torch.cat([out[:-1], out[-1:] + out[:1]])
        ),
        "one token has a ten-thousandth of the next one in it": _over_rows(
            lambda out: out + 1e-4 * late[: out.shape[1]] * out.roll(-1, 1)
        ),
        "a first call of one token is lost": _per_row(_loses_after(lambda length: length == 1)),
        "a call of one token does not read the state": _per_row(_deaf),
        "tokens of an unfinished chunk are lost": _per_row(_every(chunk)),
    }
    for what, read in leaks.items():
        _found(answer, read, what, True, sizes)
    _found(answer, _per_row(_keeps(slice(-1, None))), "its state is the last token, and it needs no more", False, sizes)


check_sees_future = Exercise(
    "sees_future", 11, "a check that finds the future", (2, 2), 3, 12, _future_value, _future_property,
    (
        "Read once, change tokens, read again, and compare the reads before the change.",
        "Do it for every token from 1 on: put other random tokens in the place of all from there to the end.",
        "torch.cat joins old and new tokens. Allow for rounding, but not for a thousandth.",
    ),
)  # fmt: skip
check_mixes_rows = Exercise(
    "mixes_rows", 11, "a check that finds shared rows", (2, 2), 3, 10, _rows_value, _rows_property,
    (
        "What would a batch of equal rows show? Make rows that differ.",
        "Compare row i of the batch with the read of x[i : i + 1], for every i, up to rounding.",
        "`x[i : i + 1]` is a batch of one row. Which rows must be compared, and how exactly?",
    ),
)  # fmt: skip
check_loses_state = Exercise(
    "loses_state", 11, "a check that finds what is lost between calls", (2, 2), 4, 12, _state_value, _state_property,
    (
        "One call over all tokens, and two calls with the state carried over, must read the same.",
        "A cut in the middle misses faults, and so does token by token: cut everywhere from 1 to t - 1.",
        "The state that the first call gives back goes into the second. Join their reads, and compare with one call.",
    ),
)  # fmt: skip
check_find_leak = Exercise(
    "find_leak", 11, "a leak and its witness", (2, 2), 4, 15, _leak_value, _leak_property,
    (
        "Three properties, three comparisons: of two reads that must agree. Where they do not, you hold the witness.",
        "One random x serves all three. Try every n: a leak may show at one row, one token or one cut alone.",
        "Zeros in the place of later tokens, or of other rows, must change no read; nor may a cut. None comes last.",
    ),
)  # fmt: skip

EXERCISES = (check_sees_future, check_mixes_rows, check_loses_state, check_find_leak)
