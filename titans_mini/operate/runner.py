"""The runner: a stream through an engine with monitor, snapshots, shadow, rollback and degrading. Recipe: 5.1-5.3.

The state of the memory stays a value; the runner is what holds the current one, for one stream.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import DivergenceError, check_integer
from ..memory.state import tensors
from ..threads import one_thread
from .engine import Engine, Reading
from .monitor import Event, Limits, Monitor, measure, named
from .monitor_life import is_dead
from .shadow import ShadowConfig, ShadowState, compare
from .snapshots import SnapshotError, Snapshots


@dataclass(frozen=True)
class RunConfig:
    """How a stream is run."""

    piece: int = 100  # tokens read at once
    snapshot_every: int = 10_000  # tokens; recipe: 5.2
    keep: int = 5  # automatic snapshots that stay
    limits: Limits = field(default_factory=Limits)
    shadow: ShadowConfig | None = field(default_factory=ShadowConfig)  # None: no shadow

    def __post_init__(self) -> None:
        check_integer("piece", self.piece, 1, 100_000)
        check_integer("snapshot_every", self.snapshot_every, 1, 1_000_000_000)
        check_integer("keep", self.keep, 1, 10_000)


class Track(NamedTuple):
    """One reader of the stream."""

    state: NamedTuple
    last: Tensor | None = None  # (vocab,) logits after the last token
    output: Tensor | None = None  # (1, t, ...) of the last piece


class Runner:
    """Runs one stream; `feed` it pieces, or `run` it whole. Without a folder nothing is written to the disk.

    `output` is what is served for the last piece: of the main track, or of the shadow's while degraded. A piece on
    which a number is not finite is read again after a rollback, and skipped where the fault is in the piece itself.
    """

    def __init__(self, engine: Engine, folder: str | Path | None = None, *, config: RunConfig | None = None) -> None:
        self.engine, self.config = engine, config or RunConfig()
        self.monitor = Monitor(engine, self.config.limits)
        self.snapshots = None if folder is None else Snapshots(folder, engine, keep=self.config.keep)
        self.token, self.compared = 0, ShadowState()
        self.main = self.shadow = Track(engine.start())
        self.base = self.main.state  # the last good state; a value, so nothing changes it
        self._since, self._started = 0, False  # tokens since the last automatic snapshot

    @property
    def state(self):
        """The main track's state."""
        return self.main.state

    @property
    def output(self) -> Tensor | None:
        """What is served for the last piece: logits (1, t, vocab) or vectors (1, t, dim)."""
        return (self.shadow if self.compared.degraded else self.main).output

    def replace(self, state) -> None:
        """Puts another state in the place of the main track's, as a drill does."""
        self.main = Track(state)

    def run(self, stream: Tensor) -> Iterator[Event]:
        """Feeds a stream (t, ...) piece by piece and yields each event as it happens."""
        for piece in stream.split(self.config.piece):
            yield from self.feed(piece)

    def feed(self, piece: Tensor) -> list[Event]:
        """Reads one piece (t,) or (t, dim); returns what happened. A wrong piece (ConfigError) is not counted."""
        self.engine.check(piece)
        with one_thread():
            events = [] if self._started else self._snapshot("start of the run")
            self._started, self.token = True, self.token + len(piece)
            reading, troubles = self._read(piece)
            events += troubles
            if reading is None:
                return events
            before = self.main.state
            events += self._compare(piece, reading)
            events += (alarms := self.monitor.observe(reading, self.token, before))
            self._since += len(piece)
            fired = [event.kind for event in alarms if event.action == "alarm"]
            due = self._since >= self.config.snapshot_every
            self._since = 0 if due else self._since
            if due or fired:
                every = f"every {self.config.snapshot_every} tokens"
                events += self._snapshot(f"alarm: {', '.join(map(named, fired))}" if fired else every)
            return events

    def rollback(self, name: str | None = None, *, cause: str = "by hand") -> list[Event]:
        """Goes back to a named snapshot, or to the newest that is whole and was healthy. Recipe: 5.2.

        Raises SnapshotError for a name that is not there or cannot be used.
        """
        if self.snapshots is None:
            found, state, refused, where = None, self.base, [], "the last good state"
        elif name is None:
            found, state, refused = self.snapshots.latest()
            where = "the start" if found is None else found.path.name
        else:
            found, refused = self.snapshots.find(name), []
            state, where = self.snapshots.load(found), found.path.name
        self.base, self.main, self.shadow = state, Track(state), Track(state)
        self.compared, self._since = ShadowState(), 0
        self.monitor.restart()
        events = [Event("refused", "snapshot", line, self.token) for line in refused]
        events.append(Event("rollback", "snapshot", f"back to {where}: {cause}", self.token))
        healthy = not is_dead(self.engine, state)  # somebody may ask for a dead one by its name
        return events + (self._write(healthy, f"after rollback to {where}") if found is not None else [])

    def promote(self) -> list[Event]:
        """Serves the main track again, which goes on writing from the shadow's state. Does nothing unless degraded."""
        if not self.compared.degraded:
            return []
        self.main, self.base, self.compared = self.shadow, self.shadow.state, ShadowState()
        self.monitor.restart()
        return [Event("promote", "by hand", "the main track is served again, from the shadow's memory", self.token)]

    def _read(self, piece: Tensor) -> tuple[Reading | None, list[Event]]:
        """A reading of finite numbers, after a rollback where it takes one; None where the piece itself is broken."""
        events: list[Event] = []
        for attempt in range(2):
            try:
                reading = self.engine.read(piece, self.main.state)
                if not all(bool(part.isfinite().all()) for part in tensors((reading.state, reading.output))):
                    raise DivergenceError("memory diverged", len(piece) - 1)
                return reading, events
            except DivergenceError as error:
                place = self.token - len(piece) + error.token
                if attempt:
                    events.append(Event("skip", "not_finite", f"the piece up to token {self.token} is skipped", place))
                else:
                    events += self.monitor.broken(f"a number is not finite: {error}", place)
                    events += self.rollback(cause="a number is not finite")
        return None, events

    def _compare(self, piece: Tensor, reading: Reading) -> list[Event]:
        """Moves both tracks on; says so where the served one changes."""
        before, config = self.compared, self.config.shadow
        if not self.engine.predicts or config is None:
            self.main = Track(reading.state, None, reading.output)
            return []
        logits, state = self.engine.recall(piece, self.shadow.state)
        costs = [_nats(track.last, out, piece) for track, out in ((self.main, reading.output), (self.shadow, logits))]
        self.main = Track(reading.state, reading.output[0, -1], reading.output)
        self.shadow = Track(state, logits[0, -1], logits)
        length = min(map(len, costs))  # a track just set anew has not foretold its first token
        self.compared = compare(before, *(cost[len(cost) - length :] for cost in costs), config)
        if before.degraded and "dead" in self.monitor.active:  # however well it does: it learns nothing any more
            self.compared = self.compared._replace(degraded=True, streak=0)
        return [] if before.degraded == self.compared.degraded else [self._changed()]

    def _changed(self) -> Event:
        config, difference = self.config.shadow, self.compared.difference
        steps = f"for {config.patience} tokens in a row"
        if self.compared.degraded:
            cause = f"main's perplexity was more than {config.threshold:.0%} above the shadow's {steps}"
            return Event("degrade", "shadow", cause, self.token, difference, config.threshold)
        cause = f"main's perplexity was within {config.threshold:.0%} of the shadow's {steps}"
        return Event("promote", "shadow", cause, self.token, difference, config.threshold)

    def _snapshot(self, cause: str) -> list[Event]:
        """A snapshot of the main track; where all is well, also the shadow's new memory."""
        healthy = not (self.monitor.active or self.compared.degraded or self.compared.streak)
        if healthy:
            self.base, self.shadow = self.main.state, self.main
        return self._write(healthy, cause)

    def _write(self, healthy: bool, cause: str) -> list[Event]:
        if self.snapshots is None:
            return []
        try:
            made = self.snapshots.save(self.main.state, healthy=healthy, cause=cause)
        except SnapshotError as error:
            return [Event("refused", "snapshot", str(error), self.token)]
        return [Event("snapshot", made.label, f"{made.path.name}, {cause}", self.token)]


def _nats(last: Tensor | None, logits: Tensor, piece: Tensor) -> list[float]:
    """What each token of a piece cost, the first one only where there are logits before it."""
    before = logits[0, :-1] if last is None else torch.cat([last.unsqueeze(0), logits[0, :-1]])
    wanted = piece[len(piece) - len(before) :]
    return functional.cross_entropy(before.double(), wanted, reduction="none").tolist()


class Mark(NamedTuple):
    """How a long run stands at a token."""

    token: int
    not_finite: int  # pieces with a number that was not finite
    norm: float
    growth: float  # norm over the norm of the start
    drift: float
    loss: float  # mean inner loss since the mark before
    bits: float | None  # mean bits of a predicted token since the mark before; None where nothing is predicted


def soak(
    engine: Engine, source: Tensor, tokens: int = 1_000_000, *, marks: int = 10, piece: int = 500
) -> Iterator[Mark]:
    """Reads `source` (n, ...), round and round, up to `tokens` in all, and yields a Mark at each of `marks` places.

    Nothing is rolled back: a piece that is not finite is counted and left out.
    """
    check_integer("tokens", tokens, 1, 10_000_000_000)
    check_integer("marks", marks, 1, tokens)
    state = engine.start()
    start = engine.fast(state)
    first, broken, last = measure(start, start)[0], 0, None
    for mark in range(marks):
        losses, costs = [], []
        places = torch.arange(tokens * mark // marks, tokens * (mark + 1) // marks)
        for part in places.split(piece):
            ids = source[part % len(source)]
            try:
                reading = engine.read(ids, state)
            except DivergenceError:
                broken += 1
                continue
            state = reading.state
            losses.append(reading.loss.mean().item())
            if engine.predicts:
                costs += _nats(last, reading.output, ids)
                last = reading.output[0, -1]
        norm, drift = measure(engine.fast(state), start)
        bits = sum(costs) / len(costs) / math.log(2) if costs else None
        loss = sum(losses) / len(losses) if losses else math.nan
        yield Mark(int(places[-1]) + 1, broken, norm, norm / first, drift, loss, bits)
