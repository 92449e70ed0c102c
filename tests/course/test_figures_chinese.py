"""Every figure speaks the language that it is given when it is made, and English unless one is given."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from labs import GRIDS
from reading import shape_of, words_of
from words import HAN, english

import titans_course.figures as room
from titans_course.claims import load_results
from titans_course.claims.view import label
from titans_course.figures import (
    anatomy,
    animate,
    bug_hunt,
    claims,
    evidence,
    export,
    family,
    family_tree,
    frontiers,
    gauges,
    miras,
    operate,
    parallel,
    spread,
    trace,
    tune,
    variants,
)
from titans_course.language import LANGUAGES, VARIABLE, speaker, spoken
from titans_course.studies.anatomy import dissect
from titans_course.studies.asking import read_pairs
from titans_course.studies.drill import Drill, DrillConfig
from titans_course.studies.family import kept
from titans_course.studies.frontiers import Outcome
from titans_course.studies.minute import Minute
from titans_course.studies.rules import SeedRange
from titans_course.studies.streams import make_pairs
from titans_course.studies.tuning import order
from titans_course.studies.visibility import measure
from titans_mini import SimulationConfig, simulate
from titans_mini.miras import KNOBS, PRESETS, MirasConfig
from titans_mini.operate import RecipeEngine

ZH = speaker("zh")
RUN = simulate(SimulationConfig(tokens=60, scenario="outliers"))
STEP = dissect(SimulationConfig(tokens=4), 2)
SEEN = {name: measure(name, tokens=8) for name in ("mac", "mag")}
OUTCOMES = [Outcome(0.5, 3.0, 0.4), Outcome(0.7, 5.0, 0.6)]
ROWS = [{"chunk": c, "memory": "m", "recall": SeedRange(0.5, 0.4, 0.6)} for c in (1, 2)]
CONTEXT = {"on": [{"context": n, "bits": 2.0, "error": 0.1} for n in (64, 128)]}
AGAIN = {"same steps": [{"passage": n, "saved": 0.1, "error": None} for n in (64, 128)]}
PLAIN = MirasConfig("matrix", "l2", "none", "gd", "constant")
RULE = read_pairs(PLAIN, make_pairs("outliers", tokens=60, dim=8))[:2]
MINUTE = Minute("titans", 1, 1, 0.1, (4.0,), ((0, 0.0, 0.1),), {})
CHOICES = {*PRESETS, *(name for choices in KNOBS.values() for name in choices)}  # names of the package
LINES = GRIDS[100].table("coarse")
FINDING = load_results()["share"].finding


def drill() -> Drill:
    played = Drill(RecipeEngine(), DrillConfig("broken_weight", at=200, tokens=400))
    played.advance()
    return played


def zh_label(row: str, key: str) -> str:
    return label(row, key, "zh")


LABELS = {ZH: {"labels": zh_label}, speaker(): {"labels": label}}


def miras_stream(say) -> object:
    figure = miras.stream_figure({say("this rule"): RULE}, marked=np.arange(60) % 9 == 0, say=say)
    miras.mark_blow_up(figure, 7, say("this rule"), say=say)
    return figure


FIGURES = {
    "time": lambda say: trace.time_figure(RUN, RUN, cursor=3, say=say),
    "single": lambda say: trace.single_figure({"A": RUN}, "momentum", say=say),
    "recall": lambda say: trace.recall_figure({"A": RUN}, say=say),
    "step": lambda say: anatomy.step_figure(STEP, say=say),
    "matrix": lambda say: anatomy.matrix_figure({"M": np.eye(2)}, say=say),
    "curve": lambda say: anatomy.curve_figure({"M": [1.0, 2.0]}, say=say),
    "vector": lambda say: anatomy.vector_figure(STEP, say=say),
    "gradient": lambda say: anatomy.gradient_figure(STEP, 0, say=say),
    "weights": lambda say: anatomy.weights_figures(STEP, 0, say=say)["change"],
    "write": lambda say: anatomy.write_figure(STEP, say=say),
    "moved": lambda say: bug_hunt.moved_figure([0.0, 0.1], "parts", 1, say=say),
    "table": lambda say: bug_hunt.table_figure({"A": {"x": True}, "B": {"x": False}}, say=say),
    "finding": lambda say: claims.finding_figure(FINDING, "share", **LABELS.get(say, {}), say=say),
    "rule": lambda say: claims.rule_figure([1], ["holds"], [2], x_title="x", y_title="y", say=say),
    "counts": lambda say: claims.counts_figure({"holds": 3}, say=say),
    "context": lambda say: evidence.context_figure(CONTEXT, say=say),
    "second_reading": lambda say: evidence.second_reading_figure(AGAIN, say=say),
    "tree": lambda say: family_tree.tree_figure(say=say),
    "minute": lambda say: family_tree.minute_figure({"A": MINUTE}, say=say),
    "family": lambda say: family.family_figure({rule: kept()[rule] for rule in ("off", "titans")}, say=say),
    "sweep": lambda say: frontiers.sweep_figure({"M": OUTCOMES}, (0.1, 0.2), chosen=0.1, silent=0.0, say=say),
    "gauges": lambda say: gauges.gauges_figure(gauges.make_gauges(drill()), say=say),
    "timeline": lambda say: operate.timeline_figure(drill(), say=say),
    "age": lambda say: miras.age_figure({say("this rule"): RULE}, say=say),
    "stream": miras_stream,
    "coefficient": lambda say: parallel.coefficient_figure(np.eye(2), 1, say=say),
    "tradeoff": lambda say: parallel.tradeoff_figure(ROWS, {"A": {1: 1.0, 2: 0.5}}, say=say),
    "heat_maps": lambda say: tune.heat_maps(LINES, "recall", say=say),
    "noise": lambda say: tune.noise_figure(GRIDS[100], say=say),
    "saving": lambda say: tune.saving_figure(100, 400, 3, own=9, say=say),
    "stages": lambda say: tune.stages_figure(GRIDS[100], GRIDS[400], 2, pick=order(GRIDS[100])[0], say=say),
    "block": lambda say: variants.block_figure("mac", say=say),
    "attention": lambda say: variants.attention_figure(SEEN["mac"], say=say),
    "writes": lambda say: variants.writes_figure(SEEN["mag"], say=say),
    "bits": lambda say: variants.bits_figure({"on": np.ones(9), "same time": np.ones(9)}, 2, trained=4, say=say),
    "matrix_writes": lambda say: animate.matrix_writes(np.eye(2), np.eye(2), say=say),
    "leak": lambda say: animate.leak(say=say),
    "surprise_along": lambda say: animate.surprise_along(RUN, length=20, say=say),
    "momentum_trail": lambda say: animate.momentum_trail([0, -1, 0, 0], say=say),
    "chunk_and_loop": lambda say: animate.chunk_and_loop(np.eye(4), np.ones((4, 4)), 2, say=say),
    "mask_grows": lambda say: animate.mask_grows(SEEN["mac"], say=say),
    "poison_and_rollback": lambda say: animate.poison_and_rollback(*3 * [(np.eye(2), np.eye(2))], say=say),
    "rounded_writes": lambda say: animate.rounded_writes(np.eye(2), (np.ones(2), np.zeros(2)), 0.1, say=say),
    "spread": lambda say: spread.spread_figure(ROWS, "recall", x="chunk", x_title="chunk size C", say=say),
    "distance": lambda say: variants.distance_figure({"off": {8: 0.5}}, say=say),
}
SYMBOLS = "titans tau theta lambda beta eta alpha g_write g_forget cursor Coef MB"


def test_every_figure_of_the_room_is_among_them():
    """By its name: each public function that takes `say`."""
    drawn = {}
    for path in Path(room.__file__).parent.glob("*.py"):
        for name in re.findall(r"(?m)^def ([a-z]\w+)\(", path.read_text("utf8")):
            module = {"export": export}.get(path.stem) or __import__(f"{room.__name__}.{path.stem}", fromlist=[name])
            if "say" in inspect.signature(getattr(module, name)).parameters:
                drawn[name] = re.sub("_figures?$", "", name)
    others = {"coloured_text", "hover_texts", "to_html", "mark_blow_up", "draw_timeline"}
    assert {short for name, short in drawn.items() if name not in others} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_in_chinese_what_it_says_in_english_and_draws_the_same(name):
    make = FIGURES[name]
    plain, said = make(speaker()).to_json(), make(ZH).to_json()
    words = words_of(said)
    assert not any(map(HAN.search, words_of(plain))) and any(map(HAN.search, words))
    assert english(words, {*SYMBOLS.split(), *CHOICES}) == set()
    assert shape_of(said) == shape_of(plain)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_that_is_given_no_words_speaks_the_language_of_the_environment(name, monkeypatch):
    """Also where it spoke another before, which a cache must not keep."""
    for language in LANGUAGES:
        monkeypatch.setenv(VARIABLE, language)
        assert words_of(FIGURES[name](spoken).to_json()) == words_of(FIGURES[name](speaker(language)).to_json())


def test_no_figure_has_a_language_of_its_own():
    """`say` is `spoken` unless given, so that lessons in Chinese need no code of their own."""
    for path in Path(room.__file__).parent.glob("*.py"):
        module = __import__(f"{room.__name__}.{path.stem}", fromlist=["x"])
        for name, made in inspect.getmembers(module, inspect.isfunction):
            default = (inspect.signature(made).parameters.get("say") or inspect.Parameter("say", 4)).default
            assert default in (inspect.Parameter.empty, spoken), (path.stem, name)


def test_a_page_of_a_run_says_so_in_both_languages():
    page = export.to_html(RUN, RUN, "x = 1", say=ZH)
    assert '<html lang="zh">' in page and "重现这次运行的 Python 代码" in page and "词元 0：惊讶度" in page
    assert not english([page.split("<table>")[1].split("</table>")[0]], [])
    assert '<html lang="en">' in export.to_html(RUN, code="x = 1")
