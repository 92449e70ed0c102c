"""The labs' texts: whole in both languages, all of them used, and switched in place without touching anything else."""

import re
from functools import partial
from pathlib import Path
from string import Formatter

import pytest
from labs import CHINESE, GRIDS, inside, state
from reading import words_of
from words import english as latin

from titans_course.chinese import phrase
from titans_course.lab import FailureLab, Prediction, SimulatorLab
from titans_course.lab import texts as module
from titans_course.lab.bug_hunt import BugHuntLab
from titans_course.lab.claims import ClaimsLab
from titans_course.lab.frontiers import FrontiersLab
from titans_course.lab.miras import MirasLab
from titans_course.lab.operations import DrillLab
from titans_course.lab.parallel import ParallelLab
from titans_course.lab.texts import TEXTS, VARIABLE, choose, translate
from titans_course.lab.tuning import TuningLab
from titans_course.lab.variants import RecallLab
from titans_course.studies.drill import DrillConfig
from titans_course.studies.gallery import FAILURES
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
SYMBOLS = {
    "alpha = 1",
    "eta = 0",
    "theta = 0",
    "loss 300，或 none",
    "{key}：{claim}",
    "{title} → {claim}？",
    "A：{numbers}",
}
SYMBOLS |= {"{kind}：{error}", "“{answer}”", " {answer:.4g} {unit}", "{papers}（{source}）"}
FOLDER = Path(module.__file__).parents[1]
every = pytest.mark.parametrize("name", LABS)


def blanks(text: str) -> list[tuple]:
    return sorted((field, spec) for _, field, spec, _ in Formatter().parse(text) if field is not None)


@pytest.mark.parametrize("lab", TEXTS)
def test_both_languages_have_each_text_with_the_same_blanks(lab):
    for key, (english, chinese) in TEXTS[lab].items():
        assert english and blanks(english) == blanks(chinese), key
        assert not CHINESE.search(english) or key == "language?"
        assert CHINESE.search(chinese) or chinese in SYMBOLS, key
    known = {chinese for one in TEXTS.values() for _, chinese in one.values()}
    assert known >= SYMBOLS


def opened(name: str, language: str = "en"):
    """A lab of that name with its plot open."""
    lab = LABS[name](language=language)
    if GUESSES.get(name, "1") is not None:
        lab.guess.value = GUESSES.get(name, "1")
        lab.reveal.click()
    assert lab.figure.data
    return lab


@every
def test_every_text_is_used(name):
    """By a widget of that name, as a key in the lab's code, or as one of a family such as `size={size}`."""
    named = set(LABS[name]()._named)
    shared = ("panel", "prediction", "words")
    files = (*shared, "simulator") if name == "gallery" else (*shared, name)
    code = "\n".join((FOLDER / f"{file}.py").read_text("utf8") for file in files)
    for key in TEXTS[name] | (TEXTS["panel"] if name == "simulator" else {}):
        stem = re.split("[?=:]", key)[0]
        family = "=" in key and (f'"{stem}={{' in code or stem in named)
        assert f'"{key}"' in code or family or ("=" not in key and stem in named), key


def test_a_sentence_of_the_package_is_told_in_the_language():
    row = FAILURES["tau_low"]
    assert translate("en", row.rule) == row.rule and translate("zh", row.rule) == phrase(row.rule) != row.rule


@every
def test_a_switch_changes_all_words_and_nothing_else(name):
    lab = opened(name)
    first, words = state(lab), [spoken(widget) for widget in inside(lab.panel)]
    title = lab.figure.layout.title.text
    lab.language.value = "zh"
    assert state(lab) == first and lab.say.language == "zh" and CHINESE.search(lab.message.value)
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
    assert choose() == "zh" and choose("en") == "en" and FailureLab(tokens=60).say.language == "zh"
    monkeypatch.setenv(VARIABLE, "de")
    with pytest.raises(ConfigError, match=f"{VARIABLE} must be one of en, zh, not 'de'"):
        SimulatorLab(tokens=60)
    with pytest.raises(ConfigError, match="language must be one of en, zh, not 'fr'"):
        SimulatorLab(tokens=60, language="fr")
