"""Who sees whom in a layer, measured on the real modules: nudge one source at a time and see which outputs change.

Nothing here knows a mask. A batch holds one row per source, each nudged at its own place, and one unchanged row.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from titans_mini.errors import check_integer
from titans_mini.models.config import TitansConfig
from titans_mini.models.variants import VARIANTS

LEAST = 1e-9  # a change below this share of the output is rounding
Source = Callable[[Tensor, Tensor, Tensor], None]  # changes a module's output in place, at (rows, places)


class Visibility(NamedTuple):
    """Bool matrices (tokens, sources): row i is true where token i sees the source.

    `attention`: what the output of attention i depends on directly: persistent tokens, the memory's answers h_j
    (mac), tokens x_j (their keys and values). Empty for lmm. `memory`: which token's write reaches h_i (`answers`,
    mac) and the layer's output i (`output`); for lmm also its persistent tokens.
    """

    variant: str
    window: int
    attention: dict[str, np.ndarray]
    memory: dict[str, np.ndarray]


@torch.no_grad()
def measure(variant: str, *, tokens: int = 12, window: int = 4, persistent: int = 2, seed: int = 0) -> Visibility:
    """Who sees whom in one small untrained layer whose window, segment and chunk are all `window` tokens."""
    check_integer("tokens", tokens, 1, 256)
    shape = dict(dim=8, layers=1, heads=2, window=window, chunk=window, persistent=persistent)
    config = TitansConfig(variant=variant, **shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mixer = VARIANTS[variant](config).double()
        x = torch.randn(1, tokens, config.dim, dtype=torch.float64).expand(tokens + 1, -1, -1)
    output = {"output": _writes(mixer, x, mixer)}
    if variant == "lmm":
        return Visibility(variant, window, {}, {"persistent": _persistent(mixer, x, mixer.persistent[0]), **output})
    attention = getattr(mixer, "attention", mixer)  # mac is its own attention
    seen = {"persistent": _persistent(mixer, x, attention.persistent.values.transpose(0, 1), attention.to_out)}
    if variant == "mac":
        seen["answers"] = _nudged(mixer, x, "frozen", mixer.to_recalled, _add(0), attention.to_out)
        output = {"answers": _writes(mixer, x, mixer.to_recalled), **output}
    seen["tokens"] = _nudged(mixer, x, "frozen", attention.to_qkv, _add(config.dim), attention.to_out)
    return Visibility(variant, window, seen, output)


def _add(first: int) -> Source:
    """Adds 1 to the features from `first` on: in to_qkv, only keys and values."""

    def change(made: Tensor, rows: Tensor, places: Tensor) -> None:
        made[rows, places, first:] += 1

    return change


def _unwrite(made: Tensor, rows: Tensor, places: Tensor) -> None:
    made[rows, places] = 0


def _writes(mixer: nn.Module, x: Tensor, target: nn.Module) -> np.ndarray:
    """Where the output of `target` changes when one token is not written (its theta is 0)."""
    return _nudged(mixer, x, "on", mixer.memory.gate, _unwrite, target)


def _nudged(mixer: nn.Module, x: Tensor, mode: str, source: nn.Module, change: Source, target: nn.Module) -> np.ndarray:
    """(t, t): in row r of the batch, `source`'s output for token r is changed; outputs of `target` are compared."""
    state = mixer.initial_state(len(x), mode)
    place = -state.memory.pending.keys.shape[1]  # tokens that wait in the memory come first

    def hook(module: nn.Module, given: tuple, made):
        """Puts the change into each row's own token."""
        nonlocal place
        part = (made if isinstance(made, Tensor) else made[0].theta).clone()  # (rows, c, ...)
        rows = torch.arange(place, place + part.shape[1])
        place += part.shape[1]
        real = (rows >= 0) & (rows < len(x) - 1)
        change(part, rows[real], real.nonzero()[:, 0])
        return part if isinstance(made, Tensor) else (made[0]._replace(theta=part), *made[1:])

    with _hooked(source, hook), _watch(target) as made:
        mixer(x, state, mode)
    out = torch.cat(made, dim=1)  # (t + 1, t, dim)
    return _differs(out[:-1], out[-1:]).T.numpy()


def _persistent(mixer: nn.Module, x: Tensor, values: Tensor, target: nn.Module | None = None) -> np.ndarray:
    """(t, p): nudges each of the persistent tokens `values` (p, ...), a view of the parameter."""
    mode = "frozen" if target is not None else "on"

    def run() -> Tensor:
        with _watch(target or mixer) as made:
            mixer(x[:1], mixer.initial_state(1, mode), mode)
        return torch.cat(made, dim=1)

    before, columns = run(), []
    for value in values:
        value += 1
        columns.append(_differs(run(), before)[0])
        value -= 1
    return torch.stack(columns, dim=1).numpy()


def _differs(out: Tensor, base: Tensor) -> Tensor:
    """(rows, t): whether a token's features differ by more than rounding."""
    return (out - base).abs().amax(-1) > LEAST * base.abs().max()


@contextlib.contextmanager
def _hooked(module: nn.Module, hook: Callable) -> Iterator[None]:
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def _watch(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collects a module's outputs, call by call."""
    made: list[Tensor] = []

    def keep(module: nn.Module, given: tuple, out) -> None:
        made.append(out if isinstance(out, Tensor) else out[0])

    with _hooked(module, keep):
        yield made
