"""Walking a state: a nested tuple whose leaves are tensors, or None where there is nothing."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def map_tree(change: Callable, *trees, leaf: type | tuple[type, ...] = Tensor):
    """The same nested tuple with `change(a, b, ...)` of the leaves at each place of all trees.

    What is neither of type `leaf` nor a tuple, such as None, stays as it is in the first tree.
    """
    first = trees[0]
    if isinstance(first, leaf):
        return change(*trees)
    if not isinstance(first, tuple | list):
        return first
    return _like(first, [map_tree(change, *parts, leaf=leaf) for parts in zip(*trees, strict=True)])


def named(tree, path: str = "") -> dict[str, Tensor]:
    """Every tensor by its path, such as `layers.0.memory.weights.1`, in order; None has no entry."""
    if tree is None or isinstance(tree, Tensor):
        return {} if tree is None else {path: tree}
    found: dict[str, Tensor] = {}
    for place, part in _parts(tree, path):
        found |= named(part, place)
    return found


def tensors(tree) -> list[Tensor]:
    """Every tensor, in order."""
    return list(named(tree).values())


def rebuild(take: Callable[[str, Tensor | None], Tensor | None], like, path: str = ""):
    """A nested tuple of the shape of `like` with `take(path, leaf)` at each leaf, which may be None before or after."""
    if like is None or isinstance(like, Tensor):
        return take(path, like)
    return _like(like, [rebuild(take, part, place) for place, part in _parts(like, path)])


def join(series: Sequence):
    """Trees of tensors (n, c, ...) as one tree, the tensors end to end along the tokens."""
    return map_tree(lambda *parts: torch.cat(parts, dim=1), *series)


def _parts(tree, path: str) -> list[tuple[str, object]]:
    names = getattr(tree, "_fields", range(len(tree)))
    return [(f"{path}.{name}" if path else str(name), part) for name, part in zip(names, tree, strict=True)]


def _like(tree, parts: list):
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
