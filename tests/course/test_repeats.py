"""Repeats: what is held out is never trained on, keys lie one step behind, and writing helps where passages return."""

import json
import math

import pytest
import torch

from titans_course.studies import repeats as study
from titans_course.studies.next_base import frozen
from titans_mini.data.dna import repeats


def test_held_out_stretches_lie_far_from_those_to_train_on():
    train, test = study.stretches(), study.stretches(held_out=True)
    assert (train.shape, test.shape) == ((41, 512), (23, 512))
    places = list(repeats())
    assert places[41] - places[40] > 30_000


def test_both_models_differ_in_two_lines_and_see_six_bases():
    lines = [study.SOURCES[name].splitlines() for name in ("mlp", "cnn")]
    assert sum(a != b for a, b in zip(*lines, strict=True)) == 2
    for name in study.SOURCES:
        model = study.new_model(name)
        assert model.memory.config.conv == 6 and model.memory.config.dim == 16
        queries, keys, _ = model.memory.conv.weight.chunk(3)
        assert torch.equal(keys[..., :-1], queries[..., 1:]) and not keys[..., -1].any()


def test_a_key_is_the_query_of_the_token_before():
    model = study.new_model("mlp").double()
    memory, x = model.memory, torch.randn(1, 20, 16, dtype=torch.float64)
    with torch.no_grad():
        memory.to_qkv.weight[16:32] = memory.to_qkv.weight[:16]  # the same map, as far as the taps go
        tokens, _ = memory._project(x, memory.initial_state().conv.double())
    assert torch.allclose(tokens.keys[:, 1:], tokens.queries[:, :-1], atol=1e-9)


def test_a_silent_model_says_what_a_frozen_one_says_and_trains_the_same_parameters():
    ids = study.stretches()[:2, :40]
    for name in study.SOURCES:
        model = study.new_model(name)
        with torch.no_grad():
            assert torch.allclose(study.silent(model)(ids), frozen(model)(ids), atol=1e-5)
            assert (study.silent(model)(ids) - model(ids)).abs().max() > 1e-3
        start = model.memory.start[0].clone()
        study.train(study.silent(model), 1, rows=2, length=32)
        assert not torch.equal(start, model.memory.start[0])


def test_training_is_seeded_and_exchanges_letters_unless_told_not_to():
    runs = [
        [
            p.sum().item()
            for p in study.train(study.new_model("mlp", 0), 1, seed, rows=2, exchange=exchange).parameters()
        ]
        for seed, exchange in ((0, True), (0, True), (1, True), (0, False))
    ]
    assert runs[0] == runs[1] != runs[2] and runs[0] != runs[3]


def test_the_cache_counts_within_the_stretch():
    regular = torch.arange(4).repeat(128).unsqueeze(0)
    random = torch.randint(0, 4, (1, 512), generator=torch.Generator().manual_seed(0))
    assert study._cache_bits(regular[0].tolist()) < 0.15
    assert study._cache_bits(random[0].tolist()) > 2
    assert 1.4 < study.cache_bits() < 1.7 and min(map(study.counted, range(5))) > 1.95


def test_a_model_that_guesses_evenly_pays_two_bits():
    model = study.new_model("mlp")
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
    assert study.bits(model) == pytest.approx(2, abs=1e-6)


def test_the_kept_table_has_a_figure_of_each_kind_for_each_seed():
    table = study.kept()
    assert set(table) == set(study.SOURCES)
    for rows in table.values():
        assert len(rows) >= 3
        assert all(set(row) == set(study.MEASURES) and all(map(math.isfinite, row.values())) for row in rows)
    assert json.loads(study.KEPT.read_text(encoding="utf-8")) == table


def test_a_short_training_of_the_mlp_already_gains_by_writing():
    model = study.train(study.new_model("mlp", 3), 40, 3, rows=8)
    assert study.bits(model) < study.bits(study.silent(model)) - 0.01
