"""The experiments of lesson 06: what they report is what happened, and the swap on DNA is two lines."""

import difflib
import math

import numpy as np
import pytest
import torch

from titans_course.figures.spread import spread_figure
from titans_course.studies import rules as experiments
from titans_course.studies.next_base import MODEL, build, fit, frozen, held_out_bits, swap
from titans_course.studies.rules import (
    SEEDS,
    SeedRange,
    ages,
    capacity,
    coins,
    outliers,
    privacy,
    read_streams,
    speed,
)
from titans_course.studies.streams import make_pairs
from titans_mini import ConfigError
from titans_mini.miras import MirasConfig, run
from titans_mini.threads import one_thread


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


def test_spread_names_the_seeds_range_and_hides_no_failure():
    assert str(SeedRange.of([0.1, 0.5, 0.3])) == "0.30 (0.10 to 0.50)"
    assert str(SeedRange.of([0.9, 0.9, math.nan])) == str(SeedRange.of([0.9, 0.9, -1e30])) == "blew up"
    assert max(SeedRange.of([0.9, 0.9, math.nan]), SeedRange.of([0.2, 0.2, 0.2])).mean == pytest.approx(0.2)


@pytest.mark.parametrize("names", ["mlp l2 decay momentum constant", "matrix l2 lq gd constant"])
def test_rows_read_together_are_those_read_alone(names):
    config = MirasConfig(*names.split(), theta=0.05)
    streams = [make_pairs(kind, tokens=12, dim=4, pairs=3, seed=seed) for seed, kind in enumerate(("noise", "clean"))]
    together = read_streams(config, streams)
    for seed, stream in enumerate(streams):
        alone = run(config, stream.keys, stream.values, seed=seed)
        np.testing.assert_allclose(together.reads[seed], alone.reads, rtol=0, atol=1e-10)
        np.testing.assert_allclose(together.recalled[seed], alone.recalled, rtol=0, atol=1e-10)


def test_recall_is_one_for_the_truth_zero_for_silence_and_below_for_the_opposite():
    truth = make_pairs(tokens=5, dim=3).clean
    assert [experiments.recall(scale * truth, truth) for scale in (1, 0, -1)] == pytest.approx([1, 0, -3])


def test_robust_losses_survive_outliers():
    rows = {(row["share"], row["bias"]): row["recall"] for row in outliers((0.0, 0.2), tokens=120)}
    for bias in ("l2", "huber", "switch"):
        assert rows[0.0, bias].low > 0.9
    assert min(rows[0.2, "huber"].low, rows[0.2, "switch"].low) > rows[0.2, "l2"].high + 0.3


def test_a_matrix_holds_its_width_and_a_vector_nothing():
    rows = capacity(("vector, 8 wide", "matrix, 8 wide", "matrix, 16 wide"), (8, 16), thetas=(0.3,))
    held = {(row["memory"], row["pairs"]): row["held"] for row in rows}
    assert held["matrix, 8 wide", 8] == held["matrix, 16 wide", 8] == SeedRange(8, 8, 8)
    assert held["matrix, 16 wide", 16] == SeedRange(16, 16, 16)
    assert held["matrix, 8 wide", 16].high < 8 and held["vector, 8 wide", 8].high == 0
    assert [row["weights"] for row in rows[::2]] == [8, 64, 256]


def test_best_of_several_steps_is_the_best_of_each_alone():
    each = [capacity(("mlp 8-32-8",), (16,), thetas=(theta,), shows=6)[0]["held"].mean for theta in (0.02, 0.2)]
    assert each[0] != each[1]
    assert capacity(("mlp 8-32-8",), (16,), thetas=(0.02, 0.2), shows=6)[0]["held"].mean == max(each)


def test_a_power_answers_the_least_mean_loss_of_a_coin():
    grid = np.linspace(0, 1, 2001)
    for row in coins((1.5, 2, 4), chance=0.3, theta=0.02):
        loss = 0.7 * grid ** row["p"] + 0.3 * (1 - grid) ** row["p"]  # searched, where `limit` is solved
        assert row["limit"] == pytest.approx(grid[loss.argmin()], abs=1e-3)
        assert row["answer"].low - 0.05 < row["limit"] < row["answer"].high + 0.05
    assert coins((1,))[0]["answer"].mean < 0.02


def test_forgetting_clears_old_noise_and_the_newest_are_known_best():
    rows = {row["retention"]: row["quarters"] for row in ages(("none", "decay 0.05"), thetas=(0.5,))}
    for quarters in rows.values():
        assert len(quarters) == 4 and quarters[3].low > max(spread.high for spread in quarters[:3])
    assert rows["none"][0].high < 0 and rows["decay 0.05"][0].mean > rows["none"][0].mean + 0.2
    assert str(ages(("none",), thetas=(2.0,))[0]["quarters"][0]) == "blew up"


def test_noise_costs_recall_and_buys_privacy():
    pytest.importorskip("opacus")
    none, little, much = privacy((0.0, 0.1, 1.0), tokens=80)
    assert none["epsilon"] == math.inf and little["epsilon"] > 10 * much["epsilon"] > 0
    assert abs(none["recall"].mean - little["recall"].mean) < 0.1 and much["recall"].high < little["recall"].low - 0.1
    assert privacy((1.0,), tokens=4, writes=10)[0]["epsilon"] > much["epsilon"]


def test_one_full_step_is_exact_for_keys_at_right_angles_and_not_for_skewed_ones():
    (even,), (skewed,) = speed(("gd",)), speed(("gd",), skew=10.0)
    streams = [make_pairs(tokens=48, dim=16, pairs=16, seed=seed) for seed in SEEDS]
    assert even["theta"] == 0.5 and even["recall"].low > 1 - 1e-9 and len(streams) == 3
    assert skewed["recall"].high < 0.9
    single = [speed(("momentum 0.9",), thetas=(theta,))[0]["recall"] for theta in (0.03, 0.3)]
    (best,) = speed(("momentum 0.9",), thetas=(0.03, 0.3))
    assert best["recall"] == max(single) != min(single)


def changed_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))[2:]
    return [[line for line in lines if line.startswith(sign)] for sign in "-+"]


def test_the_swap_is_two_changed_lines_and_runs():
    removed, added = changed_lines(MODEL, swap())
    assert len(removed) == len(added) == 2 and len(MODEL.splitlines()) == len(swap().splitlines())
    shapes = {}
    for source in (MODEL, swap()):
        model = build(source)
        before = [weight.clone() for weight in model.memory.parameters()]
        bits = fit(model, steps=2, rows=2, length=32)
        assert np.isfinite(bits).all()
        moved = [not torch.equal(*pair) for pair in zip(before, model.memory.parameters(), strict=True)]
        assert all(moved)
        shapes[source] = [tuple(weight.shape[1:]) for weight in model.memory.rule.draw(1)]
    assert shapes[MODEL] == [(32, 8), (8, 32)]
    assert shapes[swap()] == [(8, 1, 5), (8, 8, 5), (1, 8, 5)]  # three convolutions


def test_one_changed_line_would_run_too():
    model = build(MODEL.replace('"mlp"', '"cnn"'))
    assert np.isfinite(fit(model, steps=1, rows=1, length=8)).all()


def test_bars_of_a_figure_reach_from_the_lowest_seed_to_the_highest():
    rows = [dict(x=x, kind=kind, got=SeedRange(x, x - 1, x + 2)) for kind in "ab" for x in (1.0, 5.0)]
    figure = spread_figure(rows, "got", x="x", name="kind")
    assert [curve.name for curve in figure.data] == ["a", "b"]
    for curve in figure.data:
        assert list(curve.x) == list(curve.y) == [1.0, 5.0]
        assert list(curve.error_y.array) == [2, 2] and list(curve.error_y.arrayminus) == [1, 1]


def test_a_source_without_the_lines_is_refused():
    for source in (swap(), MODEL.replace("theta = 0.1", "theta = 0.3"), MODEL + '\narchitecture = "mlp"\n'):
        with pytest.raises(ConfigError, match="must have the line"):
            swap(source)


def test_training_is_seeded_and_lowers_the_bits_of_a_repeating_text(monkeypatch):
    bases = torch.tensor([0, 1, 2, 3, 3, 1]).repeat(200)
    monkeypatch.setattr("titans_course.studies.next_base.dna_bases", lambda held_out=False: bases)
    runs = [fit(build(MODEL, seed), steps=20, seed=seed) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    assert np.mean(runs[0][-3:]) < np.mean(runs[0][:3]) - 0.3


def test_bits_of_an_even_guess_are_two_and_of_a_constant_answer_the_genomes_own():
    model = build(MODEL)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
    assert held_out_bits(model) == pytest.approx(2, abs=1e-6)


def test_a_frozen_copy_knows_the_last_bases_alone():
    """A convolution of 4 taps sees 4 bases; what is older can only have been written."""
    torch.manual_seed(0)
    model = build(MODEL).double()
    ids = torch.randint(0, 4, (1, 24))
    other = ids.clone()
    other[0, 0] = (ids[0, 0] + 1) % 4
    with torch.no_grad():
        still = frozen(model)
        assert (still(ids) - still(other)).abs()[:, 4:].max() == 0
        assert (model(ids) - model(other)).abs()[:, 4:].max() > 1e-9
