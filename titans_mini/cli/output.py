"""Printing that no terminal, pipe or encoding can break."""

from __future__ import annotations

import codecs
import contextlib
import sys
from collections.abc import Iterator

ESCAPE = "titans_mini.escape"


def escape(error: UnicodeError) -> tuple[str, int]:
    r"""Writes characters that an encoding lacks as \uXXXX, beyond 16 bits as two of them; JSON reads them the same."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)), error.end


codecs.register_error(ESCAPE, escape)


@contextlib.contextmanager
def printable() -> Iterator[None]:
    """Within it any text can be printed, also to a terminal that knows only ASCII or cp1252."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=ESCAPE)
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            if not stream.closed:
                stream.reconfigure(errors=errors)
