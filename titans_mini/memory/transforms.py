"""Where a memory is not simply called: torch.func transforms the caller, autocast is on, or tensors hold no numbers."""

import contextlib

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode


def in_transform() -> bool:
    """Whether torch.func (grad, vmap, ...) transforms the caller: plain operations only, nothing in place."""
    return torch._C._are_functorch_transforms_active()


def is_numberless(x: Tensor) -> bool:
    """Whether x is a meta tensor and nobody answers for its numbers, as a dispatch mode does (see estimate.py)."""
    return x.is_meta and not is_in_torch_dispatch_mode()


def full_precision(x: Tensor) -> contextlib.AbstractContextManager:
    """Inside it the memory keeps its own dtype on the device of x. Meta tensors know no autocast."""
    return contextlib.nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
