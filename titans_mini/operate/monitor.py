"""The monitor: how often a memory writes, how large, wrong, far and alive it is, and the alarms on these numbers.

An alarm fires once when its number crosses the limit and clears once when it is back inside by a margin.
Recipe: 5.1. Differs: the recipe's limit on the norm, 100 d, is 6,400 at width 64, while the memories shipped here
have norms of 2 to 60 and one with a matrix scaled by 50 about 750, so that limit alone would miss it. A second limit
is calibrated: what a clean warm-up showed, its mean and spread. A window of 1,000 clean tokens often holds fewer
than 30 writes or more than 80, so the recipe's range must be left for `hold` tokens in a row; a sudden rise has an
alarm of its own, see `monitor_writes`. A norm can also be too low: see `monitor_life`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ConfigError, check_integer, check_number
from ..memory.gates import GateState, SurpriseGate, initial_gate_state
from ..trace import WRITE_LEVEL
from .engine import Engine, Reading
from .monitor_life import life, strength
from .monitor_writes import LONGEST, calibrate, highest, rates


class Event(NamedTuple):
    """Something that happened: `action` is alarm, clear, snapshot, refused, rollback, skip, degrade or promote."""

    action: str
    kind: str  # of an alarm; else what set the action off
    cause: str  # one plain sentence
    token: int  # tokens of the stream read so far
    value: float | None = None
    limit: float | None = None

    def to_json(self) -> str:
        """One line of JSON; a number that is not finite becomes null."""
        finite = {
            name: None if value != value or value in _INFINITE else value for name, value in self._asdict().items()
        }
        return json.dumps(finite)


_INFINITE = (float("inf"), float("-inf"))


class Metrics(NamedTuple):
    """The numbers after a piece. None: not enough tokens yet."""

    token: int
    writes: float | None  # f_write: tokens of the last 1,000 at which g_write > 0.5, mean over the memories
    norm: float  # largest ||M|| of a memory
    loss: float | None  # mean inner loss of the last `window` tokens
    drift: float  # largest ||M - M_0|| / ||M_0|| of a memory
    life: float  # of the weakest memory: 1 as in the warm-up, 0 dead; see `monitor_life`
    rise: float | None = None  # highest write rate per 1,000 that was kept up; None in the warm-up


@dataclass(frozen=True)
class Limits:
    """Where the alarms are. Recipe: 5.1 for `writes` and `norm_per_feature`; the others are ours."""

    window: int = 1000  # tokens that f_write and loss look back
    writes: tuple[float, float] = (30.0, 80.0)  # f_write per 1,000 tokens
    hold: int = 2000  # tokens in a row outside of `writes`
    norm_per_feature: float = 100.0  # norm over d
    warmup: int = 4000  # tokens that calibrate norm and loss, from the second half on
    spread: float = 8.0  # calibrated limit: mean + spread standard deviations,
    times: float = 3.0  # and at least this many times the mean
    drift: float = 10.0
    rise: tuple[float, float] = (125.0, 870.0)  # least limits of a rate kept up for 5 x 100 and for 60 tokens
    least: float = 0.001  # share of its usual strength below which a memory is dead
    margin: float = 0.1  # share of a limit by which a number must be back for its alarm to clear

    def __post_init__(self) -> None:
        check_integer("window", self.window, 1, 1_000_000)
        check_integer("hold", self.hold, 0, 10_000_000)
        check_integer("warmup", self.warmup, 2, 10_000_000)
        for name, high in (("norm_per_feature", 1e9), ("spread", 1e3), ("times", 1e3), ("drift", 1e9), ("least", 1.0)):
            check_number(name, getattr(self, name), 0.0, high)
        check_number("margin", self.margin, 0.0, 0.9)
        for name in ("writes", "rise"):
            _check_pair(name, getattr(self, name), 0.0, 1000.0)


def _check_pair(name: str, value: object, low: float, high: float) -> None:
    """Raises ConfigError unless `value` is two numbers in [low, high], the first at most the second."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ConfigError(f"{name} must be two numbers, lower and upper, not {value!r}")
    lower, upper = (check_number(name, bound, low, high) for bound in value)
    if lower > upper:
        raise ConfigError(f"{name} must not have its lower number above its upper one: {lower:g} is above {upper:g}")


class Watch(NamedTuple):
    """One kind of alarm: which number it watches, on which side, and what it says."""

    metric: str
    side: int  # 1: too high, -1: too low
    cause: str
    held: bool = False  # only after `hold` tokens in a row
    over: str = "{name} is back in its range"  # when it clears


WATCHES: dict[str, Watch] = {
    "writes_high": Watch("writes", 1, "the memory keeps writing too often; the input may be unusual", held=True),
    "writes_low": Watch("writes", -1, "the memory hardly writes any more; the input may repeat itself", held=True),
    "norm": Watch("norm", 1, "the memory norm is above the recipe's limit of 100 d"),
    "norm_rise": Watch("norm", 1, "the memory norm is far above what the warm-up showed"),
    "loss": Watch("loss", 1, "the inner loss is far above what the warm-up showed"),
    "drift": Watch("drift", 1, "the memory has moved far from its start weights"),
    "writes_rise": Watch("rise", 1, "the memory suddenly writes far more often than the warm-up showed"),
    "dead": Watch(
        "life",
        -1,
        "the memory is dead: its weights are near 0, so it answers nothing and cannot learn",
        over="the memory learns again",
    ),
}
ALARMS = (*WATCHES, "not_finite")


def named(kind: str) -> str:
    """An alarm's name as prose has it: `norm_rise` is "norm rise"."""
    return kind.replace("_", " ")


class _Piece(NamedTuple):
    """What a piece of the warm-up showed."""

    norm: float
    loss: float | None  # over the window
    strength: Tensor  # (m,)
    raw: Tensor  # (m,)
    rates: list[float | None]


class Monitor:
    """Watches one run of an engine. `observe` each reading; `metrics`, `active` and `fired` say how it stands.

    Where the gate is not the recipe's there is no g_write in its sense: f_write then counts the tokens at which the
    recipe's gate would have opened on this memory's surprise, and only the upper end of its range is watched.
    """

    def __init__(self, engine: Engine, limits: Limits | None = None) -> None:
        self.engine, self.limits = engine, limits or Limits()
        self.metrics: Metrics | None = None
        self.active: dict[str, Event] = {}  # alarms that are on
        self.fired = dict.fromkeys(ALARMS, 0)
        low, high = self.limits.writes
        self.bounds: dict[str, float] = {"norm": self.limits.norm_per_feature * engine.width}
        self.bounds |= {"drift": self.limits.drift, "writes_high": high, "dead": self.limits.least}
        if engine.recipe:
            self.bounds["writes_low"] = low
        self._start = engine.fast(engine.start())
        self._meter = SurpriseGate()
        self._warm: list[_Piece] = []
        self._usual: tuple[Tensor, Tensor] | None = None  # (m,) strength and raw of the warm-up
        self._steep: tuple[float, ...] = ()  # calibrated limits of a rise of the write rate
        self.restart()

    def restart(self) -> None:
        """Empties the windows, as after a rollback; limits and alarms stay until new numbers come."""
        self._wrote, self._losses = torch.zeros(0), torch.zeros(0)
        self._meter_state: GateState | None = None
        self._outside = dict.fromkeys(WATCHES, 0)

    def observe(self, reading: Reading, token: int, before=None) -> list[Event]:
        """The alarms that a reading sets off or clears; `token`: tokens of the stream read so far.

        `before` is the state that the piece was read with: weights at 0 are told although momentum may restore them.
        """
        earlier = 0 if self.metrics is None else self.metrics.token
        self.metrics, seen = self._measure(reading, token, before)
        self._calibrate(seen)
        events = self._clear("not_finite", self.metrics.norm, None) if "not_finite" in self.active else []
        for kind, bound in self.bounds.items():
            events += self._check(kind, bound, max(0, token - earlier))
        return events

    def broken(self, cause: str, token: int) -> list[Event]:
        """The alarm of a number that is not finite."""
        return [] if "not_finite" in self.active else [self._fire("not_finite", cause, token, None, None)]

    def _measure(self, reading: Reading, token: int, before) -> tuple[Metrics, _Piece]:
        """The numbers after a reading, and what of them calibrates."""
        window, new = self.limits.window, reading.raw.shape[1]
        self._wrote = torch.cat([self._wrote, self._writes(reading)])[-max(window, new + LONGEST) :]
        self._losses = torch.cat([self._losses, reading.loss.double().mean(0)])[-window:]
        writes = loss = None
        if len(self._losses) == window:
            writes, loss = 1000 * float(self._wrote[-window:].mean()), float(self._losses.mean())
        weights, found = self.engine.fast(reading.state), rates(self._wrote, new)
        norm, drift = measure(weights, self._start)
        strong = strength(weights, self._start)
        if before is not None:
            strong = torch.minimum(strong, strength(self.engine.fast(before), self._start))
        alive, rise = float(life(reading, strong, self._usual).min()), self._rise(found)
        seen = _Piece(norm, loss, strong, reading.raw.double().mean(1), found)
        return Metrics(token, writes, norm, loss, drift, alive, rise), seen

    def _writes(self, reading: Reading) -> Tensor:
        """(t,) share of the memories whose gate is open."""
        if reading.g_write is not None:
            return (reading.g_write > WRITE_LEVEL).double().mean(0)
        raw = reading.raw
        state = self._meter_state or initial_gate_state(len(raw), raw)
        _, smoothed, self._meter_state = self._meter.measure(raw, state)
        return (smoothed > self._meter.tau).double().mean(0)

    def _rise(self, found: list[float | None]) -> float | None:
        """The write rate that is closest to its limit, which becomes the alarm's; None in the warm-up."""
        rise = highest(found, self._steep) if self._steep else None
        if rise is None:
            return None
        self.bounds["writes_rise"] = rise.limit
        return rise.rate

    def _calibrate(self, seen: _Piece) -> None:
        """Sets the calibrated limits at the end of the warm-up. A dead memory shows nothing of what is usual."""
        limits, token = self.limits, self.metrics.token
        if "loss" in self.bounds or seen.loss is None or self.metrics.life < limits.least:
            return
        if token > limits.warmup // 2:
            self._warm.append(seen)
        if token >= limits.warmup:
            numbers = torch.tensor([piece[:2] for piece in self._warm], dtype=torch.float64)  # (pieces, 2)
            mean, std = numbers.mean(0), numbers.std(0, correction=0)
            norm, loss = torch.maximum(mean + limits.spread * std, limits.times * mean).tolist()
            self.bounds |= {"norm_rise": norm, "loss": loss}
            strong, raw = (torch.stack(part).mean(0) for part in list(zip(*self._warm, strict=True))[2:4])  # (m,)
            self._usual = strong, raw
            self._steep = calibrate([piece.rates for piece in self._warm], limits.rise)

    def _check(self, kind: str, bound: float, tokens: int) -> list[Event]:
        watch, value = WATCHES[kind], getattr(self.metrics, WATCHES[kind].metric)
        if value is None:
            return []
        margin = 1 - watch.side * self.limits.margin
        outside = watch.side * (value - bound) > 0
        self._outside[kind] = self._outside[kind] + tokens if outside else 0
        if kind in self.active:
            return self._clear(kind, value, bound) if watch.side * (value - bound * margin) <= 0 else []
        if outside and (not watch.held or self._outside[kind] > self.limits.hold):
            return [self._fire(kind, watch.cause, self.metrics.token, value, bound)]
        return []

    def _fire(self, kind: str, cause: str, token: int, value: float | None, limit: float | None) -> Event:
        self.active[kind] = Event("alarm", kind, cause, token, value, limit)
        self.fired[kind] += 1
        return self.active[kind]

    def _clear(self, kind: str, value: float, limit: float | None) -> list[Event]:
        self.active.pop(kind)
        over = WATCHES[kind].over if kind in WATCHES else Watch._field_defaults["over"]
        return [Event("clear", kind, over.format(name=named(kind)), self.metrics.token, value, limit)]


def measure(weights, start) -> tuple[float, float]:
    """(largest norm, largest drift) over memories: fast weights now and at the start, per memory and layer (n, ...)."""
    now, before = (
        [torch.cat([part.flatten(1) for part in memory], dim=1) for memory in side] for side in (weights, start)
    )
    norms = [torch.linalg.vector_norm(part, dim=1).max() for part in now]
    moved = [
        (torch.linalg.vector_norm(a - b, dim=1) / torch.linalg.vector_norm(b, dim=1)).max()
        for a, b in zip(now, before, strict=True)
    ]
    return float(torch.stack(norms).max()), float(torch.stack(moved).max())
