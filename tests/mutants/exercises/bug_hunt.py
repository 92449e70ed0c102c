"""Lesson 11."""

import torch

from . import BOTH, PROPERTY, Mutant


def pair(t, d):
    return torch.randn(2, t, d, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def finds_future(read, t, d, starts=None, last=0, atol=1e-9):
    x, other = pair(t, d)
    for i in starts or range(1, t):
        found = read(torch.cat([x[:i], other[i:]]))[: i + last]
        if not torch.allclose(found, read(x)[: i + last], atol=atol):
            return True
    return False


def last_token_alone(read, t, d):
    return finds_future(read, t, d, starts=[t - 1])


def first_token_alone(read, t, d):
    return finds_future(read, t, d, starts=[1])


def coarse(read, t, d):
    return finds_future(read, t, d, atol=0.1)


def itself_too(read, t, d):
    return finds_future(read, t, d, last=1)


def batch(b, t, d):
    return torch.randn(b, t, d, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def finds_rows(read, x, rows=None, close=torch.allclose):
    return any(not close(read(x)[i], read(x[i : i + 1])[0]) for i in rows or range(len(x)))


def repeated(read, b, t, d):
    return finds_rows(read, batch(1, t, d).repeat(b, 1, 1))


def first_row_alone(read, b, t, d):
    return finds_rows(read, batch(b, t, d), [0])


def changes_the_first(read, b, t, d):
    x = batch(b, t, d)
    changed = torch.cat([torch.zeros_like(x[:1]), x[1:]])
    return not torch.allclose(read(changed)[1:], read(x)[1:])


def exact(read, b, t, d):
    return finds_rows(read, batch(b, t, d), close=torch.equal)


def first_tokens(read, b, t, d):
    return finds_rows(lambda x: read(x)[:, :1], batch(b, t, d))


def finds_loss(read, t, d, sizes):
    x, m, found = pair(t, d)[0], None, []
    for part in x.split(sizes):
        out, m = read(part, m)
        found.append(out)
    return not torch.allclose(torch.cat(found), read(x, None)[0])


def half(read, t, d):
    return finds_loss(read, t, d, t // 2)


def one_by_one(read, t, d):
    return finds_loss(read, t, d, 1)


def one_call(read, t, d):
    return finds_loss(read, t, d, t)


def shape_alone(read, t, d):
    x = pair(t, d)[0]
    return read(x, None)[0].shape != x.shape


def in_logs(alpha):
    return torch.log(1 - alpha).mean().mul(len(alpha)).exp().item()


MUTANTS = {
    "silence_left": [
        Mutant(lambda alpha: torch.exp(-alpha.sum()).item(), BOTH, "only nearly"),
        Mutant(lambda alpha: 1 - alpha.sum().item(), BOTH, "multiply"),
        Mutant(lambda alpha: (1 - alpha[-1]).item(), BOTH, "not only the last"),
        Mutant(lambda alpha: ((1 - alpha.mean()) ** len(alpha)).item(), BOTH, "their mean"),
        Mutant(in_logs, PROPERTY, "NaN"),
    ],
    "sees_future": [
        Mutant(lambda read, t, d: finds_future(read, t, d, atol=1e-3), PROPERTY, "missed: a ten-thousandth"),
        Mutant(last_token_alone, PROPERTY, "missed: each chunk is its own mean"),
        Mutant(first_token_alone, PROPERTY, "missed: only the second chunk"),
        Mutant(coarse, PROPERTY, "missed: a ten-thousandth"),
        Mutant(itself_too, BOTH, "accused: a running sum"),
        Mutant(lambda read, t, d: False, BOTH, "missed"),
    ],
    "mixes_rows": [
        Mutant(repeated, BOTH, "missed: the mean of the batch"),
        Mutant(first_row_alone, PROPERTY, "missed: only the last row"),
        Mutant(exact, PROPERTY, "accused: rounding"),
        Mutant(lambda read, b, t, d: finds_rows(read, batch(b, t, d), [b - 1]), PROPERTY, "row before the last"),
        Mutant(changes_the_first, PROPERTY, "row before the last"),
        Mutant(first_tokens, PROPERTY, "missed: only the last token"),
        Mutant(lambda read, b, t, d: "yes", BOTH, "True or False, not a str"),
    ],
    "loses_state": [
        Mutant(half, PROPERTY, "missed: tokens of an unfinished chunk|missed: the state keeps the first"),
        Mutant(one_by_one, PROPERTY, "missed: the state keeps the first"),
        Mutant(lambda read, t, d: finds_loss(read, t, d, [1, t - 1]), PROPERTY, "missed"),
        Mutant(lambda read, t, d: finds_loss(read, t, d, [t - 1, 1]), PROPERTY, "missed: .*(full chunk|one token)"),
        Mutant(lambda read, t, d: finds_loss(read, t, d, [2, t - 2]), PROPERTY, "missed"),
        Mutant(one_call, BOTH, "missed: the state of the first call"),
        Mutant(shape_alone, BOTH, "missed"),
        Mutant(lambda read, t, d: True, BOTH, "accused"),
    ],
}
