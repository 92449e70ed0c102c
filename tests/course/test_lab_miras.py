"""The MIRAS lab without a browser: what it draws is the run of its pickers, and a refusal is explained."""

import numpy as np
import plotly.graph_objects as go

from titans_course.lab.miras import DIM, PLAIN, TOKENS, VIEWS, MirasLab, repairs
from titans_course.studies.asking import ask, judge
from titans_course.studies.streams import make_pairs
from titans_mini.miras import KNOBS, Combination, MirasConfig, refused, run
from titans_mini.miras.registry import reason


def open_lab(**settings) -> MirasLab:
    return MirasLab(predict=None, **settings)


def ends_of(config: MirasConfig, kind: str, pairs: int, seed: int = 0) -> np.ndarray:
    stream = make_pairs(kind, tokens=TOKENS, dim=DIM, pairs=pairs, seed=seed)
    questions = ask(stream.pair)
    trace = run(config, stream.keys, stream.values, stream.keys[questions.shown])
    return judge(stream, questions, trace).end_recall


def test_plot_stays_closed_until_a_number_is_predicted():
    lab = MirasLab(pairs=2)
    assert not lab.figure.data and lab.found is None
    lab.guess.value = "good"
    lab.reveal.click()
    assert "must be a number" in lab.message.value and not lab.figure.data
    lab.guess.value = "0,9"
    lab.reveal.click()
    assert isinstance(lab.figure, go.FigureWidget) and len(lab.figure.data) == 2
    assert lab.figure.layout.title.text == f"You predicted 0.9; this run gives {lab.found.mean:.4g}."
    lab.bias.value = "huber"
    assert lab.figure.layout.title.text is None  # another rule: the prediction was not about it


def test_marks_are_the_recall_of_the_rule_and_of_the_one_at_the_start():
    lab = open_lab(pairs=3, seed=5)
    assert len(lab.figure.data) == 2
    lab.bias.value, lab.theta.value = "huber", 0.2
    assert len(lab.figure.data) == 4
    huber = MirasConfig("matrix", "huber", "none", "gd", "constant", theta=0.2)
    for mark, config in ((1, huber), (3, PLAIN)):
        np.testing.assert_allclose(lab.figure.data[mark].y, ends_of(config, "outliers", 3, 5), atol=1e-6)
    assert f"at the end {ends_of(huber, 'outliers', 3, 5).mean():.2f}" in lab.message.value


def test_stream_and_pairs_act():
    lab = open_lab()
    lab.stream.value, lab.pairs.value = "drift", 16
    np.testing.assert_allclose(lab.figure.data[1].y, ends_of(PLAIN, "drift", 16), atol=1e-6)


def test_loss_curve_is_that_of_the_run():
    lab = open_lab(view=VIEWS[1])
    (loss,) = [curve for curve in lab.figure.data if curve.yaxis == "y2"]
    np.testing.assert_allclose(loss.y, lab.found.trace.loss, rtol=1e-5)
    lab.view.value = VIEWS[0]
    assert len(lab.figure.data) == 2


def test_a_refused_pair_is_explained_and_the_last_plot_stays():
    lab = open_lab()
    lab.retention.value = "kl"
    kept = [curve.y for curve in lab.figure.data]
    lab.algorithm.value = "adam"
    for old, curve in zip(kept, lab.figure.data, strict=True):
        np.testing.assert_array_equal(old, curve.y)
    assert "plain gradients" in lab.message.value and "change algorithm to gd or multistep" in lab.message.value
    lab.algorithm.value = "gd"
    lab.flush()
    assert "Not possible" not in lab.message.value and lab.found.trace.config.retention == "kl"


def test_every_change_named_makes_the_combination_possible_and_none_is_left_out():
    seen = {why: combination for combination, why in refused()}
    assert len(seen) >= 8
    for combination in seen.values():
        named = set()
        for line in repairs(combination):
            knob, names = line.removeprefix("change ").split(" to ")
            named |= {(knob, name) for name in names.split(" or ")}
        expected = {
            (knob, name)
            for knob, names in KNOBS.items()
            for name in names
            if reason(combination._replace(**{knob: name})) is None
        }
        assert named == expected


def test_two_reasons_at_once_are_not_mended_by_one_change():
    assert repairs(Combination("mlp", "yaad", "kl", "adam", "constant")) == []
    lab = open_lab(pairs=2)
    lab.bias.value, lab.retention.value, lab.algorithm.value = "yaad", "kl", "adam"
    lab.flush()
    assert "a single change is not enough" in lab.message.value


def test_a_memory_that_blows_up_is_reported_with_its_token():
    lab = open_lab(view=VIEWS[1])
    lab.bias.value, lab.theta.value = "lp", 1.0
    lab.flush()
    assert f"blew up at token {lab.found.ended}" in lab.message.value and lab.found.ended < TOKENS
    assert len(lab.figure.data) > 4  # the rule at the start is still drawn
