"""Whether torch.func transforms the caller, where some operations are not allowed."""

import torch


def in_transform() -> bool:
    """Whether torch.func (grad, vmap, ...) transforms the caller: plain operations only, nothing in place."""
    return torch._C._are_functorch_transforms_active()
