"""The picture of a gate shows what it was given."""

import numpy as np
import pytest

from titans_course.figures.frontiers import SHOWN, sweep_figure
from titans_course.studies.frontiers import Outcome

TAUS = (0.1, 0.2, 0.4)
FIRST = [Outcome(0.9, 20.0, 0.5), Outcome(0.7, 10.0, 0.5), Outcome(0.2, 1.0, 0.18)]
SECOND = [Outcome(0.5, 21.0, 0.08), Outcome(0.4, 11.0, 0.18), Outcome(0.1, 2.0, 0.06)]


def test_recall_stands_above_and_reward_below():
    figure = sweep_figure({"a": FIRST, "b": SECOND}, TAUS)
    assert len(figure.data) == 4
    for row, measure in enumerate(SHOWN):
        for place, outcomes in enumerate((FIRST, SECOND)):
            curve = figure.data[2 * row + place]
            np.testing.assert_allclose(curve.y, [getattr(outcome, measure) for outcome in outcomes], rtol=1e-6)
            assert list(curve.x) == list(TAUS) and list(curve.customdata) == [outcome.writes for outcome in outcomes]
            assert curve.yaxis == ("y", "y2")[row] and curve.showlegend == (row == 0)
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == tuple(SHOWN.values())
    assert not figure.layout.shapes


def test_a_ring_marks_the_chosen_tau_on_the_first_curve():
    figure = sweep_figure({"a": FIRST, "b": SECOND}, TAUS, chosen=0.2)
    rings = [curve for curve in figure.data if curve.mode == "markers"]
    assert [(ring.x[0], round(float(ring.y[0]), 6), ring.yaxis) for ring in rings] == [
        (0.2, 0.7, "y"),
        (0.2, 0.5, "y2"),
    ]
    with pytest.raises(ValueError, match="not in list"):
        sweep_figure({"a": FIRST}, TAUS, chosen=0.3)


def test_a_line_shows_what_silence_earns():
    figure = sweep_figure({"a": FIRST}, TAUS, silent=0.125)
    assert [line.y0 for line in figure.layout.shapes] == [0.125, 0.125]
    assert [note.text for note in figure.layout.annotations] == ["nothing written"]
