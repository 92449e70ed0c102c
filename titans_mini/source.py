"""The bytes that a stream reads: a text or a file that starts again at its end, in constant memory."""

import io
import os
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from .errors import ConfigError
from .files import open_regular, refusing
from .kept import digest

MOST = 10**12  # bytes of a file: as many as a stream can have tokens
BEGINNING = 1_000_000  # bytes by which a file is recognised


class Source:
    """An endless stream of bytes: those of a file, or `content`, again and again. Only the requested bytes are read.

    Raises ConfigError for a file that is empty, not a regular file or too large, or that becomes shorter later.
    """

    def __init__(self, file: str | Path | None = None, content: bytes = b"") -> None:
        self.file, self.content, self.size = file, content, len(content)
        with self._open() as opened:
            self.size = opened.seek(0, os.SEEK_END)
        if not 1 <= self.size <= MOST:
            text = "file {file} must have 1 to {most} bytes, not {size}"
            raise ConfigError(text, file=repr(str(file)), most=MOST, size=self.size)
        self.identity = digest(self.size, self._read(0, min(self.size, BEGINNING)))

    def take(self, start: int, count: int) -> Tensor:
        """(count,) int64: the bytes from position `start` of the endless stream on."""
        first, data = start % self.size, b""
        if self.size < count:  # more than one round, so the whole file is shorter than what is requested
            data = (self._read(0, self.size) * (count // self.size + 2))[first:][:count]
        else:
            data = self._read(first, min(count, self.size - first))
            data += self._read(0, count - len(data))
        return torch.frombuffer(bytearray(data), dtype=torch.uint8).long()

    def _read(self, place: int, count: int) -> bytes:
        with self._open() as opened:
            opened.seek(place)
            data = opened.read(count)
        if len(data) < count:
            raise ConfigError("file {file} became shorter while it was read", file=repr(str(self.file)))
        return data

    def _open(self) -> BinaryIO:
        if self.file is None:
            return io.BytesIO(self.content)
        with refusing("file {file} cannot be read: {reason}", file=repr(str(self.file))):
            return open_regular(self.file)
