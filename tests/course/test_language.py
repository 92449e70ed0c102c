"""The two catalogues: whole, alike and used, and what a front end shows of the package is told in Chinese."""

import argparse
import ast
import errno
import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import nbformat
import pytest
import torch
from babel.messages.pofile import read_po
from labs import GRIDS
from words import HAN, english, numbers

import titans_course
import titans_mini
from titans_course.figures.operate import MARKS
from titans_course.lab.operations import AlarmPrediction
from titans_course.lab.prediction import Prediction
from titans_course.lab.tuning import TuningLab
from titans_course.language import LOCALE, SHARED, about, catalogue, find, option, say, speaker, tell
from titans_course.studies.drill import INCIDENTS, NONE
from titans_course.studies.gallery import FAILURES
from titans_course.studies.reading import read_bits
from titans_mini import ConfigError
from titans_mini.data.scenarios import SCENARIOS
from titans_mini.data.text import MAX_BYTES, check_text
from titans_mini.errors import check_choice, check_integer, check_number
from titans_mini.kept import decode_state, encode_state, restore
from titans_mini.memory.tree import named as tensors_of
from titans_mini.messages import Message
from titans_mini.miras import KNOBS, PRESETS
from titans_mini.miras.registry import REFUSALS, table
from titans_mini.operate import RecipeEngine, fingerprint
from titans_mini.operate.monitor import ALARMS, WATCHES, named
from titans_mini.operate.snapshots import Snapshots, check_name
from titans_mini.tune import TuneConfig, tune

EN, ZH = catalogue("en"), catalogue("zh")
TEMPLATES = {template: text for (context, template), text in ZH.items() if context is None}
COURSE, CORE = Path(titans_course.__file__).parent, Path(titans_mini.__file__).parent
APP = COURSE.parent / "app"
FIELD = re.compile(r"(?<!%)\{(\w+)(?::[^{}]*)?\}")  # %{...} is plotly's
# Messages that neither a front end nor a command shows, by the room that makes them. Their English is enough.
ENGLISH_ONLY = {
    "Python: tensors, states and settings of a wrong kind": "titans_mini/config.py titans_mini/memory "
    "titans_mini/models titans_mini/simulation.py titans_mini/trace.py titans_mini/quantize.py "
    "titans_mini/miras titans_mini/operate/engine.py titans_mini/operate/export.py",
    "made from names": "titans_course/claims/finding.py",
    "notebooks": "titans_course/bug_hunt titans_course/reward titans_course/studies/measures.py "
    "titans_course/studies/incidents.py titans_course/studies/rounding.py titans_course/studies/tuning.py "
    "titans_course/studies/next_base.py",
}
# Chinese without a Chinese character: symbols, names, and frames that only hold what is filled in.
SYMBOLS = {"lambda", "LMM", "MAC", "MAG", "MAL", "alpha = 1", "eta = 0", "theta = 0", "zh", "(p, q) = (3, 4)"}
SYMBOLS |= {"loss 300，或 none"}


def contexts(*names: str) -> dict[tuple[str | None, str], str]:
    """The entries of the Chinese catalogue in these contexts or below."""
    return {key: text for key, text in ZH.items() if key[0] and key[0].partition(".")[0] in names}


# The catalogues themselves


@pytest.mark.parametrize("language", ["en", "zh"])
def test_babel_accepts_a_catalogue_in_which_each_key_stands_once(language):
    path = LOCALE / f"{language}.po"
    with path.open("rb") as file:
        found = read_po(file, locale=language, abort_invalid=True)
    assert [error for _, errors in found.check() for error in errors] == []
    assert path.read_text("utf8").count("\nmsgid ") == len(catalogue(language)) + 1  # the header has one, too


def test_both_languages_have_the_same_keys_but_for_names_that_english_has_in_the_code():
    more = ZH.keys() - EN.keys()
    assert EN.keys() <= ZH.keys()
    assert {(context or "").partition(".")[0] for context, _ in more} == {"", "option", "about"}


def test_a_text_has_the_same_fields_in_both_languages():
    for (context, key), chinese in ZH.items():
        wanted = key if context is None else EN.get((context, key))
        if wanted is not None:
            assert set(FIELD.findall(wanted)) == set(FIELD.findall(chinese)), (context, key)


def test_english_is_english_and_chinese_is_chinese():
    assert [key for key, text in EN.items() if HAN.search(text) and key[1] not in ("language", "language?")] == []
    for (context, key), text in ZH.items():
        if context != "app":  # whose pages have their own list
            bare = FIELD.sub("", re.sub(r"%\{[^}]*\}", "", text))
            assert HAN.search(text) or text in SYMBOLS or not re.search(r"[A-Za-z]{2}", bare), (context, key)


# What the code says


@cache
def modules() -> dict[str, ast.Module]:
    """Path from the root -> the parsed source, of all three houses."""
    paths = [path for house in (CORE, COURSE, APP) for path in house.rglob("*.py")]
    return {path.relative_to(COURSE.parent).as_posix(): ast.parse(path.read_text("utf8")) for path in paths}


def lessons() -> Iterator[ast.Module]:
    """The code of the lessons, which gives figures their names."""
    for path in (COURSE.parent / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and "%%" not in cell.source[:20]:
                yield ast.parse(re.sub(r"(?m)^\s*[%!].*$", "pass", cell.source))


def literals(tree: ast.AST, *names: str) -> Iterator[str | None]:
    """The first argument of each call of these names, where the code spells it out; None for an f-string."""
    known: dict[str, list[ast.AST]] = {}  # a name may stand for one text here and for another there
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            both = (target.elts, getattr(node.value, "elts", ())) if isinstance(target, ast.Tuple) else (
                [target], [node.value])  # fmt: skip
            for name, value in zip(*both, strict=False):
                known.setdefault(getattr(name, "id", ""), []).append(value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", "") in names:
            first = node.args[0]
            for value in known.get(first.id, []) if isinstance(first, ast.Name) else [first]:
                for one in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
                    if isinstance(one, ast.JoinedStr):
                        yield None
                    elif isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield one.value


def english_only(path: str) -> bool:
    rooms = " ".join(ENGLISH_ONLY.values()).split()
    return any(path == room or path.startswith(f"{room}/") for room in rooms)


def test_every_message_that_a_front_end_can_show_has_its_chinese():
    missing = {}
    for path, tree in modules().items():
        if not english_only(path):
            own = ("say",) if path.startswith(("titans_mini/", "titans_course/cli/")) else ()  # elsewhere it takes keys
            said = literals(tree, "Message", "ConfigError", "refusing", "note", *own)
            lost = {text for text in said if text not in TEMPLATES}
            missing |= {path: lost} if lost else {}
    assert missing == {}


def test_every_word_that_a_figure_says_has_its_chinese():
    figures = {path: tree for path, tree in modules().items() if path.startswith("titans_course/figures/")}
    assert len(figures) > 10
    assert {path: lost for path, tree in figures.items() if (lost := set(literals(tree, "say")) - set(TEMPLATES))} == {}


def test_every_room_whose_messages_stay_english_has_one():
    for room in " ".join(ENGLISH_ONLY.values()).split():
        mine = [tree for path, tree in modules().items() if path == room or path.startswith(f"{room}/")]
        assert any(text not in TEMPLATES for tree in mine for text in literals(tree, "Message", "ConfigError")), room


def test_no_template_is_left_over():
    """Each stands in the code as it is, or is made from a name: of an alarm, an incident, a joint of sentences.

    The code is also that of argparse, the comments of settings, and what the system says of files.
    """
    own, system = ast.parse(inspect.getsource(argparse)), {os.strerror(number) for number in errno.errorcode}
    meanings = {text for path in CORE.rglob("*.py") for text in re.findall(r"  # (.+)$", path.read_text("utf8"), re.M)}
    said = {node.value for tree in (*modules().values(), *lessons(), own) for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    made = {named(name) for name in (*ALARMS, *INCIDENTS)} | {"next<br>segment", "memory on"}
    joined = re.compile(r"\{part0\}([;,] \{part\d\})+|\{mean\} \((one|every) (seed|model)\)")
    known = said | made | system | meanings
    assert [text for text in TEMPLATES if text not in known and not joined.fullmatch(text)] == []


def test_no_shared_text_is_left_over():
    """Labs and app look a control's words up by its name; other keys stand in their code."""
    code = "\n".join(path.read_text("utf8") for house in (COURSE / "lab", APP) for path in house.rglob("*.py"))
    for context, key in contexts(SHARED):
        stem = re.split("[?=]", key)[0]
        assert re.search(rf'"{stem}[?"=]|\b{stem}=', code) or stem in KNOBS, (context, key)


# How a text is found and filled


def test_a_key_is_found_in_its_context_then_above_it_then_among_the_shared():
    assert find("lab.frontiers", "tau?") != find("lab.simulator", "tau?") == find("app", "tau?") == find(SHARED, "tau?")
    assert find("lab.miras", "reveal") == find("lab", "reveal") and find("lab.miras", "nonsense") is None
    with pytest.raises(KeyError, match="nonsense"):
        say("lab", "nonsense")


def test_a_speaker_translates_the_template_and_the_package_s_own_words_in_it():
    speak = speaker("zh")
    assert speak is speaker("zh") and speak("token") == "词元"
    assert speak("A: {curve}", curve=Message("surprise")) == "A：惊讶度"
    assert speak(Message("row {row}", row=3)) == "第 3 行" and speak("{curve} %{y:.3f}", curve="x") == "x %{y:.3f}"
    assert speak("nothing known {x}", x=1) == "nothing known 1"


@pytest.mark.parametrize("own", ["loss", "seen", "depth", "on", "alarm", "none", "surprise", "the start"])
def test_a_person_s_own_words_are_never_translated(own):
    for template in TEMPLATES:
        fields = dict.fromkeys(FIELD.findall(re.sub(r":[^{}]*\}", "}", template)), own)
        if "{" in template and not re.search(r"\{\w+:", template):
            said = tell(Message(template, **fields), "zh")
            assert own in said or not fields, template


def test_names_are_found_by_their_group():
    assert about("bias", "l2", "squared distance", "zh") == ZH["about.bias", "l2"]
    assert about("bias", "another", "as it says", "zh") == about("bias", "l2", "as it says") == "as it says"
    assert option("gate", "surprise") == "surprise" and option("gate", "surprise", "zh") == "惊讶度"


# What the package says


def in_chinese(text: object, *allowed: str) -> str:
    said = tell(text, "zh")
    assert HAN.search(said) and not english([said], allowed), said
    return said


def test_every_choice_preset_and_refusal_of_miras_has_its_words():
    names = {row["name"] for row in table()}
    for knob, choices in KNOBS.items():
        said = {key: text for (context, key), text in ZH.items() if context == f"about.{knob}"}
        assert set(said) == set(choices) and all(map(HAN.search, said.values()))
    assert {key for context, key in ZH if context == "about.preset"} == set(PRESETS) and len(names) > 20
    for _, why in REFUSALS:
        in_chinese(why, "Titans", *names)


def test_every_row_of_the_gallery_has_its_words():
    for row in FAILURES.values():
        for name in ("title", "claim", "number", "rule", "reason"):
            assert numbers(in_chinese(getattr(row, name), "tau", "beta", "lambda")) == numbers(getattr(row, name))


@pytest.mark.parametrize("kind", (*ALARMS, *MARKS, "auto", "by hand", "by-hand", "taken-over", "shadow"))
def test_every_kind_of_event_has_a_word(kind):
    assert "_" not in named(kind)
    in_chinese(Message(named(kind)))


def test_every_alarm_gives_its_cause_and_every_incident_and_event_its_name():
    for watch in WATCHES.values():
        in_chinese(Message(watch.cause), "d")
    for name in INCIDENTS:
        assert name == NONE or in_chinese(Message(name.replace("_", " ")))
    events = {event.name for make in SCENARIOS.values() for event in make(400, torch.Generator()).events}
    assert len(events) > 2 and all(map(in_chinese, map(Message, events)))


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_verdict_of_a_stopped_search_is_said_with_the_same_numbers(seeds):
    config = TuneConfig(tokens=100, final_tokens=200, seeds=seeds, keep=1, tau=(0.1, 0.5), beta=(0.5,), depth=(1,))
    stages: list[str] = []
    search = tune(
        replace(config, width=16),
        progress=lambda done, total, stage: stages.append(stage),
        stop=lambda: stages[-1] == "final",
    )
    verdict = search.verdict()
    assert "not finished" in verdict
    assert numbers(in_chinese(verdict, "tau", "beta", "lambda", "eta")) == numbers(verdict)


def mistakes(folder: Path) -> list:
    """Calls that end in an error that a front end shows."""
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
        lambda: restore({**tensors_of(like), "more": torch.zeros(1)}, like),
        lambda: check_name("name", "No 1"),
        lambda: check_name("session", ""),
        lambda: check_name("name", "nul"),
        lambda: Snapshots(folder, engine).save(like, name="auto"),
        lambda: Snapshots(folder, engine).find("mine"),
        lambda: Prediction("?", len, ("a",)).read(None),
        lambda: Prediction("?", len).read("much"),
        lambda: AlarmPrediction("?", len).read("much"),
        lambda: tuning.choices,
    ]


def test_a_mistake_is_told_in_chinese(tmp_path):
    for mistake in mistakes(tmp_path):
        with pytest.raises(ConfigError) as caught:
            mistake()
        said = tell(caught.value, "zh")
        assert HAN.search(said), said
    with pytest.raises(ConfigError) as caught:
        check_integer("depth", "depth", 1, 4)
    assert tell(caught.value, "zh") == "深度 须为 1 到 4 之间的整数，而不是 'depth'"  # the name is the package's word
