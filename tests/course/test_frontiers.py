"""Weights of any number of bits, facts over many sessions, and a sweep over tau: each against what it stands for."""

import math

import numpy as np
import pytest
import torch
from builders import make_input, make_memory

from titans_course.reward import RewardConfig, threshold
from titans_course.studies.frontiers import (
    SHARED,
    TALK,
    TAUS,
    Known,
    ask,
    best_tau,
    earn,
    lifetime,
    round_weights,
    rounded_bytes,
    rounded_model,
    sweep,
    tell,
)
from titans_mini import ConfigError
from titans_mini.memory.tree import tensors
from titans_mini.operate import LanguageEngine
from titans_mini.quantize import QuantizedMemory, dequantize, quantize, rounded
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import RECALL_FILLER, RECALL_KEYS, RECALL_VALUES

SMALL = RewardConfig(dim=8, facts=3, filler=4, noise=2)
FACTS = dict(zip(range(0, 32, 4), (10, 21, 5, 8, 30, 2, 17, 26), strict=True))


def make_weight(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def mag():
    return load_model("recall-mag")


@pytest.mark.parametrize(("bits", "kind"), [(8, "int8"), (4, "int4")])
def test_eight_and_four_bits_per_row_are_those_of_quantize(bits, kind):
    weight = make_weight(2, 5, 7)
    assert torch.equal(round_weights(weight, bits), dequantize(quantize(weight, kind)))
    assert 2 * rounded_bytes((5, 7), bits) == quantize(weight, kind).nbytes


@pytest.mark.parametrize("bits", [2, 3, 6, 12])
@pytest.mark.parametrize("per", SHARED)
def test_every_number_is_off_by_at_most_half_a_step_and_the_largest_by_none(bits, per):
    weight = make_weight(2, 5, 70).double()
    rounded = round_weights(weight, bits, per)
    largest = weight.abs().amax(SHARED[per], keepdim=True)
    step = largest / (2 ** (bits - 1) - 1)
    error = (rounded - weight).abs() / step
    assert 0.45 < error.max() <= 0.5 + 1e-9
    top = weight.abs() == largest
    assert top.sum() == largest.numel() and torch.allclose(rounded[top], weight[top])
    assert torch.equal(round_weights(rounded, bits, per), rounded)


def test_a_row_of_tiny_numbers_is_lost_where_the_matrix_shares_a_scale():
    weight = make_weight(4, 9)
    weight[1] /= 1000
    assert not round_weights(weight, 8, "matrix")[1].any()
    assert torch.allclose(round_weights(weight, 8)[1], weight[1], atol=weight[1].abs().max().item() / 200)


def test_bytes_are_those_counted_by_hand():
    assert rounded_bytes((5, 8), 32) == rounded_bytes((5, 8), 32, "matrix") == 160
    assert (rounded_bytes((5, 8), 2), rounded_bytes((5, 8), 2, "matrix")) == (10 + 20, 10 + 4)
    assert rounded_bytes((5, 3), 3, "matrix") == 5 * 2 + 4  # nine bits take two bytes


@pytest.mark.parametrize(("bits", "per"), [(8, "row"), (3, "row"), (8, "matrix")])
def test_a_memory_is_rounded_at_its_chunks(bits, per):
    memory = make_memory()
    x = make_input(2 * memory.config.chunk + 1)
    said, state = rounded(memory, lambda weight: round_weights(weight, bits, per))(x)
    for weight in state.weights:
        assert torch.equal(round_weights(weight, bits, per), weight)
    same = torch.allclose(said, QuantizedMemory(memory, "int8")(x)[0], atol=1e-12)
    assert same == ((bits, per) == (8, "row"))


def test_a_model_of_32_bits_is_the_model_and_the_one_given_stays(mag):
    ids = torch.randint(0, 80, (2, 40), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = mag(ids)[0]
        assert torch.equal(rounded_model(mag, 32)(ids)[0], before)
        assert not torch.allclose(rounded_model(mag, 2)(ids)[0], before, atol=1e-2)
        assert torch.equal(mag(ids)[0], before)


def test_facts_told_in_a_session_are_known_and_asking_writes_nothing(mag):
    engine = LanguageEngine(mag)
    empty = engine.start()
    state = tell(engine, empty, FACTS)
    assert int(state.tokens_seen) == 2 * len(FACTS) + TALK
    kept = [part.clone() for part in tensors(state)]
    assert ask(engine, state, FACTS) == ask(engine, state, FACTS) == FACTS
    assert all(torch.equal(old, new) for old, new in zip(kept, tensors(state), strict=True))
    guessed = ask(engine, empty, FACTS)
    assert sum(guessed[key] == value for key, value in FACTS.items()) <= 2


class Counting:
    """An engine whose state counts the questions, and which answers with that count."""

    def recall(self, piece, state):
        vocab = RECALL_KEYS + RECALL_VALUES + RECALL_FILLER
        return torch.nn.functional.one_hot(torch.tensor([[state + RECALL_KEYS]]), vocab), state + 1


def test_each_key_is_asked_from_the_same_state():
    assert ask(Counting(), 5, [1, 7, 30]) == {1: 5, 7: 5, 30: 5}


class Notebook:
    """A model that keeps values by key in a table; `first` never changes one that is there."""

    def __init__(self, first: bool = False) -> None:
        self.first = first

    def initial_state(self, rows):
        return torch.full((rows, RECALL_KEYS), -1)

    def __call__(self, ids, state, memory="on"):
        state = state.clone()
        if memory == "on":
            for row, line in enumerate(ids):
                told = line[line < RECALL_KEYS + RECALL_VALUES].view(-1, 2)
                for key, value in told.tolist():
                    if not self.first or state[row, key] < 0:
                        state[row, key] = value - RECALL_KEYS
        said = state.gather(1, ids[:, -1:].clamp_max(RECALL_KEYS - 1)) % RECALL_VALUES
        vocab = RECALL_KEYS + RECALL_VALUES + RECALL_FILLER
        return torch.nn.functional.one_hot(said + RECALL_KEYS, vocab).float(), state


def test_a_perfect_memory_knows_every_fact_whatever_its_age():
    known = lifetime(Notebook(), 5, talk=3, rows=40)
    assert known.right.all() and not known.stale.any()
    assert known.shares(0, 0) == (1.0, 0.0, 40 * 8)
    assert set(known.age) == set(range(5)) and len(known.age) < 40 * RECALL_KEYS


def test_a_memory_that_changes_nothing_is_stale_where_a_fact_has_changed():
    two = lifetime(Notebook(first=True), 2, talk=3, rows=200)
    right, stale, count = two.shares(0, 0)
    assert count == 200 * 8
    assert stale == pytest.approx(31 / 32 * 8 / 32, abs=0.04)  # told twice, and not with the same value
    assert right == pytest.approx(1 - stale, abs=1e-6)
    assert two.shares(1, 1)[:2] == (1.0, 0.0)


def test_a_trained_model_knows_one_session(mag):
    assert lifetime(mag, 1, rows=8).right.mean() > 0.95


def test_no_facts_of_an_age_give_no_number():
    share = Known(np.array([0, 1]), np.array([True, False]), np.array([False, True])).shares
    assert share(0, 1) == (0.5, 0.5, 2) and share(1, 1) == (0.0, 1.0, 1)
    assert math.isnan(share(2, 3)[0]) and share(2, 3)[2] == 0


@pytest.mark.parametrize("feature", ["smoothed", "raw"])
def test_a_sweep_is_one_play_for_each_tau(feature):
    taus = (0.0, 0.25, 0.4)
    for tau, outcome in zip(taus, sweep(SMALL, taus, feature, rows=16, seed=3), strict=True):
        assert outcome == pytest.approx(earn(SMALL, threshold(tau, feature), rows=16, seed=3), abs=1e-5)


def test_bits_take_part_in_a_sweep():
    config = RewardConfig()
    (full,), (eight,), (two,), (one_scale,) = (
        sweep(config, (0.0,), bits=bits, per=per) for bits, per in ((32, "row"), (8, "row"), (2, "row"), (2, "matrix"))
    )
    assert abs(eight.recall - full.recall) < 0.05 < full.recall - two.recall
    assert one_scale.recall < two.recall
    assert full.reward == pytest.approx(full.recall - 0.02 * full.writes, abs=1e-5)


def test_the_best_tau_earns_most_and_need_not_recall_most():
    config = RewardConfig(noise_norm=0.3)
    tau, outcome = best_tau(config, "surprise")
    outcomes = sweep(config, TAUS, "surprise")
    assert outcome == outcomes[TAUS.index(tau)]
    assert outcome.reward == max(one.reward for one in outcomes)
    assert outcome.recall < max(one.recall for one in outcomes)


def test_loud_noise_makes_surprise_worthless_and_quiet_noise_does_not():
    quiet, loud = (best_tau(RewardConfig(noise_norm=noise), "surprise")[1].reward for noise in (0.3, 2.0))
    assert quiet > 0.55 and loud < 0.3


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda mag: round_weights(make_weight(2, 2), 1), "bits"),
        (lambda mag: round_weights(make_weight(2, 2), 8, "column"), "per"),
        (lambda mag: rounded_bytes((2, 2), 8, "column"), "per"),
        (lambda mag: rounded_model(mag, 8, "column"), "per"),
        (lambda mag: tell(LanguageEngine(mag), None, {32: 0}), "key"),
        (lambda mag: tell(LanguageEngine(mag), None, {0: -1}), "value"),
        (lambda mag: ask(LanguageEngine(mag), None, [40]), "key"),
        (lambda mag: lifetime(mag, 0), "sessions"),
        (lambda mag: lifetime(mag, rows=0), "rows"),
        (lambda mag: sweep(SMALL, (1.5,)), "tau"),
        (lambda mag: sweep(SMALL, (0.3,), "loudness"), "feature"),
        (lambda mag: sweep(SMALL, (0.3,), bits=40), "bits"),
    ],
)
def test_bad_input_names_the_setting(call, name, mag):
    with pytest.raises(ConfigError, match=name):
        call(mag)
