"""NeuralMemory: a module whose fast weights go on learning while it reads.

A token is projected to a key, a value and a query; the key-value pair is written into the fast weights by one
gradient step, and the query is answered by the memory as it stands after that write. Paper: section 3.1, eq.
11-15. Recipe: 2.1-2.2.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, silu

from ..config import MemoryConfig
from .checks import Sizes, check_finite, check_input, check_pending, check_state, usable, wanted_state
from .chunk import Fast, Record, Rule, Tokens, chunk_step
from .convolution import bind_neighbours, convolve
from .fastweights import ACTIVATIONS, apply_memory, initial_weights
from .gates import LearnedGate, SurpriseGate, initial_gate_state
from .recompute import recompute
from .state import MemoryState, Pending, choose, front, join, map_tensors, pack, take
from .transforms import in_transform

STRETCH = 0.1  # lets a trained gate close fully, so that nothing leaks over tens of thousands of tokens


class NeuralMemory(nn.Module):
    """x (b, t, dim) -> (output (b, t, dim), MemoryState).

    Any split of a sequence over calls gives the same outputs, because tokens of an unfinished chunk stay in the
    state as `pending`. `mask` (b, t) bool marks the real tokens: padding on the left, right or inside changes
    nothing, and its outputs are zero. Inputs may be bfloat16; the memory itself is float32 (float64 if the module
    is). Device: `.to(device)` and inputs on that device.

    A list given as `trace` receives the Record of each block of tokens, (b heads, tokens of the block) in each field.
    Records are outputs of the graph, so a loss made of them trains the gates.
    """

    block = 16  # chunks that are worked on at once: what a long sequence needs stays nearly constant, in training too

    def __init__(self, config: MemoryConfig, *, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        dim, heads = config.dim, config.heads
        self.gate = gate or (LearnedGate(dim, heads, stretch=STRETCH) if config.gate == "learned" else SurpriseGate())
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.conv = nn.Conv1d(3 * dim, 3 * dim, config.conv, groups=3 * dim)
        bind_neighbours(self.conv)
        self.start = nn.ParameterList(self._initial_weights())  # W_0, per layer (heads, o, i)
        self.norm = nn.RMSNorm(config.head_dim, eps=1e-6)
        self.to_gate = nn.Linear(dim, dim)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self._wanted: dict[tuple, MemoryState] = {}

    def initial_state(self, batch: int = 1) -> MemoryState:
        """The state that has read nothing: the learned start weights, copied for each row."""
        config, dtype = self.config, self._memory_dtype()
        starts = (start.to(dtype) for start in self.start)
        weights = tuple(start.repeat(batch, *[1] * (start.dim() - 1)) for start in starts)  # (b h, o, i)
        rows, like = batch * config.heads, weights[0]
        fast = Fast(weights, self._initial_momentum(weights), initial_gate_state(rows, like))
        return MemoryState(
            *fast,
            pending=self._no_pending(fast),
            conv=self.to_qkv.weight.new_zeros(batch, config.conv - 1, 3 * config.dim),
            tokens_seen=torch.zeros(batch, dtype=torch.int64, device=like.device),
            chunk=torch.zeros(0, config.chunk, dtype=torch.bool, device=like.device),
        )

    def forward(
        self,
        x: Tensor,
        state: MemoryState | None = None,
        mask: Tensor | None = None,
        *,
        trace: list[Record] | None = None,
    ) -> tuple[Tensor, MemoryState]:
        """Writes each token, reads after each write. See the class."""
        x, state = self._check(x, state, mask)
        if mask is not None or state.pending.valid is not None:
            out, state, record = self._pass(x, state, mask=mask, traced=trace is not None)
            if trace is not None:
                trace.append(record)
            return out, state
        reach = self.block * self.config.chunk
        held = state.pending.keys.shape[1]
        outs = []
        for start in range(-held, x.shape[1], reach):  # blocks end where chunks do
            first = max(start, 0)
            step = functools.partial(self._pass, first=first, traced=trace is not None)
            block = x[:, first : start + reach]
            last = start + reach >= x.shape[1]  # its graph is needed at once
            if torch.is_grad_enabled() and not last and not in_transform():
                out, state, record = recompute(step, self.parameters(), block, state)
            else:
                out, state, record = step(block, state)
            outs.append(out)
            if trace is not None:
                trace.append(record)
        return outs[0] if len(outs) == 1 else torch.cat(outs, dim=1), state

    def _pass(
        self, x: Tensor, state: MemoryState, *, mask: Tensor | None = None, first: int = 0, traced: bool = False
    ) -> tuple[Tensor, MemoryState, Record | None]:
        """All of x at once, and its Record if `traced`; it begins with token `first` of the call."""
        inner = x.to(self.to_qkv.weight.dtype)
        if mask is not None:
            inner = inner.masked_fill(~mask.unsqueeze(-1), 0)  # even NaN in padding changes nothing
        if mask is None and state.pending.valid is None:
            reads, state, record = self._aligned(inner, state, traced)
        else:
            reads, state, record = self._ragged(inner, state, mask, traced)
        out = self._finish(inner, reads, mask).to(x.dtype)
        check_finite(out, inner, first)
        return out, state, record

    def recall(self, x: Tensor, state: MemoryState) -> Tensor:
        """Answers x (b, t, dim) from the memory as it stands, without writing: (b, t, dim). Paper: eq. 15."""
        x, state = self._check(x, state)
        inner = x.to(self.to_qkv.weight.dtype)
        tokens, _ = self._project(inner, state.conv)
        with torch.autocast(x.device.type, enabled=False):
            reads = self.answer(self.current(state).weights, tokens.queries)
        out = self._finish(inner, reads, None).to(x.dtype)
        check_finite(out, inner)
        return out

    def frozen(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """Reads like `forward` but writes nothing: only the convolution and the token count move on."""
        out, state = self.recall(x, state), usable(state)
        _, conv = self._project(usable(x).to(self.to_qkv.weight.dtype), state.conv)
        return out, state._replace(conv=conv, tokens_seen=state.tokens_seen + x.shape[1])

    def current(self, state: MemoryState) -> Fast:
        """The fast weights with the pending tokens written in."""
        fast = Fast(state.weights, state.momentum, state.gate)
        if state.pending.keys.shape[1] == 0:
            return fast
        keys, values, features, valid = state.pending
        return self._step(fast, Tokens(keys, values, None, features, valid))[1]

    def _aligned(self, x: Tensor, state: MemoryState, traced: bool) -> tuple[Tensor, MemoryState, Record | None]:
        """All rows have the same number of real tokens."""
        tokens, conv = self._project(x, state.conv)
        m = state.pending.keys.shape[1]
        tokens = _after(state.pending, tokens)
        fast, steps, rest = Fast(state.weights, state.momentum, state.gate), [], None
        pieces = tokens.split(self.config.chunk)
        pieces[0] = pieces[0]._replace(queries=pieces[0].queries[:, m:])  # what is pending was answered before
        for rest in pieces:
            full = rest.keys.shape[1] == self.config.chunk
            out, after, record = self._step(fast, rest, ends=full)
            steps.append((out, _with_silence(record, rest.values) if traced else None))
            if full:
                fast, rest = after, None
        pending = self._no_pending(fast) if rest is None else Pending(*rest[:2], rest.features, None)
        reads, record = join(steps)  # (n, t, d); (n, m + t)
        record = map_tensors(lambda series: series[:, m:], record)  # (n, t)
        seen = state.tokens_seen + x.shape[1]
        return reads, MemoryState(*fast, pending, conv, seen, state.chunk), record

    def _ragged(
        self, x: Tensor, state: MemoryState, mask: Tensor | None, traced: bool
    ) -> tuple[Tensor, MemoryState, Record | None]:
        """Rows differ: real tokens are packed to the front, and each row's chunks fill at their own pace."""
        heads, chunk = self.config.heads, self.config.chunk
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        count = mask.sum(-1)  # (b,)
        tokens, conv = self._project(pack(x, mask), state.conv, count)
        waiting = _waiting(state.pending)  # (n,)
        held = front(waiting, state.pending.keys.shape[1])
        new = front(count, x.shape[1]).repeat_interleave(heads, 0)
        valid = torch.cat([held, new], dim=1)
        tokens = _after(state.pending, tokens)._replace(valid=valid)
        tokens = Tokens(*(pack(field, valid) for field in tokens))
        fast, steps = Fast(state.weights, state.momentum, state.gate), []
        for part in tokens.split(chunk):
            out, after, record = self._step(fast, part)
            full = part.valid.sum(-1) == chunk  # (n,)
            fast = choose(full, after, fast)
            steps.append((out, record if traced else None))
        reads, record = join(steps)  # (n, total, d); (n, total)
        place = (mask.cumsum(-1) - 1).clamp_min(0).repeat_interleave(heads, 0) + waiting.unsqueeze(-1)
        pending = self._leftover(tokens, valid.sum(-1))
        state = MemoryState(*fast, pending, conv, state.tokens_seen + count, state.chunk)
        place, real = place.clamp_max(valid.shape[1] - 1), mask.repeat_interleave(heads, 0)  # (n, t)
        return take(reads, place), state, map_tensors(lambda series: take(series, place) * real, record)

    def answer(self, weights: tuple[Tensor, ...], queries: Tensor) -> Tensor:
        """What fast weights of this memory answer to queries (n, c, d), without a write: (n, c, d)."""
        return apply_memory(weights, queries, self.rule.activation)

    def _initial_weights(self) -> list[Tensor]:
        return initial_weights(self.config)

    def _initial_momentum(self, weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(weight.new_zeros(weight.shape) for weight in weights)  # zeros_like on meta loads sympy

    def _step(self, fast: Fast, tokens: Tokens, ends: bool = True) -> tuple[Tensor | None, Fast, Record]:
        """One chunk in the memory's own dtype, also under autocast."""
        with torch.autocast(tokens.keys.device.type, enabled=False):
            return self._chunk(fast, tokens, ends)

    def _chunk(self, fast: Fast, tokens: Tokens, ends: bool) -> tuple[Tensor | None, Fast, Record]:
        return chunk_step(fast, tokens, self.rule, ends=ends)

    def _no_pending(self, fast: Fast) -> Pending:
        like = fast.weights[0]
        empty = like.new_zeros(len(like), 0, self.config.head_dim)
        return Pending(empty, empty, like.new_zeros(len(like), 0, self.gate.features), None)

    def _leftover(self, tokens: Tokens, count: Tensor) -> Pending:
        """Each row's tokens after its last full chunk, packed; count (n,) real tokens."""
        chunk = self.config.chunk
        width = min(chunk - 1, tokens.keys.shape[1])
        index = (count // chunk * chunk).unsqueeze(-1) + torch.arange(width, device=count.device)
        index = index.clamp_max(tokens.keys.shape[1] - 1)
        keys, values, features = (take(field, index) for field in (tokens.keys, tokens.values, tokens.features))
        return Pending(keys, values, features, front(count % chunk, width))

    @property
    def rule(self) -> Rule:
        """The fixed parts of the update."""
        config, start = self.config, tuple(part.to(self._memory_dtype()) for part in self.start)
        origin = start if config.decay == "start" else None
        return Rule(self.gate, ACTIVATIONS[config.activation], config.clip, origin=origin)

    def _project(self, x: Tensor, tail: Tensor, count: Tensor | None = None) -> tuple[Tokens, Tensor]:
        """x (b, t, dim) -> tokens (n, t, d) and the convolution's next tail, after `count` (b,) real tokens."""
        config, dtype = self.config, self._memory_dtype()
        series = torch.cat([tail, self.to_qkv(x)], dim=1)  # (b, taps - 1 + t, 3 dim)
        mixed = silu(convolve(series, self.conv))  # (b, t, 3 dim)
        q, k, v = (self._rows(part).to(dtype) for part in mixed.chunk(3, dim=-1))
        q, k = (normalize(part, dim=-1, eps=1e-6) * config.norm for part in (q, k))
        features = self._rows(self.gate.project(x), self.gate.features).to(dtype)
        taps = torch.arange(config.conv - 1, device=x.device)
        tail = series[:, x.shape[1] :] if count is None else take(series, count.unsqueeze(-1) + taps)
        return Tokens(k, v, q, features), tail

    def _rows(self, x: Tensor, width: int | None = None) -> Tensor:
        """(b, t, heads * width) -> (b * heads, t, width)."""
        b, t, _ = x.shape
        width = self.config.head_dim if width is None else width
        return x.view(b, t, self.config.heads, width).transpose(1, 2).reshape(b * self.config.heads, t, width)

    def _finish(self, x: Tensor, reads: Tensor, mask: Tensor | None) -> Tensor:
        """Norm, gate by the input, projection: reads (n, t, d) -> (b, t, dim)."""
        b, t, dim = x.shape
        reads = self.norm(reads.to(x.dtype)).view(b, self.config.heads, t, -1)
        merged = reads.transpose(1, 2).reshape(b, t, dim)
        out = self.to_out(merged * torch.sigmoid(self.to_gate(x)))
        return out if mask is None else out.masked_fill(~mask.unsqueeze(-1), 0)

    def _memory_dtype(self) -> torch.dtype:
        return torch.promote_types(self.to_qkv.weight.dtype, torch.float32)

    def _check(self, x: Tensor, state: MemoryState | None, mask: Tensor | None = None) -> tuple[Tensor, MemoryState]:
        """x and the state to start from, ready to use. Raises ConfigError for either where it does not fit."""
        check_input(x, self.config.dim, self.start[0].device, mask)
        if state is None:
            return usable(x), self.initial_state(len(x))
        self.check_state(state, len(x))
        return usable(x), usable(state)

    def check_state(self, state: MemoryState, batch: int) -> None:
        """Raises ConfigError, which says what differs, unless a memory like this made the state for `batch` rows."""
        check_state(state, self.wanted_state(batch), self.start[0].device)
        check_pending(state.pending, self.config.chunk)

    def wanted_state(self, batch: int) -> MemoryState:
        """What a state for `batch` rows must be like; see `checks.wanted_state`."""
        config, dtype, conv = self.config, self._memory_dtype(), self.to_qkv.weight.dtype
        if (batch, dtype, conv) not in self._wanted:  # kept, since a token read alone takes little longer than this
            sizes = Sizes(batch, config.heads, config.head_dim, self.gate.features, config.conv, config.chunk)
            rows = batch * config.heads
            weights = tuple(torch.empty(rows, *part.shape[1:], dtype=dtype, device="meta") for part in self.start)
            wanted = wanted_state(sizes, weights, self._initial_momentum(weights), conv)
            self._wanted = {(batch, dtype, conv): wanted}
        return self._wanted[batch, dtype, conv]


def _with_silence(record: Record, values: Tensor) -> Record:
    return record._replace(silence=values.square().sum(-1))


def _waiting(pending: Pending) -> Tensor:
    """(n,) how many tokens of each row are pending."""
    rows, m = pending.keys.shape[:2]
    if pending.valid is None:
        return torch.full((rows,), m, device=pending.keys.device)
    return pending.valid.sum(-1)


def _after(pending: Pending, tokens: Tokens) -> Tokens:
    """The pending tokens, then the new ones; the pending ones ask nothing, so their queries are zero."""
    if pending.keys.shape[1] == 0:
        return tokens
    join = [
        torch.cat(pair, dim=1)
        for pair in zip(
            (pending.keys, pending.values, torch.zeros_like(pending.keys), pending.features),
            (tokens.keys, tokens.values, tokens.queries, tokens.features),
            strict=True,
        )
    ]
    return Tokens(*join)
