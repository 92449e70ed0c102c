"""Stopping in good order: Ctrl-C, and SIGTERM, which `kill`, containers and clusters send.

In the commands SIGTERM becomes `Terminated`, a KeyboardInterrupt. A command that keeps work therefore catches
KeyboardInterrupt, saves, says in one line on stderr how to continue, and raises it again; `main` turns it into the exit
code 130 or 143. What must not be cut in half, such as a step of training, runs within `postponed`.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

STOPS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 2.0  # seconds within which signals count as one: torchrun sends its own after the terminal's


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised in the main thread wherever Ctrl-C would be."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells count."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM raises Terminated in the main thread; in any other thread it changes nothing."""
    if not _in_main_thread():
        yield
        return

    def terminate(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Stop:
    """Whether a signal to stop has come."""

    asked = False


@contextlib.contextmanager
def postponed() -> Iterator[Stop]:
    """Within it the first Ctrl-C or SIGTERM only sets `asked`; it takes effect at the end of the block.

    A second one, `PATIENCE` seconds later, takes effect at once. Outside the main thread no signal arrives, and nothing
    is changed.
    """
    stop, came, first = Stop(), [], 0.0
    handlers = {number: signal.getsignal(number) for number in STOPS} if _in_main_thread() else {}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def note(number: int, frame: object) -> None:
        nonlocal first
        if not stop.asked:
            stop.asked, first = True, time.monotonic()
            came.append(number)
        elif time.monotonic() - first >= PATIENCE:
            restore()
            signal.raise_signal(number)

    for number in handlers:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        restore()
    if came:
        signal.raise_signal(came[0])


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
