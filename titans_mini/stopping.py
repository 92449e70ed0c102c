"""Stopping in good order: Ctrl-C, and SIGTERM, which `kill`, containers and clusters send.

On Windows a closed terminal and Ctrl-Break send SIGBREAK, which counts as SIGTERM. In commands SIGTERM becomes
`Terminated`, a KeyboardInterrupt. A command that keeps work therefore catches KeyboardInterrupt, saves, says in one
line on stderr how to continue, and raises it again; `main` turns it into the exit code 130 or 143. What must not be cut
in half, such as a step of training, runs inside `postponed`.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

ENDS = (signal.SIGTERM, *filter(None, [getattr(signal, "SIGBREAK", None)]))
STOPS = (signal.SIGINT, *ENDS)
PATIENCE = 2.0  # seconds within which signals count as one: torchrun sends its own after the terminal's


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised in the main thread wherever Ctrl-C would be."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells count."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Inside it SIGTERM raises Terminated in the main thread; in any other thread it changes nothing."""

    def terminate(*_: object) -> None:
        raise Terminated

    with handled(terminate, *ENDS):
        yield


class Stop:
    """Whether a signal to stop has come, and which."""

    asked, number = False, 0


@contextlib.contextmanager
def postponed() -> Iterator[Stop]:
    """Inside it the first Ctrl-C or SIGTERM only sets `asked`; it takes effect at the end of the block.

    A second one, `PATIENCE` seconds later, takes effect at once.
    """
    stop, first = Stop(), 0.0

    def note(number: int, frame: object) -> None:
        nonlocal first
        if not stop.asked:
            stop.asked, stop.number, first = True, number, time.monotonic()
        elif time.monotonic() - first >= PATIENCE:
            restore()
            signal.raise_signal(number)

    with handled(note, *STOPS) as restore:
        yield stop
    if stop.asked:
        signal.raise_signal(stop.number)


@contextlib.contextmanager
def handled(handle: Callable[..., None], *numbers: int) -> Iterator[Callable[[], None]]:
    """Inside it `handle` gets these signals, unless they are ignored; yields a function that ends that early.

    Outside the main thread no signal arrives, and nothing is changed.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in numbers}
        before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, handle)
    try:
        yield restore
    finally:
        restore()
