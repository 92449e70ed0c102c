"""The command titans-mini. A mistake, or a limit of the machine, ends in one line on stderr and exit code 2.

This file imports nothing that takes long, so that Ctrl-C is answered from the first moment.
"""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator

from ..errors import ConfigError, DivergenceError
from ..language import answering, note, wanted
from ..messages import Message
from ..stopping import STOPS, exit_code, handled, terminable

__all__ = ["main"]

ESCAPE = "titans_mini.escape"  # how characters that an encoding lacks are written
# What torch says when memory runs out; on the CPU this error has no type of its own.
OUT_OF_MEMORY = ("DefaultCPUAllocator", "bad_alloc", "out of memory", "Storage size calculation overflowed")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 2 for what cannot be done, 130 for Ctrl-C, 143 for SIGTERM."""
    try:
        # Until work begins a signal ends the process silently, since an import cannot be interrupted cleanly.
        with handled(lambda number, _: os._exit(128 + number), *(STOPS if arguments is None else ())):
            from .commands import parse
        with printable(), terminable():
            try:
                language = wanted()
            except ConfigError as error:
                return _refuse(error.message)
            with answering(language):
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
        return _refuse(error.args[0])
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        reason = Message(error.strerror or str(error))
        return _refuse(Message("{file}: {reason}", file=error.filename, reason=reason) if error.filename else reason)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in OUT_OF_MEMORY):
            raise
        return _refuse("this machine has not enough memory for that; choose smaller sizes")


def _refuse(reason: str) -> int:
    note(reason)
    return 2


def _drop_output() -> None:
    """Where the output cannot be written, keeps Python from trying again when it exits."""
    try:
        print(end="", flush=True)
    except OSError:
        with contextlib.suppress(OSError):
            sys.stdout.close()


def escape(error: UnicodeError) -> tuple[str, int]:
    r"""Writes characters that an encoding lacks as \uXXXX, beyond 16 bits as two of them; JSON reads them the same."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)), error.end


codecs.register_error(ESCAPE, escape)


@contextlib.contextmanager
def printable() -> Iterator[None]:
    """Within it any text can be printed, also to a terminal that knows only ASCII or cp1252, or where there is none."""
    nowhere = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]  # pythonw
    for name in nowhere:
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - closed below
    streams = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=ESCAPE)
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            if not stream.closed:
                stream.reconfigure(errors=errors)
        for name in nowhere:
            getattr(sys, name).close()
            setattr(sys, name, None)
