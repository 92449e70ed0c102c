"""Content that carries its own SHA-256, and the state of a model in one file.

A file that was cut, changed or swapped is refused in one line and never read as something else.

    seal, unseal                  plain JSON types, the digest under "sha256"
    pack, unpack                  tensors and texts as a safetensors file, the digest in its metadata
    encode_state, decode_state    a state, packed: its tensors by path, and in the metadata the model it belongs to

Snapshots, sessions and the command `stream` keep states; an unfinished training packs its model and optimizer.
"""

import hashlib
import json
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, contiguous_format

from .errors import ConfigError
from .files import parse
from .memory.state import without_activity
from .memory.tree import named, rebuild
from .messages import Message

DIGEST = "sha256"  # name of the digest in both forms
HEADER_LIMIT = 10_000_000  # bytes of a safetensors header
SCHEMA = "titans_mini.snapshot/2"


class DamagedError(ValueError):
    """Content that is not as it was written; the Message continues a sentence, as in "snapshot" + " is damaged"."""

    @property
    def message(self) -> Message:
        """The template and its fields."""
        return self.args[0]


CUT = Message("is damaged or cut off: it is not a whole file")
CHANGED = Message("is damaged: its checksum does not fit")


class SnapshotError(ConfigError):
    """A snapshot that cannot be written or used; one line says why."""


def digest(content: object, *parts: bytes | memoryview) -> str:
    """SHA-256 of plain JSON types, whatever the order of their names, then of bytes; ValueError as in `parse`."""
    try:
        found = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    for part in parts:
        found.update(part)
    return found.hexdigest()


def seal(content: dict) -> dict:
    """The same content with its digest. Names must be texts."""
    return {**content, DIGEST: digest(content)}


def unseal(content: object) -> dict:
    """The inverse of `seal`. Raises DamagedError."""
    if not isinstance(content, dict) or DIGEST not in content:
        raise DamagedError(CUT)
    rest = {name: value for name, value in content.items() if name != DIGEST}
    try:
        intact = digest(rest) == content[DIGEST]
    except ValueError:
        intact = False
    if not intact:
        raise DamagedError(CHANGED)
    return rest


def to_bytes(tensors: Mapping[str, Tensor], about: dict[str, str] | None = None) -> bytes:
    """A safetensors file of copies of the tensors, so that tied weights are written twice."""
    copies = {name: tensor.detach().cpu().clone(memory_format=contiguous_format) for name, tensor in tensors.items()}
    return save(copies, about)


def from_bytes(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU. Raises ValueError with one line."""
    try:
        with torch.device("cpu"):
            return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def pack(tensors: Mapping[str, Tensor], about: dict[str, str]) -> bytes:
    """A safetensors file of copies of the tensors, with `about` and a digest as its metadata.

    The same content gives the same bytes: safetensors itself writes metadata in an order that changes.
    """
    header, body = _split(to_bytes(tensors, about))
    header["__metadata__"] = {**about, DIGEST: digest(header, body)}
    return b"".join([_head(header), body])


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The inverse of `pack`: (new tensors, about). Raises DamagedError."""
    try:
        header, body = _split(data)
        about = dict(header["__metadata__"])
        stored = about.pop(DIGEST)
        intact = digest({**header, "__metadata__": about}, body) == stored
        # The header must also be written as `pack` writes it, so that no bit of the file is left unchecked.
        if not intact or len(data) != len(_head(header)) + len(body) or not data.startswith(_head(header)):
            raise DamagedError(CHANGED)
        return {name: tensor.clone() for name, tensor in from_bytes(data).items()}, about
    except DamagedError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedError(CUT) from None


def _split(data: bytes) -> tuple[dict, memoryview]:
    """The header and the tensors' bytes of a safetensors file. ValueError for anything else."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, HEADER_LIMIT):
        raise DamagedError(CUT)
    return parse(data[8 : 8 + length]), memoryview(data)[8 + length :]


def _head(header: dict) -> bytes:
    """The beginning of a safetensors file: the header's length, then the header, filled with spaces to 8 bytes."""
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def fingerprint_of(settings: dict, weights: dict[str, Tensor]) -> str:
    """SHA-256 over a model's settings and outer weights: a state fits only if it is the same."""
    parts: list = []
    for name, tensor in sorted(weights.items()):
        parts.append(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        parts.append(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest(settings, *parts)


def encode_state(state, fingerprint: str, *, cause: str = "", **more: str) -> bytes:
    """The content of a state's file; `cause` and `more` go into its metadata."""
    about = {"schema": SCHEMA, "fingerprint": fingerprint, "cause": cause, "tokens_seen": str(tokens_seen(state))}
    return pack(named(state), {**about, **more})


def decode_state(data: bytes, like, fingerprint: str) -> tuple[object, dict[str, str]]:
    """(state, metadata) of a file's content, in new tensors; `like` is any state of the same engine.

    Raises SnapshotError with one line.
    """
    try:
        tensors, about = unpack(data)
    except DamagedError as error:
        raise SnapshotError("snapshot {problem}", problem=error.message) from None
    if about.get("schema") != SCHEMA:
        text = "snapshot has the schema {schema}; this version reads {own}"
        raise SnapshotError(text, schema=repr(about.get("schema")), own=repr(SCHEMA))
    if about.get("fingerprint") != fingerprint:
        raise SnapshotError("snapshot belongs to another model: its fingerprint does not fit")
    return restore(tensors, like), about


def restore(tensors: dict[str, Tensor], like):
    """The inverse of `named`: a state with types, shapes and device of `like`. What is None in `like` may be present.

    Raises SnapshotError if a tensor is missing, has no place, or is of another kind.
    """
    device = next(iter(named(like).values())).device
    left = {path: tensor.to(device) for path, tensor in tensors.items()}

    def take(path: str, leaf: Tensor | None) -> Tensor | None:
        found = left.pop(path, None)
        if leaf is not None and (found is None or _kind(found) != _kind(leaf)):
            text = "snapshot belongs to another memory: {name} is missing or of another shape or type"
            raise SnapshotError(text, name=path)
        return found

    state = rebuild(take, without_activity(like))
    if left:
        raise SnapshotError("snapshot belongs to another memory: it also holds {name}", name=next(iter(left)))
    return state


def _kind(tensor: Tensor) -> tuple:
    """What must agree: a state may have read another number of tokens, so only the last size counts."""
    return tensor.dtype, tensor.dim(), tensor.shape[-1:]


def tokens_seen(state) -> int:
    """The tokens that a state of one row has read."""
    return int(state.tokens_seen.flatten()[0])
