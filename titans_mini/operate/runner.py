"""The runner: a stream through an engine with monitor, snapshots, shadow, rollback and degrading. Recipe: 5.1-5.3.

The state of the memory stays a value; the runner holds the current one, for one stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import DivergenceError
from ..kept import SnapshotError
from ..memory.tree import tensors
from ..messages import Message, listed
from ..settings import Settings, whole
from ..threads import one_thread
from .engine import Engine, Reading
from .measures import is_dead
from .monitor import NOT_FINITE, Event, Limits, Monitor, named
from .shadow import ShadowConfig, ShadowState, compare
from .snapshots import Snapshots

BY_HAND = Message("by hand")


@dataclass(frozen=True)
class RunConfig(Settings):
    """How a stream is run."""

    piece: int = whole(100, 1, 100_000)  # tokens read at once
    snapshot_every: int = whole(10_000, 1, 1_000_000_000)  # tokens; recipe: 5.2
    keep: int = whole(5, 1, 10_000)  # automatic snapshots that stay
    limits: Limits = field(default_factory=Limits)
    shadow: ShadowConfig | None = field(default_factory=ShadowConfig)  # None: no shadow


class Track(NamedTuple):
    """One reader of the stream."""

    state: NamedTuple
    last: Tensor | None = None  # (vocab,) logits after the last token
    output: Tensor | None = None  # (1, t, ...) of the last piece


class Runner:
    """Runs one stream; `feed` it pieces, or `run` it whole. Without a folder nothing is written to the disk.

    `output` is what is served for the last piece: of the main track, or of the shadow's while degraded. A piece on
    which a number is not finite is read again after a rollback, and skipped if the fault is in the piece itself.
    """

    def __init__(self, engine: Engine, folder: str | Path | None = None, *, config: RunConfig | None = None) -> None:
        self.engine, self.config = engine, config or RunConfig()
        self.monitor = Monitor(engine, self.config.limits)
        self.snapshots = None if folder is None else Snapshots(folder, engine, keep=self.config.keep)
        self.token, self.compared = 0, ShadowState()
        self.main = self.shadow = Track(engine.start())
        self.base = self.main.state  # the last good state; a value, so nothing changes it
        self._since = 0  # tokens since the last automatic snapshot

    @property
    def state(self):
        """The main track's state."""
        return self.main.state

    @property
    def output(self) -> Tensor | None:
        """What is served for the last piece: logits (1, t, vocab) or vectors (1, t, dim)."""
        return (self.shadow if self.compared.degraded else self.main).output

    def replace(self, state) -> None:
        """Replaces the main track's state, as a drill does."""
        self.main = Track(state)

    def run(self, stream: Tensor) -> Iterator[Event]:
        """Feeds a stream (t, ...) piece by piece and yields each event as it happens."""
        for piece in stream.split(self.config.piece):
            yield from self.feed(piece)

    def feed(self, piece: Tensor) -> list[Event]:
        """Reads one piece (t,) or (t, dim); returns what happened. A wrong piece (ConfigError) is not counted."""
        piece = self.engine.check(piece)
        with one_thread():
            events = self._snapshot(Message("start of the run")) if self.token == 0 else []
            self.token += len(piece)
            reading, troubles = self._read(piece)
            events += troubles
            if reading is not None:
                before = self.main.state
                events += self._compare(piece, reading)
                alarms = self.monitor.observe(reading, self.token, before)
                events += alarms + self._keep(len(piece), alarms)
        return events

    def rollback(self, name: str | None = None, *, cause: str = BY_HAND) -> list[Event]:
        """Goes back to a named snapshot, or to the newest that is whole and was healthy. Recipe: 5.2.

        Raises SnapshotError for a name that does not exist or cannot be used.
        """
        found, refused = None, []
        if self.snapshots is None:
            state, place = self.base, Message("the last good state")
        elif name is None:
            found, state, refused = self.snapshots.latest()
            place = Message("the start") if found is None else found.path.name
        else:
            found = self.snapshots.find(name)
            state, place = self.snapshots.load(found), found.path.name
        self.base, self.main, self.shadow = state, Track(state), Track(state)
        self.compared, self._since = ShadowState(), 0
        self.monitor.restart()
        events = [self._event("refused", "snapshot", line) for line in refused]
        back = Message("back to {place}: {cause}", place=place, cause=cause)
        events.append(self._event("rollback", "snapshot", back))
        if found is not None:  # the file may be one of a dead memory, asked for by its name
            events += self._write(not is_dead(self.engine, state), Message("after rollback to {place}", place=place))
        return events

    def promote(self) -> list[Event]:
        """Serves the main track again, which continues from the shadow's state. Does nothing unless degraded."""
        if not self.compared.degraded:
            return []
        self.main, self.base, self.compared = self.shadow, self.shadow.state, ShadowState()
        self.monitor.restart()
        return [self._event("promote", "by hand", Message("the main track is served again, from the shadow's memory"))]

    def _event(self, action: str, kind: str, cause: str) -> Event:
        return Event(action, kind, cause, self.token)

    def _read(self, piece: Tensor) -> tuple[Reading | None, list[Event]]:
        """A reading of finite numbers, after a rollback if need be; None if the piece itself is broken."""
        events: list[Event] = []
        for attempt in range(2):
            try:
                reading = self.engine.read(piece, self.main.state)
                if not all(bool(part.isfinite().all()) for part in tensors((reading.state, reading.output))):
                    raise DivergenceError(Message("memory diverged"), len(piece) - 1)
                return reading, events
            except DivergenceError as error:
                place = self.token - len(piece) + error.token
                if attempt == 0:
                    cause = Message("a number is not finite: {error}", error=error.args[0])
                    events += self.monitor.broken(cause, place)
                    events += self.rollback(cause=Message("a number is not finite"))
                else:
                    cause = Message("the piece up to token {token} is skipped", token=self.token)
                    events.append(Event("skip", NOT_FINITE, cause, place))
        return None, events

    def _compare(self, piece: Tensor, reading: Reading) -> list[Event]:
        """Moves both tracks on; an event if the served one changes."""
        before, config = self.compared, self.config.shadow
        if not self.engine.predicts or config is None:
            self.main = Track(reading.state, None, reading.output)
            return []
        logits, state = self.engine.recall(piece, self.shadow.state)
        costs = [_nats(track.last, out, piece) for track, out in ((self.main, reading.output), (self.shadow, logits))]
        self.main = Track(reading.state, reading.output[0, -1], reading.output)
        self.shadow = Track(state, logits[0, -1], logits)
        length = min(map(len, costs))  # a track that was just replaced has not predicted its first token
        self.compared = compare(before, *(cost[len(cost) - length :] for cost in costs), config)
        if before.degraded and "dead" in self.monitor.active:  # however well it does, it cannot learn any more
            self.compared = self.compared._replace(degraded=True, streak=0)
        if before.degraded == self.compared.degraded:
            return []
        action, text = "promote", "main's perplexity was within {share} of the shadow's for {count} tokens in a row"
        if self.compared.degraded:
            action = "degrade"
            text = "main's perplexity was more than {share} above the shadow's for {count} tokens in a row"
        cause = Message(text, share=f"{config.threshold:.0%}", count=config.patience)
        return [Event(action, "shadow", cause, self.token, self.compared.difference, config.threshold)]

    def _keep(self, read: int, alarms: list[Event]) -> list[Event]:
        """The automatic snapshot if one is due after so many further tokens, or evidence of an alarm."""
        self._since += read
        due = self._since >= self.config.snapshot_every
        if due:
            self._since = 0
        fired = [named(event.kind) for event in alarms if event.action == "alarm"]
        if fired:
            return self._snapshot(Message("alarm: {kinds}", kinds=listed(fired)))
        return self._snapshot(Message("every {tokens} tokens", tokens=self.config.snapshot_every)) if due else []

    def _snapshot(self, cause: Message) -> list[Event]:
        """A snapshot of the main track; if all is well, it is also the shadow's new memory."""
        healthy = not (self.monitor.active or self.compared.degraded or self.compared.streak)
        if healthy:
            self.base, self.shadow = self.main.state, self.main
        return self._write(healthy, cause)

    def _write(self, healthy: bool, cause: Message) -> list[Event]:
        if self.snapshots is None:
            return []
        try:
            made = self.snapshots.save(self.main.state, healthy=healthy, cause=cause)
        except SnapshotError as error:
            return [self._event("refused", "snapshot", error.message)]
        return [self._event("snapshot", made.label, Message("{file}, {cause}", file=made.path.name, cause=cause))]


def _nats(last: Tensor | None, logits: Tensor, piece: Tensor) -> list[float]:
    """What each token of a piece cost; of the first one only if there are logits before it."""
    before = logits[0, :-1] if last is None else torch.cat([last.unsqueeze(0), logits[0, :-1]])
    wanted = piece[len(piece) - len(before) :]
    return functional.cross_entropy(before.double(), wanted, reduction="none").tolist()
