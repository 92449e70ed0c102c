"""Measures by hand on small traces, and the verdict of every row of the failure gallery."""

from dataclasses import replace

import numpy as np
import pytest

from titans_course.studies import measures
from titans_course.studies.gallery import FAILURES, examine, failure_settings
from titans_mini import ConfigError, MemoryConfig, SimulationConfig, simulate

TRACE = simulate(SimulationConfig(scenario="novelty_burst", tokens=60, memory=MemoryConfig.preset("recipe", dim=8)))


def with_columns(**columns):
    return replace(TRACE, **{name: np.asarray(series, dtype=float) for name, series in columns.items()})


def test_writes_are_counted_over_the_last_window():
    trace = with_columns(g_write=[1, 0, 1, 1, 0, 0])
    assert measures.write_frequency(trace, window=2).tolist() == [1000, 500, 500, 1000, 500, 0]


def test_total_variation_of_a_zigzag():
    trace = with_columns(momentum=np.arange(60) % 2)
    assert measures.total_variation(trace) == pytest.approx(1000)


def test_delay_counts_from_the_event():
    start = TRACE.events[0].start
    opens = np.zeros(60)
    opens[start + 4 :] = 1
    assert measures.delay(with_columns(g_write=opens)) == 4
    assert measures.delay(with_columns(g_write=np.zeros(60))) == measures.STEP_WINDOW
    with pytest.raises(ConfigError, match="no event"):
        measures.delay(replace(TRACE, events=()))


def test_norm_growth_and_recall():
    trace = replace(with_columns(memory_norm=np.full(60, 6.0), loss_after=np.full(60, 0.25)), norm_start=2.0)
    assert measures.norm_growth(trace) == 3
    assert measures.recall_of_old(trace) == 0.75
    assert measures.norm_growth(replace(trace, diverged_at=5)) == float("inf")


def test_memory_bytes_are_those_of_the_weights():
    assert measures.memory_bytes(TRACE) == 2 * (8 * 32) * 4


EXPECTED = {
    "tau_low": "not seen",
    "tau_high": "seen",
    "beta_small": "seen",
    "beta_large": "seen",
    "lam_small": "not possible",
    "lam_large": "dead",
    "lam_start": "seen",
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_row_has_the_verdict_that_the_lessons_teach(name):
    finding = examine(name)
    assert finding.outcome == EXPECTED[name], str(finding)
    assert finding.failure.rule in str(finding) and finding.outcome in str(finding)
    assert measures.memory_bytes(finding.trace) == measures.memory_bytes(finding.default)


def test_a_dead_memory_is_not_called_forgetful_and_decay_to_the_start_keeps_it_alive():
    dead, living = (examine(name) for name in ("lam_large", "lam_start"))
    assert dead.failure.seen(dead.value, dead.default_value)  # what it knew is lost, too, but that is not all
    assert dead.trace.state == "dead" and living.trace.state == "alive"
    loss = dead.trace.summary()["loss_end"]
    assert living.trace.summary()["loss_end"] < 0.9 * loss and living.trace.summary()["writes_per_1k"] > 20
    assert (
        examine("lam_large", lam=1e-3).outcome == "seen"
    )  # the upper end of the article's range: it forgets, and lives
    assert examine("lam_large", tokens=300).trace.state == "alive"  # not yet


def test_a_low_threshold_writes_everything_and_still_does_not_explode():
    finding = examine("tau_low")
    assert measures.writes_per_1k(finding.trace) == 1000
    assert finding.value < 1.5


@pytest.mark.parametrize("name", FAILURES)
def test_every_rule_can_say_both(name):
    seen = FAILURES[name].seen
    if seen is not None:
        assert {seen(value, 1.0) for value in (0.0, 1e6)} == {True, False}


def test_one_click_keeps_the_other_settings():
    settings = failure_settings("lam_large", SimulationConfig(tokens=77, seed=5))
    assert (settings.lam, settings.tokens, settings.seed) == (1e-2, 77, 5)
    with pytest.raises(ConfigError, match="failure must be one of tau_low"):
        failure_settings("nonsense")
