"""The lab of bits and gates without a browser: what it draws is the sweep of its controls, and errors are shown."""

import asyncio

import numpy as np
import plotly.graph_objects as go
import pytest

from titans_course.lab import frontiers as module
from titans_course.lab.frontiers import FrontiersLab
from titans_course.reward import RewardConfig
from titans_course.studies.frontiers import TAUS, sweep


def open_lab(**settings) -> FrontiersLab:
    return FrontiersLab(predict=None, **settings)


def check_shown(lab: FrontiersLab, config: RewardConfig, feature: str, curve: int = 0, **rounding) -> None:
    outcomes = sweep(config, TAUS, feature, **rounding)
    lines = [line for line in lab.figure.data if line.mode == "lines"]
    half = len(lines) // 2
    for line, measure in ((lines[curve], "recall"), (lines[half + curve], "reward")):
        np.testing.assert_allclose(line.y, [getattr(outcome, measure) for outcome in outcomes], atol=1e-5)


def test_plot_stays_closed_until_a_number_is_predicted():
    lab = FrontiersLab()
    assert not lab.figure.data and lab.found is None
    lab.guess.value = "half"
    lab.reveal.click()
    assert "must be a number" in lab.message.value and not lab.figure.data
    lab.guess.value = "0,5"
    lab.reveal.click()
    assert isinstance(lab.figure, go.FigureWidget) and len(lab.figure.data) == 4
    recall = sweep(RewardConfig(), (0.3,))[0].recall
    assert lab.figure.layout.title.text == f"You predicted 0.5; this run gives {recall:.4g}."
    lab.cost.value = 0.05
    assert lab.figure.layout.title.text is None  # another setting: the prediction was not about it


def test_a_browser_is_told_to_take_an_old_title_away(monkeypatch):
    lab = FrontiersLab()
    lab.guess.value = "0.5"
    lab.reveal.click()
    told = []
    monkeypatch.setattr(lab.stage.figure, "_send_relayout_msg", lambda layout, *_: told.append(layout))
    lab.cost.value = 0.05
    lab.flush()
    assert [layout["title.text"] for layout in told if "title.text" in layout] == [""]
    assert not any("title" in layout for layout in told)


def test_every_control_acts_and_32_bits_stay_behind():
    lab = open_lab()
    check_shown(lab, RewardConfig(), "smoothed")
    lab.feature.value, lab.noise.value, lab.cost.value, lab.tau.value = "surprise", 0.3, 0.05, 0.2
    config = RewardConfig(cost=0.05, noise_norm=0.3)
    check_shown(lab, config, "surprise")
    lab.bits.value, lab.per.value = 2, "matrix"
    check_shown(lab, config, "surprise", bits=2, per="matrix")
    check_shown(lab, config, "surprise", curve=1)
    assert lab.found.chosen == lab.found.outcomes[TAUS.index(0.2)]


def test_the_message_tells_size_recall_and_the_best_tau():
    lab = open_lab(bits=4, feature="surprise", noise=0.3, tau=0.4)
    tau, best = lab.found.best
    assert best.reward == max(outcome.reward for outcome in lab.found.outcomes) > lab.found.chosen.reward
    assert "A memory of 192 bytes (32 bits: 1,024)." in lab.message.value  # 16 rows of 8 bytes and a scale
    assert f"recall {lab.found.chosen.recall:.2f}" in lab.message.value
    assert f"Best tau here: {tau:g}, reward {best.reward:.2f}." in lab.message.value


def test_never_writing_costs_nothing_and_recalls_by_chance():
    silent = open_lab(cost=0.1).found.silent
    assert silent.writes == 0 and silent.reward == pytest.approx(silent.recall) and 0.05 < silent.recall < 0.2


def test_hundred_quick_changes_end_on_the_last_and_run_once():
    async def drag(lab):
        for step in range(100):
            lab.tau.value = TAUS[step % len(TAUS)]
        before = lab.runs
        await asyncio.sleep(0.3)
        return before

    lab = open_lab()
    runs = lab.runs
    assert asyncio.run(drag(lab)) == runs
    assert lab.runs == runs + 1
    (ring, _) = (curve for curve in lab.figure.data if curve.mode == "markers")
    assert ring.x[0] == TAUS[99 % len(TAUS)]


def test_an_error_is_shown_and_the_last_picture_stays(monkeypatch):
    lab = open_lab()
    kept = np.array(lab.figure.data[0].y)

    def broken(*_, **__):
        raise RuntimeError("<no luck>")

    monkeypatch.setattr(module, "sweep", broken)
    lab.bits.value = 8
    np.testing.assert_array_equal(lab.figure.data[0].y, kept)
    assert "RuntimeError: &lt;no luck&gt;" in lab.message.value


def test_a_value_without_a_mark_gets_one():
    assert FrontiersLab(tau=0.33).tau.value == 0.33
