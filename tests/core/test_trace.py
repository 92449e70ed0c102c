"""Traces: lengths, summaries, and the way to CSV and JSON and back."""

import json
import os
import random
from dataclasses import replace

import numpy as np
import pytest
from corruption import corrupted

from titans_mini import ConfigError, MemoryConfig, SimulationConfig, Trace, simulate
from titans_mini.config import NORMALISER_NAMES, SCENARIO_NAMES
from titans_mini.data import make_stream
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


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_hundred_corruptions_are_refused_or_change_nothing(form, tmp_path):
    made, dice, path = simulate(CONFIG), random.Random(4), tmp_path / f"trace.{form}"
    getattr(made, f"to_{form}")(path)
    whole, refused = path.read_bytes(), 0
    for wrong in [b"[" * 100_000, b"# " + b'{"a":' * 100_000] + [corrupted(whole, dice) for _ in range(100)]:
        path.write_bytes(wrong)
        try:
            assert same(getattr(Trace, f"from_{form}")(path), made)  # such as a blank more
        except ConfigError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 2000
    assert refused >= 95


def changed(**parts):
    """A trace's JSON with some of its parts changed; a part of `columns` is named by its column."""
    content = json.loads(simulate(CONFIG).to_json())
    for name, value in parts.items():
        (content["columns"] if name in COLUMNS else content)[name] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        (dict(loss=[1.0] * 5), "loss must have one number for each of 80 tokens"),
        (dict(loss=1.0), "loss must have one number for each of 80 tokens"),
        (dict(tokens=[65] * 5), "must have one number for each of 5 tokens"),
        (dict(tokens=[300] * 80), "tokens must be whole numbers from 0 to 255"),
        (dict(tokens=[-1] * 80), "tokens must be whole numbers from 0 to 255"),
        (dict(tokens=[0.5] * 80), "tokens must be whole numbers from 0 to 255"),
        (dict(tokens=[10**400] * 80), "not a trace"),
        (dict(tokens=[[65]] * 80), "tokens must be whole numbers"),
        (dict(settings=[]), "not a trace"),
        (dict(events=[["a"]]), "not a trace"),
        (dict(norm_start="much"), "checksum does not fit"),
        (dict(diverged_at=10**6), "checksum does not fit"),
        (dict(seconds=None), "checksum does not fit"),
        (dict(versions=[]), "checksum does not fit"),
        (dict(format="another"), "checksum does not fit"),
    ],
)
def test_lengths_ranges_and_types_are_checked(parts, named):
    with pytest.raises(ConfigError, match=named) as caught:
        Trace.from_json(changed(**parts))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_or_written_is_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none", tmp_path / ("x" * 300)):
        for read in (Trace.from_json, Trace.from_csv):
            with pytest.raises(ConfigError, match="cannot be read"):
                read(path)
    with pytest.raises(ConfigError, match="cannot be written"):
        simulate(CONFIG).to_json(tmp_path / "none" / "trace.json")


def test_a_byte_order_mark_and_other_line_ends_change_nothing(tmp_path):
    made = simulate(CONFIG)
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + made.to_csv().replace("\n", "\r\n").encode())
    assert same(Trace.from_csv(tmp_path / "t.csv"), made)


def test_summary_by_hand():
    trace = simulate(CONFIG)
    summary = trace.summary()
    assert summary["writes_per_1k"] == (trace.g_write > 0.5).sum() * 1000 / 80
    assert summary["loss_start"] == pytest.approx(trace.loss[:8].mean())
    assert summary["loss_end"] == pytest.approx(trace.loss[-8:].mean())
    assert summary["norm_end"] == trace.memory_norm[-1]
    assert set(trace.versions) == {"python", "torch", "numpy"}


def silence(config: SimulationConfig) -> np.ndarray:
    """(t,) the loss of a memory that answers 0 to each token of the stream."""
    stream = make_stream(config.scenario, config.tokens, config.memory.dim, config.seed)
    return stream.values.square().sum(-1).double().numpy()


@pytest.mark.parametrize(
    ("changes", "depth"),
    [({"lam": 1e-2}, 2), ({"lam": 1e-2}, 3), ({"lam": 1.0}, 4), ({"lam": 1.0, "gate": "constant"}, 2)],
)
def test_a_dead_memory_is_silent_and_gets_no_gradient_from_that_token_on(changes, depth):
    config = SimulationConfig(**changes).with_memory(depth=depth)
    trace = simulate(config)
    start, summary = trace.dead_at, trace.summary()
    assert (summary["state"], summary["dead_at"]) == ("dead", start) and 0 < start < 1000
    np.testing.assert_allclose(trace.loss[start:], silence(config)[start:], rtol=1e-6)
    assert trace.raw[start:].max() < 1e-3 * trace.raw[0]
    assert config.gate == "constant" or not (trace.g_write[start:] > 0.5).any()
    early = simulate(replace(config, tokens=max(1, start // 2)))
    assert early.state == "alive"


def test_a_memory_dies_within_the_articles_range_of_lambda():
    trace = simulate(SimulationConfig(lam=1e-3, scenario="steady", tokens=12_000))
    assert trace.state == "dead" and trace.summary()["loss_end"] > 0.99
    assert simulate(replace(trace.settings, lam=1e-4)).state == "alive"


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("scenario", SCENARIO_NAMES)
def test_no_memory_at_the_defaults_is_called_dead(scenario, depth):
    for normaliser in NORMALISER_NAMES:
        config = SimulationConfig(scenario=scenario, normaliser=normaliser, tokens=600).with_memory(depth=depth)
        trace = simulate(config)
        assert trace.state != "dead", (scenario, normaliser, depth)


def test_who_has_learnt_all_fades_to_the_start_or_has_one_matrix_is_not_dead():
    learnt = simulate(SimulationConfig(scenario="steady", normaliser="fixed", lam=0.0, tokens=4000))
    assert learnt.state == "alive" and learnt.summary()["loss_end"] < 0.05
    for lam in (1e-2, 1.0):
        assert simulate(SimulationConfig(lam=lam).with_memory(decay="start")).state == "alive"
        single = simulate(SimulationConfig(lam=lam).with_memory(depth=1))
        assert single.state == "alive" and single.summary()["dead_at"] is None
    ends_in_silence = simulate(SimulationConfig(scenario="silence", tokens=1000))
    tail = replace(ends_in_silence, **{name: getattr(ends_in_silence, name)[:600] for name in ["tokens", *COLUMNS]})
    assert tail.loss[-1] == 0.0 and tail.state == "alive"


def test_the_state_survives_the_file_and_a_diverged_run_is_not_dead(trace):
    dead = simulate(SimulationConfig(lam=1e-2))
    assert Trace.from_json(dead.to_json()).dead_at == Trace.from_csv(dead.to_csv()).dead_at == dead.dead_at
    assert trace.summary()["state"] == ("alive" if trace.diverged_at is None else "diverged")
    assert trace.dead_at is None
