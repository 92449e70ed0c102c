"""Snapshots: a folder of states, each in one file that is written atomically and tagged with the model it belongs to.

The files are state files (see `kept`): sealed with a SHA-256, flushed to the disk and renamed into place, under a lock
of the folder. A damaged file is passed over. Recipe: 5.2.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import filelock

from ..errors import ConfigError, check_integer
from ..files import clear_parts, read_bytes, write_whole
from ..kept import SnapshotError, decode_state, encode_state, fingerprint_of, tokens_seen
from ..memory.fastweights import mlp_shapes
from .engine import Engine
from .monitor_life import is_dead

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}
FILE = re.compile(r"([0-9]{8,})-([0-9]{12,})-([a-z0-9_-]+)\.safetensors")  # larger numbers have more digits
LABELS = ("auto", "alarm")  # of snapshots that nobody named; only the newest few of each are kept


class Snapshot(NamedTuple):
    """One file of a folder of snapshots, as its name says."""

    number: int  # counts up, whatever the token
    tokens: int  # that its state has read
    label: str  # auto, alarm, or the name that somebody gave it
    path: Path


def check_name(setting: str, name: object) -> str:
    """A name that is safe as part of a path on every system, or ConfigError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(f"{setting} must be 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit, not {name!r}")
    if name in DEVICES:
        raise ConfigError(f"{setting} must be another name: {name!r} is a device on Windows")
    return name


def fingerprint(engine: Engine) -> str:
    """SHA-256 over an engine's settings and outer weights: states fit only where it is the same."""
    return fingerprint_of(*engine.identity())


class Snapshots:
    """The snapshots of one engine in one folder: automatic ones, of which the newest `keep` stay, and named ones.

    A state saved with `healthy=False` is kept apart (label `alarm`), as evidence: `latest` passes over it.
    """

    def __init__(self, folder: str | Path, engine: Engine, *, keep: int = 5, wait: float = 10.0) -> None:
        self.folder, self.engine = Path(folder), engine
        self.keep, self.wait = check_integer("keep", keep, 1, 10_000), wait  # wait: seconds for another writer
        self.fingerprint = fingerprint(engine)

    def save(self, state, *, name: str | None = None, healthy: bool = True, cause: str = "by hand") -> Snapshot:
        """Writes a snapshot; one of the same name is replaced. Raises SnapshotError where the disk does not take it."""
        if name in LABELS:
            raise ConfigError(f"name must be other than {' and '.join(LABELS)}, not {name!r}")
        label = check_name("name", name) if name is not None else LABELS[not healthy]
        data = encode_state(state, self.fingerprint, cause=cause)
        with self._writing():
            old = self.list()
            number = max((snapshot.number for snapshot in old), default=0) + 1
            tokens = tokens_seen(state)
            made = Snapshot(number, tokens, label, self.folder / f"{number:08d}-{tokens:012d}-{label}.safetensors")
            write_whole(made.path, data)
            alike = [snapshot for snapshot in old if snapshot.label == label]
            for extra in alike[: max(0, len(alike) - self.keep + 1)] if label in LABELS else alike:
                extra.path.unlink(missing_ok=True)
        return made

    def list(self) -> list[Snapshot]:
        """All snapshots, oldest first; files of any other name are left alone."""
        try:
            paths = list(self.folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SnapshotError(f"snapshots in {str(self.folder)!r} cannot be read: {error.strerror}") from None
        found = ((FILE.fullmatch(path.name), path) for path in paths)
        return sorted(Snapshot(int(m[1]), int(m[2]), m[3], path) for m, path in found if m)

    def find(self, name: str) -> Snapshot:
        """The newest snapshot with this name or label."""
        for snapshot in reversed(self.list()):
            if name in (snapshot.label, snapshot.path.name):
                return snapshot
        raise SnapshotError(
            f"snapshot must be one of {', '.join(s.label for s in self.list()) or 'none'}, not {name!r}"
        )

    def load(self, snapshot: Snapshot):
        """The state of a snapshot, in tensors that nobody else holds. Raises SnapshotError."""
        try:
            data = read_bytes(snapshot.path)
        except OSError as error:
            raise SnapshotError(f"snapshot {snapshot.path.name!r} cannot be read: {error.strerror}") from None
        try:
            return decode_state(data, self.engine.start(), self.fingerprint)[0]
        except SnapshotError as error:
            raise SnapshotError(f"{snapshot.path.name}: {error}") from None

    def verify(self) -> dict[str, str]:
        """For each file `ok`, or the line that says why it is refused."""
        found = {}
        for snapshot in self.list():
            try:
                self.load(snapshot)
                found[snapshot.path.name] = "ok"
            except SnapshotError as error:
                found[snapshot.path.name] = str(error)
        return found

    def latest(self) -> tuple[Snapshot | None, NamedTuple, list[str]]:
        """(snapshot, state, refusals): the newest one that was healthy and still is whole, else (None, start, ...).

        One whose memory is dead was never healthy, under whatever name it was kept.
        """
        refused = []
        for snapshot in reversed(self.list()):
            if snapshot.label != "alarm":
                try:
                    state = self.load(snapshot)
                    if not is_dead(self.engine, state):
                        return snapshot, state, refused
                    refused.append(f"{snapshot.path.name}: its memory is dead")
                except SnapshotError as error:
                    refused.append(str(error))
        return None, self.engine.start(), refused

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """The folder, locked; parts that killed writers left are removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / ".lock", timeout=self.wait):
                clear_parts(self.folder)
                yield
        except filelock.Timeout:
            raise SnapshotError(f"snapshot not written: another writer held the folder for {self.wait:g} s") from None
        except OSError as error:
            raise SnapshotError(f"snapshot not written to {str(self.folder)!r}: {error.strerror or error}") from None


def memory_bytes(*, width: int, layers: int = 1, depth: int = 2, expansion: int = 4, bytes_per_weight: int = 4) -> int:
    """Bytes of the fast weights of a model, one memory of width `width` a layer; momentum is as much again.

    Recipe: 5.2 says less than 30 MB. At 760M (width 1536, 24 layers) one layer alone has 18.9 million weights.
    """
    return layers * bytes_per_weight * sum(o * i for o, i in mlp_shapes(width, depth, expansion))
