"""One thread for many small products, which several threads only slow down, badly so on a busy machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_inside = 0
_outside = 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """torch works on one thread inside; the last of several overlapping callers restores the number before."""
    global _inside, _outside
    with _lock:
        if _inside == 0:
            _outside = torch.get_num_threads()
            torch.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                torch.set_num_threads(_outside)
