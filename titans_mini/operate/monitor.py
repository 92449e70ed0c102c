"""The monitor: how often a memory writes, how large, wrong, far and alive it is, and the alarms on these numbers.

An alarm fires once when its number crosses the limit and clears once when the number is back inside by a margin.
Recipe: 5.1. Differs: the recipe's limit on the norm, 100 d, is 6,400 at width 64, while the memories shipped here
have norms of 2 to 60 and one with a matrix scaled by 50 about 750, so that limit alone would miss it. A second limit
is calibrated: what a clean warm-up showed, its mean and spread. A window of 1,000 clean tokens often holds fewer
than 30 writes or more than 80, so the recipe's range must be left for `hold` tokens in a row; a sudden rise of the
write rate and a memory that is dead have alarms of their own, see `measures`.
"""

import json
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ConfigError, check_number, show
from ..memory.gates import GateState, SurpriseGate, initial_gate_state
from ..messages import Message
from ..settings import Settings, number, whole
from ..trace import WRITE_LEVEL
from .engine import Engine, Reading
from .measures import LONGEST, calibrate, distance, highest, life, rates, strength


class Event(NamedTuple):
    """Something that happened: `action` is alarm, clear, snapshot, refused, rollback, skip, degrade or promote."""

    action: str
    kind: str  # of an alarm; else what set the action off
    cause: str  # one plain sentence, a Message
    token: int  # tokens of the stream read so far
    value: float | None = None
    limit: float | None = None

    def to_json(self) -> str:
        """One line of JSON; a number that is not finite becomes null."""
        plain = [None if isinstance(part, float) and not math.isfinite(part) else part for part in self]
        return json.dumps(dict(zip(self._fields, plain, strict=True)))


class Metrics(NamedTuple):
    """The numbers after a piece. None: not enough tokens yet."""

    token: int
    writes: float | None  # f_write: tokens of the last 1,000 at which g_write > 0.5, mean over the memories
    norm: float  # largest ||M|| of a memory
    loss: float | None  # mean inner loss of the last `window` tokens
    drift: float  # largest ||M - M_0|| / ||M_0|| of a memory
    life: float  # of the weakest memory: 1 as in the warm-up, 0 dead
    rise: float | None = None  # highest write rate per 1,000 that was kept up; None in the warm-up


@dataclass(frozen=True)
class Limits(Settings):
    """Where the alarms are. Recipe: 5.1 for `writes` and `norm_per_feature`; the others are ours."""

    window: int = whole(1000, 1, 1_000_000)  # tokens that f_write and loss look back
    writes: tuple[float, float] = (30.0, 80.0)  # f_write per 1,000 tokens
    hold: int = whole(2000, 0, 10_000_000)  # tokens in a row outside of `writes`
    norm_per_feature: float = number(100.0, 0.0, 1e9)  # norm over d
    warmup: int = whole(4000, 2, 10_000_000)  # tokens that calibrate norm and loss, from the second half on
    spread: float = number(8.0, 0.0, 1e3)  # calibrated limit: mean + spread standard deviations,
    times: float = number(3.0, 0.0, 1e3)  # and at least this many times the mean
    drift: float = number(10.0, 0.0, 1e9)  # largest ||M - M_0|| / ||M_0||
    rise: tuple[float, float] = (125.0, 870.0)  # least limits of a rate kept up for 5 x 100 and for 60 tokens
    least: float = number(0.001, 0.0, 1.0)  # share of its usual strength below which a memory is dead
    margin: float = number(0.1, 0.0, 0.9)  # share of a limit by which a number must be back for its alarm to clear

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("writes", "rise"):
            _check_pair(name, getattr(self, name), 0.0, 1000.0)


def _check_pair(name: str, value: object, low: float, high: float) -> None:
    """Raises ConfigError unless `value` is two numbers in [low, high], the first at most the second."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        text = "{name} must be two numbers, lower and upper, not {value}"
        raise ConfigError(text, name=Message(name), value=show(value))
    lower, upper = (check_number(name, bound, low, high) for bound in value)
    if lower > upper:
        text = "{name} must not have its lower number above its upper one: {lower} is above {upper}"
        raise ConfigError(text, name=Message(name), lower=f"{lower:g}", upper=f"{upper:g}")


class Watch(NamedTuple):
    """One kind of alarm: the number it watches, on which side, and what it says when it fires and when it clears."""

    metric: str
    side: int  # 1: too high, -1: too low
    cause: Message
    held: bool = False  # only after `hold` tokens in a row
    over: str = "{kind} is back in its range"


WATCHES: dict[str, Watch] = {
    kind: Watch(metric, side, Message(cause), *more)
    for kind, metric, side, cause, *more in (
        ("writes_high", "writes", 1, "the memory keeps writing too often; the input may be unusual", True),
        ("writes_low", "writes", -1, "the memory hardly writes any more; the input may repeat itself", True),
        ("norm", "norm", 1, "the memory norm is above the recipe's limit of 100 d"),
        ("norm_rise", "norm", 1, "the memory norm is far above what the warm-up showed"),
        ("loss", "loss", 1, "the inner loss is far above what the warm-up showed"),
        ("drift", "drift", 1, "the memory has moved far from its start weights"),
        ("writes_rise", "rise", 1, "the memory suddenly writes far more often than the warm-up showed"),
        ("dead", "life", -1, "the memory is dead: its weights are near 0, so it answers nothing and cannot learn",
         False, "the memory learns again"),
    )
}  # fmt: skip
NOT_FINITE = "not_finite"  # the alarm that the runner raises
ALARMS = (*WATCHES, NOT_FINITE)


def named(kind: str) -> Message:
    """An alarm's name as prose has it: `norm_rise` is "norm rise"."""
    return Message(kind.replace("_", " "))


class Monitor:
    """Watches one run of an engine. `observe` each reading; `metrics`, `active` and `fired` are the result.

    If the gate is not the recipe's there is no g_write in its sense: f_write then counts the tokens at which the
    recipe's gate would have opened on this memory's surprise, and only the upper end of its range is watched.
    """

    def __init__(self, engine: Engine, limits: Limits | None = None) -> None:
        self.engine, self.limits = engine, limits or Limits()
        self.metrics: Metrics | None = None
        self.active: dict[str, Event] = {}  # alarms that are on
        self.fired = dict.fromkeys(ALARMS, 0)
        low, high = self.limits.writes
        self.bounds = {"norm": self.limits.norm_per_feature * engine.width, "drift": self.limits.drift}
        self.bounds |= {"writes_high": high, "dead": self.limits.least}
        if engine.recipe:
            self.bounds["writes_low"] = low
        self._start = engine.fast(engine.start())
        self._meter = SurpriseGate()
        self._warm: list[tuple] = []  # norm, loss, strength (m,), raw (m,) and rates of each piece of the warm-up
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

        `before` is the state that the piece was read with: weights at 0 are reported although momentum may restore
        them.
        """
        earlier = 0 if self.metrics is None else self.metrics.token
        self._measure(reading, token, before)
        events = [self._clear(NOT_FINITE, self.metrics.norm, None)] if NOT_FINITE in self.active else []
        for kind in self.bounds:
            events += self._check(kind, token - earlier)
        return events

    def broken(self, cause: Message, token: int) -> list[Event]:
        """The alarm of a number that is not finite."""
        return [] if NOT_FINITE in self.active else [self._fire(NOT_FINITE, cause, token, None, None)]

    def _measure(self, reading: Reading, token: int, before) -> None:
        """Sets `metrics`, and during the warm-up what the calibrated limits are made of."""
        window, new = self.limits.window, reading.raw.shape[1]
        self._wrote = torch.cat([self._wrote, self._writes(reading)])[-max(window, new + LONGEST) :]
        self._losses = torch.cat([self._losses, reading.loss.double().mean(0)])[-window:]
        writes = loss = rise = None
        if len(self._losses) == window:
            writes, loss = 1000 * float(self._wrote[-window:].mean()), float(self._losses.mean())
        weights, found = self.engine.fast(reading.state), rates(self._wrote, new)
        steepest = highest(found, self._steep) if self._steep else None
        if steepest is not None:  # each stretch has a limit of its own, and that of the steepest counts
            rise, self.bounds["writes_rise"] = steepest
        norm, drift = distance(weights, self._start)
        strong = strength(weights, self._start)
        if before is not None:
            strong = torch.minimum(strong, strength(self.engine.fast(before), self._start))
        alive = float(life(reading, strong, self._usual).min())
        self.metrics = Metrics(token, writes, norm, loss, drift, alive, rise)
        if "loss" not in self.bounds and loss is not None and alive >= self.limits.least:  # the dead show nothing usual
            self._warm_up((norm, loss, strong, reading.raw.double().mean(1), found))

    def _writes(self, reading: Reading) -> Tensor:
        """(t,) share of the memories whose gate is open."""
        if reading.g_write is not None:
            return (reading.g_write > WRITE_LEVEL).double().mean(0)
        raw = reading.raw
        state = self._meter_state or initial_gate_state(len(raw), raw)
        _, smoothed, self._meter_state = self._meter.measure(raw, state)
        return (smoothed > self._meter.tau).double().mean(0)

    def _warm_up(self, seen: tuple) -> None:
        """Notes a piece of the warm-up's second half; at its end sets the calibrated limits."""
        limits, token = self.limits, self.metrics.token
        if token > limits.warmup // 2:
            self._warm.append(seen)
        if token >= limits.warmup:
            norms, losses, strengths, raws, seen_rates = zip(*self._warm, strict=True)
            numbers = torch.tensor([norms, losses], dtype=torch.float64)  # (2, pieces)
            mean, std = numbers.mean(1), numbers.std(1, correction=0)
            norm, loss = torch.maximum(mean + limits.spread * std, limits.times * mean).tolist()
            self.bounds |= {"norm_rise": norm, "loss": loss}
            self._usual = torch.stack(strengths).mean(0), torch.stack(raws).mean(0)
            self._steep = calibrate(seen_rates, limits.rise)

    def _check(self, kind: str, tokens: int) -> list[Event]:
        """The alarm that a number sets off or clears, after so many further tokens."""
        watch, bound = WATCHES[kind], self.bounds[kind]
        value = getattr(self.metrics, watch.metric)
        if value is None:
            return []
        outside = watch.side * (value - bound) > 0
        self._outside[kind] = self._outside[kind] + tokens if outside else 0
        if kind in self.active:
            inside = bound * (1 - watch.side * self.limits.margin)
            return [self._clear(kind, value, bound)] if watch.side * (value - inside) <= 0 else []
        if outside and (not watch.held or self._outside[kind] > self.limits.hold):
            return [self._fire(kind, watch.cause, self.metrics.token, value, bound)]
        return []

    def _fire(self, kind: str, cause: Message, token: int, value: float | None, limit: float | None) -> Event:
        self.active[kind] = Event("alarm", kind, cause, token, value, limit)
        self.fired[kind] += 1
        return self.active[kind]

    def _clear(self, kind: str, value: float, limit: float | None) -> Event:
        del self.active[kind]
        over = WATCHES[kind].over if kind in WATCHES else Watch._field_defaults["over"]
        return Event("clear", kind, Message(over, kind=named(kind)), self.metrics.token, value, limit)
