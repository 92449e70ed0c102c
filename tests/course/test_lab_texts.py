"""What holds for every lab: its controls say what they do, and a switch changes all words and nothing else."""

import re
from pathlib import Path

import pytest
from labs import CHINESE, LABS, check_controls, inside, state
from reading import words_of
from words import english as latin

from titans_course import language as languages
from titans_course.lab import FailureLab, Prediction, SimulatorLab
from titans_course.lab.bug_hunt import BugHuntLab
from titans_course.language import VARIABLE, choose
from titans_mini import ConfigError

GUESSES = {"claims": "holds", "bug_hunt": "rows", "operations": "loss 300", "gallery": None}
FOLDER = Path(languages.__file__).parent / "lab"
every = pytest.mark.parametrize("name", LABS)


def opened(name: str, language: str = "en"):
    """A lab of that name with its plot open."""
    lab = LABS[name](language=language)
    if GUESSES.get(name, "1") is not None:
        lab.guess.value = GUESSES.get(name, "1")
        lab.reveal.click()
    assert lab.figure.data
    return lab


@pytest.mark.parametrize("name", sorted(LABS.keys() - {"simulator", "gallery"}))  # these have tests of their own
def test_every_control_says_what_it_does(name):
    lab = LABS[name]()
    assert list(lab.controls) == list(lab.table)
    check_controls(lab)


WRONG = {
    "variants": [("variant", "mad"), ("gap", -1), ("gap", 0.5), ("memory", "of")],
    "parallel": [("chunk", 0), ("theta", 2.0), ("eta", -1.0), ("matrix", "F")],
    "miras": [("stream", "rain"), ("pairs", 0), ("view", "top"), ("seed", -1)],
    "tuning": [("keep", 0), ("keep", 9), ("view", "top")],
    "operations": [("engine", "steam")],
    "frontiers": [
        ("bits", 5), ("per", "column"), ("feature", "written"), ("tau", 2.0), ("cost", -1.0), ("noise", -1.0),
    ],
    "bug_hunt": [("patient", "X"), ("look", "write"), ("token", 0)],
    "claims": [("claim", "gamma")],
    "gallery": [("failure", "tau_lower")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "option", "value"), [(name, *wrong) for name, rows in WRONG.items() for wrong in rows]
)
def test_a_wrong_option_is_named_at_once(name, option, value):
    with pytest.raises(ConfigError, match=f"^{option} must be"):
        LABS[name](**{option: value})


def test_an_option_that_a_lab_does_not_have_is_named():
    with pytest.raises(ConfigError, match="control must be one of patient, look, token, not 'tau'"):
        BugHuntLab(tau=0.2)


@every
def test_every_text_of_a_lab_belongs_to_a_widget_or_is_said(name, monkeypatch):
    """What a widget of that name shows, or what the lab's code names."""
    lab = LABS[name]()
    code = "\n".join(path.read_text("utf8") for path in FOLDER.glob("*.py"))
    for context, key in languages.catalogue("en"):
        if context == lab.context:
            stem = re.split("[?=:]", key)[0]
            said = f'"{key}"' in code or ("=" in key and f'"{stem}={{' in code)
            assert said or stem in lab._named, key


@every
def test_a_switch_changes_all_words_and_nothing_else(name):
    lab = opened(name)
    first, words = state(lab), [spoken(widget) for widget in inside(lab.panel)]
    title = lab.figure.layout.title.text
    lab.language.value = "zh"
    assert state(lab) == first and lab.language.value == "zh" and CHINESE.search(lab.message.value)
    assert not title or lab.figure.layout.title.text.startswith("你的预测")
    lab.language.value = "en"
    assert state(lab) == first and lab.figure.layout.title.text == title
    assert [spoken(widget) for widget in inside(lab.panel)] == words


# What stays on figures in Chinese: symbols and settings.
LATIN = "MB tau beta lambda eta g_write g_forget cursor Coef writes loss not_finite rows future"


@every
def test_a_figure_speaks_chinese_too(name):
    lab = opened(name)
    before = lab.figure.to_json()
    assert not any(CHINESE.search(text) for text in words_of(before))
    lab.language.value = "zh"
    words = words_of(lab.figure.to_json())
    assert sum(bool(CHINESE.search(text)) for text in words) > 2
    assert latin(words, LATIN.split()) == set()
    lab.language.value = "en"
    assert lab.figure.to_json() == before


def spoken(widget) -> tuple:
    return tuple(getattr(widget, name, None) for name in ("description", "tooltip", "placeholder", "value", "options"))


@every
def test_a_lab_opened_in_chinese_is_the_one_that_was_switched(name):
    lab, switched = opened(name, "zh"), opened(name)
    switched.language.value = "zh"
    assert [spoken(widget) for widget in inside(lab.panel)] == [spoken(widget) for widget in inside(switched.panel)]
    assert repr(lab) == repr(switched) and "运行此单元" in repr(lab)


def test_a_choice_is_not_made_by_a_switch():
    lab = BugHuntLab()
    lab.language.value = "zh"
    assert lab.guess.value is None and not lab.figure.data and ("rows 批次行", "rows") in lab.guess.options


def test_a_mistake_is_told_in_the_language_of_the_panel():
    lab = SimulatorLab(tokens=60, predict=Prediction("How many?", len, question_zh="多少？"), language="zh")
    lab.reveal.click()
    assert "预测须为一个数" in lab.message.value and "多少" in lab.question.value
    lab.language.value = "en"
    assert "prediction must be a number" in lab.message.value and "How many?" in lab.question.value


def test_a_question_without_chinese_stays_english():
    question = Prediction("How many?", len, unit="writes", unit_zh="次写入")
    assert question.asked("zh") == "How many?" and question.asked("en") == "How many?"
    assert question.together(3.0, 40.0, "zh") == "你的预测是 3 次写入；这次运行的结果是 40 次写入。"
    assert Prediction("?", len, ("a", "b")).labels("zh") == {"a": "a", "b": "b"}
    with pytest.raises(ConfigError, match="number of choices_zh must be"):
        Prediction("?", len, ("a", "b"), choices_zh=("甲",))


def test_the_environment_chooses_the_language_unless_the_call_does(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert choose() == "en"
    monkeypatch.setenv(VARIABLE, "zh")
    assert choose() == "zh" and choose("en") == "en" and FailureLab(tokens=60).language.value == "zh"
    monkeypatch.setenv(VARIABLE, "de")
    with pytest.raises(ConfigError, match=f"{VARIABLE} must be one of en, zh, not 'de'"):
        SimulatorLab(tokens=60)
    with pytest.raises(ConfigError, match="language must be one of en, zh, not 'fr'"):
        SimulatorLab(tokens=60, language="fr")
