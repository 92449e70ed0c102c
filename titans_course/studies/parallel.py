"""What the chunk form saves and what a chunk size costs: counts by formula, counts of a real run, and an experiment.

The token loop and the chunk form do nearly the same arithmetic; they differ in the number of products it is cut into,
in what must be stored, and in the weights at which a gradient is taken. Paper: eq. 13-16 and section 3.2.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from titans_mini.config import MemoryConfig
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, coefficients, run_chunks
from titans_mini.memory.gates import ConstantGate, Gates, SurpriseGate, initial_gate_state
from titans_mini.memory.mlp import ACTIVATIONS, count_weights, initial_weights, layer_shapes
from titans_mini.memory.scan import decay_matrix
from titans_mini.messages import Message
from titans_mini.models.model import TitansLM

from .flops import chunk_flops
from .rules import SEEDS, Rows, SeedRange
from .streams import make_pairs

FLOAT = 4  # bytes of a float32
PRODUCTS = frozenset({"mm", "addmm", "bmm", "baddbmm", "baddbmm_"})
MATRICES = ("Coef", "D", "E")


class Cost(NamedTuple):
    """What `tokens` tokens of one head cost: matrix products started, operations, and bytes kept for the reads."""

    products: int
    flops: int
    bytes: int


class Counted(NamedTuple):
    """What a call did: operations and matrix products that torch started, and bytes that autograd kept."""

    operations: int
    products: int
    kept: int


def chunk_cost(config: MemoryConfig, tokens: int) -> Cost:
    """One chunk of `tokens`: a_{l-1} and delta_l of each token and Coef are kept. Paper: eq. 16."""
    depth, momentum = config.depth, config.gate == "learned"  # the recipe's gate has none
    products = depth + (depth - 1) + depth * (3 + momentum) + depth * (1 + momentum)  # forward, backward, read, write
    if tokens > 1:
        products += 2 if momentum else 3  # D E and D on the products of eta, or the recipe's running averages
    numbers = tokens * sum(o + i for o, i in layer_shapes(config)) + tokens**2
    return Cost(products, sum(chunk_flops(config, tokens).values()), FLOAT * numbers)


def loop_cost(config: MemoryConfig, tokens: int) -> Cost:
    """The same tokens one by one; what is kept is the memory after each write, as its reads or its gradient need it."""
    one = chunk_cost(config, 1)
    return Cost(tokens * one.products, tokens * one.flops, FLOAT * tokens * count_weights(config))


def one_chunk(config: MemoryConfig, tokens: int) -> Callable[[], object]:
    """A call that writes and reads `tokens` random tokens as one chunk, token gates held constant: for `count`."""
    random = torch.Generator().manual_seed(0)
    weights = tuple(weight.requires_grad_() for weight in initial_weights(config, random))
    fast = Fast(weights, tuple(map(torch.zeros_like, weights)), initial_gate_state(config.heads, weights[0].detach()))
    series = torch.randn(3, config.heads, tokens, config.head_dim, generator=random)
    gate = ConstantGate() if config.gate == "learned" else SurpriseGate()
    return partial(TitansRule(gate, ACTIVATIONS[config.activation], config.clip).step, fast, Tokens(*series))


class _Watch(TorchDispatchMode):
    """Counts the operations that torch runs."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.products = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations += 1
        self.products += operation.overloadpacket.__name__ in PRODUCTS
        return operation(*args, **(kwargs or {}))


def count(call: Callable[[], object]) -> Counted:
    """Runs `call` once with gradients on and counts; tensors that share their storage are kept once."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), _Watch() as watch, torch.enable_grad():
        call()
    return Counted(watch.operations, watch.products, sum(t.untyped_storage().nbytes() for t in kept.values()))


def resized(lm: TitansLM, chunk: int) -> TitansLM:
    """A copy of a model whose memories work in chunks of another size; raises ConfigError if that is impossible."""
    copy = TitansLM(replace(lm.config, chunk=chunk)).to(lm.head.weight.dtype)
    copy.load_state_dict(lm.state_dict())
    return copy.eval()


def gate_matrices(theta: Tensor, eta: Tensor, alpha: Tensor) -> dict[str, np.ndarray]:
    """(c,) gates of a chunk -> {Coef, D, E}, as in `memory.chunk`, each (c, c). Paper: eq. 13-14 unrolled."""
    one = [gate.unsqueeze(0) for gate in (theta, eta, alpha)]
    write = coefficients(Gates(*one, one[0], one[2])).write
    found = (write, decay_matrix(1 - one[2]), decay_matrix(one[1]))
    return {name: matrix[0].numpy() for name, matrix in zip(MATRICES, found, strict=True)}


class Stale(NamedTuple):
    """Of three streams read at once, one value a seed."""

    recall: np.ndarray  # of the next token's pair, asked after each write: 1 perfect, 0 a zero answer
    loss: np.ndarray  # inner loss at the weights of the chunk's start, over the size of the values


@torch.inference_mode()
def read_in_chunks(chunk: int, theta: float, *, depth=1, pairs=8, dim=16, tokens=256, drift=0.01) -> Stale:
    """A memory with fixed step, no momentum and no forgetting reads pairs whose values move by `drift` a token.

    Every token asks for the pair that comes next, before it is written. One stream and one memory a seed.
    """
    settings = dict(tokens=tokens + 1, dim=dim, pairs=pairs, amount=drift)
    streams = [make_pairs("drift", seed=seed, **settings) for seed in SEEDS]
    keys, values = (torch.from_numpy(np.stack(parts)) for parts in list(zip(*streams, strict=True))[:2])
    drawn = [initial_weights(MemoryConfig(dim=dim, depth=depth), torch.Generator().manual_seed(s)) for s in SEEDS]
    weights = tuple(torch.cat(layer).double() for layer in zip(*drawn, strict=True))  # per layer (seeds, o, i)
    fast = Fast(weights, tuple(map(torch.zeros_like, weights)), initial_gate_state(len(SEEDS), weights[0]))
    rule = TitansRule(ConstantGate(theta=theta, eta=0.0, alpha=0.0).double())
    reads, _, record = run_chunks(fast, Tokens(keys[:, :-1], values[:, :-1], keys[:, 1:]), rule, chunk)
    sizes = values.square().sum(-1)  # (seeds, tokens + 1)
    error = (reads - values[:, 1:]).square().sum((-1, -2))
    loss = record.loss.sum(-1) / sizes[:, :-1].sum(-1)
    return Stale((1 - error / sizes[:, 1:].sum(-1)).numpy(), loss.numpy())


def chunk_sizes(
    chunks: Sequence[int] = (1, 2, 4, 8, 16, 32, 64),
    thetas: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.5),
    *,
    depths: Sequence[int] = (1, 2),
    drift: float = 0.01,
) -> Rows:
    """A row per depth and chunk size: recall and inner loss at the best of `thetas`, as a `SeedRange` over seeds."""
    rows = []
    for depth in depths:
        for chunk in chunks:
            runs = {theta: read_in_chunks(chunk, theta, depth=depth, drift=drift) for theta in thetas}
            best = max(runs, key=lambda theta: SeedRange.of(runs[theta].recall).mean)
            recall, loss = map(SeedRange.of, runs[best])
            name = Message("one matrix") if depth == 1 else Message("{depth} layers", depth=depth)
            rows.append(dict(memory=name, chunk=chunk, theta=best, recall=recall, loss=loss))
    return rows
