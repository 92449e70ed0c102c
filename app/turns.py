"""Work that takes the whole machine: one visitor's at a time on this server, and the others are told to wait."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

BEAT = 0.5  # seconds between two signs of life of one who waits
_measuring = threading.Lock()


@contextlib.contextmanager
def measuring(waiting: Callable[[float], None]) -> Iterator[None]:
    """The turn to measure. Until it comes, `waiting` gets the seconds so far; what it raises gives up the place."""
    began = time.monotonic()
    while not _measuring.acquire(timeout=BEAT):
        waiting(time.monotonic() - began)
    try:
        yield
    finally:
        _measuring.release()
