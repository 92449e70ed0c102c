"""The monitor: how often a memory writes, how large, wrong and far it is, and an alarm where one leaves its range.

An alarm fires once when its number crosses the limit and clears once when it is back inside by a margin.
Recipe: 5.1. Differs: the recipe's limit on the norm, 100 d, is 6,400 at width 64, while the memories shipped here
have norms of 2 to 60 and one with a matrix scaled by 50 about 750, so that limit alone would miss it. A second limit
is calibrated: what a clean warm-up showed, its mean and spread. A window of 1,000 clean tokens often holds fewer
than 30 writes or more than 80, so the recipe's range must be left for `hold` tokens in a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import ConfigError, check_integer, check_number
from ..memory.gates import GateState, SurpriseGate, initial_gate_state
from ..trace import WRITE_LEVEL
from .engine import Engine, Reading


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
    margin: float = 0.1  # share of a limit by which a number must be back for its alarm to clear

    def __post_init__(self) -> None:
        check_integer("window", self.window, 1, 1_000_000)
        check_integer("hold", self.hold, 0, 10_000_000)
        check_integer("warmup", self.warmup, 2, 10_000_000)
        for name, high in (("norm_per_feature", 1e9), ("spread", 1e3), ("times", 1e3), ("drift", 1e9)):
            check_number(name, getattr(self, name), 0.0, high)
        check_number("margin", self.margin, 0.0, 0.9)
        for bound in self.writes:
            check_number("writes", bound, 0.0, 1000.0)


class Watch(NamedTuple):
    """One kind of alarm: which number it watches, on which side, and what it says."""

    metric: str
    side: int  # 1: too high, -1: too low
    cause: str
    held: bool = False  # only after `hold` tokens in a row


WATCHES: dict[str, Watch] = {
    "writes_high": Watch("writes", 1, "the memory keeps writing too often; the input may be unusual", held=True),
    "writes_low": Watch("writes", -1, "the memory hardly writes any more; the input may repeat itself", held=True),
    "norm": Watch("norm", 1, "the memory norm is above the recipe's limit of 100 d"),
    "norm_rise": Watch("norm", 1, "the memory norm is far above what the warm-up showed"),
    "loss": Watch("loss", 1, "the inner loss is far above what the warm-up showed"),
    "drift": Watch("drift", 1, "the memory has moved far from its start weights"),
}
ALARMS = (*WATCHES, "not_finite")


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
        self.bounds |= {"drift": self.limits.drift, "writes_high": high}
        if engine.recipe:
            self.bounds["writes_low"] = low
        self._start = engine.fast(engine.start())
        self._meter = SurpriseGate()
        self._warm: list[tuple[float, float]] = []  # norm, loss
        self.restart()

    def restart(self) -> None:
        """Empties the windows, as after a rollback; limits and alarms stay until new numbers come."""
        self._wrote, self._losses = torch.zeros(0), torch.zeros(0)
        self._meter_state: GateState | None = None
        self._outside = dict.fromkeys(WATCHES, 0)

    def observe(self, reading: Reading, token: int) -> list[Event]:
        """The alarms that a reading sets off or clears; `token`: tokens of the stream read so far."""
        window, before = self.limits.window, 0 if self.metrics is None else self.metrics.token
        self._wrote = torch.cat([self._wrote, self._writes(reading)])[-window:]
        self._losses = torch.cat([self._losses, reading.loss.double().mean(0)])[-window:]
        full = len(self._wrote) == window
        writes, loss = (float(series.mean()) if full else None for series in (self._wrote, self._losses))
        norm, drift = measure(self.engine.fast(reading.state), self._start)
        self.metrics = Metrics(token, None if writes is None else 1000 * writes, norm, loss, drift)
        self._calibrate()
        events = self._clear("not_finite", norm, None) if "not_finite" in self.active else []
        for kind, bound in self.bounds.items():
            events += self._check(kind, bound, max(0, token - before))
        return events

    def broken(self, cause: str, token: int) -> list[Event]:
        """The alarm of a number that is not finite."""
        return [] if "not_finite" in self.active else [self._fire("not_finite", cause, token, None, None)]

    def _writes(self, reading: Reading) -> Tensor:
        """(t,) share of the memories whose gate is open."""
        if reading.g_write is not None:
            return (reading.g_write > WRITE_LEVEL).double().mean(0)
        raw = reading.raw
        state = self._meter_state or initial_gate_state(len(raw), raw)
        _, smoothed, self._meter_state = self._meter.measure(raw, state)
        return (smoothed > self._meter.tau).double().mean(0)

    def _calibrate(self) -> None:
        """Sets the limits of norm and loss at the end of the warm-up."""
        limits, (token, _, norm, loss, _) = self.limits, self.metrics
        if "loss" in self.bounds or loss is None:
            return
        if token > limits.warmup // 2:
            self._warm.append((norm, loss))
        if token >= limits.warmup:
            seen = torch.tensor(self._warm, dtype=torch.float64)  # (pieces, 2)
            mean, std = seen.mean(0), seen.std(0, correction=0)
            norm, loss = torch.maximum(mean + limits.spread * std, limits.times * mean).tolist()
            self.bounds |= {"norm_rise": norm, "loss": loss}

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
        return [Event("clear", kind, f"{kind} is back in its range", self.metrics.token, value, limit)]


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


def to_prometheus(monitor: Monitor) -> str:
    """The monitor's numbers in Prometheus' text format. Raises ConfigError where prometheus_client is missing."""
    try:
        from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
    except ImportError:
        raise ConfigError("prometheus_client is not installed; run: pip install 'titans-mini[operate]'") from None
    registry = CollectorRegistry()
    gauges = {
        "writes": ("titans_writes_per_1k", "Tokens of the last 1,000 at which the memory wrote"),
        "norm": ("titans_memory_norm", "Largest norm of a memory's fast weights"),
        "loss": ("titans_inner_loss", "Mean inner loss over the window"),
        "drift": ("titans_memory_drift", "Largest relative distance from the start weights"),
        "token": ("titans_tokens_read", "Tokens of the stream read so far"),
    }
    for field, (name, text) in gauges.items():
        gauge, value = Gauge(name, text, registry=registry), getattr(monitor.metrics, field, None)
        gauge.set(float("nan") if value is None else value)
    active = Gauge("titans_alarm_active", "1 while the alarm is on", ["kind"], registry=registry)
    fired = Counter("titans_alarms", "Alarms so far", ["kind"], registry=registry)
    for kind in ALARMS:
        active.labels(kind).set(kind in monitor.active)
        fired.labels(kind).inc(monitor.fired[kind])
    return generate_latest(registry).decode()


def write_json_lines(events: Iterable[Event], path: str | Path) -> None:
    """Appends one line of JSON an event. Raises ConfigError where the file cannot be written."""
    try:
        with Path(path).open("a") as file:
            file.writelines(event.to_json() + "\n" for event in events)
    except OSError as error:
        raise ConfigError(f"event log {str(path)!r} cannot be written: {error.strerror}") from None
