"""Lesson 05."""

import torch
from torch.nn.functional import cross_entropy, layer_norm, normalize, rms_norm, silu

from . import BOTH, PROPERTY, VALUE, Mutant


def window(t, w, low=0, high=1):
    i, j = torch.arange(t)[:, None], torch.arange(t)
    return (j < i + high) & (j > i - w + low)


def window_of_at_least_three(t, w):
    return window(t, max(w, 3))


def mac(t, p, recalled=0, own=0):
    full = torch.ones(t, t, dtype=torch.bool)
    return torch.cat([torch.ones(t, p, dtype=torch.bool), full.tril(recalled), full.tril(own)], dim=1)


def shut_out(t, p):
    return torch.cat([torch.ones(t, p).tril().bool(), mac(t, 0)], dim=1)


def product(y, m, a, b, eps=1e-6, norm=rms_norm, gate=silu):
    width = y.shape[-1:]
    return norm(y, width, a, eps=eps) * gate(norm(m, width, b, eps=eps))


def unguarded(y, m, a, b):
    def norm(x, weight):
        return weight * x / x.square().mean(-1, keepdim=True).sqrt()

    return norm(y, a) * silu(norm(m, b))


def outside_the_root(y, m, a, b):
    def norm(x, weight):
        return weight * x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-6)

    return norm(y, a) * silu(norm(m, b))


def centred(y, m, a, b):
    return product(y, m, a, b, norm=lambda x, width, weight, eps: layer_norm(x, width, weight, eps=eps))


def over_tokens(y, m, a, b):
    return product(y.T, m.T, *torch.ones(2, len(y)).double()).T * a


def train(embed, batch, *, steps=60, detach=False, same=False, target=lambda ids, answers: answers):
    d, dtype = embed.shape[1], embed.dtype
    parts = [torch.eye(d, dtype=dtype), torch.eye(d, dtype=dtype), torch.zeros(2 * d, dtype=dtype), embed.new_zeros(())]
    W_K, W_V, w, b = (part.requires_grad_() for part in parts)
    optimizer, given = torch.optim.Adam(parts, lr=0.03), batch(8)
    for _ in range(steps):
        ids, answers = given if same else batch(32)
        x = embed[ids]
        k, v = normalize(x @ W_K.T, dim=-1), x @ W_V.T
        theta = torch.sigmoid(torch.cat([x[:, :-1], x[:, 1:]], dim=-1) @ w + b)
        M = x.new_zeros(len(x), d, d)
        for s in range(1, x.shape[1]):
            error = (M @ k[:, s - 1, :, None])[..., 0] - v[:, s]
            M = M.detach() if detach else M
            M = M - theta[:, s - 1, None, None] * error[:, :, None] * k[:, s - 1, None, :]
        optimizer.zero_grad()
        scores = (M @ k[:, -1, :, None])[..., 0] @ embed.T
        cross_entropy(5 * scores, target(ids, answers)).backward()
        optimizer.step()
    return [part.detach() for part in parts]


def swapped(embed, batch):
    W_K, W_V, *gate = train(embed, batch)
    return [W_V, W_K, *gate]


MUTANTS = {
    "window_mask": [
        Mutant(lambda t, w: window(t, w, low=-1), BOTH, "w counts the token itself"),
        Mutant(lambda t, w: window(t, w, high=w), BOTH, "looks ahead"),
        Mutant(lambda t, w: window(t, t), BOTH, "shut out"),
        Mutant(lambda t, w: window(t, w).double(), BOTH, "dtype torch.bool"),
        Mutant(window_of_at_least_three, PROPERTY, "with w = 1 token 1 sees 2 tokens"),
    ],
    "mac_mask": [
        Mutant(lambda t, p: mac(t, p, recalled=t), BOTH, "holds the query of a later token"),
        Mutant(lambda t, p: mac(t, p, -1, -1), BOTH, "sees itself"),
        Mutant(lambda t, p: mac(t, p, own=1), BOTH, "the mask at"),
        Mutant(lambda t, p: mac(t, 0), BOTH, "shape"),
        Mutant(shut_out, BOTH, "all persistent"),
    ],
    "gated_product": [
        Mutant(unguarded, BOTH, "should be"),
        Mutant(lambda *args: product(*args, eps=1e-5), VALUE, "should be"),
        Mutant(outside_the_root, VALUE, "should be"),
        Mutant(lambda y, m, a, b: product(m, y, b, a), VALUE, "memory is the gate"),
        Mutant(lambda y, m, a, b: product(y, m, a, b, gate=torch.sigmoid), BOTH, "not a sigmoid"),
        Mutant(centred, VALUE, "subtract the mean"),
        Mutant(over_tokens, BOTH, "product at"),
    ],
    "train_memory": [
        Mutant(lambda *args: train(*args, steps=0), BOTH, "of new answers are right, not 90%"),
        Mutant(lambda *args: train(*args, detach=True), BOTH, "through the writes"),
        Mutant(lambda *args: train(*args, same=True), BOTH, "new sequences at every step"),
        Mutant(
            lambda *args: train(*args, target=lambda ids, answers: ids[:, -1]), BOTH, "values that belong to the keys"
        ),
        Mutant(swapped, BOTH, "of new answers are right"),
        Mutant(lambda *args: train(*args, steps=0)[:3], BOTH, "must return 4 things"),
    ],
}
