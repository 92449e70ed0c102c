"""Lesson 08: an alarm that waits, a snapshot that knows when it is damaged, and when to serve the shadow."""

import hashlib
import math
import numbers

from .check import Answer, Draw, Exercise
from .values import agree, article, require


def _alarms(frequency: list[float], low: float, high: float, hold: int) -> list[int]:
    fired, outside = [], 0
    for token, value in enumerate(frequency):
        outside = 0 if low <= value <= high else outside + 1
        if outside == hold:
            fired.append(token)
    return fired


def _fired(answer: Answer, *args: object) -> list[int]:
    said = answer(*args)
    require(isinstance(said, (list, tuple)), f"the alarms must be a list of token numbers, not {article(said)}")
    require(all(isinstance(token, numbers.Integral) for token in said), "the alarms must be whole token numbers")
    return list(said)


def _alarm_value(answer: Answer, draw: Draw) -> None:
    frequency = (
        [50.0] * 6 + [draw.number(90, 200) for _ in range(8)] + [60.0] * 5 + [draw.number(0, 20) for _ in range(6)]
    )
    said, wanted = _fired(answer, frequency, 30.0, 80.0, 4), _alarms(frequency, 30.0, 80.0, 4)
    early = "it fires at the first token outside; it must wait for the 4th in a row"
    require(said != _alarms(frequency, 30.0, 80.0, 1), early)
    require(said != [token + 1 for token in wanted], "it fires a token late: the 4th token in a row sets it off")
    require(len(said) <= 2, f"it fires {len(said)} times; once for each stay outside is enough")
    require(said == wanted, f"alarms at tokens {said}, but should be at {wanted}: too many writes, and later too few")


def _alarm_property(answer: Answer, draw: Draw) -> None:
    flicker = [draw.number(100, 200) if token % 3 else 50.0 for token in range(30)]
    again = "a token inside the range starts the count again: here no alarm"
    require(_fired(answer, flicker, 30.0, 80.0, 4) == [], again)
    edges = [30.0, 80.0] * 5
    require(_fired(answer, edges, 30.0, 80.0, 2) == [], "30 and 80 themselves are inside the range: here no alarm")
    broken = [50.0] * 3 + [math.nan] * 5
    said = _fired(answer, broken, 30.0, 80.0, 3)
    require(len(said) <= 1, f"one stay outside fires {len(said)} times; once is enough: `==`, not `>=`")
    require(said != [], "NaN is in no range: `not low <= x <= high` sees that")
    require(said == [5], f"of NaN at tokens 3 to 7 the third is token 5, but it fires at {said[0]}")
    sides = [50.0] * 3 + [100.0, 10.0] * 2
    require(_fired(answer, sides, 30.0, 80.0, 4) == [6], "too many and too few are both outside: the count continues")
    at_the_end = [50.0] * 3 + [draw.number(100, 200)] * 4
    require(_fired(answer, at_the_end, 30.0, 80.0, 4) == [6], "a stay that lasts to the end fires like any other")


def _seal(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + payload


def _payload(draw: Draw, size: int) -> bytes:
    return bytes(draw.whole(0, 255) for _ in range(size))


def _opened(answer: Answer, data: bytes) -> bytes:
    said = answer(data)
    require(isinstance(said, bytes), f"unseal must return bytes, not {article(said)}")
    return said


def _refused(answer: Answer, data: bytes, what: str) -> None:
    error = answer.raised(data)
    require(error is not None, f"{what} must be refused with ValueError; yours is accepted")
    kind = type(error).__name__
    require(type(error) is ValueError, f"{what} must be refused with ValueError, not {kind}: compare bytes with bytes")


def _unseal_value(answer: Answer, draw: Draw) -> None:
    payload = _payload(draw, 100)
    said = _opened(answer, _seal(payload))
    require(said != _seal(payload), "the first 64 bytes are the digest: return what comes after them")
    require(said == payload, f"what comes back has {len(said)} bytes and is not the payload of 100 bytes")
    damaged = bytearray(_seal(payload))
    damaged[64 + draw.whole(0, 99)] ^= 1
    _refused(answer, bytes(damaged), "a payload in which one bit has changed")


def _unseal_property(answer: Answer, draw: Draw) -> None:
    require(_opened(answer, _seal(b"")) == b"", "an empty payload with its digest is whole")
    sealed = _seal(_payload(draw, 5000))
    places = {0: "a digest whose first byte has changed", -1: "a payload whose last byte has changed"}
    places |= {place: f"a digest whose byte {place} has changed" for place in (20, 45, 63)}
    for place, what in places.items():
        damaged = bytearray(sealed)
        damaged[place] ^= 0x80
        _refused(answer, bytes(damaged), what)
    for length in (len(sealed) - 1, 64, 10, 0):
        _refused(answer, sealed[:length], f"a file cut off after {length} bytes")


def _degraded(main: list[float], shadow: list[float], threshold: float, patience: int) -> int:
    streak = 0
    for step, (a, b) in enumerate(zip(main, shadow, strict=True)):
        streak = streak + 1 if a / b - 1 > threshold else 0
        if streak == patience:
            return step
    return -1


def _degrade_value(answer: Answer, draw: Draw) -> None:
    shadow = [draw.number(80, 120) for _ in range(40)]
    # Worse by 20% for two steps, by 3% for a while, by 50% once and then by 5.1%, which is 4.9% of main.
    worse = [1.0] * 5 + [1.2] * 2 + [1.0] + [1.03] * 10 + [1.0] * 2 + [1.5] + [1.051] * 19
    main = [b * factor for b, factor in zip(shadow, worse, strict=True)]
    wanted = _degraded(main, shadow, 0.05, 6)
    slips = {
        "it counts bad steps in all; they must come in a row": 23,
        "it changes at the first bad step; wait for `patience` of them": 5,
        "it changes a step late: the 6th bad step in a row is the one": wanted + 1,
        "it changes where the bad steps begin, before anyone can know": wanted - 5,
        "a difference of perplexities is no share: divide it by the shadow's": 8 + 5,
        "the share is one of the shadow's perplexity: main / shadow - 1": -1,
    }
    agree(answer.number(main, shadow, 0.05, 6), wanted, "the step of the change", slips)


def _degrade_property(answer: Answer, draw: Draw) -> None:
    patience = draw.whole(3, 6)
    almost = ([1.2] * (patience - 1) + [1.0]) * 5
    agree(
        answer.number(almost, [1.0] * len(almost), 0.05, patience), -1, "a good step restarts the count, so the answer"
    )
    agree(answer.number([1.25] * 9, [1.0] * 9, 0.25, 2), -1, "exactly the threshold is not above it, so the answer")
    agree(answer.number([90.0] * 9, [100.0] * 9, 0.05, 2), -1, "where main is better nothing changes, so the answer")
    agree(answer.number([120.0] * 9, [100.0] * 9, 0.05, 2), 1, "20% worse is above 5% whatever the size, so the answer")
    agree(answer.number([104.0] * 9, [100.0] * 9, 0.05, 2), -1, "104 is 4% above 100, not above 5%, so the answer")
    above = "105.1 is 5.1% above the shadow's 100, however little of main that is, so the answer"
    agree(answer.number([105.1] * 9, [100.0] * 9, 0.05, 2), 1, above)


check_write_alarm = Exercise(
    "write_alarm", 8, "an alarm on how often it writes", (2, 2), 2, 10, _alarm_value, _alarm_property,
    (
        "Keep a counter: one more for each token outside low..high, back to 0 inside.",
        "The alarm belongs to the token at which the counter reaches `hold`, and to no later one of that stay.",
        "`outside = 0 if low <= x <= high else outside + 1`, then `if outside == hold: fired.append(token)`.",
    ),
)  # fmt: skip
check_unseal = Exercise(
    "unseal", 8, "a snapshot that knows when it is damaged", (2, 2), 3, 10, _unseal_value, _unseal_property,
    (
        "Split the data: 64 bytes of digest, the rest is payload. Compute the payload's digest and compare.",
        "`hashlib.sha256(payload).hexdigest()` is text; `.encode()` makes bytes of it, which compare with any bytes.",
        "Do not decode what may be damaged. If the two differ: `raise ValueError('damaged')`.",
    ),
)  # fmt: skip
check_degrade_step = Exercise(
    "degrade_step", 8, "when the shadow takes over", (2, 2), 2, 10, _degrade_value, _degrade_property,
    (
        "At each step: is main's perplexity more than `threshold` above the shadow's? Count such steps in a row.",
        "main / shadow - 1 > threshold adds one to the streak, anything else sets it to 0.",
        "Return the step at which the streak reaches `patience`, and -1 after the loop.",
    ),
)  # fmt: skip

EXERCISES = (check_write_alarm, check_unseal, check_degrade_step)
