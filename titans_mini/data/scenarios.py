"""Streams whose truth is known: each scenario gives its tokens and the places where something happens."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..defaults import plain_defaults
from ..errors import check_choice
from .encode import Encoder
from .text import bundled_text, check_text

LOOP = 48  # bytes of the passage that the artificial scenarios repeat
LOWEST, LEVELS = 97, 26  # of the series: the byte of its lowest reading, a, and how many there are, to z
USUAL = (5.0, 24.0, 0.25)  # its mean level, hours in a day, and standard deviation of its noise, in levels
REGIMES = {"higher level": (19.0, 24.0, 0.25), "shorter period": (5.0, 12.0, 0.25), "more noise": (5.0, 24.0, 1.5)}


class Event(NamedTuple):
    """Something that happens from token `start` up to, not including, token `end`."""

    name: str
    start: int
    end: int


class Script(NamedTuple):
    """A stream before it is encoded: bytes, events, and factors on each token's key and value."""

    ids: Tensor  # (t,) int64 in 0..255
    events: tuple[Event, ...] = ()
    key_gain: Tensor | None = None  # (t,)
    value_gain: Tensor | None = None  # (t,)
    known: int | None = None  # byte frequencies are counted over ids[:known]; None: over all


class Stream(NamedTuple):
    """What a memory reads: t tokens."""

    ids: Tensor  # (t,) int64 in 0..255
    keys: Tensor  # (t, dim), norm 1
    values: Tensor  # (t, dim), norm 1 in root mean square
    events: tuple[Event, ...]

    @property
    def table(self) -> Tensor:
        """(256, dim): the mean value of each byte, 0 if it does not occur; the row nearest to an answer is expected."""
        counts = torch.bincount(self.ids, minlength=256).clamp(min=1).unsqueeze(-1)
        return self.values.new_zeros(256, self.values.shape[1]).index_add(0, self.ids, self.values) / counts


def to_bytes(text: str) -> Tensor:
    """The UTF-8 bytes of a text, (t,) int64."""
    return _packed(text).long()


def _packed(text: str) -> Tensor:
    """The UTF-8 bytes in (t,) uint8, an eighth of the size."""
    return torch.frombuffer(bytearray(text.encode("utf-8", "replace")), dtype=torch.uint8)


@functools.cache
def _bundled() -> Tensor:
    return _packed(bundled_text())


def _passage(length: int, start: int = 0) -> Tensor:
    """`length` bytes of the bundled text from byte `start`, going round at its end."""
    source = _bundled()
    return source[(start + torch.arange(length)) % len(source)].long()


def _loop(length: int, start: int = 2000) -> Tensor:
    return _passage(LOOP, start).repeat(length // LOOP + 1)[:length]


def _figures(length: int, generator: torch.Generator) -> Tensor:
    """Random digits and capitals, which the looped passage does not hold."""
    alphabet = to_bytes("0123456789BCDFGHJKLMNPQRSTVWXYZ")
    return alphabet[torch.randint(0, len(alphabet), (length,), generator=generator)]


def _repetition(length: int, generator: torch.Generator) -> Script:
    half = (length + 1) // 2
    passage = _passage(half, 4000)
    return Script(torch.cat([passage, passage])[:length], (Event("second reading", half, length),))


def _novelty_burst(length: int, generator: torch.Generator) -> Script:
    ids, start = _loop(length), length // 2
    end = min(length, start + 24)
    ids[start:end] = _figures(end - start, generator)
    return Script(ids, (Event("novelty", start, end),), known=max(start, 1))


def _topic_shift(length: int, generator: torch.Generator) -> Script:
    half = length // 2
    figures = _figures(LOOP, generator).repeat((length - half) // LOOP + 1)
    ids = torch.cat([_loop(half), figures])[:length]
    return Script(ids, (Event("new topic", half, length),), known=max(half, 1))


def _outliers(length: int, generator: torch.Generator) -> Script:
    gain, places = torch.ones(length), range(length // 10, length, max(1, length // 10))
    gain[list(places)] = -6.0
    return Script(_loop(length), tuple(Event("outlier", p, p + 1) for p in places), value_gain=gain)


def _silence(length: int, generator: torch.Generator) -> Script:
    start, end = length // 3, max(length // 3 + 1, 2 * length // 3)
    gain = torch.ones(length)
    gain[start:end] = 0
    ids = _loop(length)
    ids[start:end] = 32
    return Script(ids, (Event("silence", start, end),), key_gain=gain, value_gain=gain)


def _series(length: int, generator: torch.Generator) -> Script:
    """Hourly readings of a load that rises and falls by 4 levels a day, with three changes of regime and two spikes.

    One byte is one reading: a letter from a (level 0) to z (25). A regime lasts an eighth of the stream; between two,
    days are usual. Raw surprise at a spike, and in the 48 tokens after a change, over that of the 48 before, 3 seeds:
    with the recipe's defaults 4.1 to 5.2 at a spike, 2.4 at the higher level, 1.4 to 1.5 at more noise, and 1.0 at the
    shorter period, which is not noticed; with gate constant (the paper's rule) 12 to 18, 5.8 to 7.3, 2.7 to 3.6, and
    1.3 to 1.7, where usual days alone give up to 1.9.
    """
    places = [length * part // 16 for part in range(17)]
    regime, events = torch.tensor(USUAL).repeat(length, 1), []  # (t, 3)
    for start, end, (name, changed) in zip(places[4:16:4], places[6:16:4], REGIMES.items(), strict=True):
        regime[start:end] = torch.tensor(changed)
        events.append(Event(name, start, end))
    level, day, noise = regime.double().unbind(1)
    load = level + 4 * torch.sin((2 * math.pi / day).cumsum(0)) + noise * torch.randn(length, generator=generator)
    load[[places[2], places[15]]] = LEVELS - 1
    events += [Event("spike", place, place + 1) for place in (places[2], places[15])]
    ids = LOWEST + load.round().clamp(0, LEVELS - 1).long()
    return Script(ids, tuple(sorted((event for event in events if event.start < event.end), key=lambda e: e.start)))


SCENARIOS: dict[str, Callable[[int, torch.Generator], Script]] = {
    "text": lambda length, _: Script(_passage(length)),  # the bundled text, or one that the caller gives
    "steady": lambda length, _: Script(_loop(length)),  # one short passage over and over
    "repetition": _repetition,  # a long passage, read twice
    "novelty_burst": _novelty_burst,  # a few random figures and capitals inside a steady stream
    "topic_shift": _topic_shift,  # a looped passage of prose, then a looped one of figures and capitals
    "outliers": _outliers,  # single values six times too long and of the wrong sign
    "noise": lambda length, dice: Script(torch.randint(32, 127, (length,), generator=dice)),  # nothing to learn
    "silence": _silence,  # a stretch where keys and values are zero
    "series": _series,  # hourly readings of a daily load as letters, with known changes of regime
}


def make_script(scenario: str, tokens: int, seed: int) -> Script:
    """The bytes and the known places of a scenario; of the bundled text where that is the scenario."""
    return SCENARIOS[scenario](tokens, torch.Generator().manual_seed(seed))


@plain_defaults()
def make_stream(
    scenario: str, tokens: int, dim: int, seed: int = 0, text: str | None = None, encode: Callable | None = None
) -> Stream:
    """The stream of a scenario. A given `text` replaces the bundled one; it is cut at `tokens`, never repeated.

    `encode` makes keys and values of the source's bytes and of those that are read; None: the fixed encoding.
    Byte frequencies are counted over the whole source text, so a longer run begins like a shorter one; where a
    scenario brings novelty, they are counted up to it, so that the new bytes are also rare.
    """
    check_choice("scenario", scenario, SCENARIOS)
    if scenario == "text":
        reference = _bundled() if text is None else _packed(check_text(text))
        script = Script(_passage(tokens) if text is None else reference[:tokens].long())
    else:
        script = make_script(scenario, tokens, seed)
        reference = script.ids[: script.known]
    pairs = Encoder(reference, dim, seed)(script.ids) if encode is None else encode(reference, script.ids)
    gains = (1 if gain is None else gain.unsqueeze(-1) for gain in (script.key_gain, script.value_gain))
    keys, values = (part * gain for part, gain in zip(pairs, gains, strict=True))
    return Stream(script.ids, keys, values, script.events)
