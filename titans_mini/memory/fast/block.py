"""Training: all full chunks of a block at once, for gates that do not wait for surprise. See backward.py."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..chunk import Rule, TitansRule, coefficients, sources_of
from ..gates import Gates
from ..mlp import squared_error
from ..state import Fast, Record, Tokens
from ..transforms import in_transform
from ..tree import map_tree
from .backward import Chunks, Shares
from .slopes import SLOPES


def block_rule(rule: Rule) -> TitansRule | None:
    """The rule as `train_block` takes it; None where its chunks are left to autograd, one by one."""
    rule = getattr(rule, "fast", rule)  # a MIRAS rule's chunk form
    known = isinstance(rule, TitansRule) and rule.activation in SLOPES and rule.inner_loss is squared_error
    if not known or rule.record_norm or in_transform():
        return None
    return rule if getattr(rule.gate, "ignores_surprise", False) else None


def train_block(
    fast: Fast, tokens: Tokens, *, rule: TitansRule, chunk: int, ends: bool = True
) -> tuple[Tensor, Fast, Record]:
    """As `rule.step` for each chunk of tokens (n, t, ...), of which t is a multiple. `ends` is true: all are full."""
    n, length, d = tokens.keys.shape
    count, queries = length // chunk, tokens.queries

    def by_chunk(x: Tensor) -> Tensor:  # (n, t, ...) -> (chunks n, c, ...)
        return x.unflatten(1, (count, -1)).transpose(0, 1).flatten(0, 1)

    def by_row(x: Tensor) -> Tensor:  # back
        return x.unflatten(0, (count, n)).transpose(0, 1).flatten(1, 2)

    silent = length - queries.shape[1]  # tokens that were answered before
    gates, gate_state = rule.gate(torch.zeros_like(tokens.keys[..., 0]), tokens.features, fast.gate)
    weights, momentum, origin = sources_of(fast, rule)
    sources = [part for part in (weights, None if gates.eta is None else momentum, origin) if part is not None]
    stacks = [torch.cat([part.mT for part in layer], dim=1) for layer in zip(*sources, strict=True)]
    parts = (tokens.keys, tokens.values, pad(queries, (0, 0, silent, 0)) if silent else queries)
    shares = _shares(map_tree(by_chunk, gates), rule.origin is not None)
    reads, norm, loss, *stacks = Chunks.apply(rule.activation, rule.clip, *map(by_chunk, parts), *shares, *stacks)
    cut = [stack.mT.split(weight.shape[2], dim=2) for stack, weight in zip(stacks, fast.weights, strict=True)]
    weights, *momentum = (tuple(part.contiguous() for part in layer) for layer in zip(*cut, strict=True))
    after = Fast(weights, fast.momentum if gates.eta is None else momentum[0], gate_state)
    return by_row(reads)[:, silent:], after, Record(by_row(norm) * d**-0.5, by_row(loss), gates, None)


def _shares(gates: Gates, has_origin: bool) -> Shares:
    """Of the weights, the momentum if the gate has one, and the origin if there is one."""
    coef = coefficients(gates)
    read, kept, write = [coef.keep_start], [], [coef.write[:, -1]]  # kept: of each source but the first, in itself
    if coef.carry is not None:
        read.append(coef.carry)
        kept.append(coef.momentum_carry)
        write.append(coef.momentum_write)
    if has_origin:
        read.append(1 - coef.keep_start)
        kept.append(torch.ones_like(coef.keep_start[:, :1]))
    read = torch.stack(read, dim=-1)  # (chunks n, c, m)
    turn = read[:, -1:]
    if kept:
        own = torch.eye(len(kept) + 1, dtype=read.dtype, device=read.device)[1:] * torch.stack(kept, dim=1)
        turn = torch.cat([turn, own], dim=1)  # (chunks n, m, m)
    return Shares(read, turn, torch.stack(write, dim=-1), coef.write)
