"""What cards say together, and the figures of it: right for whatever numbers the cards hold."""

import numpy as np
import pytest

from titans_course.figures.evidence import context_figure, second_reading_figure
from titans_course.figures.variants import NAMES
from titans_course.language import speaker
from titans_course.studies import evidence
from titans_course.studies.controls import CONTROLS
from titans_course.studies.evidence import (
    Gain,
    bits_by_mode,
    context_gain,
    reach,
    recall_table,
    saved_gains,
    series_of,
)
from titans_mini.errors import ConfigError
from titans_mini.models.model import MODES


def context_rows(memory, lost=0.1):
    return [{"context": n, "memory": memory, "bits": 2 + n, "lost": lost, "error": 0.01} for n in (1024, 16, 64)]


def passages(memory):
    return [
        {"passage": n, "memory": memory, "saved": n / 1000, "error": error} for n, error in ((256, 0.1), (64, None))
    ]


CARD = {
    "model": {"layers": 2, "window": 16},
    "training": {"size": 64, "steps": 150, "memory": "on"},
    "seconds": 987.2,
    "context": [row for mode in MODES for row in context_rows(mode)],
    "second_reading": [row for mode in MODES for row in passages(mode)],
    "results": [
        {"task": "text", "size": 64, "memory": "on", "bits": 2.1},
        {"task": "text", "size": 64, "memory": "off", "bits": 3.1},
        {"task": "text", "size": 256, "memory": "frozen", "bits": 9.9},
    ],
}
CONTROL = {
    "training": {"memory": "off", "size": 64},
    "context": [*context_rows("off"), *context_rows("cache")],
    "results": [],
}


@pytest.mark.parametrize(
    ("value", "error", "sign"),
    [
        (0.1, 0.01, 1),
        (-0.1, 0.01, -1),
        (0.1, 0.06, 0),
        (0.1, None, 0),
        (0.0004, 0.0, 0),
        (0.0, 0.0, 0),
        (0.001, 0.0, 1),
    ],
)
def test_a_difference_counts_past_two_errors_and_past_rounding(value, error, sign):
    assert Gain(64, value, error).sign == sign


def test_series_are_the_modes_and_the_controls_that_were_measured():
    found = series_of(CARD, {"same steps": CONTROL}, "context")
    assert list(found) == [*MODES, "same steps", "cache"]
    assert found["same steps"] == context_rows("off") and found["cache"] == context_rows("cache")
    assert all(row["memory"] == mode for mode in MODES for row in found[mode])
    assert list(series_of(CARD, {"same time": CONTROL}, "second_reading")) == list(MODES)
    assert series_of({}, {}, "context") == {}
    assert evidence.SERIES == (*MODES, *CONTROLS, "cache") == tuple(NAMES)


def test_context_is_judged_from_the_reach_of_attention_on():
    assert reach(CARD) == 31 and reach({}) == 1
    assert context_gain(context_rows("on"), 31) == Gain(64, 0.1, 0.01)
    assert context_gain(context_rows("on"), 1).size == 16
    assert context_gain(context_rows("on"), 65) is None and context_gain([], 1) is None
    assert saved_gains([{"context": 4096, "saved": 0.3, "error": 0.1}]) == [Gain(4096, 0.3, 0.1)]
    assert saved_gains(passages("on")) == [Gain(256, 0.256, 0.1), Gain(64, 0.064, None)]


def test_tables_have_a_row_for_each_card_and_none_where_it_is_silent():
    assert bits_by_mode(CARD) == {"on": 2.1, "off": 3.1} and bits_by_mode({}) == {}
    first, second = evidence.table({"mag": CARD, "same steps": CONTROL})
    assert first == {
        "name": "mag", "control": False, "steps": 150, "seconds": 987.2, "on": 2.1, "frozen": None, "off": 3.1
    }  # fmt: skip
    assert second["control"] and second["steps"] is second["off"] is None
    (quiet,) = evidence.table({"mag": CARD | {"step_cpu_seconds": 1.5}})  # 987 s passed on a busy machine
    assert quiet["seconds"] == 225


def test_recall_is_read_on_of_a_model_and_off_of_a_control():
    rows = [{"task": "recall_once", "size": 2048, "memory": memory, "accuracy": share} for memory, share in
            (("off", 0.03), ("on", 1.0))]  # fmt: skip
    trained, control = {"results": rows}, {"training": {"memory": "off"}, "results": rows}
    first, second = recall_table({"mag": trained, "off": control})
    assert (first["near"], second["near"]) == (1.0, 0.03)
    assert set(first) == {"name", *evidence.RECALLED} and first["far"] is first["many"] is None


def test_figures_draw_each_series_in_order_with_two_errors():
    series = series_of(CARD, {"same steps": CONTROL, "same time": CONTROL}, "context")
    figure = context_figure(series)
    assert [line.name for line in figure.data] == list(NAMES.values())
    for line in figure.data:
        assert list(line.x) == [16, 64, 1024] and list(line.y) == [18, 66, 1026]
        np.testing.assert_allclose(line.error_y.array, 0.02)
    assert list(figure.layout.xaxis.ticktext) == ["16", "64", "1,024"]
    assert len({line.line.color for line in figure.data}) == len({line.line.dash for line in figure.data}) == 6
    figure = second_reading_figure(series_of(CARD, {}, "second_reading"))
    assert list(figure.data[0].x) == [64, 256] and list(figure.data[0].y) == [0.064, 0.256]
    assert list(figure.data[0].error_y.array) == [0, 0.2]  # one row has no error
    assert [shape.y0 for shape in figure.layout.shapes] == [0]
    with pytest.raises(ConfigError, match="series must be one of"):
        context_figure({"half": context_rows("on")})


def test_figures_speak_chinese():
    series = series_of(CARD, {name: CONTROL for name in CONTROLS}, "context")
    said = context_figure(series, say=speaker("zh")).to_dict()
    words = [trace[field] for trace in said["data"] for field in ("name", "hovertemplate")]
    assert not any(word.startswith(english) for word in words for english in (*NAMES.values(), "same"))
    assert said["layout"]["xaxis"]["title"]["text"] == "上文字节数"
