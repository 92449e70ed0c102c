"""The four ways a memory sits in a layer. Each maps x (b, t, dim) and a state to the same, causal to the token.

`mode` says what the memory does: "on" writes and reads; "frozen" reads the weights that it has and writes
nothing; "off" leaves it out. Paper: section 4. Persistent tokens take part in every attention; where there is none, the
memory reads them first. Here x is normed already, and the residual around the whole mixer is added outside: see `Layer`
in model.py.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError
from ..memory import NeuralMemory
from ..memory.checks import Leaf
from ..memory.state import MemoryState, Record
from ..miras.rule import MirasMemory
from .attention import Persistent, SlidingWindow, WindowState, merge_heads, rotate, split_heads
from .config import TitansConfig


class LayerState(NamedTuple):
    """What a layer carries from call to call; a part that the variant does not have is None."""

    memory: MemoryState | None
    window: WindowState | SegmentState | None
    last: Tensor | None = None  # (b, 1, dim): the last token's hidden state, where the memory reads it


class SegmentState(NamedTuple):
    """Keys and values of the m tokens of the current segment, (b, heads, m, d): of what memory recalled, and of x."""

    recalled_keys: Tensor
    recalled_values: Tensor
    keys: Tensor
    values: Tensor


class Watch(NamedTuple):
    """Lists that receive what the memories did: the records of their writes, and what they recalled (b, t, dim)."""

    records: list[Record] | None = None
    recalled: list[Tensor] | None = None


NOBODY = Watch()
Mixed = tuple[Tensor, LayerState]


def make_memory(config: TitansConfig) -> NeuralMemory:
    """The memory of one layer, with the rule that the settings name."""
    return NeuralMemory(config.memory) if config.miras is None else MirasMemory(config.memory, config.miras)


def use_memory(
    memory: NeuralMemory, x: Tensor, state: MemoryState, mode: str, watch: Watch = NOBODY
) -> tuple[Tensor | None, MemoryState]:
    """One call of the memory in a mode: (output (b, t, dim), or None if it is off, the state after it)."""
    if mode == "off":
        return None, state
    out, state = memory(x, state, trace=watch.records) if mode == "on" else memory.frozen(x, state)
    if watch.recalled is not None:
        watch.recalled.append(out)
    return out, state


class LMM(nn.Module):
    """The memory by itself. Paper: eq. 11-15 and 19."""

    def __init__(self, config: TitansConfig) -> None:
        super().__init__()
        self.memory = make_memory(config)
        self.persistent = nn.Parameter(torch.randn(1, config.persistent, config.dim) * 0.5)

    def initial_state(self, batch: int, mode: str = "on") -> LayerState:
        """A memory that has read the persistent tokens."""
        state = self.memory.initial_state(batch)
        mode = "frozen" if mode == "off" else mode  # a memory that is off now may be switched on later
        return LayerState(use_memory(self.memory, self.persistent.expand(batch, -1, -1), state, mode)[1], None)

    def wanted_state(self, batch: int) -> LayerState:
        """What a state for `batch` rows must be like, for `check_state`; so in every variant."""
        return LayerState(self.memory.wanted_state(batch), None)

    def forward(
        self, x: Tensor, state: LayerState, mode: str = "on", watch: Watch = NOBODY, read: Tensor | None = None
    ) -> Mixed:
        """x (b, t, dim) -> the same shape; so in every variant. `read` (b, t, dim): what the memory reads instead."""
        out, memory = use_memory(self.memory, x if read is None else read, state.memory, mode, watch)
        return torch.zeros_like(x) if out is None else out, LayerState(memory, None)


class WindowOnly(nn.Module):
    """Attention by itself: a layer without a memory."""

    def __init__(self, config: TitansConfig) -> None:
        super().__init__()
        self.attention = SlidingWindow(config.dim, config.heads, config.window, config.persistent)

    def initial_state(self, batch: int, mode: str = "on") -> LayerState:
        """An empty window."""
        return LayerState(None, self.attention.initial_state(batch))

    def wanted_state(self, batch: int) -> LayerState:
        """As LMM's."""
        return LayerState(None, self.attention.wanted_state(batch))

    def forward(self, x: Tensor, state: LayerState, mode: str = "on", watch: Watch = NOBODY) -> Mixed:
        """As LMM's."""
        out, window = self.attention(x, state.window)
        return out, LayerState(None, window)


class MAL(nn.Module):
    """Memory as a layer: memory, then attention. Paper: eq. 29-31.

    Differs: each of the two has its own residual, so attention sees x + M(x) and the output adds both; read
    literally, what memory does not know is lost to attention, and what it knows must pass through it.
    """

    def __init__(self, config: TitansConfig) -> None:
        super().__init__()
        self.attention = SlidingWindow(config.dim, config.heads, config.window, config.persistent)
        self.memory = make_memory(config)

    def initial_state(self, batch: int, mode: str = "on") -> LayerState:
        """An untouched memory and an empty window."""
        return LayerState(self.memory.initial_state(batch), self.attention.initial_state(batch))

    def wanted_state(self, batch: int) -> LayerState:
        """As LMM's."""
        return LayerState(self.memory.wanted_state(batch), self.attention.wanted_state(batch))

    def forward(
        self, x: Tensor, state: LayerState, mode: str = "on", watch: Watch = NOBODY, read: Tensor | None = None
    ) -> Mixed:
        """As LMM's."""
        recalled, memory = use_memory(self.memory, x if read is None else read, state.memory, mode, watch)
        out, window = self.attention(x if recalled is None else x + recalled, state.window)
        return out if recalled is None else out + recalled, LayerState(memory, window)


class Product(nn.Module):
    """y gated by what was recalled, each normed by a learned vector, then projected. Paper: eq. 25 and 28.

    That is W (norm(y) * silu(norm(recalled))), and W norm(y) where nothing was recalled.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm_left, self.norm_right = nn.RMSNorm(dim, eps=1e-6), nn.RMSNorm(dim, eps=1e-6)
        self.to_out = nn.Linear(dim, dim, bias=False)

    def forward(self, y: Tensor, recalled: Tensor | None) -> Tensor:
        """y, recalled (b, t, dim) -> (b, t, dim)."""
        y = self.norm_left(y)
        return self.to_out(y if recalled is None else y * functional.silu(self.norm_right(recalled)))


class MAG(nn.Module):
    """Memory as a gate: attention and memory side by side. Paper: eq. 26-28."""

    def __init__(self, config: TitansConfig) -> None:
        super().__init__()
        self.attention = SlidingWindow(config.dim, config.heads, config.window, config.persistent)
        self.memory = make_memory(config)
        self.product = Product(config.dim)

    def initial_state(self, batch: int, mode: str = "on") -> LayerState:
        """An untouched memory and an empty window."""
        return LayerState(self.memory.initial_state(batch), self.attention.initial_state(batch))

    def wanted_state(self, batch: int) -> LayerState:
        """As LMM's."""
        return LayerState(self.memory.wanted_state(batch), self.attention.wanted_state(batch))

    def forward(
        self, x: Tensor, state: LayerState, mode: str = "on", watch: Watch = NOBODY, read: Tensor | None = None
    ) -> Mixed:
        """As LMM's."""
        recalled, memory = use_memory(self.memory, x if read is None else read, state.memory, mode, watch)
        seen, window = self.attention(x, state.window)
        return self.product(seen, recalled), LayerState(memory, window)


class MAC(nn.Module):
    """Memory as context, segment by segment. Paper: eq. 21-25.

    The paper's h, here `recalled`, is what the memory of the segment's start answers to each token, asked through
    `to_query`, without the memory's own convolution. Attention sees persistent tokens, h and the segment; y, its output
    plus x, is written into the memory; the layer's output is y gated by the read after that write.
    Differs: token i attends only to h_j and x_j for j <= i (read literally, the paper's h lets it see the whole
    segment), the last read is per token, and y has the residual, without which a token reaches the memory only as far
    as attention has learnt to look at it.

    With a reach, the memory reads x itself, so that equal contexts have equal keys, and h is asked with its queries.

    A segment is a chunk of the memory. Where `mode` changed within a segment, fewer tokens than a chunk were written in
    it; the next segment writes them as a chunk of their own, so that every split of a stream gives the same.
    """

    def __init__(self, config: TitansConfig) -> None:
        super().__init__()
        dim, self.heads, self.segment = config.dim, config.heads, config.window
        self.memory = make_memory(config)
        self.to_query = None if config.reach else nn.Linear(dim, dim, bias=False)
        self.norm = nn.RMSNorm(dim, eps=1e-6)
        self.to_recalled = nn.Linear(dim, 2 * dim, bias=False)
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.persistent = Persistent(self.heads, config.persistent, dim // self.heads)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.product = Product(dim)

    def initial_state(self, batch: int, mode: str = "on") -> LayerState:
        """An untouched memory and an empty segment."""
        return LayerState(self.memory.initial_state(batch), self._empty(batch))

    def wanted_state(self, batch: int) -> LayerState:
        """As LMM's."""
        keys = self.persistent.keys
        axes = (batch, "batch"), (self.heads, "heads"), (None, "window"), (keys.shape[-1], "dim")
        part = Leaf(keys.dtype, axes)
        return LayerState(self.memory.wanted_state(batch), SegmentState(part, part, part, part))

    def _empty(self, batch: int) -> SegmentState:
        nothing = self.persistent.keys.new_zeros(batch, self.heads, 0, self.persistent.keys.shape[-1])
        return SegmentState(nothing, nothing, nothing, nothing)

    def forward(self, x: Tensor, state: LayerState, mode: str = "on", watch: Watch = NOBODY) -> Mixed:
        """As LMM's, one segment after the other."""
        begun = state.window.keys.shape[2]
        first = self.segment - begun
        if mode != "off" and state.window.recalled_keys.shape[2] != begun:
            text = "memory must stay off until the segment ends, not {mode}: the state began it without memory"
            raise ConfigError(text, mode=mode)
        outputs, parts = [], Watch(watch.records, [])
        for piece in (x[:, :first], *x[:, first:].split(self.segment, dim=1)):
            if piece.shape[1]:
                out, state = self._piece(piece, state, mode, parts)
                outputs.append(out)
        if watch.recalled is not None and parts.recalled:
            watch.recalled.append(torch.cat(parts.recalled, dim=1))
        return torch.cat(outputs, dim=1), state

    def _piece(self, x: Tensor, state: LayerState, mode: str, watch: Watch) -> Mixed:
        """Tokens of one segment, which may have begun before."""
        if state.window.keys.shape[2] == 0:  # a segment begins, and with it a chunk
            state = state._replace(memory=self.memory.settled(state.memory))
        seen, window = self._attend(x, state, mode)
        y = x + seen
        read = x if self.memory.config.reach else y
        recalled, memory = use_memory(self.memory, read, state.memory, mode, watch)
        if window.keys.shape[2] == self.segment:
            window = self._empty(len(x))
        return self.product(y, recalled), LayerState(memory, window)

    def _attend(self, x: Tensor, state: LayerState, mode: str) -> tuple[Tensor, SegmentState]:
        """The output of attention (b, t, dim), and the segment with these t tokens in it."""
        q, k, v = (split_heads(part, self.heads) for part in self.to_qkv(x).chunk(3, dim=-1))
        before = state.window
        if mode == "off":
            rk, rv = before.recalled_keys[:, :, :0], before.recalled_values[:, :, :0]
        else:
            recalled = self.to_recalled(self._before_segment(x, state.memory))
            rk, rv = (split_heads(part, self.heads) for part in recalled.chunk(2, dim=-1))
        window = SegmentState(*(torch.cat(pair, dim=2) for pair in zip(before, (rk, rv, k, v), strict=True)))
        begun, end = before.keys.shape[2], window.keys.shape[2]
        places = torch.arange(end, device=x.device)
        causal = places <= places[begun:].unsqueeze(-1)  # (t, end)
        known = window.recalled_keys.shape[2]  # tokens of the segment for which memory was asked
        mask = torch.cat([causal[:, :known], causal], dim=1)  # h_j and x_j for j <= i
        keys = [rotate(window.recalled_keys, places[:known]), rotate(window.keys, places)]
        keys, values = torch.cat(keys, dim=2), torch.cat([window.recalled_values, window.values], dim=2)
        out = self.persistent.attend(q, rotate(q, places[begun:]), keys, values, mask)
        return self.to_out(merge_heads(out)), window

    def _before_segment(self, x: Tensor, state: MemoryState) -> Tensor:
        """h: the memory of the segment's start, asked with each token: (b, t, dim). Paper: eq. 21."""
        if self.memory.config.reach:
            return self.norm(self.memory.recall(x, state, at_start=True))
        heads = self.memory.config.heads
        query = functional.normalize(functional.silu(self.to_query(x)), dim=-1, eps=1e-6) * self.memory.config.norm
        rows = split_heads(query, heads).flatten(0, 1).to(state.weights[0].dtype)  # (n, t, d)
        recalled = self.memory.answer(state.weights, rows)
        return self.norm(merge_heads(recalled.unflatten(0, (len(x), heads))).to(x.dtype))


VARIANTS: dict[str, type[nn.Module]] = {"lmm": LMM, "mac": MAC, "mag": MAG, "mal": MAL}
