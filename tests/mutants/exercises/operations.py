"""Lesson 08."""

import hashlib
import math
import statistics

from . import BOTH, PROPERTY, Mutant


def alarm(frequency, low, high, hold, *, outside=lambda x, low, high: not low <= x <= high, reset=True, again=False):
    fired, count = [], 0
    for token, value in enumerate(frequency):
        count = count + 1 if outside(value, low, high) else 0 if reset else count
        if count == hold or (again and count > hold):
            fired.append(token)
    return fired


def blind_to_nan(*args):
    return alarm(*args, outside=lambda x, low, high: x < low or x > high)


def open_range(*args):
    return alarm(*args, outside=lambda x, low, high: not low < x < high)


def each_side_for_itself(frequency, low, high, hold):
    fired, count, last = [], 0, 0
    for token, value in enumerate(frequency):
        side = 0 if low <= value <= high else 1 if value > high else -1
        count = 0 if not side else count + 1 if side == last else 1
        last = side
        if count == hold:
            fired.append(token)
    return fired


def when_the_stay_ends(frequency, low, high, hold):
    fired, count = [], 0
    for token, value in enumerate(frequency):
        if not low <= value <= high:
            count += 1
            continue
        if count >= hold:
            fired.append(token - count + hold - 1)
        count = 0
    return fired


def unseal(data, part=slice(None), error=ValueError):
    digest, payload = data[:64], data[64:]
    if hashlib.sha256(payload).hexdigest().encode()[part] != digest[part]:
        raise error("damaged")
    return payload


def decodes(data):
    if hashlib.sha256(data[64:]).hexdigest() != data[:64].decode():
        raise ValueError("damaged")
    return data[64:]


def degrade(main, shadow, threshold, patience, *, reset=True, speaks=lambda a, b, threshold: a / b - 1 > threshold):
    streak = 0
    for step, (a, b) in enumerate(zip(main, shadow, strict=True)):
        streak = streak + 1 if speaks(a, b, threshold) else 0 if reset else streak
        if streak == patience:
            return step
    return -1


def on_average(main, shadow, threshold, patience):
    for step in range(patience - 1, len(main)):
        recent = slice(step - patience + 1, step + 1)
        if statistics.fmean(main[recent]) / statistics.fmean(shadow[recent]) - 1 > threshold:
            return step
    return -1


MUTANTS = {
    "write_alarm": [
        Mutant(lambda f, low, high, hold: alarm(f, low, high, 1), BOTH, "first token outside"),
        Mutant(lambda *args: alarm(*args, again=True), BOTH, "once for each stay"),
        Mutant(lambda *args: alarm(*args, reset=False), BOTH, "but should be"),
        Mutant(blind_to_nan, PROPERTY, "NaN is in no range"),
        Mutant(open_range, PROPERTY, "inside the range"),
        Mutant(lambda *args: alarm(*args, outside=lambda x, low, high: x > high), BOTH, "should be"),
        Mutant(each_side_for_itself, PROPERTY, "both outside"),
        Mutant(when_the_stay_ends, BOTH, "should be"),
    ],
    "unseal": [
        Mutant(lambda data: data[64:], BOTH, "yours is accepted"),
        Mutant(lambda data: unseal(data, error=RuntimeError), BOTH, "not RuntimeError"),
        Mutant(decodes, PROPERTY, "not UnicodeDecodeError"),
        Mutant(lambda data: unseal(data, slice(1, None)), PROPERTY, "first byte"),
        Mutant(lambda data: unseal(data, slice(8)), PROPERTY, "byte 20"),
        Mutant(lambda data: unseal(data, slice(63)), PROPERTY, "byte 63"),
        Mutant(lambda data: (unseal(data), data)[1], BOTH, "what comes after"),
    ],
    "degrade_step": [
        Mutant(lambda *args: degrade(*args, reset=False), BOTH, "in a row"),
        Mutant(lambda m, s, threshold, patience: degrade(m, s, threshold, 1), BOTH, "first bad step"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: a / b - 1 >= t), PROPERTY, "exactly the threshold"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: abs(a / b - 1) > t), PROPERTY, "main is better"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: a - b > t), BOTH, "divide it by the shadow's"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: (a - b) / a > t), BOTH, "one of the shadow's"),
        Mutant(lambda *args: degrade(*args, speaks=lambda a, b, t: math.log(a / b) > t), BOTH, "one of the shadow's"),
        Mutant(on_average, BOTH, "should be"),
        Mutant(lambda m, s, t, n: degrade(m, s, t, n) + 1 if degrade(m, s, t, n) >= 0 else -1, BOTH, "a step late"),
    ],
}
