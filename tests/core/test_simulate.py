"""Simulations: the article's numbers come out, batches equal single runs, and every extreme ends well."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from titans_mini import ConfigError, MemoryConfig, SimulationConfig, simulate, simulate_many, simulation
from titans_mini.config import DECAY_NAMES, NORMALISER_NAMES, SCENARIO_NAMES
from titans_mini.data import Stream, make_stream, scenarios
from titans_mini.data.encode import Encoder
from titans_mini.memory.mlp import initial_weights
from titans_mini.reference import RecipeGate, token_loop
from titans_mini.simulation import count_groups, run_stream, start_fast
from titans_mini.trace import COLUMNS

SMALL = SimulationConfig(tokens=120, memory=MemoryConfig.preset("recipe", dim=16))


def first_opening(trace) -> int:
    """Tokens from the first event to the first write after it."""
    after = trace.g_write[trace.events[0].start :] > 0.5
    assert after.any()
    return int(after.argmax())


def test_calibration_the_defaults_write_30_to_80_times_in_1000_tokens():
    base = SimulationConfig(tokens=10_000)
    low, default, high = simulate_many([replace(base, tau=tau) for tau in (0.2, 0.3, 0.4)])
    rates = [trace.summary()["writes_per_1k"] for trace in (low, default, high)]
    print("writes per 1,000 at tau 0.2, 0.3, 0.4:", rates)
    assert 30 <= rates[1] <= 80
    assert rates[0] > rates[1] > rates[2] > 0


@pytest.mark.parametrize("seed", range(3))
def test_a_second_reading_surprises_less_than_the_first(seed):
    trace = simulate(SimulationConfig(scenario="repetition", seed=seed))
    half = trace.events[0].start
    assert trace.raw[half:].mean() <= 0.9 * trace.raw[:half].mean()


@pytest.mark.parametrize("seed", range(3))
def test_the_second_reading_is_less_surprising_than_after_another_text(seed):
    """Decay alone lowers raw surprise, so the second reading is held against one that follows another passage."""
    half, config = 1000, SimulationConfig(seed=seed)
    text = make_stream("text", 100_000, 8).ids
    passage, other = text[4000 : 4000 + half], text[90_000 : 90_000 + half]
    losses = []
    for first in (passage, other):
        ids = torch.cat([first, passage])
        stream = Stream(ids, *Encoder(torch.cat([passage, other]), 64, seed)(ids), events=())
        _, record = run_stream([config], stream, start_fast(config))
        losses.append(record.loss[0, half:].mean())
    print("loss of the second reading over that after another text:", float(losses[0] / losses[1]))
    assert losses[0] < losses[1]


@pytest.mark.parametrize("seed", range(3))
def test_a_burst_of_novelty_is_found_within_5_tokens(seed):
    assert first_opening(simulate(SimulationConfig(scenario="novelty_burst", seed=seed))) < 5


@pytest.mark.parametrize("scenario", ["topic_shift", "outliers"])
def test_other_events_are_found_too(scenario):
    assert first_opening(simulate(SimulationConfig(scenario=scenario))) < 5


def surprise_at_changes(**settings) -> dict[str, list[float]]:
    """Event of the series -> for each seed, raw surprise in at most 48 tokens from it over that of the 48 before."""
    found = {}
    for seed in range(3):
        trace = simulate(SimulationConfig(scenario="series", seed=seed, **settings))
        for event in trace.events:
            now, before = trace.raw[event.start : min(event.start + 48, event.end)], trace.raw[: event.start][-48:]
            found.setdefault(event.name, []).append(now.mean() / before.mean())
    return found


def test_some_changes_of_regime_in_a_series_surprise_and_others_do_not():
    """Ranges of the docstring of the scenario."""
    within = {
        "surprise": {"spike": (4.1, 5.3), "higher level": (2.3, 2.5), "more noise": (1.3, 1.5)},
        "constant": {"spike": (12, 19), "higher level": (5.5, 7.6), "more noise": (2.5, 3.8)},
    }
    within["surprise"]["shorter period"], within["constant"]["shorter period"] = (0.9, 1.1), (1.2, 1.8)
    for gate, ranges in within.items():
        found = surprise_at_changes(gate=gate)
        print(gate, found)
        assert found.keys() == ranges.keys()
        for name, (low, high) in ranges.items():
            assert low <= min(found[name]) and max(found[name]) <= high, (gate, name)


@pytest.mark.parametrize("gate", ["surprise", "constant"])
def test_a_series_without_its_changes_of_regime_surprises_no_more_at_their_places(gate, monkeypatch):
    monkeypatch.setattr(scenarios, "REGIMES", dict.fromkeys(scenarios.REGIMES, scenarios.USUAL))
    found = surprise_at_changes(gate=gate)
    print(gate, found)
    assert all(max(found[name]) < 2 for name in scenarios.REGIMES) and min(found["spike"]) > 4
    assert max(found["higher level"]) < {"surprise": 1.2, "constant": 2}[gate]


def test_silence_only_decays():
    trace = simulate(replace(SMALL, scenario="silence", tokens=300))
    start, end = trace.events[0].start, trace.events[0].end
    quiet = trace.memory_norm[start:end]
    decay = 1 - trace.settings.lam * trace.g_forget[start + 1 : end]
    np.testing.assert_allclose(quiet[1:] / quiet[:-1], decay, rtol=1e-6)
    assert trace.raw[start:end].max() < 1e-12


@pytest.mark.parametrize("decay", DECAY_NAMES)
@pytest.mark.parametrize("chunk", [1, 7])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_simulation_is_the_token_loop(chunk, depth, decay):
    config = replace(SMALL, lam=0.02).with_memory(chunk=chunk, depth=depth, decay=decay)
    stream = make_stream(config.scenario, config.tokens, 16, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    weights = [weight[0].double() for weight in initial_weights(config.memory, generator)]
    keys, values = stream.keys.double() * 4, stream.values.double() * 4
    silu = torch.nn.functional.silu
    origin = weights if decay == "start" else None
    loop = token_loop(weights, keys, values, keys, RecipeGate(lam=0.02), silu, chunk=chunk, origin=origin)
    trace = simulate(config)
    for name, expected in (("raw", loop.raw), ("memory_norm", loop.memory_norm)):
        np.testing.assert_allclose(getattr(trace, name), expected.detach().numpy(), rtol=2e-4, err_msg=name)
    np.testing.assert_allclose(trace.loss, loop.loss.detach().numpy() / 16, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("gate", ["surprise", "constant"])
def test_many_settings_at_once_equal_one_by_one(gate):
    values = ((0.1, 0.5, 1e-3), (0.3, 0.7, 0.0), (0.5, 0.9, 1e-2))
    configs = [replace(SMALL, gate=gate, tau=tau, beta=beta, lam=lam) for tau, beta, lam in values]
    for together, config in zip(simulate_many(configs), configs, strict=True):
        alone = simulate(config)
        for name in COLUMNS:
            np.testing.assert_allclose(
                getattr(together, name), getattr(alone, name), rtol=1e-4, atol=1e-5, err_msg=name
            )


def test_many_settings_in_groups_equal_one_by_one_and_tell_how_far_they_are(monkeypatch):
    """The cache holds two of the five. 70 tokens are two stretches for two settings, and one for the last."""
    configs = [replace(SMALL, tokens=70, tau=tau / 10) for tau in range(5)]
    monkeypatch.setattr(simulation, "CACHED", 2 * 2 * 16 * 64)
    monkeypatch.setattr(simulation, "STRETCH", 128)
    beats = []
    assert count_groups(SMALL.memory, 5) == 3
    for together, config in zip(simulate_many(configs, beat=beats.append), configs, strict=True):
        assert together.settings == config
        for name in COLUMNS:
            np.testing.assert_allclose(
                getattr(together, name), getattr(simulate(config), name), rtol=1e-4, atol=1e-5, err_msg=name
            )
    assert beats == [21, 23, 44, 46, 70]


def test_settings_of_one_batch_must_share_the_stream():
    with pytest.raises(ConfigError, match="seed must be the same"):
        simulate_many([SMALL, replace(SMALL, seed=1)])
    with pytest.raises(ConfigError, match="at least 1"):
        simulate_many([])
    with pytest.raises(ConfigError, match="heads must be 1"):
        simulate(SMALL.with_memory(heads=2))


def test_a_run_repeats_exactly_and_a_seed_changes_it():
    first, again, other = simulate(SMALL), simulate(SMALL), simulate(replace(SMALL, seed=1))
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in COLUMNS)
    assert not np.array_equal(first.raw, other.raw)


@pytest.mark.parametrize("scenario", SCENARIO_NAMES)
@pytest.mark.parametrize("normaliser", NORMALISER_NAMES)
def test_gates_and_surprise_stay_between_0_and_1(scenario, normaliser):
    trace = simulate(replace(SMALL, scenario=scenario, normaliser=normaliser))
    for name in ("surprise", "momentum", "g_write", "g_forget"):
        series = getattr(trace, name)
        assert series.min() >= 0 and series.max() <= 1, name
    np.testing.assert_allclose(trace.g_write + trace.g_forget, 1, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    tau=st.sampled_from([0.0, 0.5, 1.0]),
    beta=st.sampled_from([0.0, 0.5, 1.0]),
    lam=st.sampled_from([0.0, 1e-2, 1.0]),
    eta=st.sampled_from([0.0, 1e-3, 1.0, 10.0]),
    softness=st.sampled_from([1e-4, 10.0]),
    depth=st.integers(1, 4),
    chunk=st.sampled_from([1, 5]),
    gate=st.sampled_from(["surprise", "constant"]),
    scenario=st.sampled_from(["text", "outliers", "silence"]),
)
def test_every_extreme_is_finite_or_names_the_token(depth, chunk, **changes):
    trace = simulate(replace(SMALL, tokens=60, **changes).with_memory(depth=depth, chunk=chunk))
    end = len(trace) if trace.diverged_at is None else trace.diverged_at
    for name in COLUMNS:
        series = getattr(trace, name)
        assert np.isfinite(series[:end]).all() or name == "loss_after"
        assert np.isnan(series[end:]).all()
    assert (trace.diverged_at is None) == bool(np.isfinite(trace.loss_after).all())


def test_a_wild_step_diverges_and_says_where():
    trace = simulate(replace(SMALL, eta=10.0, tau=0.0))
    assert trace.diverged_at is not None and trace.summary()["diverged_at"] == trace.diverged_at


def test_a_divergence_late_in_a_run_is_not_blamed_on_an_early_token():
    trace = simulate(replace(SMALL, gate="constant", eta=0.02, tokens=400).with_memory(dim=64))
    assert trace.diverged_at is not None and trace.diverged_at > 0
    assert np.isfinite(trace.surprise[: trace.diverged_at]).all()
    short = simulate(replace(trace.settings, tokens=trace.diverged_at))
    assert short.diverged_at is None


def test_given_text_is_read_once():
    trace = simulate(SMALL, text="snow ❄ falls")
    assert bytes(trace.tokens).decode() == "snow ❄ falls"


def test_the_callers_thread_count_comes_back():
    before = torch.get_num_threads()
    simulate(replace(SMALL, tokens=5))
    assert torch.get_num_threads() == before


def test_the_loss_at_the_end_is_a_number_for_as_long_as_the_memory_is():
    """Squares of its answers leave the range of float32 before the memory does."""
    wild = replace(SMALL, scenario="outliers", tokens=60, tau=0.0, beta=0.0, lam=0.0, eta=1.0, softness=10.0)
    trace = simulate(wild.with_memory(depth=1, chunk=5))
    assert trace.diverged_at is None and np.isfinite(trace.loss_after).all()
    assert trace.loss_after.max() * 16 > np.finfo(np.float32).max  # in units of the 16 of a key's square norm
