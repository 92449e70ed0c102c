"""A stretch of chunks as one function with a hand-written backward pass, used when the outer model trains.

Autograd would keep every intermediate, and its bookkeeping takes longer than small products do. Here the memory at each
chunk's start is stored, with what its gradients need. What need not wait, such as reads, is done for several chunks.

Each layer's sources (W, the momentum P, the origin W_0: `chunk`) stand on top of each other in one matrix, turned
round: S (n, m i, o) for m sources. So a write and a read are one product each, with shares of these sources:

    S' = T S - [Q_1 a | Q_2 a ..]^T delta        z = [R_1 x | R_2 x ..] S - (Coef * x a^T) delta

Letters as in `chunk`; x and z belong to a read. `g_` before a name: the outer loss's gradient in it. Tensors of many
chunks have the first axis (chunks n), chunk by chunk. Gradients of gradients end in an error.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..mlp import LEAST_SQUARE, Activation
from ..tree import map_tree, tensors
from .slopes import SLOPES

AT_ONCE = 8  # rows (chunks n) that are worked on together: enough for fast products, few enough for the cache


class Shares(NamedTuple):
    """How much of each source and gradient goes where, per chunk: w sources are written to."""

    read: Tensor  # R: (chunks n, c, m)
    turn: Tensor  # T: (chunks n, m, m)
    write: Tensor  # Q: (chunks n, c, w), before the clip
    within: Tensor  # Coef: (chunks n, c, c), before the clip


class _Saved(NamedTuple):
    """What is stored for the way back. `slice` gives that of some chunks."""

    keys: Tensor  # (chunks n, c, d of keys), as are queries
    queries: Tensor
    shares: Shares
    states: list[Tensor]  # S at each chunk's start, per layer
    norms: list[Tensor]  # of inputs a, then of deltas, per layer (chunks n, c)
    zs: list[Tensor]  # of the hidden layers, for keys
    deltas: list[Tensor]  # per layer
    asked: list[Tensor]  # z of the hidden layers, for queries
    similar: list[Tensor]  # x a^T per layer (chunks n, c, c)

    @classmethod
    def of(cls, parts: Sequence[Tensor], depth: int) -> "_Saved":
        """From all its tensors in order."""
        parts = iter(parts)
        keys, queries, *shares = (next(parts) for _ in range(6))
        counts = (depth, 2 * depth, depth - 1, depth, depth - 1, depth)
        return cls(keys, queries, Shares(*shares), *([next(parts) for _ in range(count)] for count in counts))


class Chunks(torch.autograd.Function):
    """keys, values, queries (chunks n, c, ..), Shares, S per layer -> reads, norm and loss of tokens, S at the end."""

    @staticmethod
    def forward(ctx, activation: Activation, clip: float | None, keys, values, queries, *given: Tensor):
        """See the class."""
        shares, starts = Shares(*given[:4]), given[4:]
        states, found = _write_all(activation, clip, keys, values, shares, starts)
        depth = len(starts)
        norms, zs, deltas = found[: 2 * depth], found[2 * depth : 3 * depth - 1], found[3 * depth - 1 :]
        asked, similar = [torch.empty_like(z) for z in zs], [torch.empty_like(shares.within) for _ in starts]
        saved = _Saved(keys, queries, shares, states, norms, zs, deltas, asked, similar)
        reads, norm = torch.empty_like(values), _norm(norms)
        for some in _groups(len(keys), len(starts[0])):
            _read(activation, clip, map_tree(lambda part, some=some: part[some], saved), norm[some], reads[some])
        ctx.activation, ctx.clip, ctx.depth, ctx.n = activation, clip, depth, len(starts[0])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors(saved))
        return reads, norm, norms[-1].square() / 4, *(state[-ctx.n :].clone() for state in states)

    @staticmethod
    @once_differentiable
    def backward(ctx, g_reads: Tensor | None, g_norm: Tensor | None, g_loss: Tensor | None, *g_after: Tensor | None):
        """Gradients in keys, values, queries, shares and S."""
        saved = _Saved.of(ctx.saved_tensors, ctx.depth)
        sums = [None] * ctx.depth
        if any(g is not None for g in g_after):
            pairs = zip(g_after, saved.states, strict=True)
            sums = [torch.zeros_like(s[: ctx.n]) if g is None else g.contiguous() for g, s in pairs]
        outer = (torch.zeros_like(saved.deltas[-1]) if g_reads is None else g_reads, g_norm, g_loss)
        inner = [torch.empty_like(x) for x in (saved.keys, saved.deltas[-1], saved.keys)]
        found = inner, Shares(*map(torch.zeros_like, saved.shares))
        for some in reversed(_groups(len(saved.keys), ctx.n)):
            here = map_tree(lambda part, some=some: part[some], (saved, outer, found))
            _back(ctx.activation, ctx.clip, ctx.n, *here, sums)
        return None, None, *found[0], *found[1], *sums


def _write_all(activation: Activation, clip: float | None, keys, values, shares: Shares, starts: Sequence[Tensor]):
    """S at the start of each chunk and after the last, and what else is found on the way.

    That is norms of inputs and of deltas, hidden z, and deltas: each per layer, and of all chunks.
    """
    n, count = len(starts[0]), len(keys) // len(starts[0])
    states = [start.new_empty(count + 1, *start.shape) for start in starts]
    for state, start in zip(states, starts, strict=True):
        state[0] = start
    m, w = shares.turn.shape[-1], shares.write.shape[-1]
    flat = [state.view(len(state), n, m, -1).unbind() for state in states]
    own = [state[:, :, : state.shape[2] // m].unbind() for state in states]  # W
    moved = [state[:, :, : state.shape[2] // m * w].unbind() for state in states]  # what is written to
    parts = (keys, values, shares.turn, shares.write, _size(keys))
    found = []
    for k, (key, value, turn, share, size) in enumerate(zip(*(part.split(n) for part in parts), strict=True)):
        inputs, zs, slopes, norms = [key], [], [], [size]
        for weight in own[:-1]:
            zs.append(torch.bmm(inputs[-1], weight[k]))
            a, slope = activation.with_slope(zs[-1])
            inputs.append(a)
            slopes.append(slope)
            norms.append(_size(a))
        deltas = [torch.bmm(inputs[-1], own[-1][k]).sub_(value).mul_(2)]
        for weight, slope in zip(own[:0:-1], slopes[::-1], strict=True):
            deltas.insert(0, torch.bmm(deltas[0], weight[k].mT).mul_(slope))
        norms.extend(map(_size, deltas))
        found.append((*norms, *zs, *deltas))
        share = _clipped(share, clip, _norm(norms), -1)
        for s, target, a, delta in zip(flat, moved, inputs, deltas, strict=True):
            torch.bmm(turn, s[k], out=s[k + 1])
            target[k + 1].baddbmm_(_wide(share, a).mT, delta, alpha=-1)
    return [state.flatten(0, 1) for state in states], [torch.cat(series) for series in zip(*found, strict=True)]


def _read(activation: Activation, clip: float | None, saved: _Saved, norm: Tensor, reads: Tensor) -> None:
    """Reads of some chunks, with what is saved of them."""
    within, x = _clipped(saved.shares.within, clip, norm, -2), saved.queries
    for layer, out in enumerate([*saved.asked, reads]):
        a = activation.value(saved.zs[layer - 1]) if layer else saved.keys
        torch.bmm(_wide(saved.shares.read, x), saved.states[layer], out=out)
        similar = torch.bmm(x, a.mT, out=saved.similar[layer])
        out.baddbmm_(similar * within, saved.deltas[layer], alpha=-1)
        x = activation.value(out)


class _Layer(NamedTuple):
    """What the way back needs of a layer: of some chunks (chunks n, ...), or of one (n, ...)."""

    states: Tensor  # S
    a: Tensor
    delta: Tensor
    a_square: Tensor  # (chunks n, c, 1), of its norm, as the next
    delta_square: Tensor
    wide: Tensor  # [Q_1 a | Q_2 a ..]
    asked: Tensor  # [R_1 x | R_2 x ..]
    g_z: Tensor  # in the read's z
    g_a: Tensor
    g_delta: Tensor
    slope: Tensor | None = None  # of the activation at the key's z; None in the last layer
    bend: Tensor | None = None  # the slope's slope there, times what delta was made of


def _back(activation: Activation, clip: float | None, n: int, saved: _Saved, outer, found, sums: list) -> None:
    """Some chunks, from the last to the first: adds to `sums`, the gradients in S, and fills in `found`."""
    (g_reads, g_norm, g_loss), ((g_keys, g_values, g_queries), g_shares) = outer, found
    shares, norm, depth = saved.shares, _norm(saved.norms), len(sums)
    writes = _clipped(shares.write, clip, norm, -1)
    inputs, curves = [saved.keys], []
    for layer, z in enumerate(saved.zs):
        value, slope, curvature = SLOPES[activation](z)
        inputs.append(value)
        pulled = torch.bmm(saved.deltas[layer + 1], saved.states[layer + 1][:, : z.shape[-1]].mT)
        curves.append((slope, curvature.mul_(pulled)))
    reads = _back_reads(activation, clip, saved, inputs, norm, g_reads, g_queries, g_shares)
    squares = [part.square().unsqueeze(-1) for part in saved.norms]
    wide = [_wide(writes, a) for a in inputs]
    per_layer = (saved.states, inputs, saved.deltas, squares[:depth], squares[depth:], wide)
    layers = [
        _Layer(*parts, *read, *curve)
        for *parts, read, curve in zip(*per_layer, reads, [*curves, (None, None)], strict=True)
    ]
    g_shrink = (g_shares.within * shares.within).sum(-2)  # (chunks n, c)
    slack = None if clip is None else (norm > clip) * (-clip / norm.square())  # of clip / norm
    each = zip(
        *(zip(*(part.split(n) for part in layer if part is not None), strict=True) for layer in layers), strict=True
    )
    parts = (shares.turn, shares.write, writes, norm, g_shares.turn, g_shares.write, g_norm, g_loss, g_shrink, slack)
    parts = zip(*([None] * (len(norm) // n) if part is None else part.split(n) for part in parts), strict=True)
    for one, others in reversed(list(zip(each, parts, strict=True))):
        one, (turn, free, write, size, g_turn, g_write, g_size, g_lost, g_clip, loose) = (
            [_Layer(*at) for at in one],
            others,
        )
        _back_write(one, turn, write, g_turn, g_write, sums)
        if clip is not None:
            g_clip = ((g_write * free).sum(-1) + g_clip) * loose
            g_size = g_clip if g_size is None else g_size + g_clip
        _back_gradients(one, None if g_size is None else (g_size / size).unsqueeze(-1), g_lost, sums)
    torch.neg(layers[-1].g_delta, out=g_values)
    g_keys.copy_(layers[0].g_a)
    if clip is not None:
        g_shares.within.copy_(_clipped(g_shares.within, clip, norm, -2))
        g_shares.write.copy_(_clipped(g_shares.write, clip, norm, -1))


def _back_reads(activation, clip, saved: _Saved, inputs: list, norm: Tensor, g: Tensor, g_queries, g_shares: Shares):
    """Per layer from the first: [R_1 x | R_2 x ..], and the gradients in the read's z, in a and in delta."""
    within, read, m = _clipped(saved.shares.within, clip, norm, -2), saved.shares.read, saved.shares.read.shape[-1]
    found = []
    for layer in reversed(range(len(inputs))):
        x, slope = activation.with_slope(saved.asked[layer - 1]) if layer else (saved.queries, None)
        similar, g_z = saved.similar[layer], g
        g_shared = torch.bmm(g, saved.deltas[layer].mT).neg_()  # in Coef * similar
        g_shares.within.addcmul_(g_shared, similar)
        g_delta = torch.bmm((similar * within).mT, g).neg_()
        g_similar = g_shared.mul_(within)
        along = torch.bmm(g, saved.states[layer].mT).unflatten(-1, (m, -1))  # (chunks n, c, m, i)
        g_shares.read.add_((along * x.unsqueeze(-2)).sum(-1))
        g = torch.bmm(g_similar, inputs[layer])
        for part, share in zip(along.unbind(-2), read.split(1, dim=-1), strict=True):
            g.addcmul_(part, share)
        found.insert(0, (_wide(read, x), g_z, torch.bmm(g_similar.mT, x), g_delta))
        g = g.mul_(slope) if layer else g_queries.copy_(g)
    return found


def _back_write(layers: list[_Layer], turn: Tensor, write: Tensor, g_turn: Tensor, g_write: Tensor, sums: list) -> None:
    """S' = T S - wide^T delta, and what the chunk's reads add to the gradient in S."""
    n, m, w = len(turn), turn.shape[-1], write.shape[-1]
    columns = write.split(1, dim=-1)
    for layer, at in enumerate(layers):
        g = sums[layer]
        if g is None:  # nobody asks after the last chunk
            sums[layer] = torch.bmm(at.asked.mT, at.g_z)
            continue
        moved = g[:, : at.wide.shape[-1]]
        at.g_delta.baddbmm_(at.wide, moved, alpha=-1)
        g_wide = torch.bmm(at.delta, moved.mT).unflatten(-1, (w, -1))  # (n, c, w, i)
        g_write.sub_((g_wide * at.a.unsqueeze(-2)).sum(-1))
        for part, share in zip(g_wide.unbind(-2), columns, strict=True):
            at.g_a.addcmul_(part, share, value=-1)
        flat = g.view(n, m, -1)
        g_turn.baddbmm_(flat, at.states.view(n, m, -1).mT)
        sums[layer] = torch.bmm(turn.mT, flat).view_as(g).baddbmm_(at.asked.mT, at.g_z)


def _back_gradients(layers: list[_Layer], share: Tensor | None, g_loss: Tensor | None, sums: list) -> None:
    """delta = (next delta W) slope(z), the last one 2 (z - v); z = W a. The last g_delta becomes minus that in v.

    share: (n, c, 1), the norm's gradient over the norm, which is sqrt(sum of |a|^2 |delta|^2).
    """
    if share is not None:
        for at in layers:
            at.g_delta.addcmul_(at.delta, share * at.a_square)
            at.g_a.addcmul_(at.a, share * at.delta_square)
    own = [g[:, : at.a.shape[-1]] for g, at in zip(sums, layers, strict=True)]  # in W
    weights = [at.states[:, : at.a.shape[-1]] for at in layers]
    g_zs = []
    for layer, (at, after) in enumerate(itertools.pairwise(layers), start=1):
        g_zs.append(at.g_delta * at.bend)
        g_pulled = at.g_delta * at.slope
        after.g_delta.baddbmm_(g_pulled, weights[layer])
        own[layer].baddbmm_(g_pulled.mT, after.delta)
    g_zs.append(layers[-1].g_delta.mul_(2))
    if g_loss is not None:
        g_zs[-1].addcmul_(layers[-1].delta, g_loss.unsqueeze(-1))
    for layer, at in reversed(list(enumerate(layers))):
        own[layer].baddbmm_(at.a.mT, g_zs[layer])
        at.g_a.baddbmm_(g_zs[layer], weights[layer].mT)
        if layer:
            g_zs[layer - 1].addcmul_(at.g_a, layers[layer - 1].slope)


def _groups(rows: int, n: int) -> list[slice]:
    """Chunks of n rows in groups of about AT_ONCE rows."""
    step = max(AT_ONCE // n, 1) * n
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _wide(shares: Tensor, x: Tensor) -> Tensor:
    """Shares (n, c, m) of x (n, c, i), side by side: (n, c, m i)."""
    return (shares.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)


def _size(x: Tensor) -> Tensor:
    """(n, c, d) -> (n, c)."""
    return torch.linalg.vector_norm(x, dim=-1)


def _norm(sizes: Sequence[Tensor]) -> Tensor:
    """The norm of each token's gradient, from the norms of inputs and of deltas per layer. See `mlp.gradient_norm`."""
    depth = len(sizes) // 2
    parts = (a * delta for a, delta in zip(sizes[:depth], sizes[depth:], strict=True))
    return functools.reduce(torch.hypot, parts).clamp_min(math.sqrt(LEAST_SQUARE))


def _clipped(share: Tensor, clip: float | None, norm: Tensor, axis: int) -> Tensor:
    """Shares of tokens' gradients, smaller where a gradient is clipped; tokens are along the axis other than `axis`."""
    return share if clip is None else share * (clip / norm).clamp_(max=1).unsqueeze(axis)
