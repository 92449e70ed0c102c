"""NeuralMemory: a module whose fast weights continue to learn while it reads.

A token is projected to a key, a value and a query; the key-value pair is written into the fast weights by one
gradient step, and the query is answered by the memory after that write. Paper: section 3.1, eq. 11-15.
Recipe: 2.1-2.2.

A key is k = norm(silu(conv(x W_k))), a query likewise; a value is without the norm. The convolution makes each key of
its token and, before training, the token before it (`bind_neighbours`). With a `reach` see contexts.py instead.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, silu

from ..config import MemoryConfig
from ..errors import ConfigError
from ..threads import free_backward, free_threads, one_thread
from .checks import check_finite, check_input, check_pending, check_state, usable, wanted_state
from .chunk import OWN_START, Rule, TitansRule
from .contexts import Contexts
from .convolution import bind_neighbours, convolve
from .gates import initial_gate_state
from .mlp import Weights
from .rule import titans_rule
from .state import Fast, MemoryState, Pending, Record, Tokens, chunks
from .transforms import full_precision, in_transform
from .tree import join, map_tree


class NeuralMemory(nn.Module):
    """x (b, t, dim) -> (output (b, t, dim), MemoryState).

    `rule` says what happens inside; None is the paper's (`titans_rule`), with `gate` in place of the configured one if
    given. The settings gate, clip, activation, decay, depth and expansion belong to that rule: with a `rule` of your
    own they have no effect, and `gate` must be left out (else ConfigError).

    Any split of a sequence over calls gives the same outputs, because tokens of an unfinished chunk stay in the state
    as `pending`. Inputs may be bfloat16; the memory itself is float32 (float64 if the module is). Device:
    `.to(device)` and inputs on that device.

    A list given as `trace` receives the Record of each block of tokens, (b heads, tokens of the block) in each field.
    Records are outputs of the graph, so a loss made of them trains the gates.
    """

    block = 16  # chunks per block: in training, only one block's graph is held at a time, the others are rebuilt

    def __init__(self, config: MemoryConfig, rule: Rule | None = None, *, gate: nn.Module | None = None) -> None:
        super().__init__()
        if rule is not None and gate is not None:
            raise ConfigError("gate must be left out where rule is given: a rule brings its own gate")
        self.config = config
        dim = config.dim
        rule = titans_rule(config, gate) if rule is None else rule
        self.gate = rule.gate  # registered here; to change it, see `with_rule`
        self.contexts = Contexts(config) if config.reach else None
        if self.contexts is None:
            self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
            self.conv = nn.Conv1d(3 * dim, 3 * dim, config.conv, groups=3 * dim)
            bind_neighbours(self.conv)
        self.start = nn.ParameterList(rule.draw(config.heads))  # W_0, per layer (heads, o, i)
        read = config.heads * config.head_dim
        self.norm = nn.Identity() if config.reach else nn.RMSNorm(config.head_dim, eps=1e-6)
        self.to_gate = nn.Linear(dim, read)
        self.to_out = nn.Linear(read, dim, bias=False)
        if config.reach:  # the start knows nothing, and what is recalled arrives as it was written
            with torch.no_grad():
                self.start[-1].zero_()
                self.to_out.weight.copy_(torch.eye(dim).repeat(1, config.heads))
        self.rule = self._with_origin(rule)
        self._wanted: dict[tuple, MemoryState] = {}

    def with_rule(self, rule: Rule) -> NeuralMemory:
        """A memory with another rule, and so another gate, which shares all other parameters with this one."""
        twin = copy.copy(self)
        twin._modules = self._modules | {"gate": rule.gate}
        twin.rule, twin._wanted = self._with_origin(rule), {}
        return twin

    def _with_origin(self, rule: Rule) -> Rule:
        """The rule, decaying towards this memory's start weights if that is what it asks for."""
        own = isinstance(rule, TitansRule) and rule.origin == OWN_START
        return rule._replace(origin=self.start) if own else rule

    def initial_state(self, batch: int = 1) -> MemoryState:
        """The state that has read nothing: the learned start weights, copied for each row."""
        config, dtype = self.config, self._memory_dtype()
        starts = (start.to(dtype) for start in self.start)
        weights = tuple(start.repeat(batch, *[1] * (start.dim() - 1)) for start in starts)  # (b h, o, i)
        weights, momentum = self.rule.begin(weights)
        rows, like = batch * config.heads, weights[0]
        return MemoryState(
            weights=weights,
            momentum=momentum,
            gate=initial_gate_state(rows, like),
            pending=self._none_pending(like),
            conv=self.to_out.weight.new_zeros(batch, *self._tail_shape()),
            tokens_seen=torch.zeros(batch, dtype=torch.int64, device=like.device),
            chunk=torch.zeros(0, config.chunk, dtype=torch.bool, device=like.device),
        )

    def forward(
        self, x: Tensor, state: MemoryState | None = None, *, trace: list[Record] | None = None
    ) -> tuple[Tensor, MemoryState]:
        """Writes each token, reads after each write. See the class."""
        x, state = self._check(x, state)
        outs, traced = [], trace is not None
        # A single row is bound by the memory's bandwidth: a second thread would gain nothing, and might be late.
        with one_thread() if x.shape[:2] == (1, 1) else free_threads():
            for first, end in self._blocks(x.shape[1], state.pending.keys.shape[1]):
                tokens, final = x[:, first:end], end == x.shape[1]
                # The backward pass begins with the final block, so that one keeps its graph.
                if torch.is_grad_enabled() and not final and not in_transform():
                    from .fast.recompute import recompute  # same numbers; the graph is rebuilt when needed

                    run = functools.partial(self._block, first=first, traced=traced, rebuilt=True)
                    out, state, record = recompute(run, self.parameters(), tokens, state)
                else:
                    out, state, record = self._block(tokens, state, first=first, traced=traced)
                outs.append(out)
                if traced:
                    trace.append(record)
        out = outs[0] if len(outs) == 1 else torch.cat(outs, dim=1)
        if out.requires_grad and not in_transform():
            out.register_hook(free_backward)
        return out, state

    def _blocks(self, length: int, held: int) -> Iterator[tuple[int, int]]:
        """First token and end of each block of new tokens. The `held` pending ones count as part of the first block,
        so that all blocks but the last end where chunks do."""
        reach = self.block * self.config.chunk
        for offset in range(-held, length, reach):
            yield max(offset, 0), min(offset + reach, length)

    def _block(
        self, x: Tensor, state: MemoryState, *, first: int, traced: bool, rebuilt: bool = False
    ) -> tuple[Tensor, MemoryState, Record | None]:
        """One block, chunk by chunk, and its Record if `traced`; x begins with token `first` of the call.

        A block that is `rebuilt` with a graph must have the same bits without one.
        """
        inner = x.to(self.to_out.weight.dtype)
        tokens, conv = self._project(inner, state.conv)
        held = state.pending.keys.shape[1]
        fast, steps, rest = state.fast, [], None
        with full_precision(x):  # the memory keeps its own dtype
            pieces, step = self._plan(tokens, state, rebuilt)
            for piece in pieces:
                full = piece.keys.shape[1] >= self.config.chunk
                reads, after, record = (step if full else self.rule.step)(fast, piece, ends=full)
                fast, rest = (after, None) if full else (fast._replace(activity=after.activity), piece)
                if traced:
                    record = record._replace(silence=piece.values.square().sum(-1))
                steps.append((reads, record if traced else None))
        reads, record = join(steps)  # (n, t, d); (n, held + t)
        record = map_tree(lambda series: series[:, held:], record)  # (n, t)
        state = MemoryState(
            **fast._asdict(),
            pending=self._none_pending(tokens.keys) if rest is None else Pending(rest.keys, rest.values, rest.features),
            conv=conv,
            tokens_seen=state.tokens_seen + x.shape[1],
            chunk=state.chunk,
        )
        out = self._finish(inner, reads).to(x.dtype)
        check_finite(out, inner, first)
        return out, state, record

    def _plan(self, tokens: Tokens, state: MemoryState, rebuilt: bool) -> tuple[list[Tokens], Callable]:
        """A block's pieces, and what takes a full one: its chunks and the rule's step, or what does the same faster."""
        chunk, held = self.config.chunk, state.pending.keys.shape[1]
        if rebuilt or torch.is_grad_enabled():
            from .fast.block import block_rule, train_block  # all full chunks at once, the backward pass by hand

            if (rule := block_rule(self.rule)) is not None:
                full = max((held + tokens.queries.shape[1]) // chunk, 1) * chunk
                return chunks(state.pending, tokens, full), functools.partial(train_block, rule=rule, chunk=chunk)
        elif chunk == 1:
            from .fast import device_loop  # all tokens at once

            if (loop := device_loop(state.fast, tokens, self.rule)) is not None:
                return [tokens], functools.partial(loop, rule=self.rule)
        return chunks(state.pending, tokens, chunk), self.rule.step

    def recall(self, x: Tensor, state: MemoryState, *, at_start: bool = False) -> Tensor:
        """Answers x (b, t, dim) from the current memory, without writing: (b, t, dim). Paper: eq. 15.

        `at_start`: from the memory at the start of the current chunk.
        """
        x, state = self._check(x, state)
        inner = x.to(self.to_out.weight.dtype)
        tokens, _ = self._project(inner, state.conv)
        with full_precision(x):
            reads = self.answer(state.weights if at_start else self.current(state).weights, tokens.queries)
        out = self._finish(inner, reads).to(x.dtype)
        check_finite(out, inner)
        return out

    def frozen(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """Reads like `forward` but writes nothing: only the convolution and the token count advance."""
        out, state = self.recall(x, state), usable(state)
        _, conv = self._project(usable(x).to(self.to_out.weight.dtype), state.conv)
        return out, state._replace(conv=conv, tokens_seen=state.tokens_seen + x.shape[1])

    def current(self, state: MemoryState) -> Fast:
        """The fast weights with the pending tokens written in."""
        keys, values, features = state.pending
        if keys.shape[1] == 0:
            return state.fast
        with full_precision(keys):
            return self.rule.step(state.fast, Tokens(keys, values, None, features))[1]

    def settled(self, state: MemoryState) -> MemoryState:
        """The state with its pending tokens written, as a chunk that ends early: the next token begins a new one."""
        if state.pending.keys.shape[1] == 0:
            return state
        fast = self.current(state)
        return state._replace(**fast._asdict(), pending=self._none_pending(fast.weights[0]))

    def answer(self, weights: Weights, queries: Tensor) -> Tensor:
        """What fast weights of this memory answer to queries (n, c, d), without a write: (n, c, d)."""
        return self.rule.answer(weights, queries)

    def _none_pending(self, like: Tensor) -> Pending:
        widths = self.config.head_keys, self.config.head_dim, self.gate.features
        return Pending(*(like.new_zeros(len(like), 0, width) for width in widths))

    def _tail_shape(self) -> tuple[int, int]:
        """(tokens, features) of what is kept of the last tokens for the next keys."""
        config = self.config
        if config.reach:
            return max(config.reach), config.heads * config.key_width // 2
        return config.conv - 1, 3 * config.dim

    def _project(self, x: Tensor, tail: Tensor) -> tuple[Tokens, Tensor]:
        """x (b, t, dim) -> tokens (n, t, d) and the convolution's next tail."""
        config, dtype = self.config, self._memory_dtype()
        features = self._rows(self.gate.project(x), self.gate.features).to(dtype)
        if self.contexts is not None:
            parts, tail = self.contexts(x, tail)
            k, v, q = (part.flatten(0, 1).to(dtype) for part in parts)
            return Tokens(k, v, q, features), tail
        series = torch.cat([tail, self.to_qkv(x)], dim=1)  # (b, taps - 1 + t, 3 dim)
        mixed = silu(convolve(series, self.conv))  # (b, t, 3 dim)
        q, k, v = (self._rows(part).to(dtype) for part in mixed.chunk(3, dim=-1))
        q, k = (normalize(part, dim=-1, eps=1e-6) * config.norm for part in (q, k))
        return Tokens(k, v, q, features), series[:, x.shape[1] :]

    def _rows(self, x: Tensor, width: int | None = None) -> Tensor:
        """(b, t, heads * width) -> (b * heads, t, width)."""
        b, t, _ = x.shape
        width = self.config.head_dim if width is None else width
        return x.view(b, t, self.config.heads, width).transpose(1, 2).reshape(b * self.config.heads, t, width)

    def _finish(self, x: Tensor, reads: Tensor) -> Tensor:
        """Norm (without a reach), gate by the input, projection: reads (n, t, d) -> (b, t, dim)."""
        b, t, _ = x.shape
        reads = self.norm(reads.to(x.dtype)).view(b, self.config.heads, t, -1)
        merged = reads.transpose(1, 2).flatten(2)
        return self.to_out(merged * torch.sigmoid(self.to_gate(x)))

    def _memory_dtype(self) -> torch.dtype:
        return torch.promote_types(self.to_out.weight.dtype, torch.float32)

    # ---- bookkeeping; no mathematics below ----

    def _check(self, x: Tensor, state: MemoryState | None) -> tuple[Tensor, MemoryState]:
        """x and the state to start from, ready to use. Raises ConfigError for either where it does not fit."""
        device = self.start[0].device
        if self.gate is not self.rule.gate:
            raise ConfigError("gate belongs to the rule of a memory: `with_rule` gives a memory with another one")
        check_input(x, self.config.dim, device)
        if state is None:
            return usable(x), self.initial_state(len(x))
        check_state(state, self.wanted_state(len(x)), device)
        check_pending(state, self.config.chunk)
        return usable(x), usable(state)

    def wanted_state(self, batch: int) -> MemoryState:
        """What a state for `batch` rows must be like; see `checks.wanted_state`."""
        key = (batch, self.to_out.weight.dtype)
        if key not in self._wanted:  # kept, since otherwise it would take as long as reading a single token
            with torch.no_grad():
                self._wanted = {key: wanted_state(self.initial_state(), batch, self.config.heads)}
        return self._wanted[key]
