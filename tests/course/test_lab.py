"""Labs without a browser: what is shown follows the controls, and nothing that goes wrong is lost."""

import asyncio
import subprocess
import sys

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import pytest

from titans_course.lab import FailureLab, Prediction, SimulatorLab, show
from titans_course.lab import simulator as module
from titans_course.studies.measures import writes_per_1k
from titans_mini import ConfigError, MemoryConfig, SimulationConfig, simulate

SHORT = 120  # tokens


def curves(figure: go.Figure) -> list[np.ndarray]:
    return [np.array(curve.y) for curve in figure.data]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def children(widget: ipywidgets.Widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from children(child)


def test_figure_follows_slider():
    lab = SimulatorLab(tokens=SHORT)
    assert isinstance(lab.figure, go.FigureWidget)
    lab.tau.value = 0.1
    expected = simulate(SimulationConfig(tokens=SHORT, tau=0.1))
    np.testing.assert_array_equal(lab.trace.g_write, expected.g_write)
    shown = next(curve for curve in lab.figure.data if curve.name == "g_write")
    np.testing.assert_array_equal(shown.y, expected.g_write.astype(np.float32))
    assert lab.figure.layout.shapes[0].y0 == 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scenario", "noise"),
        ("beta", 0.5),
        ("lam", 1e-2),
        ("eta", 1e-2),
        ("softness", 0.2),
        ("normaliser", "fixed"),
        ("gate", "constant"),
        ("encoding", "conv-mag"),
        ("tokens", 60),
    ],
)
def test_every_control_acts_as_its_setting(name, value):
    lab = SimulatorLab(tokens=SHORT)
    getattr(lab, name).value = value
    expected = simulate(SimulationConfig(**{"tokens": SHORT, name: value}))
    np.testing.assert_array_equal(lab.trace.memory_norm, expected.memory_norm)
    np.testing.assert_array_equal(lab.trace.g_write, expected.g_write)


def test_hundred_quick_changes_end_on_the_last_and_run_once():
    async def drag(lab):
        for step in range(100):
            lab.tau.value = 0.2 + step / 400
        before = lab.runs
        await asyncio.sleep(0.5)
        return before

    lab = SimulatorLab(tokens=SHORT)
    runs = lab.runs
    assert asyncio.run(drag(lab)) == runs
    assert lab.runs == runs + 1
    assert lab._trace.settings.tau == lab.tau.value == pytest.approx(0.445, abs=0.006)


def test_reset_repeats_the_first_curves_exactly():
    lab = SimulatorLab("novelty_burst", tokens=SHORT, eta=2e-3, pinned={"tau": 0.1})
    first = curves(lab.figure)
    lab.tau.value, lab.scenario.value, lab.eta.value, lab.token.value = 0.4, "noise", 0.0, 7
    lab.pin.click()
    assert not same(first, curves(lab.figure))
    lab.reset.click()
    assert same(first, curves(lab.figure))
    assert (lab.token.value, lab.tau.value) == (0, 0.3)


def test_pinned_run_stays_while_the_other_moves():
    lab = SimulatorLab(tokens=SHORT)
    lab.pin.click()
    lab.tau.value = 0.6
    grey = [curve for curve in lab.figure.data if curve.name.startswith("A: ")]
    assert len(grey) == 5
    assert lab.pinned.settings.tau == 0.3
    assert "A:" in lab.message.value and "this run:" in lab.message.value
    lab.unpin.click()
    assert not [curve for curve in lab.figure.data if curve.name.startswith("A: ")]


def test_config_error_is_shown_and_the_last_curve_stays():
    lab = SimulatorLab(tokens=SHORT)
    first = curves(lab.figure)
    lab.tokens.value = 0
    assert same(first, curves(lab.figure))
    assert "tokens must be a whole number" in lab.message.value
    lab.tokens.value = SHORT
    lab.flush()
    assert "must be" not in lab.message.value


def test_any_error_of_a_callback_is_shown(monkeypatch):
    lab = SimulatorLab(tokens=SHORT)

    def broken(*_):
        raise RuntimeError("<no luck>")

    monkeypatch.setattr(module, "simulate", broken)
    lab.tau.value = 0.2
    lab.flush()
    assert "RuntimeError: &lt;no luck&gt;" in lab.message.value


def test_divergence_is_explained():
    lab = SimulatorLab(tokens=SHORT)
    lab.eta.value = 1.0
    lab.flush()
    assert f"diverged at token {lab.trace.diverged_at}" in lab.message.value
    assert "Lower eta" in lab.message.value


def test_a_dead_memory_is_named_beside_its_numbers():
    lab = SimulatorLab(tokens=1000)
    lab.lam.value = 1e-2
    lab.flush()
    assert lab.trace.state == "dead" and f"dead from token {lab.trace.dead_at} on" in lab.message.value
    assert "inner loss" in lab.message.value


def test_plot_stays_closed_until_a_number_is_predicted():
    question = Prediction("How many writes?", writes_per_1k, unit="writes")
    lab = SimulatorLab(tokens=SHORT, predict=question)
    assert not lab.figure.data and lab.trace is None and lab.runs == 0
    assert lab.stage.box not in list(children(lab.panel))
    for nonsense in ("", "many"):
        lab.guess.value = nonsense
        lab.reveal.click()
        assert "must be a number" in lab.message.value and not lab.figure.data
    lab.guess.value = "40"
    lab.reveal.click()
    measured = writes_per_1k(simulate(SimulationConfig(tokens=SHORT)))
    assert lab.figure.layout.title.text == f"You predicted 40 writes; this run gives {measured:.4g} writes."
    assert curves(lab.figure)
    assert lab.stage.box in list(children(lab.panel))


def test_choice_must_be_made_first():
    choices = ("falls", "rises")
    question = Prediction("The norm ...", lambda trace: choices[int(trace.memory_norm[-1] > trace.norm_start)], choices)
    lab = SimulatorLab(tokens=SHORT, predict=question)
    lab.reveal.click()
    assert "choose one" in lab.message.value and not lab.figure.data
    lab.guess.value = "rises"
    lab.reveal.click()
    assert lab.figure.layout.title.text == "You predicted “rises”; this run gives “falls”."


def test_scrubbing_shows_the_formula_without_a_new_run():
    lab = SimulatorLab(tokens=SHORT)
    runs = lab.runs
    lab.token.value = 50
    lab.flush()
    assert lab.runs == runs
    assert f"= {lab.trace.momentum[50]:.3f}" in lab.formula.value
    assert "outline" in lab.reading.value
    lab.tokens.value = 30
    lab.flush()
    assert lab.token.value == lab.token.max == 29


@pytest.mark.parametrize(
    "settings",
    [{}, {"text": "a b\n'c' " * 9}, {"memory": MemoryConfig.preset("recipe", depth=1)}, {"encoding": "conv-mag"}],
)
def test_shown_code_repeats_the_run(settings):
    lab = SimulatorLab(tokens=SHORT, seed=3, **settings)
    lab.beta.value = 0.5
    lab.show_code.value = True
    assert "SimulationConfig(" in lab.code_box.value
    names: dict = {}
    exec(lab.code, names)
    np.testing.assert_array_equal(names["trace"].loss, lab.trace.loss)


@pytest.mark.parametrize("view", ["time", "recall", "momentum", "memory_norm"])
def test_every_control_says_what_it_does(view):
    question = Prediction("How many?", writes_per_1k)
    lab = SimulatorLab(tokens=SHORT, view=view, predict=question, controls=tuple(SimulatorLab.table))
    seen = list(children(lab.panel))
    lab.guess.value = "1"
    lab.reveal.click()
    seen += list(children(lab.panel))
    for widget in (*seen, *children(FailureLab(tokens=SHORT).panel)):
        if isinstance(widget, ipywidgets.DOMWidget) and not isinstance(widget, (ipywidgets.Box, go.FigureWidget)):
            assert widget.tooltip or getattr(widget, "description", ""), widget


@pytest.mark.parametrize(("option", "value"), [("controls", ("tua",)), ("view", "surprize"), ("tau", 7)])
def test_wrong_options_are_named_at_once(option, value):
    with pytest.raises(ConfigError, match="must be"):
        SimulatorLab(tokens=SHORT, **{option: value})


def test_failure_lab_judges_each_row():
    lab = FailureLab(tokens=SHORT)
    assert "memory explosion" in lab.message.value
    lab.failure.value = "lam_small"
    assert any(curve.name.startswith("A: ") for curve in lab.figure.data)
    assert "not possible" in lab.message.value


def test_saved_output_is_a_line_and_a_widget():
    bundle = SimulatorLab(tokens=SHORT)._repr_mimebundle_()
    assert "run this cell" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_show_adds_no_plotly_js(monkeypatch):
    shown = []
    monkeypatch.setattr("titans_course.lab.panel.display", lambda data, raw: shown.append(data))
    show(go.Figure(go.Scatter(y=[1, 2])))
    assert set(shown[0]) == {"application/vnd.plotly.v1+json", "text/plain"}
    assert len(str(shown[0])) < 20_000


def without(module_name: str, code: str) -> subprocess.CompletedProcess:
    """Runs `code` where `module_name` cannot be imported."""
    script = f"import sys; sys.modules[{module_name!r}] = None\n{code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


def test_without_anywidget_a_plain_figure_is_shown_anew():
    code = """
from titans_course.lab import Prediction, SimulatorLab
lab = SimulatorLab(tokens=60, predict=Prediction("How many?", len))
lab.guess.value = "1"
lab.reveal.click()
first = lab.stage.box.outputs[0]["data"]["application/vnd.plotly.v1+json"]
lab.tau.value = 0.1
lab.flush()
second = lab.stage.box.outputs[0]["data"]["application/vnd.plotly.v1+json"]
print(type(lab.figure).__name__, first != second, "pip install" in lab.message.value)
lab.language.value = "zh"
third = lab.stage.box.outputs[0]["data"]["application/vnd.plotly.v1+json"]
print(third["layout"]["title"]["text"].isascii(), third["data"][0]["name"], "没有" in lab.message.value)
print([line["y"] for line in third["data"]] == [line["y"] for line in second["data"]])
"""
    result = without("anywidget", code)
    assert result.stdout.split() == ["Figure", "True", "True", "False", "惊讶度", "True", "True"], result.stderr


def test_without_ipywidgets_the_message_names_the_install():
    result = without("ipywidgets", "import titans_course.lab")
    assert "pip install 'titans-mini[notebooks]'" in result.stderr.splitlines()[-1]
