"""A second device for machines that have none: a mode under which some tensors count as being on CUDA.

Each tensor has its label, and the mode refuses what CUDA would refuse: a product of a tensor here and one there, or
numpy on one there. All numbers are computed on the CPU, so results can be compared.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

FAR = torch.device("cuda:0")
CROSSES = {"to", "copy_", "__set__", "_has_compatible_shallow_copy_type"}  # may take tensors of both devices
# A number may be here. Optimizers group their tensors by device for `_foreach_mul_`, and do not see the stand-in.
PAIRS = {"add", "sub", "rsub", "mul", "div", "pow", "lt", "le", "gt", "ge", "eq", "ne", "where", "foreach_mul"}


def is_far(tensor: Tensor) -> bool:
    return getattr(tensor, "far", False)


def is_device(value: object) -> bool:
    return isinstance(value, torch.device) or (isinstance(value, str) and value.split(":")[0] in ("cpu", "cuda"))


class FarDevice(TorchFunctionMode):
    """Within it `.to("cuda")` and `device="cuda"` give tensors that are far; `count` says how many there were."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, of = func.__name__, getattr(func, "__self__", None)
        if func is torch.device or name == "_parse_to":  # devices themselves, of a call or of a module's `to`
            return func(*args, **(kwargs or {}))
        given = tree_leaves([args, kwargs or {}])
        inputs = [part for part in given if isinstance(part, Tensor)]
        far, wanted = any(map(is_far, inputs)), [part for part in given if is_device(part)]
        if of is Tensor.device and far:
            return FAR
        if far and name in ("numpy", "__array__"):
            raise TypeError(f"{name} of a tensor on {FAR}")
        if wanted:
            far = torch.device(wanted[0]).type == "cuda"
        elif name == "cpu":
            far = False
        elif name == "to" and isinstance(args[1], Tensor):
            far = is_far(args[1])
        elif far and name not in CROSSES:
            self._check(name, args, inputs)
        if far and any(isinstance(part, torch.Generator) for part in given):
            raise RuntimeError(f"{name} on {FAR} with a generator on the CPU")
        args, kwargs = tree_map(lambda part: torch.device("cpu") if is_device(part) else part, (args, kwargs or {}))
        found = func(*args, **kwargs)
        if wanted or name in ("cpu", "to"):  # the same tensor is not a copy of it on another device
            found = found.clone() if any(found is part and is_far(part) != far for part in inputs) else found
        if of is Tensor.data and name == "__set__":
            args[0].far = is_far(args[1])
        found = list(found) if isinstance(found, Iterator) else found
        for part in found if isinstance(found, tuple | list) else [found]:
            if isinstance(part, Tensor):
                part.far, self.count = far, self.count + far
        return iter(found) if name == "__iter__" else found

    def _check(self, name: str, args: tuple, inputs: list[Tensor]) -> None:
        near = [part for part in inputs if not is_far(part)]
        if name == "__getitem__" and is_far(args[0]):  # places may be given from the CPU
            near = []
        if any(part.dim() > 0 or name.strip("_").removesuffix("_") not in PAIRS for part in near):
            raise RuntimeError(f"{name} of tensors on {FAR} and on the CPU")
