"""Snapshots: a folder of states, each in one file that is written atomically and tagged with the model it belongs to.

The files are state files (see `kept`): they hold a SHA-256, and are flushed to the disk and renamed into place under a
lock of the folder. A damaged file is skipped. Recipe: 5.2.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError, check_integer, show
from ..files import clear_parts, entries, held, patiently, read_bytes, refusing, write_whole
from ..kept import SnapshotError, decode_state, encode_state, fingerprint_of, tokens_seen
from ..messages import Message
from .engine import Engine
from .measures import is_dead

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}
FILE = re.compile(r"([0-9]{8,})-([0-9]{12,})-([a-z0-9_-]+)\.safetensors")  # larger numbers have more digits
AUTO, ALARM = "auto", "alarm"  # labels of snapshots that nobody named; only the newest few of each are kept


class Snapshot(NamedTuple):
    """One file of a folder of snapshots, as its name says."""

    number: int  # counts up, whatever the token
    tokens: int  # that its state has read
    label: str  # auto, alarm, or the name that somebody gave it
    path: Path


def check_name(setting: str, name: object) -> str:
    """A name that is safe as part of a path on every system, or ConfigError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        text = "{setting} must be 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit, not {name}"
        raise ConfigError(text, setting=Message(setting), name=show(name))
    if name in DEVICES:
        text = "{setting} must be another name: {name} is a device on Windows"
        raise ConfigError(text, setting=Message(setting), name=show(name))
    return name


def fingerprint(engine: Engine) -> str:
    """SHA-256 over an engine's settings and outer weights: states fit only if it is the same."""
    return fingerprint_of(*engine.identity())


class Snapshots:
    """The snapshots of one engine in one folder: automatic ones, of which the newest `keep` stay, and named ones.

    A state saved with `healthy=False` is kept apart (label `alarm`) as evidence: `latest` skips it.
    """

    def __init__(self, folder: str | Path, engine: Engine, *, keep: int = 5, wait: float = 10.0) -> None:
        self.folder, self.engine = Path(folder), engine
        self.keep, self.wait = check_integer("keep", keep, 1, 10_000), wait  # wait: seconds for another writer
        self.fingerprint = fingerprint(engine)

    def save(self, state, *, name: str | None = None, healthy: bool = True, cause: str = "by hand") -> Snapshot:
        """Writes a snapshot; one of the same name is replaced. Raises SnapshotError if the disk does not take it."""
        label = AUTO if healthy else ALARM
        if name is not None:
            label = check_name("name", name)
            if name in (AUTO, ALARM):
                raise ConfigError("name must be other than auto and alarm, not {name}", name=show(name))
        data = encode_state(state, self.fingerprint, cause=cause)
        with self._writing():
            old = self.list()
            number, tokens = max((snapshot.number for snapshot in old), default=0) + 1, tokens_seen(state)
            made = Snapshot(number, tokens, label, self.folder / f"{number:08d}-{tokens:012d}-{label}.safetensors")
            write_whole(made.path, data)
            alike = [snapshot for snapshot in old if snapshot.label == label]
            stay = self.keep - 1 if name is None else 0
            for extra in alike[: max(0, len(alike) - stay)]:
                patiently(lambda path=extra.path: path.unlink(missing_ok=True))
        return made

    def list(self) -> list[Snapshot]:
        """All snapshots, oldest first; files with any other name are ignored."""
        text = "snapshots in {folder} cannot be read: {reason}"
        with refusing(text, SnapshotError, folder=repr(str(self.folder))):
            found = [(FILE.fullmatch(path.name), path) for path in entries(self.folder)]
        return sorted(Snapshot(int(m[1]), int(m[2]), m[3], path) for m, path in found if m)

    def find(self, name: str) -> Snapshot:
        """The newest snapshot with this name or label."""
        found = self.list()
        for snapshot in reversed(found):
            if name in (snapshot.label, snapshot.path.name):
                return snapshot
        names = ", ".join(snapshot.label for snapshot in found) or Message("none")
        raise SnapshotError("snapshot must be one of {names}, not {name}", names=names, name=show(name))

    def load(self, snapshot: Snapshot):
        """The state of a snapshot, in tensors that nobody else holds. Raises SnapshotError."""
        file = snapshot.path.name
        with refusing("snapshot '{file}' cannot be read: {reason}", SnapshotError, file=file):
            data = read_bytes(snapshot.path)
        try:
            return decode_state(data, self.engine.start(), self.fingerprint)[0]
        except SnapshotError as error:
            raise SnapshotError("{file}: {reason}", file=file, reason=error.message) from None

    def verify(self) -> dict[str, str]:
        """For each file `ok`, or the line that says why it is refused."""
        found = {}
        for snapshot in self.list():
            try:
                self.load(snapshot)
                found[snapshot.path.name] = "ok"
            except SnapshotError as error:
                found[snapshot.path.name] = error.message
        return found

    def latest(self) -> tuple[Snapshot | None, NamedTuple, list[Message]]:
        """(snapshot, state, refusals): the newest one that was healthy and still is whole, else (None, start, ...).

        One whose memory is dead was never healthy, whatever its name.
        """
        refused = []
        for snapshot in reversed(self.list()):
            if snapshot.label == ALARM:
                continue
            try:
                state = self.load(snapshot)
            except SnapshotError as error:
                refused.append(error.message)
                continue
            if not is_dead(self.engine, state):
                return snapshot, state, refused
            refused.append(Message("{file}: {reason}", file=snapshot.path.name, reason=Message("its memory is dead")))
        return None, self.engine.start(), refused

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """The folder, locked; parts that killed writers left are removed."""
        text = "snapshot not written: another writer held the folder for {seconds} s"
        busy = SnapshotError(text, seconds=f"{self.wait:g}")
        with refusing("snapshot not written to {folder}: {reason}", SnapshotError, folder=repr(str(self.folder))):
            self.folder.mkdir(parents=True, exist_ok=True)
            with held(self.folder / ".lock", busy, self.wait):
                clear_parts(self.folder)
                yield
