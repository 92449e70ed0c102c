"""The baseline that anyone can understand: a model's guess mixed with counts of what followed the same bytes before.

The cache keeps all that was read in this sequence, exactly and for ever. For the next byte it takes the longest of its
matches, of 6 to 2 bytes, and the share of each byte among those that followed it; the longer the match, the larger the
weight of these shares. Nothing is trained. Known as a cache model: Kuhn and De Mori 1990.
"""

from collections import Counter, defaultdict

import torch
from torch import Tensor

WEIGHTS = {6: 0.8, 5: 0.65, 4: 0.5, 3: 0.25, 2: 0.1}  # bytes that match -> the cache's share of the mixture
NAME = "cache"  # this baseline in the place of a memory mode


def with_cache(chances: Tensor, ids: Tensor) -> Tensor:
    """The model's chances (t - first, 256) of each byte from number `first` on of ids (t,) -> the mixture's."""
    row, first = bytes(ids.tolist()), len(ids) - len(chances)
    followed: dict[bytes, Counter] = defaultdict(Counter)
    mixed = []
    for place, byte in enumerate(row):
        pasts = [row[place - n : place] for n in WEIGHTS if place >= n]  # the longest first
        if place >= first:
            mixed.append(
                _mix(chances[place - first], next((past for past in pasts if past in followed), b""), followed)
            )
        for past in pasts:
            followed[past][byte] += 1
    return torch.stack(mixed)


def _mix(own: Tensor, past: bytes, followed: dict[bytes, Counter]) -> Tensor:
    """The model's `own` chances (256,) and the shares of what followed `past`, which is empty where nothing matched."""
    if not past:
        return own
    counts, weight = followed[past], WEIGHTS[len(past)]
    shares = torch.zeros_like(own)
    shares[list(counts)] = torch.tensor(list(counts.values()), dtype=own.dtype) / counts.total()
    return (1 - weight) * own + weight * shares
