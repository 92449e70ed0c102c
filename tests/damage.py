"""Seeded damage to a file's content: flipped bits, cuts, zeroed stretches and garbage."""

import random


def damage(data: bytes, dice: random.Random) -> bytes:
    """The content with one fault in it; it always differs from the original."""
    while True:
        changed = dice.choice((_flip, _cut, _zero, _garbage))(data, dice)
        if changed != data:
            return changed


def _flip(data, dice):
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def _cut(data, dice):
    return data[: dice.randrange(len(data))]


def _zero(data, dice):
    start = dice.randrange(len(data))
    length = min(dice.randrange(1, 200), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def _garbage(data, dice):
    start = dice.randrange(len(data))
    length = min(dice.randrange(1, 50), len(data) - start)
    return data[:start] + dice.randbytes(length) + data[start + length :]
