"""How text becomes keys and values without a trained model.

The key of a token encodes its place: the sum of its last four contexts (the last byte, the last two, three and four),
each context a product of random signs, plus a direction that all keys share. So places with the same recent past have
the same key, and places with a similar past have similar keys.

The value encodes which token comes: one random direction per byte, weighted by smooth inverse frequency a / (a + p)
so that common bytes say little and rare ones much, plus a direction that all values share. Surprise then means
"unpredicted here": the shared part is learnt at once, a repeated passage brings pairs that are known, and a rare
byte stands out. Keys all have the same norm; values have that norm in root mean square over the text.

Smooth inverse frequency: Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings".
"""

import torch
from torch import Tensor

from ..defaults import plain_defaults

CONTEXT = 4  # bytes that a key looks back
SHARED = 1.0  # length of the shared direction against the rest
FREQUENCY = 0.01  # a: the byte frequency at which a value has half of its full weight
BLANK = 10  # the byte that stands before the first one: a new line


class Encoder:
    """ids (t,) bytes -> keys, values (t, dim) of norm 1 (values: in root mean square over `reference` bytes).

    The seeded directions are drawn once, so a stream may come in blocks.
    """

    @plain_defaults()
    def __init__(self, reference: Tensor, dim: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.signs = torch.randint(0, 2, (CONTEXT, 256, dim), generator=generator).float() * 2 - 1
        self.shared, self.common = (_unit(torch.randn(dim, generator=generator)) for _ in "kv")  # of all keys, values
        own = torch.randn(256, dim, generator=generator)
        self.own = _unit(own - (own @ self.common).unsqueeze(-1) * self.common)  # (256, dim), of each byte's value
        frequency = torch.bincount(reference, minlength=256).float() / len(reference)
        rare = self.own * (FREQUENCY / (FREQUENCY + frequency)).unsqueeze(-1)
        table = rare / _spread(rare, frequency) + SHARED * self.common
        self.values = table / _spread(table, frequency)  # (256, dim)

    @plain_defaults()
    def __call__(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        past = torch.cat([torch.full((CONTEXT,), BLANK), ids])
        context, total = torch.ones(len(ids), len(self.shared)), torch.zeros(len(ids), len(self.shared))
        for lag in range(1, CONTEXT + 1):
            context = context * self.signs[lag - 1, past[CONTEXT - lag : CONTEXT - lag + len(ids)]]
            total = total + context
        return _unit(_unit(total) + SHARED * self.shared), self.values[ids]


def _spread(table: Tensor, frequency: Tensor) -> Tensor:
    """Root mean square norm of the rows, each as often as it occurs."""
    return (frequency * table.square().sum(-1)).sum().sqrt()


def _unit(x: Tensor) -> Tensor:
    return torch.nn.functional.normalize(x, dim=-1)
