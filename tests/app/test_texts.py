"""The app's strings: whole in both languages, no key twice, and every key that a page asks for is there."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

pytest.importorskip("streamlit")

import pages  # noqa: E402, F401 (the app's modules can be imported from here on)
import plotly.graph_objects as go  # noqa: E402
from texts import TEXTS, chinese, language, option, plain, say  # noqa: E402
from texts.chinese import OPTIONS  # noqa: E402
from texts.phrases import PHRASES as DICTIONARIES  # noqa: E402
from texts.phrases import phrase, told  # noqa: E402

from titans_course.chinese import translated  # noqa: E402
from titans_mini.miras import PRESETS  # noqa: E402

APP = Path(__file__).resolve().parents[2] / "app"
SAID = re.compile(r"""say\(\s*"([^"{]+)"[,)]""")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Keys whose Chinese has no Chinese character: names, symbols, and frames that hold nothing but what is filled in.
SAME = {
    "app", "comma", "tour_done", "arrow", "A", "pinned", "csv", "json", "html",
    "theta_now", "alpha_now", "arrow_end", "infinite",
    "against", "prompt_sample", "top_k", "min_p",
    "miras", "preset_note", "miras_change", "B", "in_B", "none", "row", "a_number", "gate_numbers",
    "column=lam", "weights=int8", "weights=int4", "claims_row", "claims_source", "claims_told", "norm_line",
    "claims_csv", "claims_json", "claims_reading", "claims_reading=hidden",
    *(f"preset={name}" for name in PRESETS if name not in ("linear_attention", "titans_recipe")),
}  # fmt: skip
BLANK = re.compile(r"(?<!%)\{(\w+)(?::words)?\}")


def keys_of(tree: ast.AST) -> list[str]:
    """The keys of every dict of strings named TEXTS in a module."""
    named = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    dicts = [n.value for n in named if isinstance(n.value, ast.Dict) and "TEXTS" in ast.unparse(n).split("=")[0]]
    return [key.value for node in dicts for key in node.keys if isinstance(key, ast.Constant)]


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("tongue", ["english", "chinese"])
def test_no_key_is_defined_twice(tongue):
    modules = sorted((APP / "texts" / tongue).glob("*.py"))
    counts = Counter(key for path in modules for key in keys_of(ast.parse(path.read_text("utf8"))))
    assert len(counts) > 200 and not [key for key, count in counts.items() if count > 1]


def test_every_key_that_is_asked_for_is_there():
    asked = {key for path in APP.rglob("*.py") for key in SAID.findall(path.read_text("utf8"))}
    assert len(asked) > 100 and asked <= set(TEXTS["en"])


def test_both_languages_say_the_same_things_with_the_same_blanks():
    assert set(TEXTS) == {"en", "zh"} and set(chinese.TEXTS) == set(TEXTS["en"])
    differ = {key for key, text in TEXTS["en"].items() if blanks(text) != blanks(chinese.TEXTS[key])}
    assert differ == set()


def test_nothing_is_left_in_english():
    assert {key for key, text in chinese.TEXTS.items() if not CHINESE.search(text)} == SAME


def test_outside_of_a_session_the_language_is_english():
    assert language() == "en" and say("token") == "Token"
    assert told("memory norm") == "memory norm" and option("stream", "noise") == "noise"


def test_text_from_outside_shows_just_itself():
    assert plain("a\n*b* `c` $d$ :red[e]") == r"a \*b\* \`c\` \$d\$ \:red\[e\]"


def test_phrases_keep_their_blanks_and_no_two_rooms_differ():
    known = DICTIONARIES["zh"].known
    differ = {key for key, text in known.items() if set(BLANK.findall(key)) != set(BLANK.findall(text))}
    assert differ == set()
    modules = [module for name, module in sys.modules.items() if name.startswith("titans_course.chinese.")]
    dicts = [chinese.PHRASES, *(module.PHRASES for module in modules if hasattr(module, "PHRASES"))]
    # Where a module's sentences are all the package's, the whole dictionary marks their blanks for it.
    pairs = {(key, text.replace(":words}", "}")) for phrases in dicts for key, text in phrases.items()}
    assert len(dicts) > 7 and {key for key, _ in pairs} == set(known) and len(pairs) == len(known)


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("memory norm", "记忆范数"),
        ("surprise<br>S (smoothed)", "惊讶度<br>S（平滑后）"),
        ("A: memory norm", "A：记忆范数"),
        ("diverged at 17", "在 17 处发散"),
        ("loss %{y:.3f}<extra></extra>", "损失 %{y:.3f}<extra></extra>"),
        ("tau must be a number from 0 to 1, not 7", "tau 须为 0 到 1 之间的数，而不是 7"),
        ("nothing that anybody knows {x}", "nothing that anybody knows {x}"),
    ],
)
def test_a_phrase_of_the_package_is_found_by_its_words(english, expected):
    assert phrase(english, "zh") == expected


def test_a_figure_is_translated_in_a_copy_down_to_its_categories():
    figure = go.Figure(go.Heatmap(x=["error", "k"], y=[1.5, 2.5], z=[[1, 2], [3, 4]], name="memory norm"))
    figure.update_layout(title_text="loss", xaxis={"title_text": "token", "tickvals": ["error"], "ticktext": ["error"]})
    figure.add_annotation(text="diverged at 3", x="error", y=1)
    before, spec = figure.to_json(), translated(figure.to_dict(), DICTIONARIES["zh"])
    (drawn,), layout = spec["data"], spec["layout"]
    assert (drawn["name"], list(drawn["x"]), layout["title"]["text"]) == ("记忆范数", ["误差", "k"], "损失")
    assert layout["annotations"][0] == {"text": "在 3 处发散", "x": "误差", "y": 1}
    assert layout["xaxis"] == {"title": {"text": "词元"}, "tickvals": ["误差"], "ticktext": ["误差"]}
    assert figure.to_json() == before


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
    for name in named.keys() - {"judged", "section", "row", "preset", "scale", "variant"}:  # said by key, or symbols
        ours = OPTIONS.get(name, {})
        assert [choice for choice in named[name].options if not CHINESE.search(ours.get(choice, ""))] == [], name
