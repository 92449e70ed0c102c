"""Drills: real text with an incident in it, read a piece at a time by a runner that has to detect it. Recipe: 5.1-5.3.

The text is the bundled text's held-out part, which no bundled model was trained on, or else the simulator's series with
known changes. An incident is poison in the stream, or a fault in the memory that recurs at each piece while it lasts.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from titans_mini.data import scenarios
from titans_mini.errors import ConfigError, check_integer
from titans_mini.kept import SnapshotError
from titans_mini.messages import Message
from titans_mini.operate.engine import Engine
from titans_mini.operate.measures import distance
from titans_mini.operate.monitor import Event, Limits
from titans_mini.operate.runner import BY_HAND, RunConfig, Runner
from titans_mini.operate.snapshots import Snapshot, Snapshots
from titans_mini.settings import SEED, Settings, choice, number, whole
from titans_mini.training.tasks import text_bytes

from .incidents import MEMORY_INCIDENTS, STREAM_INCIDENTS, splice

NONE, SCALED, BROKEN, ZERO = "none", "scaled_weight", "broken_weight", "zero_weights"
INCIDENTS = (NONE, *STREAM_INCIDENTS, *MEMORY_INCIDENTS)
ONCE = (BROKEN, ZERO)  # incidents that strike once; the others last
SHORT_RUN = RunConfig(snapshot_every=1000, limits=Limits(warmup=2000))  # a drill's clean part is short
STREAMS = ("text", "series")
LONGEST = 30_000  # tokens of a drill
KEPT_EVENTS = 500
TAKEN = "taken-over"  # the snapshot of a state taken over from elsewhere


@dataclass(frozen=True)
class DrillConfig(Settings):
    """The stream that is read and the incident in it."""

    incident: str = choice(SCALED, INCIDENTS)  # what goes wrong
    at: int = whole(3000, 0, LONGEST)  # clean tokens before the incident
    duration: int = whole(600, 1, LONGEST)  # tokens that it lasts; those of ONCE strike once
    factor: float = number(6.0, -1e6, 1e6)  # of scaled_weight, before each piece
    tokens: int = whole(6000, 1, LONGEST)  # of the stream, including the poison
    offset: int = 0  # byte of the held-out text at which the stream begins
    seed: int = whole(0, *SEED)  # of random_bytes, and of the series
    stream: str = choice("text", STREAMS)  # held-out text, or the simulator's series, of `tokens` readings
    run: RunConfig = field(default_factory=lambda: SHORT_RUN)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("offset", self.offset, 0, len(text_bytes(True)) - 1)

    @property
    def end(self) -> int:
        """The token at which the incident is over."""
        return self.at + (self.run.piece if self.incident in ONCE else self.duration)


class Sample(NamedTuple):
    """The gauges after a piece. None: not known yet, or nothing is predicted."""

    token: int
    writes: float | None
    norm: float
    loss: float | None
    drift: float
    main_bits: float | None  # bits per byte of the main track, as the shadow rule averages them
    shadow_bits: float | None
    difference: float | None  # main's perplexity over the shadow's, minus 1
    streak: int
    degraded: bool


class Drill:
    """A runner with its stream; `step` reads a piece, `samples` and `events` hold what happened so far."""

    def __init__(self, engine: Engine, config: DrillConfig | None = None, folder: str | Path | None = None) -> None:
        self.config = config or DrillConfig()
        self.runner = Runner(engine, folder, config=self.config.run)
        self.stream = make_drill_stream(self.config)
        self.samples: list[Sample] = []
        self.events: list[Event] = []  # the newest KEPT_EVENTS

    @property
    def read(self) -> int:
        """Tokens of the stream read so far."""
        return self.runner.token

    @property
    def done(self) -> bool:
        """Whether the stream is at its end."""
        return self.read >= len(self.stream)

    @property
    def peak(self) -> float:
        """The largest norm so far."""
        return max(sample.norm for sample in self.samples)

    def at(self, token: int) -> Sample:
        """The sample after that token."""
        for sample in self.samples:
            if sample.token == token:
                return sample
        raise ConfigError("token must be one after which a piece ended, not {token}", token=token)

    def step(self) -> list[Event]:
        """Reads the next piece, after damaging the memory if the incident says so; returns the new events."""
        start = self.read
        if self.done:
            return []
        if self.config.at <= start < self.config.end:
            self._spoil()
        events = self.runner.feed(self.stream[start : start + self.config.run.piece])
        self.note(events)
        if self.runner.monitor.metrics is not None:
            self.samples.append(self._sample())
        return events

    def advance(self, tokens: int | None = None) -> list[Event]:
        """Reads about that many more tokens, or to the end."""
        goal = len(self.stream) if tokens is None else self.read + tokens
        events: list[Event] = []
        while self.read < goal and not self.done:
            events += self.step()
        return events

    def note(self, events: Iterable[Event]) -> None:
        """Adds to the list of events, such as those of a rollback by hand."""
        self.events = [*self.events, *events][-KEPT_EVENTS:]

    def branch(self, config: DrillConfig) -> Drill:
        """A copy that continues with another config whose stream is the same so far; the run's settings are kept.

        Raises ConfigError if the other stream already differs, or if this drill writes snapshots.
        """
        stream = make_drill_stream(config)
        if self.runner.snapshots is not None or config.run != self.config.run:
            raise ConfigError("a drill can only branch without snapshots and with the same run")
        if not torch.equal(stream[: self.read], self.stream[: self.read]) or len(stream) < self.read:
            raise ConfigError("the stream must be the same up to token {token}", token=self.read)
        engine = self.runner.engine
        drill = copy.deepcopy(self, {id(engine): engine})
        drill.config, drill.stream = config, stream
        return drill

    def play(self, config: DrillConfig) -> Drill:
        """As `branch`, read to its end."""
        drill = self.branch(config)
        drill.advance()
        return drill

    def ahead(self, tokens: int) -> Tensor:
        """(tokens,) ids that come next; past the stream's end the held-out text from its beginning."""
        return torch.cat([self.stream[self.read :], text_bytes(True)])[:tokens]

    def snapshot(self, name: str) -> None:
        """Writes the main track's memory under a name, over one of the same name. Raises SnapshotError."""
        made = self._files().save(self.runner.state, name=name)
        self.note([Event("snapshot", name, Message("{file}, {cause}", file=made.path.name, cause=BY_HAND), self.read)])

    def rollback(self, name: str | None = None, *, cause: str = BY_HAND) -> None:
        """As the runner's; norm and drift of the restored memory are the next sample."""
        self.note(self.runner.rollback(name, cause=cause))
        self._changed()

    def promote(self) -> None:
        """As the runner's."""
        self.note(self.runner.promote())
        self._changed()

    def take_over(self, state, cause: str) -> None:
        """Continues with another state of this engine, such as a kept session's, on all tracks."""
        self._files().save(state, name=TAKEN, cause=cause)
        self.rollback(TAKEN, cause=cause)

    def _files(self) -> Snapshots:
        if self.runner.snapshots is None:
            raise SnapshotError("this drill has no folder for snapshots")
        return self.runner.snapshots

    def _changed(self) -> None:
        """A sample of a memory that has just been replaced: its windows are empty."""
        engine, compared = self.runner.engine, self.runner.compared
        norm, drift = distance(engine.fast(self.runner.state), engine.fast(engine.start()))
        now = Sample(self.read, None, norm, None, drift, None, None, None, compared.streak, compared.degraded)
        self.samples.append(now)

    def _spoil(self) -> None:
        incident = self.config.incident
        if incident in MEMORY_INCIDENTS:
            more = {"factor": self.config.factor} if incident == SCALED else {}
            self.runner.replace(MEMORY_INCIDENTS[incident](self.runner.state, **more))

    def _sample(self) -> Sample:
        runner, compared = self.runner, self.runner.compared
        bits = difference = None
        if runner.engine.predicts and runner.config.shadow is not None and compared.seen:
            bits, difference = (compared.main / math.log(2), compared.shadow / math.log(2)), compared.difference
        metrics = runner.monitor.metrics
        gauges = (getattr(metrics, name) for name in ("writes", "norm", "loss", "drift"))
        return Sample(runner.token, *gauges, *(bits or (None, None)), difference, compared.streak, compared.degraded)


def clean_drill(engine: Engine, config: DrillConfig | None = None) -> Drill:
    """A drill without an incident that has read `at` tokens; drills with an incident branch from it."""
    drill = Drill(engine, replace(config or DrillConfig(), incident=NONE))
    drill.advance(drill.config.at)
    return drill


def make_drill_stream(config: DrillConfig) -> Tensor:
    """(t,) ids of at most `tokens` bytes: held-out text or the series, with the poison of a stream incident in it."""
    clean = text_bytes(True)[config.offset :] if config.stream == "text" else _series(config).ids
    if config.incident not in STREAM_INCIDENTS or config.at >= min(config.tokens, len(clean)):
        return clean[: config.tokens]
    more = {"seed": config.seed} if config.incident != "repeated_string" else {}
    poison = STREAM_INCIDENTS[config.incident](config.duration, **more)
    return splice(clean, poison, config.at)[: config.tokens]


def regimes(config: DrillConfig) -> list[scenarios.Event]:
    """Where the series changes in the drill's stream, after poison that comes before; a text has no such places."""
    moved = config.duration if config.incident in STREAM_INCIDENTS else 0
    events = [] if config.stream == "text" else _series(config).events
    ends = [(e, e.start + moved * (e.start >= config.at), e.end + moved * (e.end > config.at)) for e in events]
    return [event._replace(start=start, end=end) for event, start, end in ends]


def _series(config: DrillConfig) -> scenarios.Script:
    return scenarios.make_script("series", config.tokens, config.seed)


def delays(events: Iterable[Event], since: int) -> dict[str, int]:
    """Alarms, degrade and promote -> tokens from `since` until each first happened, soonest first.

    An alarm is reported at the end of a piece, so a delay counts whole pieces.
    """
    found: dict[str, int] = {}
    for event in events:
        name = event.kind if event.action == "alarm" else event.action
        if event.action in ("alarm", "degrade", "promote") and event.token > since:
            found.setdefault(name, event.token - since)
    return found


def flip_byte(snapshot: Snapshot, place: int = -1) -> None:
    """Damages a snapshot's file, for a drill: the lowest bit of its byte at `place` (from the end where negative)."""
    data = bytearray(snapshot.path.read_bytes())
    if not -len(data) <= place < len(data):
        raise ConfigError("place must be within the file's {size} bytes, not {place}", size=len(data), place=place)
    data[place] ^= 1
    snapshot.path.write_bytes(data)
