"""The app's texts: every key that a page asks for is there, what stays English, and words that nobody translates."""

import re

import pytest

pytest.importorskip("streamlit")

from pages import ENTRY, TEXTS  # noqa: E402

# isort: split
import texts  # noqa: E402
from texts import language, option, plain, say, told  # noqa: E402

from titans_course import language as languages  # noqa: E402
from titans_mini.errors import ConfigError, check_number  # noqa: E402
from titans_mini.messages import Message  # noqa: E402
from titans_mini.miras import PRESETS  # noqa: E402

SAID = re.compile(r"""\b(?:say|unfilled)\(\s*"([^"{]+)"[,)]""")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Keys whose Chinese has no Chinese character: names, symbols, and frames that hold nothing but what is filled in.
SAME = {
    "app", "comma", "tour_done", "arrow", "A", "A_short", "pinned", "csv", "json", "html",
    "theta_now", "alpha_now", "arrow_end", "infinite", "tell_right",
    "against", "prompt_sample", "top_k", "min_p",
    "miras", "preset_note", "miras_change", "B", "in_B", "none", "row", "a_number", "gate_numbers",
    "column=lam", "weights=int8", "weights=int4", "claims_row", "claims_source", "claims_told", "norm_line",
    "claims_csv", "claims_json", "claims_reading", "claims_reading=hidden",
    *(f"preset={name}" for name in PRESETS if name not in ("linear_attention", "titans_recipe")),
}  # fmt: skip


@pytest.fixture
def chinese(monkeypatch):
    """A session in Chinese."""
    monkeypatch.setattr(texts, "language", lambda: "zh")


def test_every_key_that_is_asked_for_is_there():
    asked = {key for path in ENTRY.parent.rglob("*.py") for key in SAID.findall(path.read_text("utf8"))}
    assert len(asked) > 100 and asked <= set(TEXTS["en"])


def test_nothing_is_left_in_english():
    assert {key for key, text in TEXTS["zh"].items() if not CHINESE.search(text)} == SAME


def test_outside_of_a_session_the_language_is_english():
    assert language() == "en" and say("token") == "Token"
    assert told(Message("memory norm")) == "memory norm" and option("stream", "noise") == "noise"


def test_a_key_that_nobody_has_is_an_error():
    with pytest.raises(KeyError, match="nonsense"):
        say("nonsense")


def test_text_from_outside_shows_just_itself():
    assert plain("a\n*b* `c` $d$ :red[e]") == r"a \*b\* \`c\` \$d\$ \:red\[e\]"


def test_an_error_of_the_package_is_told_in_the_session_s_language(chinese):
    with pytest.raises(ConfigError) as error:
        check_number("tau", 7, 0, 1)
    assert told(error.value) == "tau 须为 0 到 1 之间的数，而不是 7"
    assert told(error.value.message) == told(error.value)
    assert told(FileNotFoundError(2, "No such file")) == "[Errno 2] No such file"  # which the package did not write


def test_a_visitor_s_own_word_is_never_translated(chinese):
    assert told(Message("loss")) == "损失"  # one of the package's own words
    own = Message("{name}: {curve}", name="loss", curve=Message("loss"))
    assert told(own) == "loss: 损失"
    assert told("nothing that anybody knows {x}") == "nothing that anybody knows {x}"


def test_choices_that_are_words_have_chinese_names():
    from anatomy import controls as anatomy_controls
    from claims import controls as claims_controls
    from controls import CONTROLS, NAMED
    from miras import controls as miras_controls
    from operations import controls as operations_controls
    from tuning import controls as tuning_controls
    from variants import controls as variants_controls

    own = (anatomy_controls, claims_controls, miras_controls, operations_controls, tuning_controls, variants_controls)
    every = [*CONTROLS.values(), *(control for page in own for control in page.PAGE.controls.values())]
    named = {control.name: control for control in every if control.kind in NAMED}
    by_key = {"judged", "section", "row", "preset", "scale", "variant", "member_a", "member_b"}  # or symbols
    for name in named.keys() - by_key:
        ours = {choice: languages.option(name, choice, "zh") for choice in named[name].options}
        assert [choice for choice, label in ours.items() if not CHINESE.search(label)] == [], name
