"""Several processes that train one model: torchrun starts them, each joins their group and leaves it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.distributed.nn  # before any group: its functions keep for ever the group that is there at first import


def place() -> tuple[int, int]:
    """This process's rank and the number of processes, as torchrun tells them; (0, 1) without it."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Within it the processes that torchrun started form one group (NCCL on CUDA, else Gloo); alone it does nothing.

    A process that leaves stops its group's threads. Left running, they hand finished work back to an interpreter that
    is shutting down, which aborts now and then. After an error nothing is left, since the others may wait in a sum.
    """
    if place()[1] == 1:
        yield
        return
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    yield
    torch.distributed.destroy_process_group()
