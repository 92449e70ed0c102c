"""Attention over a sliding window, with persistent tokens and rotary positions; causal, and cached as a value.

Paper: section 4 (the core of MAG and MAL). Shapes: b rows, t tokens, h heads, d features of a head, w window.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..memory.checks import Leaf


class WindowState(NamedTuple):
    """Keys and values of the last w - 1 tokens, and how many tokens have been seen."""

    keys: Tensor  # (b, h, w - 1, d), before rotation
    values: Tensor  # (b, h, w - 1, d)
    seen: Tensor  # () int64


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary position embedding: x (..., t, d), positions (t,). Pairs are (i, i + d/2); base 10,000."""
    half = x.shape[-1] // 2
    rates = 10_000.0 ** (-torch.arange(half, device=x.device, dtype=x.dtype) / half)
    angles = positions.to(x.dtype).unsqueeze(-1) * rates  # (t, d/2)
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half : 2 * half]
    turned = [first * cos - second * sin, first * sin + second * cos, x[..., 2 * half :]]
    return torch.cat(turned, dim=-1)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(b, t, heads * d) -> (b, heads, t, d)."""
    b, t, dim = x.shape
    return x.view(b, t, heads, dim // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(b, heads, t, d) -> (b, t, heads * d)."""
    b, heads, t, d = x.shape
    return x.transpose(1, 2).reshape(b, t, heads * d)


class Persistent(nn.Module):
    """Learned keys and values that every token sees, wherever it stands. Paper: eq. 19, section 3.3.

    Differs: they have no position, so queries meet them unrotated.
    """

    def __init__(self, heads: int, count: int, width: int) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.randn(heads, count, width) * 0.5)
        self.values = nn.Parameter(torch.randn(heads, count, width) * 0.5)

    def attend(self, q: Tensor, turned: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Attention over the persistent tokens and `keys`, of queries q (b, h, ..., t, d) and `turned`, q rotated.

        The persistent tokens have no position, so they are met by q itself.

        keys, values (b, h, ..., s, d), keys rotated; mask (..., t, s) is true where a query may look. The dots are
        nothing for a segment of MAC, q (b, h, t, d), and the blocks of a sliding window, q (b, h, blocks, w, d).
        """
        middle = (1,) * (q.dim() - 4)  # () or (1,): the persistent tokens are the same in every block
        own_keys, own_values = (part.view(len(part), *middle, *part.shape[1:]) for part in (self.keys, self.values))
        scores = torch.matmul(turned, keys.mT).masked_fill(~mask, -torch.inf)  # (b, h, ..., t, s)
        scores = torch.cat([torch.matmul(q, own_keys.mT), scores], dim=-1) * q.shape[-1] ** -0.5
        on_own, on_keys = scores.softmax(-1).split([own_keys.shape[-2], keys.shape[-2]], dim=-1)
        return torch.matmul(on_own, own_values) + torch.matmul(on_keys, values)


class SlidingWindow(nn.Module):
    """x (b, t, dim) -> (output (b, t, dim), WindowState): each token sees itself, the w - 1 tokens before it and
    the persistent tokens. Positions count within the window, so a stream may be of any length."""

    def __init__(self, dim: int, heads: int, window: int, persistent: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.persistent = Persistent(heads, persistent, dim // heads)

    def initial_state(self, batch: int) -> WindowState:
        """The state that has seen nothing."""
        weight = self.to_qkv.weight
        empty = weight.new_zeros(batch, self.heads, self.window - 1, weight.shape[1] // self.heads)
        return WindowState(empty, empty.clone(), torch.zeros((), dtype=torch.int64, device=weight.device))

    def wanted_state(self, batch: int) -> WindowState:
        """What a state for `batch` rows must be like, for `check_state`."""
        weight = self.to_qkv.weight
        size, width = (self.window - 1, "window"), (weight.shape[1] // self.heads, "dim")
        part = Leaf(weight.dtype, ((batch, "batch"), (self.heads, "heads"), size, width))
        return WindowState(part, part, Leaf(torch.int64))

    def forward(self, x: Tensor, state: WindowState) -> tuple[Tensor, WindowState]:
        """Blocks of w queries each see the 2w - 1 keys that end with them: cost is linear in t."""
        w, t = self.window, x.shape[1]
        q, k, v = (split_heads(part, self.heads) for part in self.to_qkv(x).chunk(3, dim=-1))
        keys, values = (torch.cat(pair, dim=2) for pair in ((state.keys, k), (state.values, v)))
        state_next = WindowState(*(part[:, :, part.shape[2] - (w - 1) :] for part in (keys, values)), state.seen + t)
        blocks = -(-t // w)
        pad = blocks * w - t
        q = functional.pad(q, (0, 0, 0, pad)).unflatten(2, (blocks, w))  # (b, h, blocks, w, d)
        keys, values = (
            functional.pad(part, (0, 0, 0, pad)).unfold(2, 2 * w - 1, w).transpose(-1, -2) for part in (keys, values)
        )  # (b, h, blocks, 2w - 1, d)
        places = torch.arange(2 * w - 1, device=x.device)
        turned, keys = rotate(q, places[w - 1 :]), rotate(keys, places)
        out = self.persistent.attend(q, turned, keys, values, self._mask(places, blocks, state.seen))
        out = out.flatten(2, 3)[:, :, :t]  # (b, h, t, d)
        return self.to_out(merge_heads(out)), state_next

    def _mask(self, places: Tensor, blocks: int, seen: Tensor) -> Tensor:
        """(blocks, w, 2w - 1): query a of a block may look at keys a .. a + w - 1 that exist."""
        w = self.window
        query = torch.arange(w, device=places.device).unsqueeze(-1)
        inside = (places >= query) & (places < query + w)  # (w, 2w - 1)
        start = torch.arange(blocks, device=places.device).unsqueeze(-1) * w
        exists = start + places >= (w - 1) - seen  # (blocks, 2w - 1): not before the first token
        return inside & exists.unsqueeze(1)
