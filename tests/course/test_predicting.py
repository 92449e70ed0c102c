"""A prediction is asked before the result, compared with it, and counted; without anyone to ask, nothing stops."""

import pytest

from titans_course.lab import predicting
from titans_course.lab.predicting import Guess, predict, score


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(predicting, "_answered", [])


def answers(monkeypatch, *given):
    entries = iter(given)
    monkeypatch.setattr("builtins.input", lambda question: next(entries))


@pytest.mark.parametrize(
    ("choices", "given", "answer"),
    [("", ("0.4",), 0.4), ("", ("many", "nan", "30 %"), 30.0), ("abc", ("d", "ab", " B "), "b"), ("", ("0,5",), 0.5)],
)
def test_it_asks_until_the_answer_is_one(monkeypatch, capsys, choices, given, answer):
    answers(monkeypatch, *given)
    assert predict(choices).answer == answer
    assert len(capsys.readouterr().out.splitlines()) == len(given) - 1  # a line that says what is wanted


@pytest.mark.parametrize(
    ("guess", "measured", "options", "right"),
    [
        (Guess("", 0.4), 0.5, {}, True), (Guess("", 0.3), 0.5, {}, False), (Guess("", 0.3), 0.5, {"off": 0.2}, True),
        (Guess("", -4.0), -4.5, {}, True), (Guess("", 1.0), 0.0, {}, False), (Guess("", 0.0), 0.0, {}, True),
        (Guess("ab", "a"), "a", {}, True), (Guess("ab", "a"), "b", {}, False),
        (Guess("", 5.0), 8.0, {"within": 0.5}, True),
    ],
)  # fmt: skip
def test_a_prediction_is_compared_with_what_was_measured(capsys, guess, measured, options, right):
    guess.reveal(measured, **options)
    assert capsys.readouterr().out.startswith("right: you predicted" if right else "not yet: you predicted")
    score()
    assert capsys.readouterr().out == f"{int(right)} of your 1 predictions were right.\n"


@pytest.mark.parametrize("error", [EOFError, OSError, NotImplementedError])
def test_without_anyone_to_ask_the_notebook_goes_on(monkeypatch, capsys, error):
    def refuse(question):
        raise error

    monkeypatch.setattr("builtins.input", refuse)
    predict().reveal(0.72)
    score()
    assert capsys.readouterr().out.splitlines() == [
        "Your prediction: not asked here", "measured: 0.72",
        "No prediction was asked here; in Jupyter each one waits for your answer.",
    ]  # fmt: skip


def test_what_is_measured_must_be_one_of_the_choices():
    with pytest.raises(ValueError, match="measured must be one of ab"):
        Guess("ab").reveal("c")


def test_it_asks_in_chinese(monkeypatch):
    asked = []
    monkeypatch.setenv("TITANS_MINI_LANGUAGE", "zh")
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "a")
    predict("ab")
    assert asked == ["你的预测（a, b）："]
