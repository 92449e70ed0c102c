"""Training on long sequences in little memory: the graph of each block is discarded and rebuilt in the backward pass.

Only the block's inputs are stored: its tokens and the state before it. The cost is one more forward pass, up to a third
of a training step; a larger `NeuralMemory.block` saves some of it for more memory. This is gradient checkpointing, but
torch's own keeps a placeholder for every tensor of the graph, and takes longer than the small products of a recurrence.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..state import MemoryState
from ..tree import map_tree, tensors


def recompute(step: Callable, parameters: Iterable[Tensor], x: Tensor, state: MemoryState):
    """step(x, state), a nested tuple of tensors, with gradients in x, the state and the `parameters` that it uses.

    Every tensor of the result has its gradient. Gradients of gradients end in an error.
    """
    made: list = []

    def run(x: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        result = step(x, _filled(state, parts))
        if not torch.is_grad_enabled():  # the forward pass; keeping the backward's would keep its graph
            made.append(result)
        return tuple(tensors(result))

    given = (x, *tensors(state))
    found = _Again.apply(run, len(given), *given, *parameters)
    return _filled(made.pop(), found)


def _filled(value, parts: Iterable[Tensor]):
    """The parts, in order, in the places of the nested tuple's tensors."""
    parts = iter(parts)
    return map_tree(lambda _: next(parts), value)


class _Again(torch.autograd.Function):
    """run(*given) without a graph; backward runs it once more with one."""

    @staticmethod
    def forward(ctx, run: Callable, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Of the tensors the first `count` are given to `run`; it finds the others by itself."""
        ctx.run, ctx.count = run, count
        ctx.save_for_backward(*tensors)
        device = "cpu" if tensors[0].is_meta else tensors[0].device.type  # meta tensors know no autocast
        ctx.cast = dict(
            device_type=device, dtype=torch.get_autocast_dtype(device), enabled=torch.is_autocast_enabled(device)
        )
        return run(*tensors[:count])

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients in all tensors."""
        saved = ctx.saved_tensors  # read once: under gradient checkpointing a second read is an error
        given, used = saved[: ctx.count], saved[ctx.count :]
        given = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in given]
        with torch.enable_grad(), torch.autocast(**ctx.cast):
            outs = ctx.run(*given)
        wanted = [tensor for tensor in (*given, *used) if tensor.requires_grad]
        pairs = [(out, grad) for out, grad in zip(outs, grads, strict=True) if out.requires_grad and grad is not None]
        outs, grads = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(outs, wanted, grads, allow_unused=True))
        return None, None, *(next(found) if tensor.requires_grad else None for tensor in (*given, *used))
