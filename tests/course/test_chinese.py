"""All that the package says in English has its Chinese: every name and every sentence, with the same numbers."""

import ast
import re
import sys
from pathlib import Path

import pytest
import torch
from labs import GRIDS
from words import HAN, english, numbers

from titans_course import chinese
from titans_course.chinese import ABOUT, PHRASES, about, errors, gallery, phrase
from titans_course.chinese.phrases import Phrases, matcher, of_package
from titans_course.lab.operations import AlarmPrediction
from titans_course.lab.prediction import Prediction
from titans_course.lab.tuning import TuningLab
from titans_course.studies.gallery import FAILURES
from titans_course.studies.reading import read_bits
from titans_mini import ConfigError
from titans_mini.data.text import MAX_BYTES, check_text
from titans_mini.errors import check_choice, check_integer, check_number
from titans_mini.kept import decode_state, encode_state, restore
from titans_mini.memory.tree import named
from titans_mini.miras import KNOBS, PRESETS
from titans_mini.miras.registry import REFUSALS, table
from titans_mini.operate import RecipeEngine, fingerprint
from titans_mini.operate.snapshots import Snapshots, check_name

BLANK = re.compile(r"\{(\w+)(?::words)?\}")


def in_chinese(text: str, *allowed: str) -> str:
    said = phrase(text)
    assert HAN.search(said) and not english([said], allowed), said
    return said


def test_the_room_needs_nothing_but_the_standard_library():
    roots = set()
    for path in Path(chinese.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Import):
                roots |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level < 2, path.name
                roots |= {node.module.partition(".")[0]} if node.level == 0 else set()
    assert "re" in roots and roots <= set(sys.stdlib_module_names)


def test_phrases_keep_their_blanks_and_are_chinese():
    for key, text in PHRASES.items():
        assert set(BLANK.findall(key)) == set(BLANK.findall(text)), key
        assert not HAN.search(key) and (HAN.search(text) or BLANK.search(text)), key


def test_what_stands_in_a_blank_is_looked_up_where_the_message_says_so_and_the_closest_key_wins():
    pairs = {"{a} and {b}": "{b:words}、{a}", "one": "一", "{a} and two": "{a:words}、二", "x %{y}": "叉 %{y}"}
    said = Phrases(pairs)
    assert said("one and one") == "一、one" and said("one and two") == "一、二"
    assert said("x %{y}<br>one") == "叉 %{y}<br>一" and said("nothing") == "nothing"
    assert of_package(pairs)["{a} and {b}"] == "{b:words}、{a:words}" and of_package(pairs)["x %{y}"] == "叉 %{y}"


@pytest.mark.parametrize("own", ["loss", "seen", "depth", "on", "alarm", "none", "surprise", "the start"])
@pytest.mark.parametrize(
    "sentence",
    [
        "session {own} resumed",
        "session must be 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit, not {own}",
        "snapshot must be one of 3, 4, not {own}",
        "{own} is empty; give at least 1 character that is not blank",
        "{own} is larger than 10 MB",
        "tau must be a number from 0 to 1, not {own}",
        "versus has {own}, which is no detail of a rule",
    ],
)
def test_a_persons_own_words_are_never_translated(own, sentence):
    said = phrase(sentence.format(own=own))
    assert own in said
    assert HAN.search(said) or sentence.startswith("versus")  # that one is the app's


def test_a_settings_name_is_the_packages_word():
    assert phrase("depth must be a whole number from 1 to 4, not depth") == "深度 须为 1 到 4 之间的整数，而不是 depth"


def test_names_are_found_by_their_group():
    assert about("bias", "l2", "squared distance") == ABOUT["bias"]["l2"]
    assert about("bias", "another", "as it says") == about("none", "l2", "as it says") == "as it says"


def test_every_choice_preset_and_refusal_of_miras_has_its_words():
    names = {row["name"] for row in table()}
    for knob, choices in KNOBS.items():
        assert set(ABOUT[knob]) == set(choices) and all(map(HAN.search, ABOUT[knob].values()))
    assert set(ABOUT["preset"]) == set(PRESETS) and len(names) > 20
    for _, reason in REFUSALS:
        in_chinese(reason, *names)


def test_every_row_of_the_gallery_has_its_words_and_none_is_left_over():
    fields = ("title", "claim", "number", "rule", "reason")
    said = {getattr(row, field) for row in FAILURES.values() for field in fields} | {
        "seen",
        "dead",
        "not seen",
        "not possible",
    }
    assert said == set(gallery.PHRASES)
    for sentence in said:
        assert numbers(in_chinese(sentence, "tau", "beta", "lambda")) == numbers(sentence)


def mistakes(folder: Path) -> list:
    """Calls that end in an error, at least one for each phrase of `errors`."""
    engine = RecipeEngine()
    like, owner = engine.start(), fingerprint(engine)
    data = encode_state(like, owner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("titans_mini.kept.SCHEMA", "older")
        old = encode_state(like, owner)
    tuning = TuningLab(GRIDS)
    tuning.long.value = 100
    return [
        lambda: check_number("tau", 7, 0, 1),
        lambda: check_integer("depth", 2.5, 1, 4),
        lambda: check_choice("gate", "open", ("surprise", "constant")),
        lambda: check_text(" ", "text"),
        lambda: check_text(b"a" * (MAX_BYTES + 1), "text"),
        lambda: check_text(b"a\0", "text"),
        lambda: check_text(b"\xff", "text"),
        lambda: next(read_bits(None, torch.zeros(1))),
        lambda: decode_state(b"", like, owner),
        lambda: decode_state(data[:-1] + b"!", like, owner),
        lambda: decode_state(data, like, "another"),
        lambda: decode_state(old, like, owner),
        lambda: restore({}, like),
        lambda: restore({**named(like), "more": torch.zeros(1)}, like),
        lambda: check_name("name", "No 1"),
        lambda: check_name("session", ""),
        lambda: check_name("name", "nul"),
        lambda: check_name("session", "nul"),
        lambda: Snapshots(folder, engine).save(like, name="auto"),
        lambda: Snapshots(folder, engine).find("mine"),
        lambda: Prediction("?", len, ("a",)).read(None),
        lambda: Prediction("?", len).read("much"),
        lambda: AlarmPrediction("?", len).read("much"),
        lambda: tuning.choices,
    ]


def test_every_error_is_one_that_is_made_and_is_told_in_chinese(tmp_path):
    made = []
    for mistake in mistakes(tmp_path):
        with pytest.raises(ConfigError) as caught:
            mistake()
        made.append(str(caught.value))
    assert all(HAN.search(phrase(line)) for line in made)
    assert {key for key in errors.PHRASES if any(map(matcher(key), made))} == set(errors.PHRASES)
    assert phrase("no such error") == "no such error"
