"""Several processes that train one model: torchrun starts them, each joins their group and leaves it."""

import contextlib
import os
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from ..errors import ConfigError, check_integer

if torch.distributed.is_available():  # a build of torch may lack it
    import torch.distributed.nn  # before any group, since its functions keep the group that exists at the first import

NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")  # torchrun sets them, with WORLD_SIZE


def place() -> tuple[int, int]:
    """This process's rank and the number of processes, as torchrun sets them; (0, 1) without it.

    Raises ConfigError if the environment speaks of several processes but does not say how they find each other, as
    after a cluster's job that has left some of its variables behind.
    """
    size = _number("WORLD_SIZE", 1)
    if size <= 1:
        return 0, 1
    for name in NEEDED:
        if name not in os.environ:
            text = "WORLD_SIZE is {size}, but {name} is not set; start with torchrun, or unset WORLD_SIZE"
            raise ConfigError(text, size=size, name=name)
    return check_integer("RANK", _number("RANK", 0), 0, size - 1), size


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        line = "{name} must be a whole number, not {value}; start with torchrun, or unset {name}"
        raise ConfigError(line, name=name, value=repr(text))
    return int(text)


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Inside it the processes that torchrun started form one group (on CUDA NCCL, else Gloo); a single one needs none.

    A process that leaves stops its group's threads. Left running, they hand finished work back to an interpreter that
    is shutting down, which sometimes aborts. After an error the group is left as it is, since the others may wait in a
    sum; asked to stop, all leave together. Raises ConfigError if the processes do not find each other.
    """
    if place()[1] == 1:
        yield
        return
    if not torch.distributed.is_available():
        raise ConfigError("this build of torch cannot train in several processes; start without torchrun")
    try:
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    except (ValueError, RuntimeError) as error:
        text = "the processes of torchrun cannot find each other: {reason}"
        raise ConfigError(text, reason=str(error).splitlines()[0]) from None
    try:
        yield
    except KeyboardInterrupt:
        torch.distributed.destroy_process_group()
        raise
    torch.distributed.destroy_process_group()


def add_up(parameters: Iterable[nn.Parameter], loss: float, flag: bool) -> tuple[float, bool]:
    """Makes each gradient the sum over all processes; returns the sum of `loss`, and whether any `flag` is set.

    A parameter that gets no gradient in any process keeps none, so that the optimizer skips it as it does in a single
    process: a memory's without a memory, say, or those of its start when a sequence continues. DistributedDataParallel
    expects gradients of all parameters, so it is not used. One sum carries everything. Raises ConfigError if a process
    of the group is gone.
    """
    if place()[1] == 1:
        return loss, flag
    parameters = list(parameters)
    given = [parameter.grad is not None for parameter in parameters]
    parts = [torch.zeros_like(part) if part.grad is None else part.grad for part in parameters]
    numbers = torch.tensor([loss, flag, *given], dtype=parts[0].dtype, device=parts[0].device)
    total = torch.cat([numbers, *(part.flatten() for part in parts)])
    try:
        torch.distributed.all_reduce(total)
    except RuntimeError:
        text = "another process of this training is gone; run the same command again to continue from what is saved"
        raise ConfigError(text) from None
    numbers, *sums = total.split([len(numbers), *(part.numel() for part in parts)])
    loss, asked, *given = numbers.tolist()
    for parameter, has, of_all in zip(parameters, given, sums, strict=True):
        parameter.grad = of_all.view_as(parameter) if has else None
    return loss, bool(asked)


def greatest(number: int, device: torch.device) -> int:
    """The greatest of the numbers of all processes."""
    if place()[1] == 1:
        return number
    total = torch.tensor(number, device=device)
    torch.distributed.all_reduce(total, torch.distributed.ReduceOp.MAX)
    return int(total)
