"""torch's global defaults, kept out of what must give the same numbers whatever a program has set them to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_inside = 0
_outside = torch.float32


@contextlib.contextmanager
def plain_defaults() -> Iterator[None]:
    """float32 and the CPU are torch's defaults inside; also a decorator.

    The default dtype is the whole process's: the last of several overlapping callers restores the one before. The
    default device is the thread's, and a mode that slows down every call, so it is set only where it differs.
    """
    global _inside, _outside
    with _lock:
        if _inside == 0:
            _outside = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _inside += 1
    elsewhere = torch.get_default_device().type != "cpu"
    try:
        with torch.device("cpu") if elsewhere else contextlib.nullcontext():
            yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                torch.set_default_dtype(_outside)
