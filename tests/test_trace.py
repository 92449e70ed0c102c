"""Traces: lengths, summaries, and the way to CSV and JSON and back."""

import json
from dataclasses import replace

import numpy as np
import pytest

from titans_mini import ConfigError, MemoryConfig, SimulationConfig, Trace, simulate
from titans_mini.trace import COLUMNS

CONFIG = SimulationConfig(scenario="outliers", tokens=80, memory=MemoryConfig.preset("recipe", dim=8))


@pytest.fixture(scope="module", params=["normal", "diverged"])
def trace(request):
    wild = replace(CONFIG, eta=10.0, tau=0.0)
    made = simulate(CONFIG if request.param == "normal" else wild)
    assert (made.diverged_at is None) == (request.param == "normal")
    return made


def same(first: Trace, second: Trace) -> bool:
    return first.header() == second.header() and all(
        np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True) for name in ["tokens", *COLUMNS]
    )


def test_every_array_has_one_value_a_token(trace):
    assert all(getattr(trace, name).shape == (80,) for name in ["tokens", *COLUMNS])
    assert len(trace) == 80


@pytest.mark.parametrize("form", ["json", "csv"])
def test_there_and_back_loses_nothing(trace, form, tmp_path):
    path = tmp_path / f"trace.{form}"
    text = getattr(trace, f"to_{form}")(path)
    read = getattr(Trace, f"from_{form}")
    assert same(read(text), trace) and same(read(path), trace)


def test_json_is_strict(trace):
    json.loads(trace.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_frame_has_a_row_a_token(trace):
    frame = trace.to_frame()
    assert list(frame) == ["token", *COLUMNS]
    assert np.array_equal(frame["loss"], trace.loss, equal_nan=True)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "# {}\ntoken\n1\n", "nonsense", '{"settings": 3}'])
@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_is_no_trace_is_refused_in_one_line(text, form):
    with pytest.raises(ConfigError) as caught:
        getattr(Trace, f"from_{form}")(text)
    assert "\n" not in str(caught.value)


def test_summary_by_hand():
    trace = simulate(CONFIG)
    summary = trace.summary()
    assert summary["writes_per_1k"] == (trace.g_write > 0.5).sum() * 1000 / 80
    assert summary["loss_start"] == pytest.approx(trace.loss[:8].mean())
    assert summary["loss_end"] == pytest.approx(trace.loss[-8:].mean())
    assert summary["norm_end"] == trace.memory_norm[-1]
    assert set(trace.versions) == {"python", "torch", "numpy"}
