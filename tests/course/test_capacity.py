"""Capacity: closed forms of the best matrix, a bound for two layers, one pass written by hand."""

import pytest
import torch

from titans_course.studies.capacity import best_matrix, best_two_layers, random_pairs, read_once, recall_by_age
from titans_mini.config import MemoryConfig
from titans_mini.memory.mlp import initial_weights


def test_pairs_are_seeded_and_of_length_one():
    keys, values = random_pairs(5, 8, seed=3)
    assert keys.shape == values.shape == (5, 8)
    torch.testing.assert_close(torch.cat([keys, values]).norm(dim=-1), torch.ones(10))
    assert torch.equal(keys, random_pairs(5, 8, seed=3)[0]) and not torch.equal(keys, random_pairs(5, 8, seed=4)[0])


def test_one_matrix_holds_as_many_pairs_as_it_is_wide():
    assert best_matrix(*random_pairs(8)) < 1e-6
    losses = [best_matrix(*random_pairs(64, seed=seed)) for seed in range(20)]
    assert sum(losses) / 20 == pytest.approx(1 - 8 / 64, abs=0.02)


def test_two_layers_hold_more():
    pairs = random_pairs(16)
    assert best_two_layers(*pairs) < 0.01 < best_matrix(*pairs)


def test_reading_once_is_the_delta_rule():
    keys, values = random_pairs(4, 8, seed=0)
    matrix = initial_weights(MemoryConfig(dim=8, depth=1), torch.Generator().manual_seed(0))[0][0]
    for key, value in zip(keys, values, strict=True):
        matrix = matrix - 0.2 * 2 * torch.outer(matrix @ key - value, key)
    left = (keys @ matrix.mT - values).square().sum(-1).mean().item()
    assert read_once(1, 4, 0.2, rows=1) == pytest.approx(left, rel=1e-5)


def test_recall_by_age_is_the_rule_of_one_matrix():
    (keys, values), matrix = random_pairs(6, 4, seed=0), torch.zeros(4, 4)
    for key, value in zip(keys, values, strict=True):
        matrix = 0.9 * matrix - 0.3 * 2 * torch.outer(matrix @ key - value, key)
    recall = 1 - (keys @ matrix.mT - values).square().sum(-1)
    torch.testing.assert_close(recall_by_age(0.1, count=6, dim=4, theta=0.3, rows=1), recall)
