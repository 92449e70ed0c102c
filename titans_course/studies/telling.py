"""Facts told to a recall model and asked for later, in each mode of its memory; and a code told inside real text.

What the app shows before anything is measured lies in `kept.json`; `python tools/kept_answers.py` writes it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from titans_mini.data.scenarios import to_bytes
from titans_mini.errors import check_integer
from titans_mini.memory.tree import join
from titans_mini.models.model import MODES, ModelState, TitansLM
from titans_mini.training.tasks import RECALL_KEYS, RECALL_VALUES, recall_filler, recall_pairs, text_bytes

from .reading import stream

FACTS = {9: 21, 3: 7, 17: 30, 28: 2}
GAPS = (0, 64, 256, 1024, 4096, 16_384)  # tokens of filler
OPEN = 0.01  # a gate above it writes; at other tokens those of the bundled models stay below 0.007
SHOWN = 72  # tokens at the start of a reading, of which a report tells surprise and gate
KEPT = Path(__file__).with_name("kept.json")
NEEDLE_AT, NEEDLE_TEXT, TEXTS, APART = 150, 600, 10, 1000  # bytes before a code, in all; texts, bytes between starts


class Talk(NamedTuple):
    """What one model has heard: its state in each mode, every fact with its newest value, and the last reading."""

    states: dict[str, ModelState]
    told: dict[int, int]
    last: dict[int, int]  # the facts of the last reading, with which it begins
    surprise: Tensor  # (t,) of the last reading: the largest of the model's memories, with the memory on
    gate: Tensor  # (t,) how much of each token was written, likewise


def fact_ids(facts: Mapping[int, int]) -> Tensor:
    """Facts {key: value}, each 0..31 -> ids (2 n,) as a recall model reads them. Raises ConfigError."""
    for name, numbers, top in (("key", facts.keys(), RECALL_KEYS), ("value", facts.values(), RECALL_VALUES)):
        for number in numbers:
            check_integer(name, number, 0, top - 1)
    return recall_pairs(*(torch.tensor([list(part)]) for part in (facts.keys(), facts.values())))[0]


def blank(lm: TitansLM) -> Talk:
    """A model that has heard nothing."""
    return Talk({mode: lm.initial_state(1) for mode in MODES}, {}, {}, torch.zeros(0), torch.zeros(0))


@torch.inference_mode()
def tell(
    lm: TitansLM, facts: Mapping[int, int], gap: int, talk: Talk | None = None, piece: int = 512
) -> Iterator[tuple[float, Talk | None]]:
    """(share read, None), piece by piece, and at the end (1.0, talk): facts and then `gap` unrelated tokens are read.

    They come after what `talk` has heard, which stays as it is.
    """
    states, told, *_ = talk or blank(lm)
    states, random = dict(states), torch.Generator().manual_seed(int(states["on"].tokens_seen))
    pieces = torch.cat([fact_ids(facts), recall_filler(1, gap, random)[0]]).unsqueeze(0).split(piece, 1)
    seen: list[Tensor] = []
    for place, mode in enumerate(MODES):
        for number, ids in enumerate(pieces):
            records: list = []
            _, states[mode] = lm(ids, states[mode], memory=mode, trace=records if mode == "on" else None)
            seen += [_marks(records, ids.shape[1])] if records else []
            yield (place + number / len(pieces)) / len(MODES), None
    yield 1.0, Talk(states, told | dict(facts), dict(facts), *torch.cat(seen, dim=1))


def _marks(records: list, tokens: int) -> Tensor:
    """(2, t) surprise and gate of a piece: each memory has records of all its tokens, one memory after the other."""
    raw, gate = (part.view(-1, tokens).amax(0) for part in (join(records).raw, join(records).gates.g_write))
    return torch.stack([raw, gate])


@torch.inference_mode()
def ask(lm: TitansLM, state: ModelState, keys: Iterable[int], memory: str = "frozen") -> dict[int, int]:
    """{key: the model's answer}, each asked from this unchanged state; an answer outside 0..31 is not a value."""
    ids = [torch.tensor([[check_integer("key", key, 0, RECALL_KEYS - 1)]]) for key in keys]
    return {int(key): int(lm(key, state, memory=memory)[0][0, -1].argmax()) - RECALL_KEYS for key in ids}


def report(lm: TitansLM, talk: Talk, keys: Iterable[int]) -> dict:
    """What `talk` answers to each key, by mode, and what its last reading wrote. A question writes nothing."""
    facts, modes = 2 * len(talk.last), {mode: "off" if mode == "off" else "frozen" for mode in MODES}
    return {
        "said": {mode: list(ask(lm, talk.states[mode], keys, memory).values()) for mode, memory in modes.items()},
        "tokens": [facts, len(talk.gate) - facts],  # of the facts, and others
        "writes": [int((part > OPEN).sum()) for part in (talk.gate[:facts], talk.gate[facts:])],
        "surprise": _percent(talk.surprise),
        "gate": _percent(talk.gate),
    }


def _percent(part: Tensor) -> list[int]:
    """The first tokens' values, in per cent of the largest of the reading."""
    return (100 * part[:SHOWN] / max([OPEN, *part.tolist()])).round().int().tolist()


def needle(name: str, code: str, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """The text before a code, the code and the text after it, in text `number`, from 0, of the held-out ones."""
    text = text_bytes(True)[APART * number :][:NEEDLE_TEXT]
    return text[:NEEDLE_AT], to_bytes(f" [{name}={code}] "), text[NEEDLE_AT:]


def find_needle(lm: TitansLM, name: str, parts: Iterable[Tensor], memory: str) -> str:
    """The two characters that the model reads on with when it is asked for the code of a name."""
    asked = torch.cat([*parts, to_bytes(f"\n[{name}=")])
    return bytes(stream(lm, asked, 2, temperature=0.0, memory=memory)).decode("ascii", "replace")


@cache
def _all_kept() -> dict:
    return json.loads(KEPT.read_text("utf-8"))


def kept(panel: str, name: str, card: Mapping) -> dict | None:
    """What `kept.json` holds of a panel for the model of a name; None where it is of other weights than this card."""
    found = _all_kept().get(name, {})
    return found.get(panel) if found.get("weights") == card.get("weights_sha256") else None
