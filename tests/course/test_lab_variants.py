"""The recall lab without a browser: each pair's answer is the model's, and nothing is shown before a prediction."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from titans_course.lab import variants as module
from titans_course.lab.variants import Recalled, RecallLab, ask_pairs, pairs_figure, trained_variants
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import RECALL_KEYS, make_batch


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def mag():
    return load_model("recall-mag")


def some(said=(1, 7, 3)) -> Recalled:
    wanted = np.array([1, 2, 3])
    return Recalled(np.array([9, 8, 7]), wanted, np.array(said), np.array([0.9, 0.2, 0.4]))


@pytest.mark.parametrize("memory", ["on", "frozen", "off"])
def test_pairs_are_those_of_the_evaluation(mag, memory):
    found = ask_pairs(mag, 24, memory=memory, seed=5)
    assert len(set(found.keys)) == len(found.keys) == 8
    expected = evaluate(mag, "recall_once", 24, rows=1, memory=memory, seed=5)
    assert found.right.mean() == expected["accuracy"]
    assert -np.log2(found.chance).mean() == pytest.approx(expected["bits"], rel=1e-4, abs=1e-5)


def test_told_pairs_are_found_in_the_sequence(mag):
    """The values wanted are those told beside the keys, whatever the order of asking."""
    ids = make_batch("recall_once", 1, 9, torch.Generator().manual_seed(3), True).ids[0]
    told = dict(zip(ids[:16:2].tolist(), (ids[1:16:2] - RECALL_KEYS).tolist(), strict=True))
    found = ask_pairs(mag, 9, seed=3)
    assert dict(zip(found.keys.tolist(), found.wanted.tolist(), strict=True)) == told
    assert list(told) != found.keys.tolist()


def test_bars_show_each_pair_and_tell_right_from_wrong():
    figure = pairs_figure(some(said=(1, 7, -4)))
    (bars,) = figure.data
    assert bars.x == ("key 9<br>told 1", "key 8<br>told 2", "key 7<br>told 3")
    assert bars.text == ("says 1", "says 7", "no value")
    np.testing.assert_allclose(bars.y, [0.9, 0.2, 0.4], rtol=1e-6)
    assert bars.marker.color[0] != bars.marker.color[1] == bars.marker.color[2]


def test_plot_stays_closed_until_a_number_is_predicted():
    lab = RecallLab(gap=32)
    assert not lab.figure.data and lab.found is None
    lab.guess.value = "all"
    lab.reveal.click()
    assert "must be a number" in lab.message.value and not lab.figure.data
    lab.guess.value = "8"
    lab.reveal.click()
    assert isinstance(lab.figure, go.FigureWidget) and len(lab.figure.data) == 1
    right = int(lab.found.right.sum())
    assert lab.figure.layout.title.text == f"You predicted 8 pairs; this run gives {right} pairs."
    assert f"{right} of 8 right" in lab.message.value


def test_controls_act_and_a_prediction_holds_for_its_own_setting(mag):
    lab = RecallLab(gap=8)
    lab.guess.value = "8"
    lab.reveal.click()
    kept = lab.figure.data[0].y
    lab.memory.value, lab.seed.value, lab.gap.value = "frozen", 4, 32
    np.testing.assert_allclose(
        lab.figure.data[0].y, ask_pairs(mag, 32, memory="frozen", seed=4).chance, rtol=1e-5, atol=1e-7
    )
    assert lab.figure.layout.title.text is None
    lab.guess.value = "0"
    lab.reveal.click()
    assert lab.figure.layout.title.text.startswith("You predicted 0 pairs")
    lab.memory.value, lab.seed.value, lab.gap.value = "on", 1234, 8
    np.testing.assert_array_equal(lab.figure.data[0].y, kept)


def test_every_bundled_variant_can_be_chosen_and_is_loaded_once(monkeypatch):
    loaded = []

    def count(name):
        loaded.append(name)
        return load_model(name)

    monkeypatch.setattr(module, "load_model", count)
    lab = RecallLab(gap=8, predict=None)
    assert len(lab.figure.data) == 1
    for name in (*trained_variants(), "mag"):
        lab.variant.value = name
        lab.flush()
        assert lab.message.value.count(f"{name}, gap 8") == 1
    assert sorted(loaded) == sorted(f"recall-{name}" for name in trained_variants())


def test_a_wrong_entry_is_shown_and_the_last_bars_stay():
    lab = RecallLab(gap=8, predict=None)
    before = lab.figure.data[0].y
    lab.seed.value = -1
    np.testing.assert_array_equal(lab.figure.data[0].y, before)
    assert "sequence must be a whole number" in lab.message.value
