"""Random damage to a file's bytes, of the kinds that disks, transfers and editors do."""

from __future__ import annotations

import random


def corrupted(data: bytes, dice: random.Random) -> bytes:
    """Other bytes than `data`: a bit flipped, a byte set, the end lost, bytes added, zeroed, doubled or swapped."""
    while True:
        wrong = _damage(bytearray(data), dice)
        if wrong != data:
            return bytes(wrong)


def _damage(data: bytearray, dice: random.Random) -> bytearray:
    place, length = dice.randrange(len(data)), dice.randrange(1, 65)
    end = min(place + length, len(data))
    kind = dice.choice(("bit", "bit", "bit", "byte", "cut", "add", "zero", "double", "lose", "swap"))
    if kind == "bit":
        data[place] ^= 1 << dice.randrange(8)
    elif kind == "byte":
        data[place] = dice.randrange(256)
    elif kind == "cut":
        del data[place:]
    elif kind == "add":
        data += dice.randbytes(length)
    elif kind == "zero":
        data[place:end] = bytes(end - place)
    elif kind == "double":
        data[place:place] = data[place:end]
    elif kind == "lose":
        del data[place:end]
    else:
        other = dice.randrange(len(data))
        data[place], data[other] = data[other], data[place]
    return data
