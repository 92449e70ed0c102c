"""Settings of the whole process that overlapping callers in several threads share, and one thread for torch."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import torch


class ProcessWide:
    """A setting of the process that some code needs at one value. The last of overlapping callers restores the old one.

    `get` and `put` read and change it.
    """

    def __init__(self, get: Callable[[], object], put: Callable[[object], None]) -> None:
        self._get, self._put = get, put
        self._lock, self._inside, self._outside = threading.Lock(), 0, None

    @contextlib.contextmanager
    def at(self, value: object) -> Iterator[None]:
        """The setting has this value inside."""
        with self._lock:
            if self._inside == 0:
                self._outside = self._get()
                self._put(value)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._put(self._outside)


_THREADS = ProcessWide(torch.get_num_threads, torch.set_num_threads)


def one_thread() -> contextlib.AbstractContextManager:
    """torch works on one thread inside: for many small products, which more threads slow down on a busy machine."""
    return _THREADS.at(1)
