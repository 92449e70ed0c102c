"""The command titans-mini. A mistake, or a limit of the machine, ends in one line on stderr and exit code 2.

This file imports nothing that takes long, so that Ctrl-C is answered from the first moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from ..errors import ConfigError, DivergenceError
from ..stopping import STOPS, exit_code, terminable
from .output import printable

__all__ = ["main"]

# What torch says when memory runs out; on the CPU this error has no type of its own.
OUT_OF_MEMORY = ("DefaultCPUAllocator", "bad_alloc", "out of memory", "Storage size calculation overflowed")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 2 for what cannot be done, 130 for Ctrl-C, 143 for SIGTERM."""
    try:
        with _ending_at_once() if arguments is None else contextlib.nullcontext():
            from .commands import parse
        with printable(), terminable():
            return _run(parse, arguments)
    except KeyboardInterrupt as stop:
        return exit_code(stop)


def _run(parse, arguments: list[str] | None) -> int:
    try:
        options = parse(arguments)
        code = options.run(options)
        print(end="", flush=True)
        return code
    except (ConfigError, DivergenceError) as error:
        return _refuse(error)
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        return _refuse(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in OUT_OF_MEMORY):
            raise
        return _refuse("this machine has not enough memory for that; choose smaller sizes")


def _refuse(reason: object) -> int:
    print(f"titans-mini: {reason}", file=sys.stderr)
    return 2


def _drop_output() -> None:
    """Where the output cannot be written, keeps Python from trying again when it exits."""
    try:
        print(end="", flush=True)
    except OSError:
        with contextlib.suppress(OSError):
            sys.stdout.close()


@contextlib.contextmanager
def _ending_at_once() -> Iterator[None]:
    """Within it a signal ends the process silently: no work has begun yet, and an import cannot be interrupted cleanly.

    Signals that are ignored, as in a shell's background job, stay so.
    """
    handlers = {number: signal.getsignal(number) for number in STOPS}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in handlers:
        signal.signal(number, lambda came, frame: os._exit(128 + came))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
