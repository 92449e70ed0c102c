"""The drill lab without a browser: the alarm it names is the drill's, and nothing is shown before a prediction."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from titans_course.lab import operations as module
from titans_course.lab.operations import QUESTION, DrillLab, first_alarm, make_engine, report
from titans_course.studies.drill import Drill, DrillConfig
from titans_mini import TitansConfig, TitansLM
from titans_mini.errors import ConfigError
from titans_mini.operate import Limits, RunConfig
from titans_mini.operate.engine import LanguageEngine

RUN = RunConfig(limits=Limits(window=100, warmup=200, times=2.0, hold=5000))
SHORT = DrillConfig("scaled_weight", at=300, duration=300, factor=3.0, tokens=800, run=RUN)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    torch.manual_seed(0)
    lm = TitansLM(TitansConfig("mag", vocab_size=256, dim=16, layers=1, heads=2))
    monkeypatch.setattr(module, "load_model", lambda name: lm)
    return lm


def open_lab(**changes) -> DrillLab:
    return DrillLab(SHORT, **{"predict": None, "engine": "recipe", **changes})


def test_plot_stays_closed_until_an_alarm_is_predicted():
    lab = DrillLab(SHORT, engine="recipe")
    assert not lab.figure.data and lab.drill is None
    for entry in ("", "300", "loss", "thunder 300", "loss soon", "loss -3"):
        lab.guess.value = entry
        lab.reveal.click()
        assert "loss 300" in lab.message.value and not lab.figure.data
    lab.guess.value = "Loss 1,300"
    lab.reveal.click()
    assert isinstance(lab.figure, go.FigureWidget) and len(lab.figure.data) > 3
    told = first_alarm(lab.drill)
    assert lab.figure.layout.title.text == f"You predicted “loss after 1,300 tokens”; this run gives “{told}”."
    lab.factor.value = 1.5
    assert lab.figure.layout.title.text is None  # another drill: the prediction was not about it


def test_none_is_an_answer():
    assert QUESTION.read(" none ") == "none"
    drill = Drill(make_engine("recipe"), DrillConfig("none", tokens=200))
    drill.advance()
    assert QUESTION.result(drill) == "none"


@pytest.mark.parametrize("engine", ["recipe", "language"])
def test_the_curves_are_those_of_a_drill_of_its_own(engine, small):
    lab = open_lab(engine=engine)
    lab.incident.value, lab.duration.value = "random_bytes", 400
    lab.incident.value, lab.factor.value = "scaled_weight", 20.0
    lab.flush()
    alone = Drill(LanguageEngine(small) if engine == "language" else make_engine("recipe"), lab.settings[1])
    alone.advance()
    assert lab.drill.samples == alone.samples and first_alarm(lab.drill) == first_alarm(alone)
    np.testing.assert_allclose(lab.figure.data[1].y, [s.norm for s in alone.samples], rtol=1e-6)
    assert first_alarm(alone) != "none" and first_alarm(alone) in lab.message.value


def test_thresholds_act():
    lab = open_lab()
    before = first_alarm(lab.drill)
    lab.times.value = 10.0
    lab.flush()
    assert lab.drill.runner.config.limits.times == 10.0 and first_alarm(lab.drill) != before
    lab.hold.value, lab.worse.value = 0, 0.5
    lab.flush()
    assert lab.drill.runner.config.limits.hold == 0 and lab.drill.runner.config.shadow.threshold == 0.5


def test_clean_part_is_read_once_for_one_set_of_thresholds(monkeypatch):
    read = []
    monkeypatch.setattr(module, "clean_drill", lambda *given: read.append(given) or real(*given))
    from titans_course.studies.drill import clean_drill as real

    lab = open_lab()
    lab.factor.value, lab.incident.value = 10.0, "random_bytes"
    lab.flush()
    assert len(read) == 1
    lab.times.value = 5.0
    lab.flush()
    assert len(read) == 2 and read[0][0] is read[1][0] and len(lab._clean) == 1


def test_report_names_what_came_and_the_largest_norm():
    drill = Drill(make_engine("recipe"), DrillConfig("broken_weight", at=200, tokens=400, run=RUN))
    drill.advance()
    first, then, norm = report(drill)
    assert "not finite" in first and "rolled back at token 300" in then and "never came near" in norm


def test_a_wrong_incident_is_named_at_once():
    with pytest.raises(ConfigError, match="incident must be"):
        DrillLab(DrillConfig(incident="rain"))
