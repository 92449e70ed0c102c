"""How a text model uses context: bits by length of context, whose context it is, a second reading, and half-life.

All read held-out text, or bytes that are given, in pieces, so that memory does not grow with the length.
Results are lists of plain dicts, as in a checkpoint's card.
"""

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from titans_mini.errors import ConfigError, check_choice, check_integer
from titans_mini.memory.chunk import Record
from titans_mini.models.model import MODES, TitansLM
from titans_mini.training.checkpoint import BUNDLED, CARD, WEIGHTS, bundled_names, load_model, read_card, write_card
from titans_mini.training.tasks import check_vocabulary, text_bytes

from . import ngram_cache
from .controls import modes_of

PIECE = 256  # bytes read at once; the state carries over
CONTEXTS = (16, 64, 256, 1024, 4096, 16_384)
SWAPPED = 4096  # bytes of context that are exchanged for those of another place
PASSAGES = (64, 256, 1024)
BETWEEN = 1024  # other bytes between two readings
OWN = 16  # bytes of their own past that keep their place when the rest is swapped
TARGET = 128  # bytes whose bits are compared over lengths of context
SKIPPED = 32  # bytes at the start of a passage that do not count, since what comes before them differs
SEED = 1234


@torch.inference_mode()
def follow(lm: TitansLM, ids: Tensor, first: int, *, memory: str = "on") -> tuple[Tensor, Tensor]:
    """(bits float64, whether it was the most likely) of each byte from number `first` >= 1 on, (b, t - first) each.

    ids (b, t) are read in a state that has read nothing. `memory` may also be "cache": no memory, but an n-gram cache.
    """
    if memory == ngram_cache.NAME:
        bits, hits = zip(*(_follow_cache(lm, row, first) for row in ids), strict=True)  # a row's chances at a time
        return torch.stack(bits), torch.stack(hits)
    bits, hits = [], []
    for logits, wanted in _pieces(lm, ids, first, memory):
        bits.append(functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none") / math.log(2))
        hits.append(logits.argmax(-1) == wanted)
    return torch.cat(bits, dim=1).cpu(), torch.cat(hits, dim=1).cpu()


def _pieces(lm: TitansLM, ids: Tensor, first: int, memory: str) -> Iterator[tuple[Tensor, Tensor]]:
    """(logits (b, t, vocab) float64, the bytes (b, t) that they predict), from byte number `first` on, in pieces."""
    ids, state = ids.to(lm.head.weight.device), None
    for start in range(0, ids.shape[1] - 1, PIECE):
        wanted = ids[:, start + 1 : start + 1 + PIECE]
        logits, state = lm(ids[:, start : start + wanted.shape[1]], state, memory=memory)
        skip = max(0, first - 1 - start)  # these predict bytes before `first`
        yield logits[:, skip:].double(), wanted[:, skip:]


def _follow_cache(lm: TitansLM, row: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """As `follow`, of one row (t,)."""
    chances = torch.cat([logits[0].softmax(-1).cpu() for logits, _ in _pieces(lm, row[None], first, "off")])
    mixed, wanted = ngram_cache.with_cache(chances, row.cpu()), row[first:].cpu()
    return -mixed.gather(1, wanted.unsqueeze(1))[:, 0].log2(), mixed.argmax(-1) == wanted


def by_context(
    lm: TitansLM, contexts=CONTEXTS, *, memory="on", rows=32, seed=SEED, source: Tensor | None = None
) -> list[dict]:
    """Bits of the same `rows` x TARGET bytes after each number of bytes of their own context, in a new state.

    Each length gives {context, memory, bits, lost, error, rows, seed}. `lost` is how many more bits are needed than
    after the longest context, and `error` is the standard error of that difference over the rows. Raises ConfigError
    for a source (t,) that is too short.
    """
    contexts = sorted(check_integer("context", n, 1, 10_000_000) for n in set(contexts))
    source = text_bytes(True) if source is None else source
    starts = _places(source, rows, TARGET, before=max(_usual(source), contexts[-1]), seed=seed)
    found = {}
    for n in contexts:
        ids = torch.stack([source[start - n : start + TARGET] for start in starts])
        found[n] = follow(lm, ids, n, memory=memory)[0].mean(1)  # (rows,)
    asked = {"rows": len(starts), "seed": seed}
    return [
        {
            "context": n,
            "memory": memory,
            "bits": bits.mean().item(),
            **_change("lost", bits, found[contexts[-1]]),
            **asked,
        }
        for n, bits in found.items()
    ]


def swapped(
    lm: TitansLM, context=SWAPPED, *, memory="on", rows=32, seed=SEED, source: Tensor | None = None
) -> list[dict]:
    """The swap test: bits of the bytes of `by_context` after their own context, and after that of another row.

    The last OWN bytes before them stay their own, so that only the far past differs. One row {context, memory, own,
    other, saved, error, rows, seed}; `saved` is other - own. Raises ConfigError for a source (t,) that is too short.
    """
    context = check_integer("context", context, OWN + 1, 10_000_000)
    source = text_bytes(True) if source is None else source
    starts = _places(source, rows, TARGET, before=max(_usual(source), context), seed=seed)
    found = []
    for others in (starts, [*starts[1:], starts[0]]):
        ids = [
            torch.cat([source[far - context : far - OWN], source[start - OWN : start + TARGET]])
            for start, far in zip(starts, others, strict=True)
        ]
        found.append(follow(lm, torch.stack(ids), context, memory=memory)[0].mean(1))  # (rows,)
    own, other = found
    row = {"context": context, "memory": memory, "own": own.mean().item(), "other": other.mean().item()}
    return [{**row, **_change("saved", other, own), "rows": len(starts), "seed": seed}]


def second_reading(
    lm: TitansLM, passages=PASSAGES, *, between=0, memory="on", rows=32, seed=SEED, source: Tensor | None = None
) -> list[dict]:
    """Passages read twice, with `between` other bytes after the first reading: bits from byte SKIPPED on, in both.

    The other bytes come from the middle of the text that follows. Each length gives {passage, between, memory, first,
    second, saved, error, rows, seed}; `saved` is first - second, `error` its standard error over the rows. Raises
    ConfigError for a source (t,) that is too short.
    """
    passages = sorted(check_integer("passage", n, SKIPPED + 1, 10_000_000) for n in set(passages))
    check_integer("between", between, 0, 10_000_000)
    source, results = text_bytes(True) if source is None else source, []
    for n in passages:
        starts = _places(source, rows, n, before=0, seed=seed)
        once = torch.stack([source[start : start + n] for start in starts])
        away = torch.arange(between) + len(source) // 2  # from a passage, round the end of the text
        other = torch.stack([source[(start + away) % len(source)] for start in starts])
        bits, _ = follow(lm, torch.cat([once, other, once], dim=1), SKIPPED, memory=memory)
        first, second = bits[:, : n - SKIPPED].mean(1), bits[:, n + between :].mean(1)  # (rows,) each
        row = {
            "passage": n,
            "between": between,
            "memory": memory,
            "first": first.mean().item(),
            "second": second.mean().item(),
        }
        results.append({**row, **_change("saved", first, second), "rows": len(starts), "seed": seed})
    return results


@torch.inference_mode()
def half_life(lm: TitansLM, *, memory="on", rows=4, length=4096, seed=SEED, source: Tensor | None = None) -> list[dict]:
    """The number of tokens of text after which half of a write is forgotten, for each layer that has a memory.

    The gates multiply the memory by 1 - alpha at each token. For each write in the first half of `rows` stretches of
    `length` bytes, the tokens are counted until the product of these factors is at most 1/2; the median over writes
    and heads counts. {layer, memory, half_life, beyond, seed}: `half_life` is None where the median write keeps more
    than half for the `beyond` tokens that every write was followed. A memory that is not on writes nothing, so
    the list is empty. What momentum carries over is not counted.
    """
    check_choice("memory", memory, (*MODES, ngram_cache.NAME))
    layers = [i for i in range(lm.config.layers) if lm.config.has_memory(i)]
    if memory != "on":
        return []
    source = text_bytes(True) if source is None else source
    length = min(length, len(source) // 2 * 2)
    starts = _places(source, rows, length, before=0, seed=seed)
    ids = torch.stack([source[start : start + length] for start in starts]).to(lm.head.weight.device)
    state, alphas = None, {layer: [] for layer in layers}
    for piece in ids.split(PIECE, dim=1):
        records: list[Record] = []
        _, state = lm(piece, state, memory="on", trace=records)
        share = len(records) // max(1, len(layers))  # records of the first layer come first, then of the next
        for place, layer in enumerate(layers):
            alphas[layer] += [record.gates.alpha for record in records[place * share : (place + 1) * share]]
    beyond = length // 2
    return [
        {"layer": layer + 1, "memory": memory, "half_life": _median_half_life(torch.cat(parts, 1), beyond)}
        | {"beyond": beyond, "rows": len(starts), "seed": seed}
        for layer, parts in alphas.items()
    ]


def _median_half_life(alpha: Tensor, beyond: int) -> int | None:
    """alpha (n, t) of each token -> median over the writes of tokens 0 .. t - beyond - 1, or None past `beyond`."""
    rates = -torch.log1p(-alpha.double().cpu().clamp(max=1 - 1e-9))  # share left after tokens i..j: exp(-sum)
    sums = rates.cumsum(1)  # (n, t)
    goals = sums[:, :beyond] + math.log(2) * (1 - 1e-9)
    ends = torch.searchsorted(sums, goals.contiguous())  # t where the goal is never reached
    ages = (ends - torch.arange(beyond)).clamp(max=beyond + 1)
    median = int(ages.flatten().sort().values[(ages.numel() - 1) // 2])
    return median if median <= beyond else None


def _usual(source: Tensor) -> int:
    """The context that any measurement leaves room for, so that all of them compare the same bytes."""
    return max((n for n in CONTEXTS[-2:] if len(source) > 2 * n), default=0)


def _places(source: Tensor, rows: int, length: int, *, before: int, seed: int) -> list[int]:
    """Starts of `rows` stretches of `length` that do not overlap, each with `before` bytes in front of it."""
    check_integer("rows", rows, 1, 100_000)
    check_integer("seed", seed, 0, 2**31 - 1)
    slots = (len(source) - before) // length
    if slots < 1:
        text = "text has {count:,} bytes; this measurement needs at least {least:,}"
        raise ConfigError(text, count=len(source), least=before + length)
    chosen = torch.randperm(slots, generator=torch.Generator().manual_seed(seed))[:rows]
    return [before + length * int(slot) for slot in chosen]


def _change(name: str, more: Tensor, less: Tensor) -> dict:
    """Mean of more - less, (rows,) each, and its standard error; the error of one row is None."""
    differences = more - less
    error = None if len(differences) < 2 else (differences.std() / math.sqrt(len(differences))).item()
    return {name: differences.mean().item(), "error": error}


def measure_text(lm: TitansLM, modes=MODES, *, seed: int = SEED, source: Tensor | None = None) -> dict[str, list[dict]]:
    """The entries of MEASURES for a text model's card, for each of the modes.

    A control (see `controls`) has the mode "off", and is also measured with an n-gram cache. A `source` (t,) that is
    too short gives no entries.
    """
    if source is not None and len(source) < max(CONTEXTS) + TARGET:
        return {}
    modes = (*modes, ngram_cache.NAME) if tuple(modes) == ("off",) else modes
    return {
        name: [row for mode in modes for row in measure(lm, memory=mode, seed=seed, source=source)]
        for name, measure in MEASURES.items()
    }


MEASURES = {
    "context": by_context,
    "swap": swapped,
    "second_reading": second_reading,
    "return": functools.partial(second_reading, passages=PASSAGES[1:2], between=BETWEEN),
    "half_life": half_life,
}


def measure_card(name: str | Path) -> dict:
    """Measures an existing checkpoint, writes the entries of MEASURES into its card and returns the card."""
    path, lm, card = Path(name), load_model(name), read_card(name)
    check_vocabulary("text", lm.config.vocab_size)
    path = BUNDLED / path.name if str(name) in bundled_names() else path
    about = path.with_name(path.name.removesuffix(WEIGHTS).removesuffix(CARD) + CARD)
    write_card(about, {**card, **measure_text(lm, modes_of(card))})
    return read_card(name)
