"""A search step by step, its price in seconds, its command, and what a short stage is worth."""

import argparse
import math
from dataclasses import fields, replace

import numpy as np
import pytest

from titans_course.language import tell
from titans_course.studies import duration as tune_time
from titans_course.studies.duration import Clock, Speed, seconds_left
from titans_course.studies.tuning import (
    T_95,
    best_by,
    command,
    full_grids,
    means,
    order,
    part,
    rank_correlation,
    settings_needed,
    so_far,
    stand,
)
from titans_mini import ConfigError, simulation
from titans_mini.cli.tune import add_tune
from titans_mini.tune import TuneConfig, Tuning, run_job, steps, tune
from titans_mini.tune.search import Job
from titans_mini.tune.store import Setting, Store, setting_of

SMALL = TuneConfig(
    tokens=100, final_tokens=200, keep=2, seeds=2, tau=(0.1, 0.9), beta=(0.5,), lam=(1e-4, 0.5), depth=(1, 2), width=4
)
SPEEDS = {1: Speed(1e-3, 1e-4), 2: Speed(2e-3, 1e-3)}


def scores(found: Tuning) -> list[float]:
    return [row["score"] for row in found.rows]


def test_steps_count_batches_and_tokens_and_end_with_what_tune_finds():
    walk = list(steps(SMALL, Store()))
    assert [(step.stage, step.left) for step in walk[:5]] == [("coarse", left) for left in (4, 3, 2, 1, 0)]
    assert [step.done for step in walk[:5]] == [0, 400, 800, 1200, 1600]
    last = walk[-1]
    assert last.stage == "final" and last.left == 0 and last.done == last.total == SMALL.cost().two_stage
    assert scores(last.found) == scores(tune(SMALL))
    assert [step.found.complete for step in walk] == [False] * (len(walk) - 1) + [True]


def test_a_search_that_was_left_goes_on_with_its_store():
    store = Store()
    walk = steps(SMALL, store)
    for _ in range(3):
        next(walk)
    walk.close()
    part_found = so_far(SMALL, store)
    assert len(part_found.rows) == len(store.rows) == 8 and not part_found.complete
    assert next(steps(SMALL, store)).left == 2
    assert scores(list(steps(SMALL, store))[-1].found) == scores(tune(SMALL))
    assert so_far(SMALL, store).complete and so_far(replace(SMALL, seeds=1), store).config.seeds == 1
    assert so_far(replace(SMALL, seeds=3), store).rows == so_far(SMALL, store).rows[:16]


def test_nothing_to_run_needs_no_process_and_is_never_stopped(tmp_path):
    pytest.importorskip("joblib")
    first = tune(replace(SMALL, depth=(1,)), folder=tmp_path)
    again = tune(replace(SMALL, depth=(1,)), folder=tmp_path, workers=2, stop=lambda: True)
    assert again.complete and again.rows == first.rows


def test_beats_tell_the_tokens_read_and_can_end_a_batch(monkeypatch):
    monkeypatch.setattr(simulation, "STRETCH", 2 * 64)
    told = []
    setting = Setting(0.3, 0.7, 1e-4, 1e-3, 1)
    job = Job((setting, setting._replace(tau=0.5)), 0, 200, "loss", 4, None)
    rows = run_job(job, lambda given, read: told.append((given, read)))
    assert told == [(job, read) for read in (64, 128, 192, 200)]
    quiet = run_job(job)
    assert [row["score"] for row in rows] == [row["score"] for row in quiet]

    def enough(given, read):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        list(steps(SMALL, store := Store(), beat=enough))
    assert not store.rows


def test_the_command_is_read_back_as_the_same_search():
    parser = argparse.ArgumentParser()
    add_tune(parser.add_subparsers())
    for config in (TuneConfig(), SMALL, replace(SMALL, objective="recall", lam=(1 / 3, 1e-7), depth=(4,))):
        options = parser.parse_args(command(config).split()[1:])
        assert TuneConfig(**{field.name: getattr(options, field.name) for field in fields(TuneConfig)}) == config


def test_seconds_are_those_of_the_batches_to_come():
    one = replace(SMALL, depth=(1,), final_tokens=100)  # 2 seeds, each one batch of 4 settings over 100 tokens
    assert seconds_left(one, SPEEDS) == pytest.approx(2 * 100 * (1e-3 + 4 * 1e-4))
    list(steps(one, store := Store()))
    assert seconds_left(one, SPEEDS, store.rows) == 0
    two = replace(SMALL, depth=(1,), keep=3)
    assert seconds_left(two, SPEEDS) == pytest.approx(0.28 + 2 * 200 * (1e-3 + 3 * 1e-4))
    kept = [Setting(0.1, 0.5, 1e-4, 1e-3, 2)]
    assert seconds_left(SMALL, SPEEDS, (), kept) == pytest.approx(0.28 + 2 * 100 * 6e-3 + 2 * 200 * 3e-3)


def test_speed_is_solved_from_two_runs(monkeypatch):
    monkeypatch.setattr(tune_time, "_timed", lambda configs: 1.28 + 0.64 * len(configs))
    speed = tune_time.measure(4, 2)
    assert speed == pytest.approx((0.01, 0.005))
    assert speed.seconds(10, 100) == pytest.approx(100 * 0.06)
    monkeypatch.undo()
    assert tune_time.measure(4, 1).seconds(1, 1000) > 0


def test_the_clock_never_goes_back_and_ends_at_nothing(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tune_time.time, "perf_counter", lambda: now[0])
    config = replace(SMALL, tau=(0.1, 0.5, 0.9), depth=(1,), seeds=6)  # 6 batches a stage, all alike
    store, clock, shares = Store(), Clock(config, SPEEDS), []
    for step in steps(config, store):
        clock.step(step, store.rows)
        now[0] = 2 * clock.spent  # a machine at half the speed
        share, left = clock.now()
        assert left == pytest.approx(clock.left * (2 if share > tune_time.TRUSTED else 1))
        shares.append(share)
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 1) and left == 0
    inside = Job((Setting(0.1, 0.5, 1e-4, 1e-3, 1),), 0, 200, "loss", 4, None)
    fresh = Clock(SMALL, SPEEDS)
    assert fresh.now(inside, 100)[1] == pytest.approx(fresh.left - 100 * 1.1e-3)


def grid(values: dict[float, list], objective: str = "recall") -> Tuning:
    """A full grid over tau with these scores on each seed."""
    count = len(next(iter(values.values())))
    config = TuneConfig(objective, 100, 100, seeds=count, tau=tuple(values), beta=(0.5,), lam=(1e-4,), depth=(1,))
    numbers = {"tokens": 100, "writes_per_1k": 1.0, "norm_end": 1.0, "diverged_at": None, "seconds": 0.1}
    rows = [
        {**Setting(tau, 0.5, 1e-4, 1e-3, 1)._asdict(), "seed": seed, "score": score, **numbers}
        for tau, line in values.items()
        for seed, score in enumerate(line)
    ]
    return Tuning(config, rows, True)


SHORT = grid({0.1: [0.9, 0.9], 0.2: [0.7, 0.9], 0.3: [0.5, 0.5], 0.4: [0.4, 0.4]})
LONG = grid({0.1: [0.2, 0.2], 0.2: [0.3, 0.3], 0.3: [0.4, 0.4], 0.4: [0.1, 0.1]})


def test_two_stages_are_judged_by_the_full_grid():
    found = stand(SHORT, LONG, keep=2)
    assert (found.place, found.needed, found.kept) == (3, 3, False)
    assert found.behind == pytest.approx(0.1)  # 0.2 is the best of the two kept, 0.3 the best of all
    kept = stand(SHORT, LONG, keep=3)
    assert kept.kept and kept.behind == 0 and kept.place == 3
    assert stand(LONG, LONG, 1)[:4] == (1, 1, True, 0)


def test_rank_correlation_is_spearmans():
    assert rank_correlation(LONG, LONG) == pytest.approx(1)
    assert rank_correlation(SHORT, LONG) == pytest.approx(0.2)  # 1 - 6 (4 + 0 + 4 + 0) / (4 * 15)
    flipped = grid({tau: [-score for score in line] for tau, line in _lines(LONG).items()})
    assert rank_correlation(flipped, LONG) == pytest.approx(-1)
    low_is_good = grid(_lines(flipped), "loss")
    assert rank_correlation(low_is_good, LONG) == pytest.approx(1)
    assert math.isnan(rank_correlation(grid({0.1: [1.0], 0.2: [1.0]}), grid({0.1: [1.0], 0.2: [2.0]})))


def test_rank_correlation_with_ties_and_lost_runs_is_that_of_mean_ranks():
    rough = grid({0.1: [0.5], 0.2: [0.5], 0.3: [None], 0.4: [0.1]})
    fine = grid({0.1: [0.4], 0.2: [0.3], 0.3: [0.2], 0.4: [0.1]})
    expected = np.corrcoef([0.5, 0.5, 3, 2], [0, 1, 2, 3])[0, 1]
    assert rank_correlation(rough, fine) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_is_that_of_ranks_counted_by_hand(seed):
    draw = np.random.default_rng(seed)
    taus = np.linspace(0.1, 0.8, 8).tolist()
    scores = draw.integers(0, 5, (2, 8)) / 4  # with ties
    short, long = (grid({tau: [score] for tau, score in zip(taus, line, strict=True)}) for line in scores.tolist())
    ranks = [(line[:, None] > line).sum(1) + ((line[:, None] == line).sum(1) - 1) / 2 for line in scores]
    assert rank_correlation(short, long) == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-9)


def test_students_t_is_that_of_printed_tables():
    assert T_95 == (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
    for gap, tie in ((0.9, True), (1.1, False)):  # a lead just within and just beyond the noise of three seeds
        lead = gap * T_95[1] * 0.1 / math.sqrt(3)  # gaps of lead - 0.1, lead and lead + 0.1 have the deviation 0.1
        lines = grid({0.1: [1.0, 1.0, 1.0], 0.2: [1 - lead + 0.1, 1 - lead, 1 - lead - 0.1]}).table()
        assert [line["tie"] for line in lines] == [True, tie]


def _lines(found: Tuning) -> dict[float, list]:
    taus = found.config.tau
    return {tau: [row["score"] for row in found.rows if row["tau"] == tau] for tau in taus}


def test_the_best_of_a_value_is_over_all_others():
    wide = replace(SMALL, tokens=200, depth=(1,), objective="loss")
    found = tune(wide)
    expected = {tau: min(m for s, m in means(found).items() if s.tau == tau) for tau in (0.1, 0.9)}
    assert best_by(found, "tau") == pytest.approx(expected)
    lost = best_by(grid({0.2: [None], 0.1: [0.3]}), "tau")
    assert list(lost) == [0.1, 0.2] and lost[0.1] == 0.3 and math.isnan(lost[0.2])


def test_other_settings_cannot_be_compared():
    with pytest.raises(ConfigError, match="the same settings"):
        stand(SHORT, grid({0.1: [1.0], 0.2: [2.0]}), 1)


def test_a_part_has_the_seeds_and_settings_asked_for():
    alone = part(SHORT, seeds=[1])
    assert alone.config.seeds == 1 and [line["mean"] for line in alone.table()] == [0.9, 0.9, 0.5, 0.4]
    few = part(SHORT, settings=order(SHORT)[1:3])
    assert [line["tau"] for line in few.table()] == [0.2, 0.3] and few.table()[1]["tie"] is not None
    assert means(part(SHORT, seeds=[0])) == {setting_of(row): row["score"] for row in SHORT.rows if row["seed"] == 0}


def test_full_grids_are_those_of_tune():
    found = full_grids(replace(SMALL, depth=(1,)), (100, 150))
    assert list(found) == [100, 150] and [len(one.rows) for one in found.values()] == [8, 8]
    alone = tune(replace(SMALL, depth=(1,), tokens=150, final_tokens=150))
    assert scores(found[150]) == scores(alone)


def test_the_verdict_is_translated_by_its_template():
    two, one, none = SHORT.verdict(), part(SHORT, seeds=[0]).verdict(), grid({0.1: [None], 0.2: [None]}).verdict()
    assert two == "tau 0.1, beta 0.5, lam 0.0001, eta 0.001, depth 1: recall 0.9 +- 0 at 100 tokens; a tie with 1 of 3"
    setting = "tau 0.1，beta 0.5，lambda 0.0001，eta 0.001，深度 1"
    assert tell(two, "zh") == f"{setting}：召回 0.9 ± 0（100 个词元）；与其余 3 个中的 1 个并列"
    assert tell(one, "zh") == f"{setting}：召回 0.9（100 个词元）；只有一个种子：噪声未知"
    assert tell(none, "zh") == "没有任何设置有得分"


def test_the_articles_lengths_save_80_percent_from_30_settings_on():
    assert settings_needed(0.8, 10_000, 100_000, 3) == 30
    assert settings_needed(0.9, 10_000, 100_000, 3) is None and settings_needed(0.95, 10_000, 100_000, 3) is None
