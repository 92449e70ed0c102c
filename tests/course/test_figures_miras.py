"""Questions to a stream of pairs and the figures of their answers: what is drawn is what happened."""

from dataclasses import replace

import numpy as np
import pytest

from titans_course.figures.miras import GATES, age_figure, mark_blow_up, stream_figure
from titans_course.studies.asking import TOO_LARGE, ask, by_age, cut, judge, recall
from titans_course.studies.streams import make_pairs
from titans_mini import MemoryConfig
from titans_mini.miras import MirasConfig, run
from titans_mini.threads import one_thread


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


def made(bias: str = "l2", theta: float = 0.5, kind: str = "clean", tokens: int = 80, pairs: int = 6):
    """(stream, its questions, the trace of a linear memory that was asked them)."""
    stream = make_pairs(kind, tokens=tokens, dim=8, pairs=pairs)
    questions = ask(stream.pair)
    config, memory = (
        MirasConfig("matrix", bias, "none", "gd", "constant", theta),
        MemoryConfig(dim=8, chunk=1, clip=None),
    )
    return stream, questions, run(config, stream.keys, stream.values, stream.keys[questions.shown], memory=memory)


def answered(**settings):
    stream, questions, trace = made(**settings)
    trace, _ = cut(trace)
    return trace, judge(stream, questions, trace)


def test_questions_ask_for_what_was_shown_and_for_each_pair_in_turn():
    pair = make_pairs(tokens=300, pairs=20).pair
    questions = ask(pair)
    assert (questions.age >= 0).all() and np.array_equal(pair[questions.shown], questions.pair)
    for token, (asked, shown) in enumerate(zip(questions.pair, questions.shown, strict=True)):
        assert shown == np.flatnonzero(pair[: token + 1] == asked)[-1]
    assert set(questions.pair) == set(pair)
    assert np.bincount(questions.pair[100:]).min() >= 9  # in turn: 200 questions to 20 pairs
    assert ask(np.array([3])).pair.tolist() == [3]


def test_recall_is_a_direction_and_silence_is_none():
    truth = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 4.0]])
    told = np.array([[7.0, 0.0], [0.0, -1.0], [1.0, -1.0], [0.0, 0.0]])
    np.testing.assert_allclose(recall(told, truth), [1, -1, 0, 0], atol=1e-12)


def test_a_perfect_memory_is_judged_perfect_and_an_overloaded_one_is_not():
    _, perfect = answered()
    assert perfect.end_recall.min() > 1 - 1e-9 and perfect.end_error < 1e-9
    assert perfect.end_pair.tolist() == list(range(6)) and len(perfect.recall) == 80
    _, loaded = answered(pairs=24, tokens=200)
    assert 0.2 < loaded.end_recall.mean() < 0.9 and loaded.end_error > 0.2
    _, silent = answered(theta=0.0)
    assert silent.end_error > 0.9 and abs(silent.end_recall.mean()) < 0.5
    stream, questions, trace = made(kind="noise")  # a write at theta 1/2 holds exactly what was shown, noise and all
    assert judge(stream, questions, trace).end_error > 0.01
    assert judge(stream._replace(clean=stream.values), questions, trace).end_error < 1e-9


def test_groups_by_age_hold_all_that_is_finite_once():
    age, values = np.array([5, 0, 0, 0, 0, 0, 9, 9, 2, 30]), np.arange(10.0)
    values[9] = np.nan
    ages, means = by_age(age, values, groups=4)
    assert (np.diff(ages) > 0).all() and 1 < len(ages) <= 4
    assert ages[0] == 0 and means[0] == 3.0 and ages[-1] < 30
    assert len(by_age(age, np.full(10, np.nan))[0]) == 0
    one, mean = by_age(np.zeros(5, int), np.arange(5.0))
    assert one.tolist() == [0] and mean.tolist() == [2]


def test_a_memory_that_grows_too_large_is_cut_before_it_overflows():
    _, _, trace = made(theta=3.0)
    assert trace.diverged_at is None and trace.memory_norm.max() > TOO_LARGE
    kept = trace.memory_norm.copy()
    short, token = cut(trace)
    assert trace.memory_norm[token] > TOO_LARGE >= trace.memory_norm[:token].max()
    assert np.isnan(short.loss[token:]).all() and np.array_equal(short.loss[:token], trace.loss[:token])
    assert np.isnan(short.recalled).all() and np.array_equal(trace.memory_norm, kept)
    fine = made()[2]
    assert cut(fine) == (fine, None)
    gone = replace(fine, memory_norm=np.full(80, np.nan))
    assert cut(gone)[1] == 0


def test_curves_are_those_of_the_runs():
    first, second = answered(bias="l2"), answered(bias="huber", kind="outliers")
    marked = made(bias="huber", kind="outliers")[0].marked
    figure = stream_figure({"one": first, "two": second}, marked=marked)
    lines = {(line.name, line.yaxis, line.line.dash): line for line in figure.data}
    for label, dash, (trace, _) in (("one", "solid", first), ("two", "dot", second)):
        np.testing.assert_allclose(lines[label, "y2", dash].y, trace.loss, rtol=1e-6)
        np.testing.assert_allclose(lines[label, "y3", dash].y, trace.memory_norm, rtol=1e-6)
        np.testing.assert_allclose(lines["theta", "y4", dash].y, trace.theta, rtol=1e-6)
        assert np.isnan(lines["eta", "y4", dash].y).all()  # zero, which a logarithmic axis cannot show
    (crosses,) = [line for line in figure.data if line.name == "outlier"]
    assert list(crosses.x) == list(np.flatnonzero(marked))
    shown = [line.name for line in figure.data if line.showlegend]
    assert shown == ["one", *GATES, "two"]
    assert len(stream_figure({"one": first}, marked=np.zeros(80, bool)).data) == 6


def test_pairs_at_the_end_are_marked_at_their_age():
    _, answers = run_ = answered(pairs=24, tokens=200)
    line, marks = age_figure({"one": run_}).data
    assert list(marks.x) == list(answers.end_age) and list(marks.y) == list(answers.end_recall)
    assert list(line.x) == list(by_age(answers.age, answers.recall)[0])
    low, high = age_figure({"one": run_}).layout.yaxis.range
    assert low < min(*marks.y, *line.y) and high > max(*marks.y, *line.y)


def test_a_run_that_ends_early_has_its_mark_and_leaves_the_other_readable():
    wild, calm = answered(theta=3.0), answered()
    figure = stream_figure({"one": wild, "two": calm})
    assert figure.layout.yaxis3.range[1] < 2 * calm[0].memory_norm.max() < wild[0].memory_norm[0] * 100
    mark_blow_up(figure, 17, "one")
    assert figure.layout.shapes[0].x0 == 17 and "one ends at 17" in figure.layout.annotations[0].text
    assert len(age_figure({"one": wild, "two": calm}).data) == 2 and len(age_figure({"one": wild}).data) == 0
    assert stream_figure({"one": wild}).layout.yaxis3.range[1] > 1


def test_one_token_is_enough():
    run_ = answered(tokens=1)
    assert len(stream_figure({"one": run_}).data) == 6 and len(age_figure({"one": run_}).data) == 2
