"""Does writing help where DNA repeats? The next-base model on stretches in which passages come back soon.

    python -m titans_course.studies.repeats [FILE] [--seeds N]     # measures all and writes repeats.json, or FILE

The model is `next_base.MODEL` with 16 features in place of 8, chunks of 16 tokens in place of 32, six taps in place of
four, and keys that begin one step behind queries, so that a pair says which base came after the last five. It trains on
the 41 stretches that come first in the chromosome; all figures are of the 23 others, over 38,000 bases away. Letters
are exchanged at random in each sequence that it trains on: what is left to learn is how to use what was read, as no
base is the usual one.
"""

import argparse
import copy
import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import torch
from torch import Tensor, nn

from titans_mini.data.dna import BASES, repeats, to_bases
from titans_mini.threads import one_thread

from .next_base import MODEL, build, loss_of, markov_bits, swap

KEPT = Path(__file__).with_name("repeats.json")
HELD_OUT_FROM = 1_010_000  # place in the chromosome's piece
WIDE = MODEL.replace("dim=8", "dim=16").replace("chunk=32", "chunk=16, conv=6")
SOURCES = {"mlp": WIDE, "cnn": swap(WIDE).replace("theta = 0.02", "theta = 0.05")}
STEPS = 160
WEIGHTS = {12: 0.95, 8: 0.8, 6: 0.5, 4: 0.25}  # bases that match -> share of what followed them, in `cache_bits`

MEASURES = {
    "writing": "bits per base where the memory writes",
    "frozen": "the same weights, but the memory answers with its start",
    "control": "the same model, trained as long, whose memory never wrote",
    "control_letters": "the same control, trained on the letters as they are",
}


def stretches(held_out: bool = False) -> Tensor:
    """(n, 512) int64: the stretches to train on, or those held out."""
    return torch.stack([to_bases(bases) for at, bases in repeats().items() if (at >= HELD_OUT_FROM) == held_out])


class Silent(nn.Module):
    """A memory that never writes, for all tokens in one product: `next_base.frozen`, many times faster."""

    def __init__(self, memory: nn.Module) -> None:
        super().__init__()
        self.memory = memory

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """The answers (b, t, dim) of the start weights."""
        memory = self.memory
        state = memory.initial_state(len(x))
        tokens, _ = memory._project(x, state.conv)
        return memory._finish(x, memory.rule.answer(state.weights, tokens.queries)), None


def silent(model: nn.Module) -> nn.Module:
    """The same model, with the same parameters, whose memory never writes."""
    twin = copy.copy(model)
    twin._modules = model._modules | {"memory": Silent(model.memory)}
    return twin


def new_model(architecture: str, seed: int = 0) -> nn.Module:
    """An untrained model whose keys are what its queries were one token before."""
    model = build(SOURCES[architecture], seed)
    with torch.no_grad():
        taps = model.memory.conv.weight  # (3 dim, 1, taps), of queries, keys and values
        queries, keys, _ = taps.chunk(3)
        queries.normal_()[..., 0] = 0.0
        keys[..., :-1], keys[..., -1] = queries[..., 1:], 0.0
    return model


def train(model: nn.Module, steps: int, seed: int = 0, *, rows: int = 16, length: int = 256, exchange: bool = True):
    """Trains on random parts of the stretches to train on, whose letters each sequence exchanges; returns the model."""
    generator, source = torch.Generator().manual_seed(seed), stretches()
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.1, steps)
    for _ in range(steps):
        row = torch.randint(0, len(source), (rows, 1), generator=generator)
        first = torch.randint(0, source.shape[1] - length + 1, (rows, 1), generator=generator)
        ids = source[row, first + torch.arange(length)]
        if exchange:
            ids = torch.rand(rows, len(BASES), generator=generator).argsort(-1).gather(1, ids)
        adam.zero_grad()
        loss_of(model, ids).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        falling.step()
    return model


@torch.no_grad()
def bits(model: nn.Module) -> float:
    """Bits per base of the held-out stretches, each read with a fresh memory."""
    return loss_of(model, stretches(held_out=True)).item() / math.log(2)


def measure(architecture: str, seed: int = 0, steps: int = STEPS) -> dict[str, float]:
    """Each of MEASURES for one seed."""
    with one_thread():
        model = train(new_model(architecture, seed), steps, seed)
        found = {"writing": bits(model), "frozen": bits(silent(model))}
        for name, exchange in (("control", True), ("control_letters", False)):
            found[name] = bits(train(silent(new_model(architecture, seed)), steps, seed, exchange=exchange))
    return found


def counted(order: int) -> float:
    """Bits per base of the held-out stretches under an order-k Markov model counted on the others."""
    return markov_bits(stretches().flatten(), stretches(held_out=True).flatten(), order)


def cache_bits() -> float:
    """Bits per base if one counts what followed the longest match of 12 to 4 bases within the stretch itself.

    These counts get the share WEIGHTS of the guess, an even guess the rest.
    """
    found = [_cache_bits(row) for row in stretches(held_out=True).tolist()]
    return sum(found) / len(found)


def _cache_bits(row: list[int]) -> float:
    followed: dict[tuple, Counter] = defaultdict(Counter)
    total = 0.0
    for place, base in enumerate(row):
        pasts = [tuple(row[place - n : place]) for n in WEIGHTS if place >= n]  # the longest first
        counts = next((followed[past] for past in pasts if past in followed), None)
        weight = WEIGHTS[next(len(past) for past in pasts if past in followed)] if counts else 0.0
        share = counts[base] / counts.total() if counts else 0.0
        total -= math.log2((1 - weight) / len(BASES) + weight * share) if place else 0.0
        for past in pasts:
            followed[past][base] += 1
    return total / (len(row) - 1)


def kept() -> dict[str, list[dict[str, float]]]:
    """Architecture -> what `measure` found for each seed, as it comes with the package."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def main() -> None:
    """Measures both memories and writes the file after each seed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=KEPT)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    table: dict[str, list] = {name: [] for name in SOURCES}
    for seed in range(asked.seeds):
        for name in SOURCES:
            table[name].append({key: round(value, 4) for key, value in measure(name, seed).items()})
            print(name, seed, table[name][-1], flush=True)
            asked.file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
