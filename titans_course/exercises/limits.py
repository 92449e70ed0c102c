"""Limits on a student's code: seconds for one call, and memory for a whole grading run."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

SECONDS = 5.0  # of one call; the answers take milliseconds
ROOM = 4 * 2**30  # bytes that a grading run may take beyond what it has at the start


class TooSlow(BaseException):
    """A call that ran out of time. Not an Exception, so that an `except Exception` in a loop does not swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float | None = None) -> Iterator[None]:
    """Raises TooSlow in the block after `seconds` (None: SECONDS), and again each second while it continues.

    Only where the system has interval timers and in the main thread, as in a notebook; elsewhere it does nothing.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS if seconds is None else seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def cap_memory(room: int = ROOM) -> None:
    """Limits this process's address space to `room` bytes more than now, so that greedy code ends in MemoryError.

    Without a limit the system kills the kernel, and nbgrader grades nothing of that submission. Linux only.
    """
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + room if hard < 0 else min(used + room, hard), hard))
    except (ImportError, OSError, ValueError):
        return


def grading() -> bool:
    """Whether nbgrader is grading in this process."""
    return os.environ.get("NBGRADER_EXECUTION") == "autograde"
