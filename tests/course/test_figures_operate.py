"""Gauges and time line show the numbers of the drill, its limits, and what happened when."""

import dataclasses

import numpy as np
import pytest
import torch

from titans_course.figures import COLOURS
from titans_course.figures.gauges import CALM, WARN, Gauge, gauges_figure, make_gauges
from titans_course.figures.operate import CLIP, draw_timeline
from titans_course.figures.operate import timeline_figure as timeline
from titans_course.figures.trace import DIVERGED
from titans_course.studies.drill import Drill, DrillConfig, Sample
from titans_mini import TitansConfig, TitansLM
from titans_mini.operate import Event, Limits, RecipeEngine, RunConfig
from titans_mini.operate.engine import LanguageEngine

RUN = RunConfig(snapshot_every=200, limits=Limits(window=100, warmup=200))
BOUNDS = {"norm": 6400.0, "drift": 10.0, "writes_high": 80.0}


@pytest.fixture(scope="module")
def recipe():
    drill = Drill(RecipeEngine(), DrillConfig("none", tokens=400, run=RUN))
    drill.advance()
    return drill


@pytest.fixture(scope="module")
def language():
    torch.manual_seed(0)
    engine = LanguageEngine(TitansLM(TitansConfig("mag", vocab_size=256, dim=16, layers=1, heads=2)))
    drill = Drill(engine, DrillConfig(at=200, duration=100, factor=50.0, tokens=400, run=RUN))
    drill.advance()
    return drill


def sample(token: int, **changes) -> Sample:
    usual = Sample(token, 50.0, 5.0, 1.0, 0.5, 2.0, 3.0, -0.5, 0, False)
    return usual._replace(**changes)


def names(figure) -> list[str]:
    return [line.name for line in figure.data]


def test_gauges_are_the_last_sample_against_its_limits(recipe, language):
    found = {gauge.name: gauge for gauge in make_gauges(recipe)}
    last, bounds = recipe.samples[-1], recipe.runner.monitor.bounds
    assert list(found) == ["writes per 1,000", "memory norm", "inner loss", "drift"]
    assert [gauge.value for gauge in found.values()] == [last.writes, last.norm, last.loss, last.drift]
    assert found["writes per 1,000"][3:5] == (30.0, 80.0) and found["inner loss"].high == bounds["loss"]
    assert found["memory norm"].high == bounds["norm_rise"] and found["memory norm"].marks == (6400.0,)
    assert "6,400" in found["memory norm"].text
    shadow = make_gauges(language)[4:]
    assert [gauge.value for gauge in shadow] == [language.samples[-1].difference, language.samples[-1].streak]
    assert shadow[0].high == 0.05 and shadow[1].high == 200


def test_the_changes_of_a_series_are_shaded_and_each_name_stands_once():
    config = DrillConfig("none", tokens=400, stream="series", run=RUN)
    figure = draw_timeline([sample(1)], [], config, BOUNDS, end=400)
    words = [note.text for note in figure.layout.annotations]
    names = ["spike", "higher level", "shorter period", "more noise"]
    assert sorted(text for text in words if text in names) == sorted(names)
    places = {(shape.x0, shape.x1) for shape in figure.layout.shapes}
    assert {(50, 51), (100, 150), (200, 250), (300, 350), (375, 376)} <= places


def test_while_warming_up_the_limit_is_the_recipes():
    drill = Drill(RecipeEngine(), DrillConfig("none", tokens=100, run=RUN))
    drill.advance()
    norm = make_gauges(drill)[1]
    assert norm.high == 6400.0 and "warming up" in norm.text


def test_a_gauge_is_green_then_amber_then_red(language):
    usual = Gauge("x", 50.0, "", low=30.0, high=80.0)
    colours = [usual._replace(value=value).colour for value in (None, 30.0, 80.0, 29.0, 81.0)]
    assert colours == [CALM, CALM, CALM, WARN, WARN] and usual._replace(alarm=True).colour == DIVERGED
    found = {gauge.name: gauge.alarm for gauge in make_gauges(language)}
    active = language.runner.monitor.active
    assert found["memory norm"] == bool({"norm", "norm_rise"} & active.keys()) and found["drift"] == ("drift" in active)


def test_bars_reach_to_the_value_and_stay_on_the_scale():
    gauges = [
        Gauge("a", 25.0, "told", high=80.0, top=100.0),
        Gauge("b", 1e9, "", high=1e3, top=1e5, bottom=1.0, log=True),
        Gauge("c", -0.5, "", high=0.05, top=0.5, bottom=-1.0),
        Gauge("d", None, "", top=1.0),
    ]
    figure = gauges_figure(gauges)
    (bars,) = figure.data
    ends = [(start, start + length) for start, length in zip(bars.base, bars.x, strict=True)]
    assert ends == [(0.0, 0.25), (0.0, 1.0), (pytest.approx(2 / 3), pytest.approx(1 / 3)), (0.0, 0.0)]
    assert bars.marker.color == (CALM, WARN, CALM, CALM) and list(bars.y) == [0, -1, -2, -3]
    words = [note.text for note in figure.layout.annotations]
    assert "25" in words[0] and "told" in words[0] and "1.0e+09" in words[1] and "-50%" in words[2] and "–" in words[3]
    marks = [shape.x0 for shape in figure.layout.shapes if shape.type == "line"]
    assert marks == [0.8, pytest.approx(0.6), pytest.approx(0.7)]


def test_the_time_line_draws_what_was_measured(recipe, language):
    figure = timeline(recipe)
    assert names(figure)[:3] == ["writes", "norm", "loss"] and "streak" not in names(figure)
    np.testing.assert_allclose(figure.data[1].y, [s.norm for s in recipe.samples], rtol=1e-6)
    assert list(figure.data[1].x) == [100, 200, 300, 400]
    both = timeline(language)
    assert names(both)[:5] == ["writes", "norm", "loss", "difference", "streak"]
    np.testing.assert_allclose(both.data[3].y, np.clip([s.difference for s in language.samples], *CLIP), rtol=1e-5)
    assert both.layout.yaxis2.type == "log" and both.layout.xaxis6.title.text == "token"
    incident = [shape for shape in both.layout.shapes if shape.fillcolor == COLOURS["surprise"]]
    assert [(shape.x0, shape.x1) for shape in incident] == [(200, 300)]


def test_events_stand_in_their_rows_and_say_what_they_are():
    events = [
        Event("snapshot", "auto", "", 100), Event("alarm", "loss", "", 200), Event("snapshot", "alarm", "", 200),
        Event("degrade", "shadow", "", 300), Event("rollback", "snapshot", "", 400),
    ]  # fmt: skip
    samples = [sample(100), sample(200), sample(300, degraded=True), sample(400, degraded=True), sample(500)]
    figure = draw_timeline(samples, events, DrillConfig(run=RUN), BOUNDS, end=500)
    marks = {line.name: line for line in figure.data[5:]}
    assert (
        marks["alarm"].y == ("alarm",) and marks["alarm"].text == ("alarm: loss",) and list(marks["alarm"].x) == [200]
    )
    assert marks["snapshot"].marker.color[0] != marks["snapshot"].marker.color[1] == DIVERGED
    assert figure.layout.yaxis6.categoryarray == ("served", "snapshot", "alarm")
    upright = [shape.x0 for shape in figure.layout.shapes if shape.type == "line" and shape.x0 == shape.x1]
    assert upright == [300, 400]
    (served,) = [s for s in figure.layout.shapes if s.type == "rect" and s.fillcolor == COLOURS["g_forget"]]
    assert (served.x0, served.x1) == (300, 500)


def test_a_clean_stream_shades_nothing_and_unknown_numbers_leave_a_gap():
    clean = dataclasses.replace(DrillConfig("none"), run=RUN)
    gap = sample(200, writes=None, loss=None, main_bits=None, shadow_bits=None, difference=None)
    figure = draw_timeline([sample(100), gap, sample(300)], [], clean, BOUNDS, end=300)
    assert not [shape for shape in figure.layout.shapes if shape.fillcolor == COLOURS["surprise"]]
    assert np.isnan(figure.data[0].y).tolist() == [False, True, False] == np.isnan(figure.data[3].y).tolist()
    assert figure.layout.yaxis6.categoryarray == ("served", "alarm")


def test_a_loss_over_decades_is_drawn_on_a_logarithmic_scale():
    for high, kind in ((2.0, None), (1e4, "log")):
        drawn = draw_timeline(
            [sample(1), sample(2, loss=high)], [], DrillConfig(run=RUN), {**BOUNDS, "loss": 3.0}, end=2
        )
        assert drawn.layout.yaxis3.type == kind
