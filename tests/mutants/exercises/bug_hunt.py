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


def leak(read, b, t, d, *, rows=None, cuts=None, future=True, state=True, atol=1e-8, shift=0, x=None, names=None):
    x = batch(b, t, d) if x is None else x
    names, whole = names or ("rows", "future", "state"), read(x, None)[0]
    for n in range(b) if rows is None else rows:
        alone = torch.zeros_like(x)
        alone[n] = x[n]
        if not torch.allclose(read(alone, None)[0][n], whole[n], atol=atol):
            return names[0], x, n + shift
    for n in range(1, t) if cuts is None else cuts(t):
        early = torch.cat([x[:, :n], torch.zeros_like(x[:, n:])], dim=1)
        if future and not torch.allclose(read(early, None)[0][:, :n], whole[:, :n], atol=atol):
            return names[1], x, n + shift
        first, m = read(x[:, :n], None)
        if state and not torch.allclose(torch.cat([first, read(x[:, n:], m)[0]], dim=1), whole, atol=atol):
            return names[2], x, n + shift
    return None


MUTANTS = {
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
    "find_leak": [
        Mutant(lambda *args: leak(*args, rows=[]), BOTH, "missed: the mean of the batch"),
        Mutant(lambda *args: leak(*args, future=False, state=False), BOTH, "missed: the (mean of all|state of)"),
        Mutant(lambda *args: leak(*args, state=False), BOTH, "missed: the state of the call"),
        Mutant(lambda *args: leak(*args, rows=[0]), PROPERTY, "missed: only the last row"),
        Mutant(lambda *args: leak(*args, cuts=lambda t: [t // 2 - 1]), PROPERTY, "missed"),
        Mutant(lambda *args: leak(*args, atol=0.1), PROPERTY, "missed: one token has a ten-thousandth"),
        Mutant(lambda *args: leak(*args, names=("state", "rows", "future")), BOTH, "do not show|n must be"),
        Mutant(lambda read, b, t, d: leak(read, b, t, d, x=torch.zeros(b, t, d)), BOTH, "missed"),
        Mutant(lambda *args: leak(*args) or ("future", batch(*args[1:]), 1), BOTH, "is right, but was accused"),
        Mutant(lambda *args: leak(*args) and leak(*args)[0], BOTH, "three things"),
    ],
}
