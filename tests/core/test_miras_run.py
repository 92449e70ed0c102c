"""run, the streams of pairs, the settings and the printed table."""

import numpy as np
import pytest

from titans_course.studies.streams import KINDS, make_pairs
from titans_mini import ConfigError, MemoryConfig
from titans_mini.cli.miras import miras_table
from titans_mini.miras import KNOBS, PRESETS, MirasConfig, allowed, refused, run, table

DELTA = MirasConfig("matrix", "l2", "none", "gd", "constant", theta=0.5)


def test_the_delta_rule_holds_as_many_pairs_as_it_has_features_and_no_more():
    misses = {}
    for pairs in (4, 8, 24):
        stream = make_pairs(tokens=400, dim=8, pairs=pairs)
        trace = run(DELTA, stream.keys, stream.values)
        misses[pairs] = np.square(trace.recalled - stream.clean).sum(1).mean() / np.square(stream.clean).sum(1).mean()
        last = np.square(trace.reads - stream.values).sum(1)
        assert last.max() < 1e-10  # unit keys at theta 1/2: the newest pair is always exact
    assert misses[4] < 1e-10 and misses[8] < 1e-10 and misses[24] > 0.3


def test_a_robust_bias_survives_outliers_that_l2_does_not():
    stream = make_pairs("outliers", tokens=300, pairs=4, amount=0.1)
    misses = []
    for bias in ("l2", "huber"):
        config = MirasConfig("matrix", bias, "none", "gd", "constant", theta=0.1)
        trace = run(config, stream.keys, stream.values)
        misses.append(np.square(trace.reads - stream.clean).sum(1)[50:].mean())
    assert stream.marked.sum() > 10 and misses[1] < misses[0] / 3


def test_forgetting_follows_a_drift_of_an_overloaded_sum():
    stream = make_pairs("drift", tokens=300, pairs=2, amount=0.05)
    misses = []
    for retention, number in (("none", None), ("decay", 0.2)):
        config = MirasConfig("matrix", "dot", retention, "gd", "constant", theta=0.2, retention_number=number)
        trace = run(config, stream.keys, stream.values)
        toward = (
            (trace.reads * stream.clean).sum(1)
            / np.linalg.norm(trace.reads, axis=1)
            / np.linalg.norm(stream.clean, axis=1)
        )
        misses.append(toward[100:].mean())
    assert misses[1] > misses[0] + 0.2


def test_what_a_trace_holds():
    stream = make_pairs(tokens=20, dim=6)
    trace = run(MirasConfig.preset("titans"), stream.keys, stream.values, memory=MemoryConfig(dim=6, chunk=8))
    for name in ("loss", "surprise", "memory_norm", "theta", "eta", "alpha"):
        column = getattr(trace, name)
        assert column.shape == (20,) and np.isfinite(column).all()
    assert trace.reads.shape == trace.recalled.shape == (20, 6) and trace.fast and trace.diverged_at is None
    again = run(MirasConfig.preset("titans"), stream.keys, stream.values, memory=MemoryConfig(dim=6, chunk=8))
    assert np.array_equal(again.reads, trace.reads)
    asked = run(DELTA, stream.keys, stream.values, stream.keys[::-1].copy())
    assert not np.allclose(asked.reads, run(DELTA, stream.keys, stream.values).reads)


def test_a_run_that_diverges_names_the_token():
    stream = make_pairs(tokens=300, dim=8, pairs=1)
    trace = run(MirasConfig("matrix", "l2", "none", "gd", "constant", theta=10.0), stream.keys, stream.values)
    assert 0 < trace.diverged_at < 300
    assert np.isfinite(trace.loss[: trace.diverged_at]).all() and np.isnan(trace.loss[trace.diverged_at :]).all()
    stable = run(MirasConfig("matrix", "l2", "none", "implicit", "constant", theta=10.0), stream.keys, stream.values)
    assert stable.diverged_at is None and stable.loss[-50:].mean() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_streams_repeat_and_say_what_is_true(kind):
    stream, again, other = (make_pairs(kind, tokens=300, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(stream, again, strict=True))
    assert not np.array_equal(stream.keys, other.keys)
    np.testing.assert_allclose(np.linalg.norm(stream.keys, axis=1), 1)
    assert len({row.tobytes() for row in stream.keys}) == 4
    changed = (stream.values != stream.clean).any(1)
    assert changed.all() if kind == "noise" else np.array_equal(changed, stream.marked)
    steps = [np.ptp(stream.clean[stream.pair == pair], axis=0).max() for pair in range(4)]
    assert min(steps) > 0.1 if kind == "drift" else max(steps) == 0


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (dict(kind="storm"), "kind"),
        (dict(tokens=0), "tokens"),
        (dict(dim=0), "dim"),
        (dict(pairs=2.5), "pairs"),
        (dict(kind="outliers", amount=1.5), "amount"),
        (dict(seed=-1), "seed"),
    ],
)
def test_bad_stream_settings_are_named(settings, word):
    with pytest.raises(ConfigError, match=word):
        make_pairs(**settings)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (dict(theta=-1), "theta"),
        (dict(alpha=2), "alpha"),
        (dict(bias="lp", bias_number=0.5), r"bias_number \(p\)"),
        (dict(bias="l2", bias_number=1.0), "bias_number must be left out"),
        (dict(retention="lq", algorithm="gd", retention_number=float("nan")), r"retention_number \(q\)"),
        (dict(algorithm="multistep", algorithm_number=2.5), r"algorithm_number \(steps\)"),
    ],
)
def test_bad_numbers_are_named(settings, word):
    with pytest.raises(ConfigError, match=word):
        MirasConfig(**settings)


def test_bad_inputs_are_named():
    good = np.ones((3, 4))
    for keys, values, word in ((good, good[:2], "values"), (good[0], good, "keys"), (good * np.nan, good, "keys")):
        with pytest.raises(ConfigError, match=word):
            run(DELTA, keys, values)
    with pytest.raises(ConfigError, match="memory"):
        run(DELTA, good, good, memory=MemoryConfig(dim=5))
    with pytest.raises(ConfigError, match="preset"):
        MirasConfig.preset("nonsense")


def test_the_table_names_every_choice_and_counts_the_combinations():
    rows = table()
    assert [(row["knob"], row["name"]) for row in rows] == [(k, name) for k, names in KNOBS.items() for name in names]
    assert all(row["what"] and row["formula"] and row["reference"] for row in rows)
    text = miras_table()
    for word in (*(row["name"] for row in rows), *PRESETS, *{why for _, why in refused()}, str(len(allowed()))):
        assert word in text
