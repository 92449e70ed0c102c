"""Settings of the whole process that overlapping callers in several threads share, and how many threads torch uses."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor


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


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WINDOW = 0.1  # seconds over which the work of other processes is measured, at least


def _others() -> float | None:
    """Seconds that this process's cores have worked for other processes so far; None where the system does not say."""
    try:
        own = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        lines = [line.split() for line in Path("/proc/stat").read_text("ascii").splitlines()]
    except (OSError, AttributeError):
        return None
    times = [list(map(int, line[1:9])) for line in lines if line[0] in own]
    ticks = sum(sum(spent) - spent[3] - spent[4] for spent in times)  # without idling and waiting for a disk
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


_seen: tuple[float, float | None, int] = (-WINDOW, None, 0)  # when, `_others` then, the cores that others kept busy


def free_cores() -> int:
    """The cores that other processes leave to this one, at least 1. All of them where the system does not say."""
    global _seen
    moment, before, busy = _seen
    now = time.monotonic()
    if now - moment >= WINDOW:
        others = _others()
        busy = 0 if None in (before, others) else round((others - before) / (now - moment))
        _seen = now, others, busy
    return max(1, cores() - busy)


@contextlib.contextmanager
def _at_most(count: Callable[[], int]) -> Iterator[None]:
    before = torch.get_num_threads()  # torch keeps this setting for each thread of Python
    most = before if before == 1 else min(before, count())
    torch.set_num_threads(most)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> contextlib.AbstractContextManager:
    """torch works on one thread inside: for many small products, which more threads slow down on a busy machine."""
    return _at_most(lambda: 1)


def free_threads() -> contextlib.AbstractContextManager:
    """torch works on no more threads inside than there are free cores.

    What the caller has set is the most. All threads of a product wait for the last one. If that must share its core
    with another process, it is late by a time slice, which is longer than hundreds of small products take.
    """
    return _at_most(free_cores)


@torch.utils.hooks.unserializable_hook  # a tensor may be saved without it
def free_backward(grad: Tensor) -> None:
    """A tensor's hook: from its gradient on, the backward pass works on no more threads than there are free cores."""
    before = torch.get_num_threads()
    most = before if before == 1 else min(before, free_cores())
    if most < before:
        torch.set_num_threads(most)
        # Two tensors of one pass may have this hook, and the first one has seen what the caller had set.
        restore = lambda: torch.set_num_threads(max(before, torch.get_num_threads()))  # noqa: E731
        torch.autograd.Variable._execution_engine.queue_callback(restore)  # called when the whole pass has ended
