"""Reading files safely: regular files only, and content that carries its own SHA-256.

A file that was cut, flipped or swapped is refused in one line; it is never read as something else. There are two
forms, and each digest covers everything in the file but itself:

    pack, unpack    tensors and texts as a safetensors file, the digest among its metadata
    seal, unseal    plain JSON types, the digest under "sha256"
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import BinaryIO

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, contiguous_format

DIGEST = "sha256"  # name of the digest in both forms
HEADER_LIMIT = 10_000_000  # bytes of a safetensors header


class DamagedError(ValueError):
    """Content that is not as it was written; the message continues a sentence, as in "snapshot" + " is damaged"."""


CUT = "is damaged or cut off: it is not a whole file"
CHANGED = "is damaged: its checksum does not fit"


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a file for reading. OSError for a folder, FIFO, socket or device: these may never answer or never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a name with a NUL or a lone surrogate
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: str | Path) -> bytes:
    """The content of a regular file. OSError where it cannot be read or is larger than the memory."""
    with open_regular(path) as file:
        try:
            return file.read()
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(path)) from None


def parse(text: str | bytes) -> object:
    """The content of a JSON text. ValueError where it is none, also where it is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def digest(content: object, *parts: bytes | memoryview) -> str:
    """SHA-256 of plain JSON types, whatever the order of their names, followed by bytes; ValueError as in `parse`."""
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


def pack(tensors: dict[str, Tensor], about: dict[str, str]) -> bytes:
    """A safetensors file of copies of the tensors, with `about` and a digest as its metadata.

    The same content gives the same bytes: safetensors itself writes metadata in an order that changes.
    """
    copies = {name: tensor.detach().cpu().clone(memory_format=contiguous_format) for name, tensor in tensors.items()}
    header, body = _split(save(copies, dict(about)))
    header["__metadata__"] = {**about, DIGEST: digest(header, body)}
    return b"".join([_head(header), body])


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The inverse of `pack`: (new tensors, about). Raises DamagedError."""
    try:
        header, body = _split(data)
        about = dict(header["__metadata__"])
        stored = about.pop(DIGEST)
        intact = digest({**header, "__metadata__": about}, body) == stored
        # The header must also stand there as `pack` writes it, so that no bit of the file is left unchecked.
        if not intact or len(data) != len(_head(header)) + len(body) or not data.startswith(_head(header)):
            raise DamagedError(CHANGED)
        return {name: tensor.clone() for name, tensor in load(data).items()}, about
    except DamagedError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError):
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
