"""Snapshots: a memory's state in one file that is there whole or not at all, and that tells whom it belongs to.

A file is safetensors: the state's tensors under their paths, and as metadata the schema, the model's fingerprint,
the tokens read, the cause and a SHA-256 of the whole file in which the digest's own place is zeros. It is written
beside its place, flushed to the disk and renamed, under a lock of the folder. Recipe: 5.2.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import filelock
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..errors import ConfigError, check_integer
from ..files import write_whole
from ..memory.fastweights import mlp_shapes
from .engine import Engine

SCHEMA = "titans_mini.snapshot/1"
NO_DIGEST = "0" * 64
HEADER_LIMIT = 10_000_000  # bytes
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
FILE = re.compile(r"(\d{8})-(\d{12})-([a-z0-9_-]+)\.safetensors")
LABELS = ("auto", "alarm")  # of snapshots that nobody named; only the newest few of each are kept


class SnapshotError(ConfigError):
    """A snapshot that cannot be written or used; one line says why."""


class Snapshot(NamedTuple):
    """One file of a folder of snapshots, as its name tells."""

    number: int  # counts up, whatever the token
    tokens: int  # that its state has read
    label: str  # auto, alarm, or the name that somebody gave it
    path: Path


def check_name(setting: str, name: object) -> str:
    """A name that is safe as part of a path on every system, or ConfigError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(f"{setting} must be 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit, not {name!r}")
    return name


def flatten(state, path: str = "") -> dict[str, Tensor]:
    """A nested tuple's tensors by their paths, such as `layers.0.memory.weights.1`; what is None has no entry."""
    if state is None or isinstance(state, Tensor):
        return {} if state is None else {path: state}
    names = getattr(state, "_fields", range(len(state)))
    parts = (flatten(part, f"{path}.{name}" if path else str(name)) for name, part in zip(names, state, strict=True))
    return {name: tensor for part in parts for name, tensor in part.items()}


def unflatten(named: dict[str, Tensor], like):
    """The inverse of `flatten`: `like` is any state of the same engine, and gives types and shapes.

    Raises SnapshotError where a tensor is missing, too many, or of another kind. What is None in `like` may be there.
    """
    left = dict(named)
    state = _rebuild(left, like, "")
    if left:
        raise SnapshotError(f"snapshot belongs to another memory: it also holds {next(iter(left))}")
    return state


def _rebuild(left: dict[str, Tensor], like, path: str):
    if like is None:
        return left.pop(path, None)
    if isinstance(like, Tensor):
        found = left.pop(path, None)
        kinds = [part is not None and (part.dtype, part.dim(), part.shape[-1:]) for part in (found, like)]
        if kinds[0] != kinds[1]:
            raise SnapshotError(f"snapshot belongs to another memory: {path} is missing or of another shape or type")
        return found
    names = getattr(like, "_fields", range(len(like)))
    parts = [
        _rebuild(left, part, f"{path}.{name}" if path else str(name)) for name, part in zip(names, like, strict=True)
    ]
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def fingerprint(engine: Engine) -> str:
    """SHA-256 over an engine's settings and outer weights: states fit only where it is the same."""
    settings, weights = engine.identity()
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def encode_state(state, fingerprint: str, *, cause: str = "") -> bytes:
    """A snapshot file's content."""
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in flatten(state).items()
    }
    metadata = {"schema": SCHEMA, "fingerprint": fingerprint, "cause": cause, "sha256": NO_DIGEST}
    data = save(tensors, {**metadata, "tokens_seen": str(tokens_seen(state))})
    return data.replace(NO_DIGEST.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def decode_state(data: bytes, like, fingerprint: str):
    """The state in a snapshot file's content, in new tensors. Raises SnapshotError in one line."""
    try:
        metadata = _metadata(data)
        digest = metadata["sha256"]
        intact = hashlib.sha256(data.replace(digest.encode(), NO_DIGEST.encode(), 1)).hexdigest() == digest
        named = load(data) if intact else {}
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        raise SnapshotError("snapshot is damaged or cut off: it is not a whole file") from None
    if not intact:
        raise SnapshotError("snapshot is damaged: its checksum does not fit")
    if metadata["schema"] != SCHEMA:
        raise SnapshotError(f"snapshot has the schema {metadata['schema']!r}; this version reads {SCHEMA!r}")
    if metadata["fingerprint"] != fingerprint:
        raise SnapshotError("snapshot belongs to another model: its fingerprint does not fit")
    return unflatten({name: tensor.clone() for name, tensor in named.items()}, like)


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, HEADER_LIMIT):
        raise ValueError
    return json.loads(data[8 : 8 + length])["__metadata__"]


def tokens_seen(state) -> int:
    """The tokens that a state of one row has read."""
    return int(state.tokens_seen.flatten()[0])


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
        if not self.folder.is_dir():
            return []
        found = ((FILE.fullmatch(path.name), path) for path in self.folder.iterdir())
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
            data = snapshot.path.read_bytes()
        except OSError as error:
            raise SnapshotError(f"snapshot {snapshot.path.name!r} cannot be read: {error.strerror}") from None
        try:
            return decode_state(data, self.engine.start(), self.fingerprint)
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
        """(snapshot, state, refusals): the newest one that was healthy and still is whole, else (None, start, ...)."""
        refused = []
        for snapshot in reversed(self.list()):
            if snapshot.label != "alarm":
                try:
                    return snapshot, self.load(snapshot), refused
                except SnapshotError as error:
                    refused.append(str(error))
        return None, self.engine.start(), refused

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """The folder, locked; what writers that were killed left half is removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / ".lock", timeout=self.wait):
                for part in self.folder.glob("*.part"):
                    part.unlink(missing_ok=True)
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
