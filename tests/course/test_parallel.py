"""Counts by formula are what a run does and keeps; the matrices of a chunk are its products; stale gradients cost."""

import numpy as np
import pytest
import torch

from titans_course.studies.parallel import (
    chunk_cost,
    chunk_sizes,
    count,
    gate_matrices,
    loop_cost,
    one_chunk,
    read_in_chunks,
)
from titans_course.studies.parallel import resized as with_chunk
from titans_course.studies.rules import SEEDS, SeedRange
from titans_course.studies.streams import make_pairs
from titans_mini import ConfigError, MemoryConfig, TitansConfig, TitansLM
from titans_mini.memory.mlp import ACTIVATIONS, gradients, initial_weights
from titans_mini.reference import token_loop

CONFIGS = {
    "usual": MemoryConfig(dim=8),
    "linear": MemoryConfig(dim=8, depth=1, clip=None),
    "deep_heads": MemoryConfig(dim=8, heads=2, depth=4, expansion=2),
    "recipe": MemoryConfig.preset("recipe", dim=8),
}


@pytest.mark.parametrize("tokens", [1, 2, 5])
@pytest.mark.parametrize("name", CONFIGS)
def test_products_by_formula_are_those_that_a_chunk_starts(name, tokens):
    config = CONFIGS[name]
    assert count(one_chunk(config, tokens)).products == chunk_cost(config, tokens).products


def test_the_loop_costs_as_many_chunks_of_one():
    config = MemoryConfig(dim=64)
    one, eight, loop = (cost(config, n) for cost, n in ((chunk_cost, 1), (chunk_cost, 8), (loop_cost, 8)))
    assert loop[:2] == (8 * one.products, 8 * one.flops)
    assert loop.products > 7 * eight.products and loop.flops < eight.flops < 1.2 * loop.flops


@pytest.mark.parametrize("depth", [1, 3])
def test_bytes_are_those_of_the_vectors_and_of_the_weights(depth):
    config = MemoryConfig(dim=6, depth=depth)
    weights = tuple(initial_weights(config))
    seen = gradients(weights, *torch.randn(2, 1, 5, 6), ACTIVATIONS["silu"])
    vectors = sum(part.nbytes for part in (*seen.inputs, *seen.deltas))
    assert chunk_cost(config, 5).bytes == vectors + torch.zeros(5, 5).nbytes
    assert loop_cost(config, 5).bytes == 5 * sum(weight.nbytes for weight in weights)


def test_counting_sees_operations_and_keeps_shared_storage_once():
    x = torch.ones(10, requires_grad=True)
    assert count(lambda: x * x) == (1, 0, 40)  # kept as both factors
    with torch.no_grad():
        found = count(lambda: x.expand(4, 10) @ torch.ones(10, 3))
    assert (found.products, found.kept) == (1, 4 * 30)  # x itself needs none of x


@pytest.mark.parametrize("kind", ["random", "ends"])
def test_matrices_are_products_of_gates(kind):
    theta, eta, alpha = torch.rand(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if kind == "ends":
        theta, eta, alpha = theta.round(), eta.round(), alpha.round()
    found = gate_matrices(theta, eta, alpha)
    for i in range(6):
        S = M = 0.0
        for t in range(i, 6):
            S = eta[t] * S + (theta[t] if t == i else 0)
            M = (1 - alpha[t]) * M + S
            assert found["Coef"][t, i] == pytest.approx(float(M), abs=1e-12)
            assert found["D"][t, i] == pytest.approx(float((1 - alpha[i + 1 : t + 1]).prod()))
            assert found["E"][t, i] == pytest.approx(float(eta[i + 1 : t + 1].prod()))
    for matrix in found.values():
        assert not np.triu(matrix, 1).any()


@pytest.mark.parametrize("depth", [1, 2])
def test_reading_in_chunks_is_the_loop_with_stale_gradients(depth):
    found = read_in_chunks(4, 0.1, depth=depth, pairs=3, dim=6, tokens=14, drift=0.05)
    for row, seed in enumerate(SEEDS):
        stream = make_pairs("drift", tokens=15, dim=6, pairs=3, amount=0.05, seed=seed)
        keys, values = (torch.from_numpy(part) for part in stream[:2])
        start = initial_weights(MemoryConfig(dim=6, depth=depth), torch.Generator().manual_seed(seed))
        weights, silu = [weight[0].double() for weight in start], torch.nn.functional.silu
        gate = lambda t, raw: torch.tensor([0.1, 0.0, 0.0]).double().unbind()  # noqa: E731
        loop = token_loop(weights, keys[:-1], values[:-1], keys[1:], gate, silu, chunk=4)
        size = values[1:].square().sum()
        recall = 1 - (loop.reads - values[1:]).square().sum() / size
        assert found.recall[row] == pytest.approx(recall.item(), abs=1e-6)
        assert found.loss[row] == pytest.approx((loop.loss.sum() / values[:-1].square().sum()).item(), abs=1e-6)


def test_each_chunk_size_gets_its_best_step_and_staleness_costs():
    thetas = (0.05, 0.2)
    rows = chunk_sizes((1, 64), thetas, depths=(1,))
    for row in rows:
        means = {theta: read_in_chunks(row["chunk"], theta).recall.mean() for theta in thetas}
        assert row["theta"] == max(means, key=means.get) and row["recall"].mean == pytest.approx(max(means.values()))
    fresh, stale = (row["recall"] for row in rows)
    assert isinstance(fresh, SeedRange) and fresh.low > stale.high + 0.1
    assert [row["theta"] for row in rows] == [0.2, 0.05]


def test_a_step_that_overshoots_is_not_chosen():
    wild = read_in_chunks(64, 1.0)
    assert not (wild.recall > -9).any()
    (row,) = chunk_sizes((64,), (0.05, 1.0), depths=(1,))
    assert row["theta"] == 0.05


def test_a_model_of_another_chunk_size_has_the_same_weights_and_other_gradients():
    torch.manual_seed(0)
    lm = TitansLM(TitansConfig("mag", vocab_size=11, dim=8, layers=1, heads=2, window=4, chunk=4)).double().eval()
    ids = torch.randint(0, 11, (2, 12), generator=torch.Generator().manual_seed(1))
    same, other = with_chunk(lm, 4), with_chunk(lm, 2)
    assert torch.equal(same(ids)[0], lm(ids)[0])
    assert torch.equal(other(ids, memory="off")[0], lm(ids, memory="off")[0])
    moved = (other(ids)[0] - lm(ids)[0]).abs().amax((0, 2))
    assert moved[:2].max() < 1e-9 < moved[2:].max()
    assert lm.config.chunk == 4 and other.config.chunk == 2


def test_a_model_that_cannot_change_its_chunk_says_so():
    mac = TitansLM(TitansConfig("mac", vocab_size=11, dim=8, layers=1, heads=2, window=4, chunk=4))
    with pytest.raises(ConfigError, match="window must equal chunk"):
        with_chunk(mac, 2)
