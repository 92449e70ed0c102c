"""Figures: what is drawn is what is in the trace."""

import html.parser
from dataclasses import replace

import numpy as np
import pytest

from titans_course.figures import trace as figures
from titans_mini import MemoryConfig, SimulationConfig, simulate

CONFIG = SimulationConfig(scenario="topic_shift", tokens=120, memory=MemoryConfig.preset("recipe", dim=8))


@pytest.fixture(scope="module")
def trace():
    return simulate(CONFIG)


def curves(figure, label):
    return [line for line in figure.data if line.name == label]


def test_every_curve_is_the_column_of_the_trace(trace):
    figure = figures.time_figure(trace)
    for name in ("surprise", "momentum", "g_write", "g_forget", "memory_norm", "loss"):
        (line,) = curves(figure, figures.LABELS[name])
        np.testing.assert_allclose(line.y, getattr(trace, name), rtol=1e-6)
        assert line.line.color == figures.COLOURS[name]


def test_a_pinned_run_lies_on_top_dashed(trace):
    other = simulate(replace(CONFIG, beta=0.1))
    figure = figures.time_figure(trace, other, cursor=7)
    (pinned,), (line,) = curves(figure, "A: surprise"), curves(figure, "surprise")
    np.testing.assert_allclose(pinned.y, other.surprise, rtol=1e-6)
    assert list(figure.data).index(pinned) > list(figure.data).index(line)
    assert pinned.line.dash == "dash" and pinned.line.color == figures.COLOURS["pinned"]


def test_a_run_that_blows_up_does_not_flatten_the_other(trace):
    wild = simulate(replace(CONFIG, eta=10.0, tau=0.0))
    for pair in ((trace, wild), (wild, trace)):
        axis = figures.time_figure(*pair).layout
        for name, (low, high) in (("memory_norm", axis.yaxis3.range), ("loss", axis.yaxis4.range)):
            values = getattr(trace, name)
            assert low <= values.min() and values.max() < high < 2 * values.max(), name


def test_each_curve_is_named_once_and_1_minus_g_write_waits_to_be_asked_for(trace):
    for line in figures.time_figure(trace, trace).data:
        words = line.hovertemplate.removesuffix(figures.NO_NAME)
        assert words != line.hovertemplate and words.startswith(line.name.split()[0])
        assert (line.visible == "legendonly") == (line.name == "g_forget")


def test_a_run_of_one_token_has_marks():
    assert {line.mode for line in figures.time_figure(simulate(replace(CONFIG, tokens=1))).data} == {"markers"}


@pytest.mark.parametrize("gate", ["surprise", "constant"])
def test_the_formula_shows_this_tokens_numbers(gate):
    trace = simulate(replace(CONFIG, gate=gate))
    text = figures.formula(trace, 65)
    assert f"{trace.raw[65]:.3f}" in text
    if gate == "surprise":
        assert f"{trace.momentum[64]:.3f}" in text and f"{trace.g_write[65]:.3f}" in text


def test_a_diverged_run_is_drawn_and_marked():
    figure = figures.time_figure(simulate(replace(CONFIG, eta=10.0, tau=0.0)))
    assert any("diverged" in (note.text or "") for note in figure.layout.annotations)


def test_each_name_of_an_event_stands_once_where_it_first_happens():
    notes = figures.time_figure(simulate(replace(CONFIG, scenario="series", tokens=160))).layout.annotations
    found = {note.text: note.x for note in notes if note.text not in ("tau", None)}
    assert {"spike": 20, "higher level": 40, "shorter period": 80, "more noise": 120}.items() <= found.items()
    assert len([note for note in notes if note.text == "spike"]) == 1


class Words(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.tags = "", set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", ['<script>alert(1)</script> & "x"', "雪 ❄ שלום 🙂", "a\nb"])
def test_coloured_text_is_the_text_and_nothing_else(text):
    trace = simulate(replace(CONFIG, scenario="text"), text=text)
    parser = Words()
    parser.feed(figures.coloured_text(trace, cursor=1))
    assert parser.text.replace("↵", "") == text
    assert parser.tags <= {"div", "span", "br"}


def test_coloured_text_survives_bytes_that_are_no_characters(trace):
    broken = replace(trace, tokens=np.array([0xE2, 0x41, 0xFF, 0xC3] + [65] * 116, dtype=np.uint8))
    assert figures.coloured_text(broken).count("<span") == 120


def test_recall_by_age_is_one_minus_the_final_loss(trace):
    (line,) = figures.recall_figure({"run": trace}, bins=4).data
    assert line.y[0] == pytest.approx(1 - trace.loss_after[:30].mean())
    low, high = figures.recall_figure({"run": trace}).layout.yaxis.range
    assert low <= 0 and high >= 1


def test_long_runs_are_drawn_by_the_graphics_card(trace):
    many = figures.MANY + 1
    long = replace(trace, **{name: np.zeros(many) for name in ("surprise", "momentum", "g_write", "tokens")})
    assert figures.single_figure({"x": long}, "surprise").data[0].type == "scattergl"
