"""How many random pairs a memory holds: reread until it converges, or read once. Keys and values have length 1.

Paper: eq. 12; a memory that reads once takes one gradient step per pair (eq. 13-14 with eta = alpha = 0).
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from titans_mini.config import MemoryConfig
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, run_chunks
from titans_mini.memory.gates import ConstantGate, initial_gate_state
from titans_mini.memory.mlp import ACTIVATIONS, Weights, apply_memory, initial_weights

SILU = ACTIVATIONS["silu"]


def random_pairs(count: int, dim: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """keys, values (count, dim): independent random directions."""
    return tuple(normalize(torch.randn(2, count, dim, generator=_generator(seed)), dim=-1))


def best_matrix(keys: Tensor, values: Tensor) -> float:
    """Mean loss that the best single matrix leaves (least squares); about 1 - dim / count for random pairs."""
    matrix = torch.linalg.lstsq(keys, values).solution
    return (keys @ matrix - values).square().sum(-1).mean().item()


def best_two_layers(keys: Tensor, values: Tensor, *, rounds: int = 300, rate: float = 0.03) -> float:
    """Mean loss that two layers (hidden width 4 times the keys') leave after `rounds` of Adam over all pairs."""
    start = initial_weights(MemoryConfig(dim=keys.shape[-1]), _generator(0))
    weights = [weight.clone().requires_grad_() for weight in start]
    adam = torch.optim.Adam(weights, lr=rate)
    for _ in range(rounds):
        loss = _loss(weights, keys[None], values[None])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return _loss(weights, keys[None], values[None]).item()


def read_once(depth: int, count: int, theta: float, *, dim: int = 8, rows: int = 8) -> float:
    """Mean loss over all pairs after a memory of `depth` layers took one step of size theta on each, in order.

    The mean of `rows` sets of `count` random pairs.
    """
    start = initial_weights(MemoryConfig(dim=dim, depth=depth), _generator(0))
    weights = tuple(weight.repeat(rows, 1, 1) for weight in start)  # per layer (rows, o, i)
    return _loss(*_read(weights, count, theta)).item()


def recall_by_age(alpha: float, *, count: int = 320, dim: int = 32, theta: float = 0.5, rows: int = 8) -> Tensor:
    """(count,) recall of each pair after one matrix has read all `count` pairs once, forgetting `alpha` at each.

    1 is perfect, 0 no better than a zero answer, below 0 worse; the mean of `rows` sets. Paper: eq. 13-14 with eta = 0.
    """
    (matrix,), keys, values = _read((torch.zeros(rows, dim, dim),), count, theta, alpha)
    return 1 - (keys @ matrix.mT - values).square().sum(-1).mean(0)


@torch.no_grad()
def _read(weights: Weights, count: int, theta: float, alpha: float = 0.0) -> tuple[Weights, Tensor, Tensor]:
    """Weights, keys and values after each row of weights (rows, o, i) read its own `count` random pairs once."""
    rows, _, dim = weights[0].shape
    keys, values = map(torch.stack, zip(*(random_pairs(count, dim, seed) for seed in range(rows)), strict=True))
    fast = Fast(weights, tuple(map(torch.zeros_like, weights)), initial_gate_state(rows, weights[0]))
    rule = TitansRule(ConstantGate(theta=theta, eta=0.0, alpha=alpha), SILU)
    _, fast, _ = run_chunks(fast, Tokens(keys, values), rule, 1)
    return fast.weights, keys, values


def _loss(weights, keys: Tensor, values: Tensor) -> Tensor:
    return (apply_memory(weights, keys, SILU) - values).square().sum(-1).mean()


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
