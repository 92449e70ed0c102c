"""Where to compute: devices by the names that torch gives them."""

import os

import torch

from .errors import ConfigError, show


def usable_device(name: str) -> torch.device:
    """The device of a name: "cpu", "cuda" or, where a machine has several of those, "cuda:1".

    "cuda" is the first of them, or under torchrun the one that belongs to this process.
    Raises ConfigError, which lists the names that can be used, for a device that this machine or this torch lacks.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = ["cpu", *["cuda"][:count], *(f"cuda:{number}" for number in range(count))]
    if str(name) not in names:
        text = "device must be one that this machine and its torch have ({names}), not {value}"
        raise ConfigError(text, names=", ".join(names), value=show(name))
    own = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    return torch.device(own if str(name) == "cuda" else str(name))


def training_device(name: str | None) -> torch.device:
    """The same for a training, where None is CUDA if there is any, else the CPU."""
    return usable_device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
