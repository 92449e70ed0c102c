"""A state in one file: tensors under their paths, and whom the state belongs to.

The file is sealed (see `sealed`). Its metadata hold the schema, the fingerprint of the model, the tokens read, the
cause, and whatever the caller adds. Snapshots, sessions and the command `stream` all keep their states this way.
"""

from __future__ import annotations

import hashlib
import json

import torch
from torch import Tensor

from .errors import ConfigError
from .sealed import DamagedError, pack, unpack

SCHEMA = "titans_mini.snapshot/2"


class SnapshotError(ConfigError):
    """A snapshot that cannot be written or used; one line says why."""


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


def fingerprint_of(settings: dict, weights: dict[str, Tensor]) -> str:
    """SHA-256 over a model's settings and outer weights: a state fits only where it is the same."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def encode_state(state, fingerprint: str, *, cause: str = "", **more: str) -> bytes:
    """A state file's content; `more` goes into its metadata."""
    about = {"schema": SCHEMA, "fingerprint": fingerprint, "cause": cause, "tokens_seen": str(tokens_seen(state))}
    return pack(flatten(state), {**about, **more})


def decode_state(data: bytes, like, fingerprint: str):
    """The state in a file's content, in new tensors. Raises SnapshotError in one line."""
    return decode(data, like, fingerprint)[0]


def decode(data: bytes, like, fingerprint: str) -> tuple[object, dict[str, str]]:
    """As `decode_state`: (state, metadata)."""
    try:
        named, about = unpack(data)
    except DamagedError as error:
        raise SnapshotError(f"snapshot {error}") from None
    if about.get("schema") != SCHEMA:
        raise SnapshotError(f"snapshot has the schema {about.get('schema')!r}; this version reads {SCHEMA!r}")
    if about.get("fingerprint") != fingerprint:
        raise SnapshotError("snapshot belongs to another model: its fingerprint does not fit")
    return unflatten(named, like), about


def tokens_seen(state) -> int:
    """The tokens that a state of one row has read."""
    return int(state.tokens_seen.flatten()[0])
