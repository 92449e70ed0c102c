"""Tensors in safetensors files: checked one by one against what is needed, before any goes into a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..files import write_whole

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Writes the file whole or not at all; tensors that share memory, such as tied weights, are written twice."""
    write_whole(path, to_bytes(tensors))


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a safetensors file."""
    seen, own = set(), {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return save(own)


def from_bytes(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file's content, on the CPU. Raises ValueError with one line."""
    try:
        with torch.device("cpu"):
            return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raises ValueError for the first tensor that is missing, too many, not finite, or of another shape or type.

    Of `wanted` only shapes and types count. Floating-point types may differ from the wanted one, but not from each
    other: a model has one.
    """
    _check_names(found, wanted)
    kinds: dict[torch.dtype, str] = {}
    for name, like in wanted.items():
        tensor = found[name]
        if tensor.shape != like.shape:
            raise ValueError(f"tensor {name!r} has the shape {tuple(tensor.shape)}, not {tuple(like.shape)}")
        if tensor.dtype != like.dtype and not (tensor.dtype in FLOATS and like.dtype in FLOATS):
            raise ValueError(f"tensor {name!r} is {_plain(tensor.dtype)}, not {_plain(like.dtype)}")
        if tensor.dtype in FLOATS:
            kinds.setdefault(tensor.dtype, name)
            if not tensor.isfinite().all():
                raise ValueError(f"tensor {name!r} holds NaN or infinite numbers")
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        raise ValueError(f"tensor {first!r} is {_plain(one)}, but {second!r} is {_plain(other)}")


def _check_names(found: Iterable[str], wanted: Iterable[str]) -> None:
    for name in wanted:
        if name not in found:
            raise ValueError(f"tensor {name!r} is missing")
    for name in found:
        if name not in wanted:
            raise ValueError(f"tensor {name!r} has no place in this model")


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts checked tensors into a module, which takes on their floating-point type. Raises ValueError."""
    check_tensors(tensors, module.state_dict())
    kind = next((tensor.dtype for tensor in tensors.values() if tensor.dtype in FLOATS), None)
    if kind is not None:
        module.to(kind)
    module.load_state_dict(tensors)
