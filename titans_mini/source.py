"""The bytes that a stream reads: a text or a file that starts again at its end, in constant memory."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from .errors import ConfigError
from .files import open_regular
from .kept import digest

MOST = 10**12  # bytes of a file, as many as a stream has tokens at most
BEGINNING = 1_000_000  # bytes by which a file is known again


class Source:
    """An endless stream of bytes: those of a file, or `content`, again and again. Only what is asked for is read.

    Raises ConfigError for a file that is empty, not a regular file or too large, or that changes its size later.
    """

    def __init__(self, file: str | Path | None = None, content: bytes = b"") -> None:
        self.file, self.content = file, content
        self.size = len(content)
        with self._open() as opened:
            self.size = opened.seek(0, os.SEEK_END)
        if not 1 <= self.size <= MOST:
            raise ConfigError(f"file {str(file)!r} must have 1 to {MOST} bytes, not {self.size}")
        self.identity = digest(self.size, self._read(0, min(self.size, BEGINNING)))

    def take(self, start: int, count: int) -> Tensor:
        """(count,) int64: the bytes from position `start` of the endless stream on."""
        if self.size < count:  # more than one round: the whole file is shorter than what is asked for
            once = self._read(0, self.size)
            data = (once * (count // self.size + 2))[start % self.size :][:count]
        else:
            first = self._read(start % self.size, min(count, self.size - start % self.size))
            data = first + self._read(0, count - len(first))
        return torch.frombuffer(bytearray(data), dtype=torch.uint8).long()

    def _read(self, place: int, count: int) -> bytes:
        with self._open() as opened:
            opened.seek(place)
            data = opened.read(count)
        if len(data) < count:
            raise ConfigError(f"file {str(self.file)!r} became shorter while it was read")
        return data

    def _open(self) -> BinaryIO:
        if self.file is None:
            return io.BytesIO(self.content)
        try:
            return open_regular(self.file)
        except OSError as error:
            raise ConfigError(f"file {str(self.file)!r} cannot be read: {error.strerror}") from None
