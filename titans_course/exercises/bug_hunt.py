"""Lesson 11: the student writes the checks, and each is tried on things that are right and things that are wrong."""

from collections.abc import Callable

import torch
from torch import Tensor

from .check import Answer, Draw, Exercise
from .values import agree, require

Read = Callable[..., object]


def _judge(answer: Answer, right: dict[str, Read], wrong: dict[str, Read], *args: int) -> None:
    """A check must find every wrong one and accuse no right one."""
    for what, read in wrong.items():
        require(answer.truth(read, *args, tensor=True), f"this fault was missed: {what}")
    for what, read in right.items():
        require(not answer.truth(read, *args, tensor=True), f"this one is right, but was accused: {what}")


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


def _left_value(answer: Answer, draw: Draw) -> None:
    alpha = draw.between(0.02, 0.2, 9)
    slips = {
        "exp(-alpha) is only nearly 1 - alpha": torch.exp(-alpha.sum()).item(),
        "shares multiply, they do not add": (1 - alpha.sum()).item(),
        "this is what is forgotten; asked is what is left": (1 - (1 - alpha).prod()).item(),
        "every token forgets, not only the last": (1 - alpha[-1]).item(),
        "each token has its own alpha; their mean gives something else": ((1 - alpha.mean()) ** 9).item(),
    }
    agree(answer.number(alpha), (1 - alpha).prod().item(), "what is left", slips)


def _left_property(answer: Answer, draw: Draw) -> None:
    alpha = draw.between(0.02, 0.2, 6)
    alpha[draw.whole(0, 5)] = 1.0
    agree(answer.number(alpha), 0.0, "one alpha of 1 erases all; what is left")
    agree(answer.number(torch.zeros(5, dtype=torch.float64)), 1.0, "without forgetting all is left; yours")
    agree(answer.number(alpha[:0]), 1.0, "before the first token all is left; yours")


check_silence_left = Exercise(
    "silence_left", 11, "what silence leaves", (1, 1), 1, 5, _left_value, _left_property,
    (
        "Each token leaves the share 1 - alpha of what the one before left.",
        "Shares multiply; do not go through logarithms, for alpha may be 1.",
        "`(1 - alpha).prod().item()`.",
    ),
)  # fmt: skip
check_sees_future = Exercise(
    "sees_future", 11, "a check that finds the future", (2, 2), 3, 12, _future_value, _future_property,
    (
        "Read once, change tokens, read again, and compare the reads before the change.",
        "Do it for every t from 1 on: replace x[t:] by other random tokens and compare the first t reads.",
        "`any(not torch.allclose(read(torch.cat([x[:i], y[i:]]))[:i], read(x)[:i]) for i in range(1, t))`.",
    ),
)  # fmt: skip
check_mixes_rows = Exercise(
    "mixes_rows", 11, "a check that finds shared rows", (2, 2), 3, 10, _rows_value, _rows_property,
    (
        "What would a batch of equal rows show? Make rows that differ.",
        "Compare row i of the batch with the read of x[i : i + 1], for every i, up to rounding.",
        "`any(not torch.allclose(read(x)[i], read(x[i : i + 1])[0]) for i in range(b))` with x from torch.randn.",
    ),
)  # fmt: skip
check_loses_state = Exercise(
    "loses_state", 11, "a check that finds what is lost between calls", (2, 2), 4, 12, _state_value, _state_property,
    (
        "One call over all tokens, and two calls with the state carried over, must read the same.",
        "A cut in the middle misses faults, and so does token by token: cut everywhere from 1 to t - 1.",
        "For each cut: `a, m = read(x[:cut], None); b, _ = read(x[cut:], m)`, and compare torch.cat([a, b]).",
    ),
)  # fmt: skip

EXERCISES = (check_silence_left, check_sees_future, check_mixes_rows, check_loses_state)
