"""The labs speak both languages: a switch changes all words in place and nothing else."""

import re
from functools import partial
from pathlib import Path

import pytest
from labs import CHINESE, GRIDS, inside, state
from reading import words_of
from words import english as latin

from titans_course import language as languages
from titans_course.lab import FailureLab, Prediction, SimulatorLab
from titans_course.lab.bug_hunt import BugHuntLab
from titans_course.lab.claims import ClaimsLab
from titans_course.lab.frontiers import FrontiersLab
from titans_course.lab.miras import MirasLab
from titans_course.lab.operations import DrillLab
from titans_course.lab.parallel import ParallelLab
from titans_course.lab.tuning import TuningLab
from titans_course.lab.variants import RecallLab
from titans_course.language import VARIABLE, choose
from titans_course.studies.drill import DrillConfig
from titans_mini import ConfigError

LABS = {
    "simulator": partial(SimulatorLab, tokens=60, predict=Prediction("How many?", len, unit="writes")),
    "gallery": partial(FailureLab, tokens=60),
    "variants": partial(RecallLab, gap=8),
    "parallel": partial(ParallelLab, chunk=4),
    "miras": partial(MirasLab, pairs=2),
    "tuning": partial(TuningLab, GRIDS),
    "operations": partial(DrillLab, DrillConfig("scaled_weight", at=1300, tokens=1600), engine="recipe"),
    "claims": ClaimsLab,
    "frontiers": FrontiersLab,
    "bug_hunt": BugHuntLab,
}
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
