"""Differential privacy of the writes: noise that belongs to a row and a token, and what it has bought.

The noise of a token is a pure function of its row's key and of its position, so that any split of a stream gives the
same and no two rows share any. A key that others know hides nothing: outside lessons, draw the seed from a secret.

Recipe: section 4, which says "differential privacy" and no more. That each gradient is clipped and gets Gaussian noise
is this project's reading of these two words. Mechanism: Abadi et al. 2016.
"""

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, check_integer, check_number
from ..memory.mlp import Weights
from ..memory.transforms import in_transform

ORDERS = (1 + np.geomspace(1e-8, 1e7, 1500)).tolist()  # of the Renyi divergence; the best one is taken


def noise_keys(rows: int, seed: int) -> Tensor:
    """(rows, 2) int64: each row's key, and the number of tokens that it has had noise for."""
    words = np.random.SeedSequence(seed).generate_state(rows, np.uint64) >> np.uint64(1)
    return torch.stack([torch.from_numpy(words.astype(np.int64)), torch.zeros(rows, dtype=torch.int64)], dim=1)


def add_noise(grads: Weights, keys: Tensor, scale: float) -> tuple[Weights, Tensor]:
    """grads, per layer (n, c, ...), each with Gaussian noise of standard deviation `scale`; and the next keys.

    Raises ConfigError under torch.func, whose vmap would give all rows the same noise.
    """
    if in_transform():
        raise ConfigError("retention privacy cannot run under torch.func: its rows would share their noise")
    c = grads[0].shape[1]
    place = keys[:, 1:] + torch.arange(c, device=keys.device)  # (n, c)
    sizes = [grad[0, 0].numel() for grad in grads]
    noise = [
        [
            np.random.Generator(np.random.Philox(key=key, counter=[0, 0, at, 0])).standard_normal(sum(sizes))
            for at in row
        ]
        for key, row in zip(keys[:, 0].tolist(), place.tolist(), strict=True)
    ]
    parts = torch.from_numpy(np.array(noise)).to(grads[0]).split(sizes, dim=-1)
    noisy = tuple(grad + scale * part.view_as(grad) for grad, part in zip(grads, parts, strict=True))
    return noisy, torch.stack([keys[:, 0], keys[:, 1] + c], dim=1)


def epsilon(sigma: float, tokens: int = 1, delta: float = 1e-5, *, heads: int = 1, conv: int = 1) -> float:
    """The privacy spent, (epsilon, delta): what the memory may tell of one person who wrote `tokens` of its tokens.

    A token of `run` is one pair. In a `MirasMemory` it is a pair in each head, and the convolution mixes it into the
    tokens after it, so that it touches up to heads x conv pairs: give the `heads` and `conv` of its MemoryConfig. Each
    pair is clipped and gets noise on its own, and counts as one step. Renyi accounting by Opacus, without subsampling;
    two streams are neighbours when those pairs' gradients are left out. It is about the memory and its answers: a
    record's loss and surprise are exact, so keep them to yourself. Raises ConfigError where Opacus is not installed.
    """
    check_number("sigma", sigma, 1e-3, 1e3)
    check_integer("tokens", tokens, 1, 10**9)
    check_number("delta", delta, 1e-15, 0.5)
    check_integer("heads", heads, 1, 64)
    check_integer("conv", conv, 1, 64)
    try:
        from opacus.accountants import RDPAccountant
    except ImportError:
        raise ConfigError(
            "epsilon needs the accountant of Opacus; install it with: pip install 'titans-mini[privacy]'"
        ) from None
    accountant = RDPAccountant()
    accountant.history = [(sigma, 1.0, tokens * heads * conv)]  # noise, sampling rate, steps
    return max(0.0, float(accountant.get_epsilon(delta, alphas=ORDERS)))
