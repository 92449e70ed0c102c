"""A function and what takes a gradient back through it, also where autograd's saved tensors are hooked."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import disable_saved_tensors_hooks, saved_tensors_hooks


def is_hooked() -> bool:
    """Whether something hooks the tensors that are saved for a backward pass. torch.func.vjp refuses to run then."""
    try:
        with disable_saved_tensors_hooks("only asked"):
            return False
    except RuntimeError:
        return True


def pull_back(function: Callable, at: tuple[Tensor, ...], graph: bool) -> tuple[Tensor, Callable]:
    """function(*at), and the function that takes a gradient in it to the gradients in `at`.

    `graph` says whether both are to have gradients themselves.
    """
    if not is_hooked():
        return torch.func.vjp(function, *at)
    unhooked = saved_tensors_hooks(_same, _same)  # the innermost hooks count
    with torch.enable_grad(), unhooked:
        at = tuple(part if graph and part.requires_grad else part.detach().requires_grad_() for part in at)
        result = function(*at)

    def pull(slope: Tensor) -> tuple[Tensor, ...]:
        with saved_tensors_hooks(_same, _same):
            return torch.autograd.grad(result, at, slope, create_graph=graph, materialize_grads=True)

    return (result if graph else result.detach()), pull


def _same(tensor: Tensor) -> Tensor:
    return tensor
