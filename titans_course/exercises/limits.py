"""Limits on a student's code: seconds for one call, and memory for a whole grading run."""

import _thread
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

    Only in the main thread, as in a notebook; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: object) -> None:
        raise TooSlow

    number = getattr(signal, "SIGALRM", signal.SIGINT)
    before = signal.signal(number, ring)
    try:
        with (_timer if hasattr(signal, "setitimer") else _clock)(SECONDS if seconds is None else seconds):
            yield
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def _timer(seconds: float) -> Iterator[None]:
    """SIGALRM after so many seconds, and then each second, from the system's timer."""
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextlib.contextmanager
def _clock(seconds: float) -> Iterator[None]:
    """SIGINT, from a thread: Windows has no such timer. A call of C is not interrupted, but what follows it is."""
    over = threading.Event()

    def knock(wait: float) -> None:
        while not over.wait(wait):
            _thread.interrupt_main()
            wait = 1.0

    thread = threading.Thread(target=knock, args=[seconds], daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
