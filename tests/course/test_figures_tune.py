"""Figures of a search: what is drawn is what is in its table."""

from dataclasses import replace

import numpy as np
import pytest

from titans_course.figures import tune as figures_tune
from titans_mini import ConfigError
from titans_mini.tune import TuneConfig, Tuning
from titans_mini.tune.search import setting_of
from titans_mini.tune.store import Setting

CONFIG = TuneConfig(tokens=100, final_tokens=100, seeds=2, tau=(0.1, 0.2, 0.3), beta=(0.5,), lam=(1e-4, 1e-3))


def score(setting: Setting, seed: int) -> float:
    return 0.5 + abs(setting.tau - 0.2) + 100 * setting.lam + 0.3 * (setting.depth - 1) + 0.01 * seed


def search(config=CONFIG, scored=score):
    numbers = {"tokens": 100, "writes_per_1k": 1.0, "norm_end": 1.0, "diverged_at": None, "seconds": 0.1}
    pairs = [(setting, seed) for setting in config.settings() for seed in range(config.seeds)]
    return Tuning(config, [{**s._asdict(), "seed": n, "score": scored(s, n), **numbers} for s, n in pairs], True)


def test_a_cell_is_the_best_over_the_other_parameters():
    across, down, grid = figures_tune.cells(search().table("coarse"), "tau", "lam", "loss")
    assert (across, down) == ([0.1, 0.2, 0.3], [1e-4, 1e-3])
    expected = [[score(Setting(tau, 0.5, lam, 1e-3, 1), 0.5) for tau in across] for lam in down]  # depth 1 is better
    np.testing.assert_allclose(grid, expected)
    grid = figures_tune.cells(search().table("coarse"), "tau", "lam", "recall")[2]  # here high is good: depth 2
    np.testing.assert_allclose(grid, np.array(expected) + 0.3)


def test_a_cell_whose_runs_all_diverged_is_empty():
    found = search(scored=lambda s, seed: None if s.tau == 0.1 else score(s, seed))
    grid = figures_tune.cells(found.table("coarse"), "tau", "lam", "loss")[2]
    assert np.isnan(grid[:, 0]).all() and np.isfinite(grid[:, 1:]).all()


def test_there_is_a_map_for_each_pair_that_varies_and_a_ring_on_the_best():
    figure = figures_tune.heat_maps(search().table("coarse"), "loss")
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    titles = {(figure.layout[f"xaxis{i}"].title.text, figure.layout[f"yaxis{i}"].title.text) for i in ("", 2, 3)}
    assert len(maps) == 3 and titles == {("tau", "lambda"), ("tau", "depth"), ("lambda", "depth")}
    ring = figure.data[1]
    assert (ring.x, ring.y) == (("0.2",), ("0.0001",))


def test_one_parameter_makes_no_map():
    with pytest.raises(ConfigError, match="at least 2 parameters"):
        figures_tune.heat_maps(search(replace(CONFIG, lam=(1e-4,), depth=(1,))).table(), "loss")


def test_a_map_alone_has_the_colours_and_cells_of_all():
    lines = search().table("coarse")
    every, one = figures_tune.heat_maps(lines, "loss"), figures_tune.heat_maps(lines, "loss", pairs=[("tau", "depth")])
    for end in ("cmin", "cmax"):
        assert one.layout.coloraxis[end] == every.layout.coloraxis[end]
    assert len([trace for trace in one.data if trace.type == "heatmap"]) == 1
    np.testing.assert_array_equal(one.data[0].z, figures_tune.cells(lines, "tau", "depth", "loss")[2])
    assert figures_tune.varied(lines) == ["tau", "lam", "depth"]


def test_noise_is_drawn_per_seed_and_ties_stand_out():
    noisy = lambda s, seed: score(s, seed) + (0.2 * seed if s.tau == 0.1 else 0.0)  # noqa: E731
    found = search(replace(CONFIG, lam=(1e-4,), depth=(1,)), noisy)
    figure = figures_tune.noise_figure(found)
    means, seeds = figure.data
    lines = found.table()
    assert list(means.x) == [line["mean"] for line in lines] and list(means.error_x.array) == pytest.approx(
        [line["spread"] for line in lines]
    )
    assert sorted(seeds.x) == sorted(row["score"] for row in found.rows)
    expected = [figures_tune.TIE if line["tie"] else figures_tune.BEHIND for line in lines]
    assert list(means.marker.color) == expected and len(set(expected)) == 2
    assert list(means.y) == [str(setting_of(line)) for line in lines]


def test_short_labels_name_what_varies_alone():
    found = search(replace(CONFIG, depth=(1,)))
    figure = figures_tune.noise_figure(found, short=True)
    assert list(figure.data[0].y)[:2] == ["0.2, 0.0001", "0.2, 0.001"]
    assert figure.layout.yaxis.title.text == "tau, lambda" and figure.layout.xaxis.title.text == "loss"
    alone = search(replace(CONFIG, tau=(0.2,), lam=(1e-4,), depth=(1,)))
    assert list(figures_tune.noise_figure(alone, short=True).data[0].y) == ["0.2, 0.5, 0.0001, 0.001, 1"]


def test_stages_are_laid_against_each_other():
    short, long = search(), search(scored=lambda s, seed: -score(s, seed))
    pick = setting_of(short.table()[4])
    kept, left, best, mark = figures_tune.stages_figure(short, long, 3, pick=pick).data
    assert len(kept.x) == 3 and len(left.x) == 9 and max(kept.x) <= min(left.x)
    np.testing.assert_allclose([*kept.y, *left.y], [-x for x in (*kept.x, *left.x)])
    assert best.x[0] == pytest.approx(max(left.x)) and mark.x[0] == pytest.approx(short.table()[4]["mean"])
    assert len(figures_tune.stages_figure(short, long, 3).data) == 3


def test_a_grid_of_ones_own_is_marked():
    figure = figures_tune.saving_figure(10_000, 100_000, 3, own=12)
    assert figure.data[-1].x[0] == 12 and figure.data[-1].y[0] == pytest.approx(0.65)
    assert figures_tune.saving_figure(10_000, 100_000, 3, own=2).data[-1].y[0] == 0


def test_the_saving_reaches_80_percent_at_30_settings():
    curve, mark = figures_tune.saving_figure(10_000, 100_000, 3).data
    assert list(mark.x) == [30] and mark.y[0] == pytest.approx(0.8) and curve.y[28] < 0.8
    assert len(figures_tune.saving_figure(50_000, 100_000, 3).data) == 1  # half the length: never
