"""The monitor measures what it says, keeps quiet on clean text, and sounds every alarm in a drill."""

import copy
import json
import math
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders import make_input, make_memory
from drills.healthy import healthy_model
from models import VARIANTS, make_ids, make_model

from titans_course.studies.incidents import (
    MEMORY_INCIDENTS,
    STREAM_INCIDENTS,
    flickering,
    random_bytes,
    repeated_string,
    scaled_weight,
    splice,
    zero_weights,
)
from titans_mini import ConfigError, SimulationConfig, simulate
from titans_mini.memory.tree import tensors
from titans_mini.operate import (
    ALARMS,
    Event,
    LanguageEngine,
    Limits,
    MemoryEngine,
    Monitor,
    RecipeEngine,
    RunConfig,
    Runner,
    to_prometheus,
)
from titans_mini.operate.engine import Reading
from titans_mini.operate.measures import calibrate, distance, highest, rates
from titans_mini.training.tasks import text_bytes

WARM = 4100  # tokens of clean text before a drill


def read_in_parts(engine, stream, sizes):
    state, parts = engine.start(), []
    for piece in stream.split(sizes):
        parts.append(engine.read(piece, state))
        state = parts[-1].state
    join = [torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("raw", "loss", "output")]
    return join, state


@pytest.mark.parametrize("kind", [*VARIANTS, "mac_surprise", "mal_deep", "some_layers"])
def test_a_watched_model_says_what_it_always_says_and_logs_each_token_once(kind):
    lm, ids = make_model(kind), make_ids(14, rows=1)
    engine = LanguageEngine(lm)
    whole, end = read_in_parts(engine, ids[0], [14])
    with torch.no_grad():
        logits, state = lm(ids)
    assert torch.equal(whole[2], logits) and all(map(torch.equal, tensors(end), tensors(state)))
    assert whole[0].shape == (len(engine.memories) * lm.config.memory_heads, 14)
    for sizes in ([1] * 14, [3, 1, 10], [5, 9]):
        parts, _ = read_in_parts(engine, ids[0], sizes)
        torch.testing.assert_close(parts, whole, rtol=1e-9, atol=1e-9)


def test_watching_leaves_the_model_alone():
    lm = make_model("mac")
    before, parts = {name: vars(part).keys() for name, part in lm.named_modules()}, list(lm.modules())
    engine = LanguageEngine(lm)
    engine.read(make_ids(5, rows=1)[0], engine.start())
    assert engine.lm is lm and all(a is b for a, b in zip(lm.modules(), parts, strict=True))
    assert {name: vars(part).keys() for name, part in lm.named_modules()} == before


def test_a_memory_without_a_model_can_be_watched():
    memory = make_memory(heads=1, gate="excess")
    engine = MemoryEngine(memory)
    (raw, loss, output), _ = read_in_parts(engine, make_input(11, batch=1)[0], [4, 3, 4])
    assert raw.shape == loss.shape == (1, 11)
    torch.testing.assert_close(output, memory(make_input(11, batch=1))[0], rtol=1e-9, atol=1e-9)


def test_the_recipes_stream_is_the_simulators():
    trace = simulate(SimulationConfig(tokens=300))
    engine, state, seen = RecipeEngine(), None, []
    for piece in torch.from_numpy(trace.tokens).long().split(70):
        reading = engine.read(piece, state or engine.start())
        state = reading.state
        seen.append(torch.cat([reading.g_write, reading.loss, reading.raw]).double())
    wanted = torch.from_numpy(np.stack([trace.g_write, trace.loss, trace.raw]))
    torch.testing.assert_close(torch.cat(seen, dim=1), wanted, rtol=1e-4, atol=1e-5)
    start = engine.fast(engine.start())
    assert distance(engine.fast(state), start)[0] == pytest.approx(trace.memory_norm[-1], rel=1e-5)
    assert distance(start, start) == (pytest.approx(trace.norm_start), 0.0)


def test_drift_is_relative_and_the_largest_memory_counts():
    start = [(torch.ones(1, 2, 2), torch.zeros(1, 1, 2)), (torch.full((1, 1, 1), 4.0),)]  # norms 2 and 4
    now = [(torch.ones(1, 2, 2), torch.tensor([[[3.0, 0.0]]])), (torch.full((1, 1, 1), 2.0),)]
    norm, drift = distance(now, start)
    assert norm == pytest.approx(13**0.5) and drift == pytest.approx(1.5)


class Dial:
    """An engine whose memory is one number, and whose readings are what a test sets."""

    recipe, width, predicts = True, 1, False

    def start(self):
        return 1.0

    def fast(self, state):
        return [(torch.tensor([[[state]]]),)]

    def reading(self, norm: float = 1.0, loss: float = 1.0, writes: float = 0.05, tokens: int = 100) -> Reading:
        g_write = (torch.arange(tokens) < round(writes * tokens)).double().unsqueeze(0)
        return Reading(None, norm, torch.ones(1, tokens), torch.full((1, tokens), loss), g_write)


def turn(monitor: Monitor, values, **name) -> list[tuple[str, str, int]]:
    """Feeds readings of one number and returns (action, kind, token) of the events."""
    events, token = [], 0 if monitor.metrics is None else monitor.metrics.token
    for value in values:
        token += 100
        events += monitor.observe(monitor.engine.reading(**{next(iter(name)): value}), token)
    return [(event.action, event.kind, event.token) for event in events]


def test_an_alarm_fires_once_and_clears_by_a_margin():
    monitor = Monitor(Dial(), Limits(norm_per_feature=5.0, drift=1e6))
    norms = [4.9, 5.1, 9.0, 4.9, 5.1, 4.6, 4.4, 4.9, 5.1]
    assert turn(monitor, norms, norm=0) == [("alarm", "norm", 200), ("clear", "norm", 700), ("alarm", "norm", 900)]
    assert monitor.fired["norm"] == 2 and set(monitor.active) == {"norm"}


def test_the_recipes_range_must_be_left_for_a_while():
    limits = Limits(window=100, hold=300)
    assert turn(Monitor(Dial(), limits), [0.05, 0.5, 0.5, 0.05, 0.0, 0.0, 0.05, 0.5], writes=0) == []
    seen = turn(Monitor(Dial(), limits), [0.05, *[0.5] * 5, *[0.05] * 2, *[0.0] * 5], writes=0)
    assert seen == [
        ("alarm", "writes_high", 500), ("clear", "writes_high", 700), ("alarm", "writes_low", 1200)
    ]  # fmt: skip


def test_calibrated_limits_come_from_the_second_half_of_the_warm_up():
    monitor = Monitor(Dial(), Limits(window=100, warmup=1000, times=3.0, spread=0.0))
    assert turn(monitor, [50.0] * 5 + [2.0] * 5, loss=0) == []
    assert monitor.bounds["loss"] == pytest.approx(6.0) and monitor.bounds["norm_rise"] == pytest.approx(3.0)
    assert turn(monitor, [5.9, 6.1], loss=0) == [("alarm", "loss", 1200)]


def test_limits_are_checked():
    for wrong in (dict(window=0), dict(drift=float("nan")), dict(writes=(30, 2000)), dict(margin=1.0), dict(least=2.0)):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Limits(**wrong)


@pytest.mark.parametrize("name", ["writes", "rise"])
@pytest.mark.parametrize("pair", [(80, 30), (30, 80, 90), (30,), 5, None, "30", ("30", "80"), (30, math.nan)])
def test_a_pair_of_limits_is_two_numbers_in_order(name, pair):
    with pytest.raises(ConfigError, match=f"{name} must") as caught:
        Limits(**{name: pair})
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def recipe_run():
    """The recipe's memory after clean text; the alarms so far."""
    runner = Runner(RecipeEngine())
    events = list(runner.run(text_bytes()[:WARM]))
    return runner, events


@pytest.fixture(scope="module")
def language_run():
    """A language model after clean text; the events so far."""
    runner = Runner(LanguageEngine(healthy_model()), config=RunConfig(snapshot_every=1000))
    events = list(runner.run(text_bytes()[:WARM]))
    return runner, events


@pytest.fixture(scope="module")
def drills(recipe_run, language_run):
    """The alarms of each drill: name -> kinds."""
    found, clean = {}, text_bytes()[WARM:]
    for name, length in (("random_bytes", 400), ("repeated_string", 3200), ("flickering", 2800)):
        runner = copy.deepcopy(recipe_run[0])
        found[name] = list(runner.run(splice(clean[:100], STREAM_INCIDENTS[name](length), 50)))
    for name, spoil in {**MEMORY_INCIDENTS, "scaled_weight_more": lambda s: scaled_weight(s, factor=3e4)}.items():
        runner = copy.deepcopy(language_run[0])
        runner.replace(spoil(runner.state))
        found[name] = list(runner.run(clean[:200]))
    return {name: {event.kind for event in events if event.action == "alarm"} for name, events in found.items()}


def test_clean_text_is_quiet(recipe_run, language_run):
    assert recipe_run[1] == [] and language_run[1] == []
    runner = copy.deepcopy(recipe_run[0])
    assert list(runner.run(text_bytes()[WARM : WARM + 3000])) == []


def test_every_alarm_fires_in_some_drill(drills):
    assert set().union(*drills.values()) == set(ALARMS)


def test_each_drill_sets_off_what_it_should(drills):
    assert drills["random_bytes"] == {"loss", "writes_rise"}
    assert drills["repeated_string"] == {"writes_low"}
    assert drills["flickering"] == {"writes_high", "writes_rise"}
    assert drills["broken_weight"] == {"not_finite"}
    assert drills["zero_weights"] == {"dead"}


@pytest.mark.parametrize("name", ["flickering", "random_bytes"])
@pytest.mark.parametrize("length", [600, 1500])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sudden_rise_of_the_write_rate_alarms_while_it_lasts(recipe_run, name, length, seed):
    runner, clean = copy.deepcopy(recipe_run[0]), text_bytes()[WARM:]
    poison = STREAM_INCIDENTS[name](length, seed=seed)
    events = list(runner.run(splice(clean[:1000], poison, 50)))
    alarms = [event for event in events if event.kind == "writes_rise" and event.action == "alarm"]
    (alarm,) = alarms
    assert WARM + 50 < alarm.token <= WARM + 50 + length and alarm.value > alarm.limit
    assert alarm.cause == "the memory suddenly writes far more often than the warm-up showed"


def test_a_rise_is_a_rate_that_every_block_of_a_stretch_keeps_up():
    def wrote(*blocks: tuple[int, int]) -> torch.Tensor:  # (tokens, tokens from write to write)
        return torch.cat([(torch.arange(tokens) % every == 0).double() for tokens, every in blocks])

    steady = wrote((500, 5))  # 200 per 1,000
    assert rates(steady, 1) == [200.0, 200.0]
    assert rates(steady[:499], 1)[0] is None and rates(steady[:59], 1) == [None, None]
    burst = wrote((400, 20), (100, 1), (400, 20))  # 1,000 per 1,000 for 100 tokens
    assert rates(burst, len(burst)) == [pytest.approx(50.0), 1000.0]
    assert rates(burst, 100)[1] == pytest.approx(50.0, abs=5)  # only the stretches that end in the last tokens count
    assert calibrate([rates(steady, 1)] * 3, (125.0, 870.0)) == (200.0, 870.0)  # what is usual is no rise
    uneven = [[0.0, 1000.0 * (number == 0)] for number in range(20)]
    assert calibrate(uneven, (125.0, 870.0)) == (125.0, 1000.0)  # never above what was seen, or a full stretch
    assert calibrate([[None, 100.0 * (number % 9)] for number in range(20)], (125.0, 870.0)) == (125.0, 900.0)
    assert highest([130.0, 500.0], (125.0, 870.0)) == (130.0, 125.0) and highest([None, None], (1.0, 1.0)) is None


def test_the_recipes_limit_on_the_norm_sleeps_through_a_matrix_scaled_by_50(drills):
    assert "norm" not in drills["scaled_weight"] >= {"norm_rise", "loss"}
    assert drills["scaled_weight_more"] == {"norm", "norm_rise", "loss", "drift"}


def test_an_alarm_says_what_why_where_and_how_much(language_run):
    runner = copy.deepcopy(language_run[0])
    runner.replace(scaled_weight(runner.state))
    alarms = [event for event in runner.run(text_bytes()[:100]) if event.action == "alarm"]
    for event in alarms:
        assert event.value > event.limit > 0 and event.token == WARM + 100
        assert event.cause[0].islower() and "\n" not in event.cause


def test_incidents_change_nothing_in_place():
    engine = LanguageEngine(make_model("mag"))
    state = engine.start()
    before = [tensor.clone() for tensor in tensors(state)]
    for spoil in MEMORY_INCIDENTS.values():
        changed = spoil(state)
        differ = [not torch.equal(a, b) for a, b in zip(tensors(changed), before, strict=True)]
        assert sum(differ) == (2 if spoil is zero_weights else 1)  # momentum was at 0 before
    assert all(map(torch.equal, tensors(state), before))
    ids = torch.arange(5)
    assert splice(ids, torch.tensor([9, 9]), 2).tolist() == [0, 1, 9, 9, 2, 3, 4]
    assert torch.equal(random_bytes(50), random_bytes(50)) and not torch.equal(
        random_bytes(50), random_bytes(50, seed=1)
    )
    assert repeated_string(5, text="ab").tolist() == [97, 98, 97, 98, 97]
    assert torch.equal(flickering(100)[10:50], repeated_string(100)[10:50])


def test_prometheus_reads_what_the_monitor_shows(language_run):
    from prometheus_client.parser import text_string_to_metric_families

    runner = copy.deepcopy(language_run[0])
    runner.replace(scaled_weight(runner.state))
    list(runner.run(text_bytes()[:100]))
    monitor, samples = runner.monitor, {}
    for family in text_string_to_metric_families(to_prometheus(monitor)):
        for sample in family.samples:
            samples[sample.name, sample.labels.get("kind")] = sample.value
    metrics = monitor.metrics
    assert samples["titans_memory_norm", None] == metrics.norm > monitor.bounds["norm_rise"]
    assert samples["titans_memory_drift", None] == metrics.drift
    assert samples["titans_inner_loss", None] == metrics.loss
    assert samples["titans_writes_per_1k", None] == metrics.writes
    assert samples["titans_tokens_read", None] == WARM + 100
    assert {"norm_rise", "loss"} <= set(monitor.active)
    for kind in ALARMS:
        on = kind in monitor.active
        assert samples["titans_alarm_active", kind] == samples["titans_alarms_total", kind] == on


def test_counters_do_not_start_again_on_each_scrape(language_run):
    first = to_prometheus(language_run[0].monitor)
    time.sleep(0.01)
    assert to_prometheus(language_run[0].monitor) == first and "_created" not in first


def test_without_prometheus_client_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match="prometheus_client is not installed"):
        to_prometheus(Monitor(Dial()))


def test_a_monitor_that_has_seen_nothing_can_be_exported():
    assert "titans_memory_norm NaN" in to_prometheus(Monitor(Dial()))


def test_json_lines():
    events = [
        Event("alarm", "norm", "too large", 7, 9.5, 2.0),
        Event("alarm", "loss", "not finite", 8, float("nan"), float("inf")),
        Event("rollback", "snapshot", "back", 9),
    ]
    lines = [SimpleNamespace(**json.loads(event.to_json())) for event in events]
    assert [(line.kind, line.value, line.limit) for line in lines] == [
        ("norm", 9.5, 2.0), ("loss", None, None), ("snapshot", None, None)
    ]  # fmt: skip
