"""Lesson 05."""

import math

import torch
from torch.nn.functional import layer_norm, rms_norm, silu

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


def gain(on, off):
    return ((off.mean() - on.mean()) / math.log(2)).item()


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
    "memory_gain": [
        Mutant(lambda on, off: gain(off, on), BOTH, "off minus on"),
        Mutant(lambda on, off: (off.mean() - on.mean()).item(), BOTH, "in nats"),
        Mutant(lambda on, off: ((off - on).mean() / math.log(2)).item(), PROPERTY, "RuntimeError"),
        Mutant(lambda on, off: gain(on[: len(off)], off[: len(on)]), PROPERTY, "differ in length"),
        Mutant(lambda on, off: gain(on, off) * len(on), BOTH, "per byte"),
    ],
}
