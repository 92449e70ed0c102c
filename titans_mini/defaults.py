"""torch's global defaults, kept out of code that must give the same numbers whatever a program has set them to."""

import contextlib
from collections.abc import Iterator

import torch

from .threads import ProcessWide

_DTYPE = ProcessWide(torch.get_default_dtype, torch.set_default_dtype)


@contextlib.contextmanager
def plain_defaults() -> Iterator[None]:
    """float32 and the CPU are torch's defaults inside; also a decorator.

    The default dtype is the whole process's. The default device is the thread's, and a mode that slows down every
    call, so it is set only if it differs.
    """
    elsewhere = torch.get_default_device().type != "cpu"
    with _DTYPE.at(torch.float32), torch.device("cpu") if elsewhere else contextlib.nullcontext():
        yield
